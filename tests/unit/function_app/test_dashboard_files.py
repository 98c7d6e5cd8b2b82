"""What the dashboard promises of its files before any browser reads them."""

from __future__ import annotations

import re

import pytest

from function_app.dashboard.files import dashboard_file
from function_app.dashboard.picture import picture_of

NAMES = ("page.html", "app.css", "app.js")


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_an_outside_address(name: str) -> None:
    body = dashboard_file(name, None).body.replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", body) == []


def test_the_page_holds_no_inline_script_style_or_handler() -> None:
    page = dashboard_file("page.html", None).body
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []


def test_the_script_never_makes_markup_or_code_out_of_text() -> None:
    script = dashboard_file("app.js", None).body
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)
        == []
    )


def test_the_policy_lets_nothing_run_but_our_own_script() -> None:
    policy = dashboard_file("page.html", None).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_that_has_the_file_is_told_so(name: str) -> None:
    first = dashboard_file(name, None)
    assert dashboard_file(name, first.headers["ETag"]).status == 304


@pytest.mark.parametrize("hostile", [b"<script>alert(1)</script>", b"<svg onload=alert(1)>", b"", b"GIF89a"])
def test_what_is_no_png_is_a_download_that_no_browser_interprets(hostile: bytes) -> None:
    headers = picture_of(hostile).headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_a_png_is_shown_as_one() -> None:
    assert picture_of(b"\x89PNG\r\n\x1a\n....").headers["Content-Type"] == "image/png"
