"""A clock that jumps: shifts this process's wall clock by the seconds in the file FAULTS_CLOCK names.

Python imports it by itself where this folder is on PYTHONPATH, so that Spark's workers have the same clock.
``time.time`` and ``datetime.now`` are shifted; monotonic time, file times and the kernel's are not.
"""

import datetime
import mmap
import os
import struct
import time
from typing import Any

_path = os.environ.get("FAULTS_CLOCK")
if _path:
    with open(_path, "rb") as _file:  # noqa: PTH123 (before anything else is imported)
        _shift = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
    _real, _time = datetime.datetime, time.time

    def _seconds() -> float:
        return float(struct.unpack("d", _shift[:8])[0])

    class _AnyDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, _real)

    class _Shifted(_real, metaclass=_AnyDatetime):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(_time() + _seconds(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    _Shifted.__name__ = _Shifted.__qualname__ = "datetime"
    datetime.datetime = _Shifted  # type: ignore[misc]
    time.time = lambda: _time() + _seconds()
