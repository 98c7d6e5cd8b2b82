"""host.json with its overrides from the environment, as the options this host honours.

Keys ignore case. `AzureFunctionsJobHost__a__b=value` replaces `a.b` (contract D2). Everything not
named here is accepted and ignored; `extensions.durableTask` is read by the Durable engine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions_host.errors import SettingsError
from functions_host.loading.app_settings import expand, parse_json_file

_OVERRIDE_PREFIX = "azurefunctionsjobhost__"
_TIMESPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?")

DEFAULT_TIMEOUT_SECONDS = 30 * 60.0
"""`functionTimeout` outside the Consumption plan (contract D)."""

DEFAULT_BODY_LIMIT = 100 * 1024 * 1024
"""Request size the real host allows; app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT changes it."""


@dataclass(frozen=True)
class HostOptions:
    """What the host takes from host.json; times in seconds (None: unlimited), sizes in bytes."""

    route_prefix: str
    timeout_seconds: float | None
    blob_parallelism: int
    poison_blob_threshold: int
    log_levels: Mapping[str, str]
    document: Mapping[str, Any]


def read_host_json(root: Path, settings: Mapping[str, str]) -> HostOptions:
    """Read `root/host.json`, apply overrides and `%SETTING%`; raises SettingsError naming the key."""
    path = root / "host.json"
    if not path.is_file():
        raise SettingsError(f"host.json is missing in {root}: is this the root of a function app?")
    document = parse_json_file(path)
    if str(document.get("version")) != "2.0":
        raise SettingsError('host.json: "version" must be "2.0"')
    for name, value in settings.items():
        if name.lower().startswith(_OVERRIDE_PREFIX):
            _override(document, name[len(_OVERRIDE_PREFIX) :].split("__"), _scalar(value))
    return _options(document, settings)


def section(document: Mapping[str, Any], *keys: str) -> Any:
    """The value below `keys`, ignoring case; None when any of them is absent."""
    found: Any = document
    for key in keys:
        if not isinstance(found, Mapping):
            return None
        found = next((value for name, value in found.items() if name.lower() == key.lower()), None)
    return found


def _options(document: dict[str, Any], settings: Mapping[str, str]) -> HostOptions:
    prefix = section(document, "extensions", "http", "routePrefix")
    hub = section(document, "extensions", "durableTask", "hubName")
    if isinstance(hub, str):
        resolved = expand(hub, settings, "host.json extensions.durableTask.hubName")
        _override(document, ["extensions", "durableTask", "hubName"], resolved)
    levels = section(document, "logging", "logLevel") or {}
    return HostOptions(
        route_prefix="api" if prefix is None else str(prefix).strip("/"),
        timeout_seconds=_timeout(section(document, "functionTimeout")),
        blob_parallelism=_at_least_one(document, "maxDegreeOfParallelism", 8 * (os.cpu_count() or 1)),
        poison_blob_threshold=_at_least_one(document, "poisonBlobThreshold", 5),
        log_levels={str(name): str(level) for name, level in levels.items()},
        document=document,
    )


def _timeout(text: object) -> float | None:
    if text is None:
        return DEFAULT_TIMEOUT_SECONDS
    if str(text) in {"-1", "-00:00:01"}:
        return None
    match = _TIMESPAN.fullmatch(str(text))
    if match is None:
        raise SettingsError(f"host.json functionTimeout {text!r}: expected hh:mm:ss or -1")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _at_least_one(document: Mapping[str, Any], key: str, default: int) -> int:
    found = section(document, "extensions", "blobs", key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise SettingsError(f"host.json extensions.blobs.{key} must be a whole number of at least 1")
    return found


def _override(document: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        name = next((name for name in document if name.lower() == key.lower()), key)
        child = document.get(name)
        if not isinstance(child, dict):
            child = document[name] = {}
        document = child
    last = next((name for name in document if name.lower() == keys[-1].lower()), keys[-1])
    document[last] = value


def _scalar(text: str) -> str | int | bool:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else text
