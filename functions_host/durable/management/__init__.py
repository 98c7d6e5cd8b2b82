"""The HTTP API over instances, as the Durable extension has it."""
