"""A small memory of the bytes read last, so that validating and scoring download an image once.

An image is in it between the two: kept for good, thousands of small ones would fill it in the first hour, and that
growth could not be told from a leak.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from function_app.models import ImageVersion

_MOST_BYTES = 16 * 1024 * 1024


class RecentBytes:
    """Least recently used goes first; bounded in bytes; safe between threads."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held = 0
        self._bytes: OrderedDict[ImageVersion, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, image: ImageVersion) -> bytes | None:
        """The bytes of this version, or None."""
        with self._lock:
            data = self._bytes.get(image)
            if data is not None:
                self._bytes.move_to_end(image)
            return data

    def put(self, image: ImageVersion, data: bytes) -> None:
        """Remember the bytes of this version."""
        with self._lock:
            if image in self._bytes:
                return
            self._bytes[image] = data
            self._held += len(data)
            while self._held > self._most_bytes:
                _, forgotten = self._bytes.popitem(last=False)
                self._held -= len(forgotten)

    def forget(self, image: ImageVersion) -> None:
        """Drop the bytes of this version, if they are held."""
        with self._lock:
            self._held -= len(self._bytes.pop(image, b""))
