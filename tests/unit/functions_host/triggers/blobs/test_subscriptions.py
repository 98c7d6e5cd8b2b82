"""Blob path patterns (contract C3)."""

from __future__ import annotations

import pytest

from functions_host.triggers.blobs.subscriptions import parse_path


@pytest.mark.parametrize(
    ("path", "blob", "tokens"),
    [
        ("img/{name}", "a.png", {"name": "a.png"}),
        ("img/{name}", "device/a/b.png", {"name": "device/a/b.png"}),
        ("img/{device}/{name}.png", "cam/a/b.png", {"device": "cam/a", "name": "b"}),
        ("img/{name}.png", "a.PNG", None),
        ("img/in/{name}", "out/a", None),
        ("img/exact.txt", "exact.txt", {}),
        ("img/a+(1){x}", "a+(1)y", {"x": "y"}),
        ("img/{{{name}}}", "{a}", {"name": "a"}),
        ("img", "any/blob", {"name": "any/blob"}),
        ("IMG/{name}", "A.png", {"name": "A.png"}),
    ],
)
def test_pattern(path: str, blob: str, tokens: dict[str, str] | None) -> None:
    pattern = parse_path(path)
    assert pattern.container == "img"
    assert pattern.match(blob) == tokens


def test_listing_prefix_is_the_literal_beginning() -> None:
    assert parse_path("img/in/{name}.png").prefix == "in/"


@pytest.mark.parametrize("path", ["{container}/x", "/x", "img/{name"])
def test_unusable_pattern_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        parse_path(path)
