"""For whoever changes the code: checks, faults, benchmarks, the package."""
