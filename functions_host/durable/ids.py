"""Ids of instances and executions."""

from __future__ import annotations

import os
import random
import time

_random = random.Random(os.urandom(32))  # noqa: S311 - ids are names, not secrets; keys guard the API


def new_id() -> str:
    """32 hex digits: the time, then chance. New ids follow old ones in every index, so writes stay together.

    Made without a system call, which would give the interpreter lock away.
    """
    return f"{time.time_ns() // 1_000_000:012x}{_random.getrandbits(80):020x}"
