"""What the dashboard promises of its files before any browser reads them."""

from __future__ import annotations

import re

import pytest

from function_app.dashboard import files
from function_app.dashboard.picture import picture_of
from function_app.http_api.responses import ApiResponse, NotFound

MODULES = [name for name in files.asset_texts() if name.endswith(".js")]
NAMES = ("page.html", *files.asset_texts())


def answer(name: str, if_none_match: str | None = None) -> ApiResponse:
    return files.page(if_none_match) if name == "page.html" else files.asset(name, if_none_match)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_an_outside_address(name: str) -> None:
    body = answer(name).body.replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", body) == []


def test_the_page_holds_no_inline_script_style_or_handler() -> None:
    page = answer("page.html").body
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []


@pytest.mark.parametrize("name", MODULES)
def test_no_module_makes_markup_or_code_out_of_text(name: str) -> None:
    makers = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|\beval\(|new Function|\bimport\("
    )
    assert re.findall(makers, answer(name).body) == []


def test_the_page_begins_with_app_js_and_names_every_other_module_in_advance() -> None:
    """Else a browser would learn of a module only from the one that imports it, one round trip after the other."""
    page = answer("page.html").body
    assert re.findall(r'<script[^>]* src="/api/dashboard/([^"]+)"', page) == ["app.js"]
    ahead = re.findall(r'<link rel="modulepreload" href="/api/dashboard/([^"]+)"', page)
    assert sorted([*ahead, "app.js"]) == sorted(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_modules_that_are_served(name: str) -> None:
    assert set(re.findall(r'^(?:import|\}) .*from "([^"]+)";$', answer(name).body, re.M)) <= {
        f"./{other}" for other in MODULES
    }


def test_the_policy_lets_nothing_run_but_our_own_script() -> None:
    policy = answer("page.html").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_that_has_the_file_is_told_so(name: str) -> None:
    first = answer(name)
    assert answer(name, first.headers["ETag"]).status == 304


@pytest.mark.parametrize(("name", "kind"), [("app.css", "text/css"), ("app.js", "text/javascript")])
def test_a_file_is_served_as_what_it_is(name: str, kind: str) -> None:
    found = answer(name)
    assert (found.status, found.content_type) == (200, kind)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "files.py", "page.html", "modules", "modules/app.js", "../app.css", "..\\app.css", "/app.css",
        "%2e%2e%2fapp.css", "../../settings.py", "../../../host.json", "/etc/passwd", "app.js/", "APP.JS", "app.js\0",
    ],
)  # fmt: skip
def test_no_name_but_that_of_a_file_of_the_page_leads_anywhere(name: str) -> None:
    with pytest.raises(NotFound):
        files.asset(name, None)


@pytest.mark.parametrize("hostile", [b"<script>alert(1)</script>", b"<svg onload=alert(1)>", b"", b"GIF89a"])
def test_what_is_no_png_is_a_download_that_no_browser_interprets(hostile: bytes) -> None:
    headers = picture_of(hostile).headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_a_png_is_shown_as_one() -> None:
    assert picture_of(b"\x89PNG\r\n\x1a\n....").headers["Content-Type"] == "image/png"
