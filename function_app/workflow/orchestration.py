"""One image's journey: validate, score, save; or reject with a reason.

Replayed from history, so it decides and nothing more: no I/O, clock, random, environment or log.
A permanent failure comes back from a step as a value and ends the run; a transient one is retried
with growing delay (``retries.py``), and after the last try the run ends as failed.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any

from azure.durable_functions import Blueprint

from function_app.models.codec import as_utc, from_json, to_json
from function_app.models.runs import (
    Ending,
    FailedTry,
    Outcome,
    Progress,
    Rejection,
    RunRecord,
    RunRequest,
    StepAnswer,
)
from function_app.workflow.retries import MAX_TRIES, cause_of, delay_before_retry

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


# The extension refuses a custom status over 16 KB of UTF-16; ten failures stay far below.
_FAILURES_SHOWN = 10

Steps = Generator[Any, Any, StepAnswer]


class GaveUp(Exception):  # noqa: N818  (an outcome of the journey, told apart from errors)
    """A step failed as often as the policy allows; ``rejection`` says with what."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.detail)
        self.rejection = rejection


class Journey:
    """One run on its way. ``context`` is the orchestration's context (untyped in the SDK)."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self.run = from_json(RunRequest, context.get_input())
        self._started_at = self._now()
        self._failures: list[FailedTry] = []

    def take(self, step: str, subject: RunRequest | Ending) -> Steps:
        """Do one activity until it answers. Raises GaveUp after the last allowed failure."""
        tries = 0
        while True:
            tries += 1
            self._show(step)
            try:
                answer = yield self._context.call_activity(step, to_json(subject))
            except Exception as error:  # noqa: BLE001  (the SDK raises plain Exception for a failed activity)
                reason, detail = cause_of(str(error))
                self._failures.append(FailedTry(step, tries, self._now(), f"{reason}: {detail}"))
            else:
                return from_json(StepAnswer, answer)
            if tries == MAX_TRIES:
                raise GaveUp(Rejection(reason, f"{step} failed {tries} times, at last with: {detail}"))
            due = self._now() + delay_before_retry(tries, f"{self.run.run_id}/{step}", reason)
            self._show(step, due)
            yield self._context.create_timer(due)

    def end(self, outcome: Outcome, answer: StepAnswer) -> Ending:
        """The record of a run that ends now."""
        run, why = self.run, answer.rejection
        record = RunRecord(
            run_id=run.run_id,
            container=run.image.container,
            blob_name=run.image.blob_name,
            etag=run.image.etag,
            size_bytes=run.image.size_bytes,
            outcome=outcome,
            attempt=run.attempt,
            started_at=self._started_at,
            finished_at=self._now(),
            reason=why.reason if why else None,
            detail=why.detail if why else None,
            device_id=run.lineage.device_id,
            source_name=run.lineage.source_name,
            captured_at=run.lineage.captured_at,
            uploaded_at=run.lineage.uploaded_at,
            sha256=answer.sha256 or run.lineage.sha256,
        )
        return Ending(record, answer.scores, run.traceparent)

    def _show(self, step: str, next_try_at: datetime | None = None) -> None:
        newest = tuple(self._failures[-_FAILURES_SHOWN:])
        progress = Progress(step, newest, len(self._failures), next_try_at)
        self._context.set_custom_status(to_json(progress))

    def _now(self) -> datetime:
        return as_utc(self._context.current_utc_datetime)
