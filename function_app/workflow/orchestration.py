"""The workflow of one image: validate, score, save; or reject with a reason.

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
    FailedTry,
    Outcome,
    Progress,
    Rejection,
    RunRecord,
    RunRequest,
    RunResult,
    StepResult,
)
from function_app.workflow.retries import MAX_TRIES, cause_of, delay_before_retry

# The extension refuses a custom status over 16 KB of UTF-16; ten failures stay far below.
_FAILURES_SHOWN = 10

blueprint = Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def process_image(context: Any) -> Generator[Any, Any, Any]:
    """The orchestration of one image version; its output is the RunResult."""
    result = yield from image_workflow(WorkflowContext(context))
    return to_json(result)


def image_workflow(workflow: WorkflowContext) -> Generator[Any, Any, RunResult]:
    """Validate, score, save; or reject; or record that a step failed for good."""
    try:
        step = yield from workflow.do("validate_image", workflow.run)
        if step.rejection is None:
            step = yield from workflow.do("score_image", workflow.run)
        if step.rejection is None:
            result = workflow.result(Outcome.SCORED, step)
            recorded = yield from workflow.do("save_result", result)
        else:
            result = workflow.result(Outcome.REJECTED, step)
            recorded = yield from workflow.do("reject_image", result)
    except RetriesExhausted as exhausted:
        result = workflow.result(Outcome.FAILED, StepResult(exhausted.rejection))
        recorded = yield from workflow.do("fail_image", result)
    # A rejection here means that the store already holds another result of this run, which stands.
    return workflow.result(Outcome.FAILED, recorded) if recorded.rejection else result


class RetriesExhausted(Exception):  # noqa: N818  (an outcome of the workflow, not an error of the app)
    """A step failed as often as the retry policy allows; ``rejection`` names the last cause."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.detail)
        self.rejection = rejection


class WorkflowContext:
    """One run under way: does its steps with retries and shows its progress.

    ``context`` is the orchestration's context (untyped in the SDK).
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self.run = from_json(RunRequest, context.get_input())
        self._started_at = self._now()
        self._failures: list[FailedTry] = []

    def do(self, step: str, subject: RunRequest | RunResult) -> Generator[Any, Any, StepResult]:
        """Call one activity until it returns. Raises RetriesExhausted after the last allowed failure."""
        tries = 0
        while True:
            tries += 1
            self._show(step)
            try:
                returned = yield self._context.call_activity(step, to_json(subject))
            except Exception as error:  # noqa: BLE001  (the SDK raises plain Exception for a failed activity)
                reason, detail = cause_of(str(error))
                self._failures.append(FailedTry(step, tries, self._now(), f"{reason}: {detail}"))
            else:
                return from_json(StepResult, returned)
            if tries == MAX_TRIES:
                raise RetriesExhausted(
                    Rejection(reason, f"{step} failed {tries} times, at last with: {detail}")
                )
            due = self._now() + delay_before_retry(tries, f"{self.run.run_id}/{step}", reason)
            self._show(step, due)
            yield self._context.create_timer(due)

    def result(self, outcome: Outcome, step: StepResult) -> RunResult:
        """The result of a run that ends now, after this step."""
        run, why = self.run, step.rejection
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
            device_id=run.source.device_id,
            source_name=run.source.source_name,
            captured_at=run.source.captured_at,
            uploaded_at=run.source.uploaded_at,
            sha256=step.sha256 or run.source.sha256,
        )
        return RunResult(record, step.scores, run.traceparent)

    def _show(self, step: str, next_try_at: datetime | None = None) -> None:
        newest = tuple(self._failures[-_FAILURES_SHOWN:])
        progress = Progress(step, newest, len(self._failures), next_try_at)
        self._context.set_custom_status(to_json(progress))

    def _now(self) -> datetime:
        return as_utc(self._context.current_utc_datetime)
