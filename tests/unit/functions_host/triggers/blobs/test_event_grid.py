"""Which blob an event names (contract C5)."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from functions_host.triggers.blobs.event_grid import EventGridWebhook, blob_of_url


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.blob.core.windows.net/img/d/x.png", ("img", "d/x.png")),
        ("https://a.blob.core.windows.net/img/d%2Fx%20%2541", ("img", "d/x %41")),
        ("http://127.0.0.1:1/acct/img/x%20y", ("img", "x y")),
        ("http://localhost:10000/acct/img/x", ("img", "x")),
        ("http://localhost:1/img/x", ("img", "x")),
        ("https://a.blob.core.windows.net/img", ("img", "")),
        ("https://a.blob.core.windows.net/", None),
        ("/img/x", None),
        ("http://[", None),
        ("https://a.blob.core.windows.net/img/\ud800", None),
        ("", None),
    ],
)
def test_blob_named_by_an_event_url(url: str, found: tuple[str, str] | None) -> None:
    assert blob_of_url(url) == found


@pytest.mark.parametrize("kind", ["Notification", "SubscriptionValidation"])
async def test_event_nested_too_deep_is_answered_as_broken_json_is(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    application = web.Application()
    application.router.add_post("/", EventGridWebhook({}, lambda *_: None).answer)
    async with TestClient(TestServer(application)) as client:
        for body in ("[" * 10_000 + "]" * 10_000, "["):
            answer = await client.post("/", data=body, headers={"aeg-event-type": kind})
            assert (answer.status, await answer.read()) == (500, b"")  # recorded for broken JSON
    assert not [record for record in caplog.records if record.exc_info]
