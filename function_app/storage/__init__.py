"""Blob Storage: images, quarantined copies, and the errors of both."""
