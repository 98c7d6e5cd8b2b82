"""The whole pipeline on one computer: its parts as processes, the demo, Azurite."""
