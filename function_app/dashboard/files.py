"""The dashboard's three files as HTTP answers. Pure but for reading them, once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from function_app.http_api.answers import Answer, with_etag

# `blob:` is for thumbnails: fetched with the key in a header, then shown from memory.
# Styles set by script go through the CSS object model, which 'self' allows; inline ones it does not.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {"page.html": "text/html", "app.css": "text/css", "app.js": "text/javascript"}


def dashboard_file(name: str, if_none_match: str | None) -> Answer:
    """One of page.html, app.css, app.js; 304 if the browser has it. Raises KeyError for any other name."""
    headers = {
        "Content-Security-Policy": _PAGE_POLICY,
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return with_etag(Answer(200, _text(name), _TYPES[name], headers), if_none_match)


@cache
def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
