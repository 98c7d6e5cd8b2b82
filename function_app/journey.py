"""Takes an orchestration step by step: tries, waits, tries again, and tells how it stands.

Deterministic: its only clock is the orchestration's. One step at a time and nothing else scheduled
while a retry is outstanding (the SDK and the host would disagree on ids otherwise: azure-functions-durable-python#603).
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any

from function_app.codec import as_utc, from_json, to_json
from function_app.models import (
    Ending,
    FailedTry,
    Outcome,
    Progress,
    Rejection,
    RunRecord,
    RunRequest,
    StepAnswer,
)
from function_app.retries import MAX_TRIES, cause_of, delay_before_retry

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
