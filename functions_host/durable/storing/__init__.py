"""What is kept of instances, histories, messages and work: one SQLite file."""
