"""Asks Azure's management API through ``az rest``, and the app itself over HTTPS."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from local_stack.errors import StackError

Ask = Callable[[str, str], Any]
"""(method, path with api-version) -> the JSON answer; raises AzureRefusedError."""


class AzureRefusedError(Exception):
    """Azure answered with an error; ``code`` is its own name for it, for example AuthorizationFailed."""

    def __init__(self, path: str, text: str) -> None:
        self.code = _code_in(text)
        super().__init__(f"{path.partition('?')[0]}: {self.code}")


@dataclass(frozen=True)
class Health:
    """What the app's own health answer was. ``clock_ahead`` is this computer's clock minus the app's, in seconds."""

    status: int
    checks: dict[str, Any]
    clock_ahead: float | None


def subscription() -> str:
    """Path of the subscription that az is signed in to. Raises StackError if it is not."""
    az = shutil.which("az")
    if az is None:
        raise StackError(
            "doctor --cloud asks Azure through az, which is not on PATH.", "https://aka.ms/azure-cli"
        )
    done = subprocess.run([az, "account", "show", "-o", "json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError("az is not signed in.", "az login")
    return f"/subscriptions/{json.loads(done.stdout)['id']}"


def ask(method: str, path: str) -> Any:
    """One request to the management API. Raises AzureRefusedError."""
    url = f"https://management.azure.com{path}"
    command = [shutil.which("az") or "az", "rest", "--only-show-errors", "--method", method, "--url", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AzureRefusedError(path, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else {}


def health(url: str, key: str) -> Health:
    """Ask the app how it is. A status of 0 means that nobody answered."""
    request = urllib.request.Request(f"{url}/api/health", headers={"x-functions-key": key})  # noqa: S310
    begun = time.time()
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310  # nosec B310 (https, from ARM)
            status, body, date = answer.status, answer.read(), answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        status, body, date = error.code, error.read(), error.headers.get("Date")
    except OSError:
        return Health(0, {}, None)
    middle = (begun + time.time()) / 2
    ahead = middle - parsedate_to_datetime(date).timestamp() if date else None
    return Health(status, _checks_in(body), ahead)


def _checks_in(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    checks = answer.get("checks") if isinstance(answer, dict) else None
    return checks if isinstance(checks, dict) else {}


def _code_in(text: str) -> str:
    begin, end = text.find("{"), text.rfind("}")
    try:
        return str(json.loads(text[begin : end + 1])["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split())[:200] or "no answer"
