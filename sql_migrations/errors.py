"""What can go wrong in a migration, and what the command ends with.

Messages are sentences for the person who deploys.
"""

from __future__ import annotations

FINE = 0
"""Everything is applied, or was shown."""
PENDING_OR_FAILED = 1
"""A migration waits to be applied, failed, or is not what was applied once."""
WRONG_CALL = 2
"""The options, or the database that they name, are not usable."""


class MigrationError(Exception):
    """A migration cannot go on; the message names the file or the remedy and holds no secret.

    Each migration is one transaction: those before it stay applied, of this one nothing is left.
    """


class DatabaseUnreachableError(MigrationError):
    """The database or its driver is not there; the message says what to do about it.

    Whoever deploys can try again once it is there.
    """
