"""Traces and metrics of images, and where they go."""
