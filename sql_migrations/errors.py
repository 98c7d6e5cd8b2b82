"""What can go wrong in a migration, as sentences for the person who deploys."""

from __future__ import annotations


class MigrationError(Exception):
    """A migration cannot go on; the message names the file or the remedy and holds no secret."""


class DatabaseUnreachableError(MigrationError):
    """The database or its driver is not there; the message says what to do about it."""
