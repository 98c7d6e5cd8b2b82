"""The dashboard in a real Chromium, on the embedded host, with real blobs that are really scored."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from azure.storage.blob import BlobServiceClient
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from functions_host.testing import RunningApp, start_app

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<script>document.title='owned'</script>.png"

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.azurite]


def grey(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (32, 32), level).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def service(azurite: Any) -> BlobServiceClient:
    made = BlobServiceClient.from_connection_string(azurite.connection_string, api_version="2025-11-05")
    for name in ("dash", "dash-quarantine"):
        made.create_container(name)
    return made


@pytest.fixture(scope="module")
def app(
    browser: Browser, azurite: Any, service: BlobServiceClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApp]:
    """Three images processed already; asks for the browser first, so that nothing starts where there is none."""
    database = f"sqlite:///{tmp_path_factory.mktemp('dash') / 'runs.db'}"
    command = [sys.executable, "-m", "sql_migrations", "up"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "SQL_CONNECTION_STRING": database}, check=True)
    settings = {
        "AzureWebJobsStorage": azurite.connection_string, "IMAGE_STORAGE": azurite.connection_string,
        "SQL_CONNECTION_STRING": database, "IMAGE_CONTAINER": "dash", "QUARANTINE_CONTAINER": "dash-quarantine",
        "TASKHUB_NAME": "Dash", "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
        "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.5",
    }  # fmt: skip
    blobs = service.get_container_client("dash")
    blobs.upload_blob("first.png", grey(1))
    blobs.upload_blob("broken.png", b"this is no picture")
    blobs.upload_blob(HOSTILE, grey(2))
    with start_app(ROOT, settings=settings) as running:
        running.wait_until(lambda: len(running.get("/api/runs").json()["runs"]) == 3, 60)
        yield running


@pytest.fixture
def page(browser: Browser, app: RunningApp) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    opened = context.new_page()
    opened.goto(app.origin + "/api/dashboard")
    opened.wait_for_selector("#rows tr")
    yield opened
    context.close()


def test_an_image_that_arrives_shows_without_reload(page: Page, service: BlobServiceClient) -> None:
    page.evaluate("window.sameDocument = true")
    service.get_container_client("dash").upload_blob("later.png", grey(3))
    row = page.locator("#rows tr", has_text="later.png")
    expect(row).to_contain_text("scored", timeout=30_000)
    expect(row).to_contain_text("3,072")
    assert page.evaluate("window.sameDocument") is True


def test_the_state_filter_leaves_rejected_images_only(page: Page) -> None:
    page.locator("#states button", has_text="Rejected").click()
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#rows tr")).to_contain_text("broken.png")


def test_a_hostile_name_is_text(page: Page) -> None:
    expect(page.locator("#rows a.name", has_text=HOSTILE)).to_have_count(1)
    assert page.title() == "Image scoring"


def test_the_picture_shown_is_the_blob_of_the_run(page: Page) -> None:
    picture = page.locator("#rows tr", has_text="first.png").locator("img")
    expect(picture).to_have_js_property("naturalWidth", 32, timeout=15_000)


def test_the_keyboard_opens_a_run_with_its_timeline_and_escape_leads_back(page: Page) -> None:
    page.locator("#rows a.name", has_text="broken.png").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#run-title")).to_be_focused()
    expect(page.locator(".timeline")).to_contain_text("Blob stored")
    expect(page.locator(".timeline")).to_contain_text("Row committed")
    page.keyboard.press("Escape")
    expect(page.locator("#overview")).to_be_visible()


def test_replay_judges_a_rejected_image_again_and_keeps_its_history(page: Page) -> None:
    page.locator("#rows a.name", has_text="broken.png").click()
    page.locator("#replay").click()
    expect(page.locator(".timeline")).to_contain_text("Attempt 2: rejected", timeout=30_000)
    expect(page.locator(".timeline")).to_contain_text("Attempt 1: rejected")


def test_at_phone_width_nothing_runs_off_the_side(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("#rows tr").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
    page.locator("#rows a.name", has_text="broken.png").click()
    expect(page.locator("#run-title")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["overview", "run"])
def test_axe_finds_nothing_serious(page: Page, scheme: Any, view: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    if view == "run":
        page.locator("#rows a.name", has_text="broken.png").click()
        page.wait_for_selector("#run-title")
    violations = Axe().run(page).response["violations"]
    serious = [v for v in violations if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in serious] == []


def test_a_dialog_has_nothing_serious_either(page: Page) -> None:
    page.locator("#key").click()
    expect(page.locator("#key-input")).to_be_focused()
    violations = Axe().run(page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def test_all_images_set_aside_for_a_reason_are_replayed_after_asking(page: Page) -> None:
    page.locator("#reasons button", has_text="Replay").first.click()
    expect(page.locator("#confirm-title")).to_contain_text("not png")
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts")).to_contain_text("1 of 1 replayed")
    row = page.locator("#rows tr", has_text="broken.png")
    expect(row.locator(".c-attempt")).not_to_have_text("1", timeout=30_000)
    expect(row).to_contain_text("rejected", timeout=30_000)


def test_search_narrows_the_list_and_enter_finds_a_blob_by_its_exact_name(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("FIRST")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#rows tr")).to_contain_text("first.png")
    page.locator("#search").fill("no such.png")
    expect(page.locator("#empty")).to_be_visible()
    page.locator("#search").fill(HOSTILE)
    page.keyboard.press("Enter")
    expect(page.locator("#rows a.name", has_text=HOSTILE)).to_have_count(1)


def test_a_hidden_tab_asks_rarely(page: Page) -> None:
    assert int(page.locator("html").get_attribute("data-next-ms") or 0) <= 10_000
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    expect(page.locator("html")).to_have_attribute("data-next-ms", "60000")


def test_the_key_is_asked_for_once_sent_in_a_header_and_in_no_address(page: Page) -> None:
    key = hashlib.sha256(b"a key of this test").hexdigest()
    asked: list[Any] = []

    def gate(route: Any) -> None:
        asked.append(route.request)
        route.continue_() if route.request.headers.get("x-functions-key") == key else route.fulfill(
            status=401
        )

    page.route("**/api/stats*", gate)
    expect(page.locator("#key-dialog")).to_be_visible(timeout=15_000)
    page.locator("#key-input").fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("#pulse")).to_have_attribute("data-is", "live", timeout=15_000)
    assert any(request.headers.get("x-functions-key") == key for request in asked)
    assert key not in page.url + "".join(request.url for request in asked)
    assert page.evaluate("JSON.stringify(localStorage)").find(key) == -1
