"""App settings as `func start` makes them: local.settings.json into the environment, which wins.

Source: contract section A (`StartHostAction`) and D2 (variables that `func start` sets).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions_host.errors import SettingsError

DEFAULT_PORT = 7071
"""Where neither --port nor local.settings.json names one: `func start`'s own."""

_REFERENCE = re.compile(r"%([^%\s]+)%")


@dataclass(frozen=True)
class LocalSettings:
    """local.settings.json: app settings and the port asked for; values stay out of the repr (secrets)."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    http_port: int | None = None


def read_local_settings(root: Path) -> LocalSettings:
    """Read `root/local.settings.json`; absent means empty. Raises SettingsError naming what is wrong."""
    path = root / "local.settings.json"
    if not path.is_file():
        return LocalSettings()
    document = parse_json_file(path)
    if document.get("IsEncrypted"):
        raise SettingsError(f"{path.name} is encrypted; run `func settings decrypt` first")
    values = document.get("Values")
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise SettingsError(f"{path.name}: Values must be an object")
    host = document.get("Host") or {}
    port = host.get("LocalHttpPort") if isinstance(host, dict) else None
    if port is not None and not isinstance(port, int):
        raise SettingsError(f"{path.name}: Host.LocalHttpPort must be a number")
    return LocalSettings({str(name): _as_text(value) for name, value in values.items()}, port)


def parse_json_file(path: Path) -> dict[str, Any]:
    """A JSON object from a file, with or without a byte order mark. Raises SettingsError with the position."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path.name} is not valid JSON: line {error.lineno}: {error.msg}") from None
    if not isinstance(document, dict):
        raise SettingsError(f"{path.name} must hold a JSON object")
    return document


def start_variables(root: Path, origin_host: str) -> dict[str, str]:
    """The variables `func start` adds to the app's environment (contract D2)."""
    return {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsScriptRoot": str(root),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_HOSTNAME": origin_host,
    }


def effective(environment: Mapping[str, str], *lower: Mapping[str, str]) -> dict[str, str]:
    """All settings the app sees: the environment first, then each lower layer for what is still unset."""
    merged: dict[str, str] = {}
    for layer in reversed(lower):
        merged.update(layer)
    merged.update(environment)
    return merged


def expand(text: str, settings: Mapping[str, str], where: str) -> str:
    """Replace every `%NAME%` by the setting NAME; raises SettingsError for a name that is not set.

    Names match ignoring case, as .NET configuration does.
    """

    def value_of(match: re.Match[str]) -> str:
        value = find(settings, match[1])
        if value is None:
            raise SettingsError(f"{where}: %{match[1]}% does not resolve to a value; set {match[1]}")
        return value

    return _REFERENCE.sub(value_of, text)


def find(settings: Mapping[str, str], name: str) -> str | None:
    """A setting by name: exact first, then ignoring case (.NET configuration keys ignore it)."""
    if name in settings:
        return settings[name]
    folded = name.lower()
    return next((value for key, value in settings.items() if key.lower() == folded), None)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
