"""Last and next run of each monitored timer, in one JSON file replaced atomically."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from functions_host.loading.app_settings import parse_json_file


@dataclass(frozen=True)
class TimerStatus:
    """What the host remembers of a timer; `last` None before its first run."""

    last: datetime | None
    next: datetime | None
    schedule: str


class TimerStatusStore:
    """Keeps statuses in memory and, given a path, on disk."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        stored = parse_json_file(path) if path is not None and path.exists() else {}
        self._statuses = {name: _from_json(value) for name, value in stored.items()}

    def get(self, function: str) -> TimerStatus | None:
        return self._statuses.get(function)

    def put(self, function: str, status: TimerStatus) -> None:
        self._statuses[function] = status
        if self._path is None:
            return
        document = {name: asdict(value) for name, value in self._statuses.items()}
        partial = self._path.with_suffix(".part")
        partial.write_text(json.dumps(document, default=datetime.isoformat, indent=2), encoding="utf-8")
        partial.replace(self._path)


def _from_json(value: dict[str, str | None]) -> TimerStatus:
    def moment(key: str) -> datetime | None:
        text = value.get(key)
        return datetime.fromisoformat(text) if text else None

    return TimerStatus(moment("last"), moment("next"), value.get("schedule") or "")
