"""What telemetry records of an image, out of a step's input: none of its bytes, and no text that a person typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from function_app.models.codec import parse_time
from function_app.models.runs import RunRequest


@dataclass(frozen=True)
class TracedImage:
    """``traceparent`` is the span that this step continues; ``outcome`` is empty until the run has ended."""

    run_id: str
    attempt: int
    traceparent: str
    device_id: str | None = None
    captured_at: datetime | None = None
    uploaded_at: datetime | None = None
    outcome: str = ""

    @property
    def attributes(self) -> dict[str, str | int]:
        """Attributes of every span of this image."""
        known: dict[str, str | int | None] = {
            "run.id": self.run_id, "run.attempt": self.attempt, "device.id": self.device_id,
            "image.outcome": self.outcome or None,
        }  # fmt: skip
        return {name: value for name, value in known.items() if value is not None}


def image_of_run(run: RunRequest) -> TracedImage:
    """The image of a run."""
    source = run.source
    return TracedImage(
        run.run_id, run.attempt, run.traceparent or own_trace(run.run_id), source.device_id, source.captured_at,
        source.uploaded_at,
    )  # fmt: skip


def image_of_input(subject: Mapping[str, Any]) -> TracedImage:
    """The image of an activity's input: a RunRequest or a RunResult, as JSON."""
    record = subject.get("record") or subject
    source = subject.get("lineage") or record  # the key that SourceMetadata has in JSON
    traceparent = subject.get("traceparent")
    return TracedImage(
        record["run_id"], int(record.get("attempt", 1)), traceparent or own_trace(record["run_id"]),
        source.get("device_id"), _moment(source.get("captured_at")), _moment(source.get("uploaded_at")),
        str(record.get("outcome") or ""),
    )  # fmt: skip


def own_trace(run_id: str) -> str:
    """A traceparent for an image that came without one: the same for every step of the run."""
    return f"00-{run_id}-{run_id[:16]}-01"


def _moment(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
