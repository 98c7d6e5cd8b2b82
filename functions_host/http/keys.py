"""Access keys in one JSON file: master, host, function and system keys (contract D2).

Made once, readable by the owner alone, enforced only with --enable-auth. Comparisons take constant time.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions_host.loading.app_settings import parse_json_file

SYSTEM_KEYS = ("durabletask_extension", "blobs_extension")


@dataclass(frozen=True)
class KeyRing:
    """All keys; none of them in the repr."""

    master: str = field(repr=False)
    host: str = field(repr=False)
    functions: dict[str, str] = field(repr=False)
    system: dict[str, str] = field(repr=False)

    def opens_function(self, function_name: str, level: str, given: str | None) -> bool:
        """Whether `given` may call a function of this auth level (anonymous, function, admin)."""
        if level == "anonymous":
            return True
        accepted = [self.master]
        if level == "function":
            accepted += [self.host, self.functions.get(function_name.lower(), "")]
        return _any_equal(given, accepted)

    def opens_webhook(self, extension: str, given: str | None) -> bool:
        """Whether `given` is the extension's system key or the master key."""
        return _any_equal(given, [self.master, self.system.get(extension, "")])

    def opens_admin(self, given: str | None) -> bool:
        """Whether `given` is the master key."""
        return _any_equal(given, [self.master])


def load_keys(path: Path | None, function_names: Iterable[str]) -> KeyRing:
    """Read the key file, adding whatever is missing; None keeps fresh keys in memory only."""
    stored: dict[str, Any] = parse_json_file(path) if path is not None and path.exists() else {}
    before = json.dumps(stored, sort_keys=True)
    stored.setdefault("masterKey", _fresh())
    stored.setdefault("hostKeys", {}).setdefault("default", _fresh())
    functions = stored.setdefault("functionKeys", {})
    for name in function_names:
        functions.setdefault(name.lower(), {}).setdefault("default", _fresh())
    system = stored.setdefault("systemKeys", {})
    for name in SYSTEM_KEYS:
        system.setdefault(name, _fresh())
    if path is not None and json.dumps(stored, sort_keys=True) != before:
        _write(path, stored)
    return KeyRing(
        master=stored["masterKey"],
        host=stored["hostKeys"]["default"],
        functions={name: keys["default"] for name, keys in functions.items()},
        system=dict(system),
    )


def _any_equal(given: str | None, accepted: Iterable[str]) -> bool:
    """Compares with every candidate, so that time does not tell which one was close."""
    offered = (given or "").encode()
    found = False
    for key in accepted:
        found |= bool(key) and hmac.compare_digest(offered, key.encode())
    return found


def _fresh() -> str:
    return secrets.token_urlsafe(40)


def _write(path: Path, stored: dict[str, Any]) -> None:
    partial = path.with_suffix(".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(stored, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
