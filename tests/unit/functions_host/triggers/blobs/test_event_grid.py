"""Which blob an event names (contract C5)."""

from __future__ import annotations

import pytest

from functions_host.triggers.blobs.event_grid import blob_of_url


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
        ("", None),
    ],
)
def test_blob_named_by_an_event_url(url: str, found: tuple[str, str] | None) -> None:
    assert blob_of_url(url) == found
