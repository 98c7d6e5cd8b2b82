"""Ids of instances and executions."""

from __future__ import annotations

import os
import random

_random = random.Random(os.urandom(32))  # noqa: S311 - ids are names, not secrets; keys guard the API


def new_id() -> str:
    """32 random hex digits, without a system call (which would give the interpreter lock away)."""
    return f"{_random.getrandbits(128):032x}"
