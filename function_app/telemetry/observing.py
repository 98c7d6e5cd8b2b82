"""One trace per image, from the device's file to the row, and a few metrics; on by the setting TELEMETRY.

The uploader's W3C traceparent comes with the blob; the starter tells of the way from device to blob as the span
``upload``, and it and each activity add a span named after them.
An image without one gets the trace that its run id (32 hex digits, as a trace id has) makes by itself. Spans and
metrics carry ids, outcomes and reasons: no pixel, no text of a library's exception, no secret.

While the setting is off nothing is wrapped and OpenTelemetry is not imported. The orchestrator is never observed:
it is replayed.
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
_ENDINGS = ("save_result", "reject_image", "fail_image")


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


def note_failed_look(error: PipelineError) -> None:
    """Count a delivery that failed before it was known which image it is of, and so has no span."""
    if TELEMETRY != "off":
        from function_app.telemetry.providers import instruments

        instruments(TELEMETRY).retries.add(1, {"step": _START, "reason": error.reason})


def note_oldest_waiting(since: datetime | None) -> None:
    """Measure how long the oldest image without an outcome has waited, as the sweep saw it; None for no such image."""
    if TELEMETRY != "off" and since is not None:
        from function_app.telemetry.providers import instruments

        instruments(TELEMETRY).waiting.record(_since(since))


def _activity(step: Callable[..., Any], to: Instruments) -> Callable[..., Any]:
    @wraps(step)
    def traced(**inputs: Any) -> Any:
        (subject,) = inputs.values()
        image = image_of_input(subject)
        with _tried(step.__name__, image, to) as span:
            answer = step(**inputs)
            refused = answer.get("rejection")
            if refused:
                span.set_attribute("image.reason", refused["reason"])
            elif step.__name__ in _ENDINGS:
                to.images.add(1, {"outcome": image.outcome})
                if image.captured_at is not None:
                    to.latency.record(_since(image.captured_at), {"outcome": image.outcome})
            return answer

    return traced


@contextmanager
def _tried(step: str, image: TracedImage, to: Instruments) -> Iterator[Span]:
    """A span around one try; a try that raises is marked, counted and measured, and raises on."""
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
