"""Readers of an HTTP server, many at once and each on a connection of its own, that cost little themselves.

One thread and asyncio's bare protocols: twenty threads of Python would wait for each other's interpreter
lock, and that wait would be measured as the server's.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Reader(asyncio.Protocol):
    """Asks for one path after the other, each as soon as the last is answered (and ``pause`` seconds later)."""

    def __init__(self, path: Callable[[int], str], until: float, pause: float) -> None:
        self.took: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._path, self._until, self._pause = path, until, pause
        self._answer, self._begun, self._transport = b"", 0.0, asyncio.Transport()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or length is None or len(body) < int(length[1]):
            return
        self.took.append(time.perf_counter() - self._begun)
        if not head.startswith(b"HTTP/1.1 200"):
            self._end(RuntimeError(f"answered {head[:60]!r}"))
        elif self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._ask)
        else:
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or ConnectionError("the server hung up"))

    def _ask(self) -> None:
        if time.perf_counter() >= self._until:
            self._end(None)
            return
        self._answer, self._begun = b"", time.perf_counter()
        self._transport.write(
            f"GET {self._path(len(self.took))} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)
            self._transport.close()


def read(
    host: str, port: int, path: Callable[[int], str], *, readers: int, seconds: float, pause: float
) -> list[float]:
    """Seconds that each answer took; ``path(n)`` is the n-th that any of them asks for.

    Raises RuntimeError for any answer but 200.
    """

    async def all_of_them() -> list[float]:
        loop, until = asyncio.get_running_loop(), time.perf_counter() + seconds
        started = []
        for number in range(readers):
            nth = lambda index, number=number: path(index * readers + number)  # noqa: E731
            _, reader = await loop.create_connection(partial(Reader, nth, until, pause), host, port)
            started.append(reader)
        await asyncio.gather(*(reader.done for reader in started))
        return [took for reader in started for took in reader.took]

    return asyncio.run(all_of_them())
