"""One trace per image, from the device's file to the row, and a few metrics; enabled by the setting TELEMETRY.

The uploader's W3C traceparent comes with the blob. The trigger adds the span ``upload``, for the time from device to
blob; the trigger and each activity add a span of their own name. An image without a traceparent gets a trace whose id
is its run id (both have 32 hex digits). Spans and metrics carry ids, outcomes and reasons: no pixel, no text of a
library's exception, no secret.

While the setting is off nothing is wrapped and OpenTelemetry is not imported. The orchestrator is never observed,
because it is replayed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from function_app.errors import PipelineError
from function_app.models.runs import RunRequest
from function_app.telemetry.traced_image import TracedImage, image_of_input, image_of_run

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from function_app.telemetry.providers import Instruments

Step = TypeVar("Step", bound=Callable[..., Any])

# Read when the worker indexes the app, as the triggers' settings are.
TELEMETRY = os.environ.get("TELEMETRY", "off")

_START = "start_on_blob"
_RECORDING_STEPS = ("save_result", "reject_image", "fail_image")


def observed(step: Step) -> Step:
    """The function itself, or with a span around each call. For activities."""
    if TELEMETRY == "off":
        return step
    from function_app.telemetry.providers import instruments

    return _activity(step, instruments(TELEMETRY))  # type: ignore[return-value]


@contextmanager
def observed_start(run: RunRequest) -> Iterator[None]:
    """A span around the start of a run, after the one of its upload; nothing while telemetry is off."""
    if TELEMETRY == "off":
        yield
        return
    from function_app.telemetry.providers import instruments

    to, image = instruments(TELEMETRY), image_of_run(run)
    to.uploaded(image)
    with _tried(_START, image, to):
        to.waiting.record(_since(image.uploaded_at))
        yield


def count_failed_lookup(error: PipelineError) -> None:
    """Count a delivery that failed before its image was known, and so has no span."""
    if TELEMETRY != "off":
        from function_app.telemetry.providers import instruments

        instruments(TELEMETRY).retries.add(1, {"step": _START, "reason": error.reason})


def measure_oldest_waiting(since: datetime | None) -> None:
    """Record the age of the oldest image without an outcome that the sweep found; None if there is none."""
    if TELEMETRY != "off" and since is not None:
        from function_app.telemetry.providers import instruments

        instruments(TELEMETRY).waiting.record(_since(since))


def _activity(step: Callable[..., Any], to: Instruments) -> Callable[..., Any]:
    @wraps(step)
    def traced(**inputs: Any) -> Any:
        (subject,) = inputs.values()
        image = image_of_input(subject)
        with _tried(step.__name__, image, to) as span:
            result = step(**inputs)
            rejection = result.get("rejection")
            if rejection:
                span.set_attribute("image.reason", rejection["reason"])
            elif step.__name__ in _RECORDING_STEPS:
                to.images.add(1, {"outcome": image.outcome})
                if image.captured_at is not None:
                    to.latency.record(_since(image.captured_at), {"outcome": image.outcome})
            return result

    return traced


@contextmanager
def _tried(step: str, image: TracedImage, to: Instruments) -> Iterator[Span]:
    """A span around one try; a failed try is marked, counted and measured, and its exception propagates."""
    with to.span(step, image) as span:
        try:
            yield span
        except Exception as error:
            reason = error.reason if isinstance(error, PipelineError) else type(error).__name__
            to.failed(span, reason)
            to.retries.add(1, {"step": step, "reason": reason})
            to.waiting.record(_since(image.uploaded_at))
            raise


def _since(moment: datetime | None) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds()) if moment else 0.0
