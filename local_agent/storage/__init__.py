"""Blob Storage as the agent needs it: one conditional Put Blob per file, and errors that say what to do."""
