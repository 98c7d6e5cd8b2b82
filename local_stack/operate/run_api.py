"""A client of the function app's HTTP API, for any deployment: the local stack or Azure.

Standard library only: the commands' options read its constants before anything is installed, and for a few requests
in pages of a thousand a kept connection saves nothing that anyone would notice. The function key comes from the
environment and travels in a header, never in a URL, so that it is in no log.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from local_stack.errors import FAILED, StackError

KEY_VARIABLE = "PIPELINE_FUNCTION_KEY"
_PAGE = 1000


class RunApi:
    """``url`` is the deployment's origin, such as ``http://127.0.0.1:7071`` or ``https://app.azurewebsites.net``."""

    def __init__(self, url: str, key: str | None = None, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._key = key if key is not None else os.environ.get(KEY_VARIABLE, "")
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"RunApi({self.url!r})"

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """Status code and JSON body of ``GET /api/<path>``. Raises StackError if nobody answers or the key is wrong."""
        return self._call("GET", path, parameters)

    def post(self, path: str, parameters: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """Status code and JSON body of ``POST /api/<path>``."""
        return self._call("POST", path, parameters)

    def runs(self, parameters: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Every run that matches, newest first, in pages of ``limit`` (1,000 unless told)."""
        asked = {"limit": str(_PAGE), **(parameters or {})}
        while True:
            code, page = self.get("runs", asked)
            if code != 200:
                raise StackError(
                    f"The API answered {code}: {page.get('parameter') or ''} {page.get('detail', page)}",
                    "see `python3 pipeline.py runs --help`, or the host's log",
                    exit_code=FAILED,
                )
            yield from page["runs"]
            if not page.get("next_cursor"):
                return
            asked["cursor"] = page["next_cursor"]

    def counts(self) -> dict[str, int]:
        """Runs by state, from ``GET /api/stats``, without a state it cannot tell; empty while it does not answer."""
        try:
            code, body = self.get("stats")
        except StackError:
            return {}
        counts = body.get("counts")
        if code != 200 or not counts:
            return {}
        return {str(name): int(number) for name, number in counts.items() if number is not None}

    def _call(
        self, method: str, path: str, parameters: Mapping[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(  # noqa: S310 (the scheme is the user's own)
            f"{self.url}/api/{path}{query}", method=method, headers={"Accept": "application/json"}
        )
        if self._key:
            request.add_header("x-functions-key", self._key)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 401:
                raise StackError(
                    f"{self.url} refuses the call: no function key, or a wrong one (401).",
                    f"set {KEY_VARIABLE} to a function or host key of the app",
                ) from error
            return error.code, _json(error.read())
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise StackError(
                f"{self.url} does not answer: {reason}.",
                "start the pipeline (`python3 pipeline.py up`), or name another deployment with --url",
            ) from error


def _json(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {"detail": body.decode("utf-8", "replace")}
    return parsed if isinstance(parsed, dict) else {"value": parsed}
