"""One image's journey: validate, score, save; or reject with a reason.

Replayed from history, so it decides and nothing more: no I/O, clock, random, environment or log.
A permanent failure comes back from a step as a value and ends the run; a transient one is retried
with growing delay (``journey.py``), and after the last try the run ends as failed.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from azure.durable_functions import Blueprint

from function_app.codec import to_json
from function_app.journey import GaveUp, Journey
from function_app.models import Ending, Outcome, StepAnswer

blueprint = Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def process_image(context: Any) -> Generator[Any, Any, Any]:
    """The orchestration of one image version; its output is the run's Ending."""
    ending = yield from image_journey(Journey(context))
    return to_json(ending)


def image_journey(journey: Journey) -> Generator[Any, Any, Ending]:
    """Validate, score, save; or reject. If saving is impossible for good, the run fails by name."""
    try:
        answer = yield from journey.take("validate_image", journey.run)
        if answer.rejection is None:
            answer = yield from journey.take("score_image", journey.run)
        if answer.rejection is None:
            ending = journey.end(Outcome.SCORED, answer)
            saved = yield from journey.take("save_result", ending)
        else:
            ending = journey.end(Outcome.REJECTED, answer)
            saved = yield from journey.take("reject_image", ending)
    except GaveUp as gave_up:
        ending = journey.end(Outcome.FAILED, StepAnswer(gave_up.rejection))
        saved = yield from journey.take("fail_image", ending)
    # The store holds another fact under this run: it stands, and this journey says so.
    return journey.end(Outcome.FAILED, saved) if saved.rejection else ending
