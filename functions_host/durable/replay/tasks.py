"""Promises of the replay: completed inside an event, their callbacks run at once, in order.

The synchronous callbacks are the point: ids are numbered in the order in which things happen
(contract B11), so nothing may be deferred to a later iteration of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Task:
    """Something awaited; `ok` is None until it is settled."""

    __slots__ = ("_callbacks", "ok")

    def __init__(self) -> None:
        self.ok: bool | None = None
        self._callbacks: list[Callable[[bool], None]] = []

    def settle(self, ok: bool) -> None:
        """Settle once; later calls are ignored."""
        if self.ok is not None:
            return
        self.ok = ok
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(ok)

    def then(self, callback: Callable[[bool], None]) -> None:
        """Call back when settled, at once if it already is."""
        if self.ok is None:
            self._callbacks.append(callback)
        else:
            callback(self.ok)


def settled(ok: bool = True) -> Task:
    """A task that is already over."""
    task = Task()
    task.settle(ok)
    return task


def when_all(children: Sequence[Task]) -> Task:
    """Settles when every child has, even after a failure; fails if any child failed."""
    task = Task()
    remaining = len(children)
    if not remaining:
        task.settle(True)

    def one_done(_: bool) -> None:
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            task.settle(all(child.ok for child in children))

    for child in children:
        child.then(one_done)
    return task


def when_any(children: Sequence[Task]) -> Task:
    """Settles with the first child that does."""
    task = Task()
    if not children:
        task.settle(True)
    for child in children:
        child.then(lambda _: task.settle(True))
    return task
