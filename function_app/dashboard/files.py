"""The dashboard's files as HTTP responses: the page, the style sheet and the modules, each read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from function_app.http_api.responses import ApiResponse, NotFound, with_etag

# `blob:` is for thumbnails: fetched with the key in a header, then shown from memory.
# Styles set by script go through the CSS object model, which 'self' allows; inline ones it does not.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_FOLDER = Path(__file__).parent


def page(if_none_match: str | None) -> ApiResponse:
    """The page; 304 if the browser has it."""
    return _response(_page_text(), "text/html", if_none_match)


def asset(name: str, if_none_match: str | None) -> ApiResponse:
    """The style sheet or a module; 304 if the browser has it. Raises NotFound for any other name."""
    text = asset_texts().get(name)
    if text is None:
        raise NotFound("The dashboard has no file of this name.")
    return _response(text, _TYPES[Path(name).suffix], if_none_match)


@cache
def asset_texts() -> Mapping[str, str]:
    """Every file that the page may request, by name. Requested names are looked up here and never on the disk,
    so no name leads out of the folder.
    """
    paths = [*_FOLDER.glob("*.css"), *(_FOLDER / "modules").glob("*.js")]
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(paths)}


@cache
def _page_text() -> str:
    return (_FOLDER / "page.html").read_text(encoding="utf-8")


def _response(text: str, content_type: str, if_none_match: str | None) -> ApiResponse:
    headers = {
        "Content-Security-Policy": _PAGE_POLICY,
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return with_etag(ApiResponse(200, text, content_type, headers), if_none_match)
