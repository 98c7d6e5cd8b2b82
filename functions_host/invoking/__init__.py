"""Calling a function as the worker does, and the log of it."""
