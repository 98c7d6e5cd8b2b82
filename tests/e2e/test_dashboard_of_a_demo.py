"""The dashboard while a demo runs, in a real Chromium: it follows every image without a reload.

With DASHBOARD_PICTURES=docs/images the demo is longer and the documentation's screenshots are taken of it:

    DASHBOARD_PICTURES=docs/images python -m pytest tests/e2e/test_dashboard_of_a_demo.py
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

ROOT = Path(__file__).resolve().parents[2]
PICTURES = os.environ.get("DASHBOARD_PICTURES")
IMAGES, BAD, RATE = (600, 18, 10) if PICTURES else (40, 4, 8)
DRAWN = "[...document.querySelectorAll('#rows .thumb')].slice(0, 5).every((thumb) => thumb.hasChildNodes())"
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo that has just begun; it stays up until the tests are done."""
    state = tmp_path_factory.mktemp("demo") / ".local"
    environment = {**os.environ, "PIPELINE_STATE": str(state), "NO_COLOR": "1"}
    words = ["demo", "--images", str(IMAGES), "--bad", str(BAD), "--rate", str(RATE), "--seed", "4", "--keep"]
    log = state.parent / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "pipeline.py"), *words],
            cwd=ROOT, env=environment, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 180
        while not list((state / "device" / "truth").glob("*.jsonl")):  # the simulator's first image
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield json.loads((state / "running.json").read_text())["url"]
    finally:
        process.terminate()  # not Ctrl-C: whoever runs tests in the background has it ignored
        process.wait(timeout=60)


@pytest.fixture
def page(browser: Browser, demo: str) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", timezone_id="UTC")
    opened = context.new_page()
    opened.goto(f"{demo}/api/dashboard#/?window=15m")
    yield opened
    context.close()


def number(page: Page, name: str) -> int:
    text = page.locator(f"#n-{name}").inner_text().replace(",", "")
    return int(text) if text.isdigit() else 0


def until(satisfied: Callable[[], bool], seconds: float = 300) -> None:
    """Ask again and again: the page's policy lets no test's own code wait inside it."""
    deadline = time.monotonic() + seconds
    while not satisfied():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_every_image_of_a_demo_arrives_on_the_dashboard_without_a_reload(page: Page) -> None:
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#n-scored")).to_have_text(re.compile(r"^\d+$"), timeout=30_000)
    first = number(page, "scored") + number(page, "rejected")
    expect(page.locator("#rows tr").first).to_be_visible(timeout=120_000)
    if PICTURES:
        until(lambda: number(page, "scored") > IMAGES * 0.5)
        show_moving_images(page)
    expect(page.locator("#n-scored")).to_have_text(str(IMAGES - BAD), timeout=120_000)
    expect(page.locator("#n-rejected")).to_have_text(str(BAD), timeout=30_000)
    assert first < IMAGES, "the page was opened too late to see anything arrive"
    scored = page.locator("#rows tr", has_text="scored").first
    expect(scored.locator("img")).to_have_js_property("naturalWidth", 32, timeout=15_000)
    assert page.evaluate("window.sameDocument") is True


def test_a_rejected_image_of_the_demo_tells_its_way_from_the_file_to_the_row(page: Page) -> None:
    page.locator("#states button", has_text="Rejected").click()
    expect(page.locator("#rows tr")).to_have_count(BAD, timeout=15_000)
    page.locator("#rows a.name").first.click()
    for step in ("File complete on the device", "Blob stored", "Run began", "Rejected", "Row committed"):
        expect(page.locator(".timeline")).to_contain_text(step)
    keep(page, "dashboard-run.png")
    page.set_viewport_size(PHONE)
    keep(page, "dashboard-run-phone.png")


def show_moving_images(page: Page) -> None:
    """The moment for the pictures: something is under way, and every thumbnail in sight is drawn."""
    # A picture is kept only if no row came while it was taken.
    until(lambda: moving(page) and keep(page, "dashboard-light.png") and moving(page))
    page.emulate_media(color_scheme="dark")
    until(lambda: page.evaluate(DRAWN))
    keep(page, "dashboard-dark.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(400)  # the charts are drawn anew a moment after the last resize
    keep(page, "dashboard-phone.png")
    page.set_viewport_size(DESKTOP)


def moving(page: Page) -> bool:
    return number(page, "running") > 0 and bool(page.evaluate(DRAWN))


def keep(page: Page, name: str) -> bool:
    """Save what is seen, packed as well as PNG can be."""
    if PICTURES:
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(ROOT / PICTURES / name, optimize=True)
    return True
