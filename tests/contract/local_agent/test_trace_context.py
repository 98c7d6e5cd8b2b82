"""The trace of an image begins on the device, and a repeated upload does not begin another."""

from __future__ import annotations

import re

from local_agent.blob_contract import describe, traceparent


def test_every_blob_carries_a_w3c_trace_context_drawn_from_its_name() -> None:
    blob = describe("device-1", b"a.png", 1_000, b"bytes")
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", blob.metadata["traceparent"])
    assert blob.metadata["traceparent"] == traceparent(blob.name)
    assert describe("device-1", b"a.png", 1_000, b"bytes") == blob


def test_two_images_have_two_traces() -> None:
    first, second = (describe("device-1", name, 1_000, b"bytes") for name in (b"a.png", b"b.png"))
    assert first.metadata["traceparent"] != second.metadata["traceparent"]
