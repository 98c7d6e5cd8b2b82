"""Several questions in flight, but not all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 16  # Durable's client keeps 30 connections


async def answers(questions: Sequence[Awaitable[T]]) -> list[T]:
    """Their answers in order, at most ``AT_ONCE`` of them in flight. Raises what the first to fail raises."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(question: Awaitable[T]) -> T:
        async with gate:
            return await question

    return await asyncio.gather(*(one(question) for question in questions))
