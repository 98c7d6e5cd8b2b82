"""What to do with a fact that arrives when one may be stored already: decided here, purely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from function_app.errors import ConflictingResult
from function_app.models import Recorded, RunRecord, Score


@dataclass(frozen=True)
class Verdict:
    """What to answer, and which scores are still to be written."""

    answer: Recorded
    new_scores: tuple[Score, ...] = ()


def judge(
    stored: RunRecord, stored_scores: Sequence[Score], told: RunRecord, scores: Sequence[Score]
) -> Verdict:
    """Compare what is told with what is stored under the same run id.

    Raises ConflictingResult when the same attempt ended otherwise, or when a score differs under the
    same run, scorer and version: nothing is overwritten then.
    """
    if told.attempt < stored.attempt:
        return Verdict(Recorded.SUPERSEDED)
    _same_image(stored, told)
    if told.attempt == stored.attempt:
        _same_ending(stored, told)
        return Verdict(Recorded.ALREADY_RECORDED, _unwritten(stored, stored_scores, scores))
    return Verdict(Recorded.REPLACED, _unwritten(stored, stored_scores, scores))


def _same_image(stored: RunRecord, told: RunRecord) -> None:
    if _image(stored) != _image(told):
        raise ConflictingResult(f"run {told.run_id} is stored for another blob version")


def _image(record: RunRecord) -> tuple[str, str, str]:
    return record.container, record.blob_name, record.etag


def _same_ending(stored: RunRecord, told: RunRecord) -> None:
    if (stored.outcome, stored.reason) != (told.outcome, told.reason):
        raise ConflictingResult(
            f"attempt {told.attempt} of run {told.run_id} is stored as {_ending(stored)}, not {_ending(told)}"
        )


def _ending(record: RunRecord) -> str:
    return f"{record.outcome} ({record.reason})" if record.reason else str(record.outcome)


def _unwritten(
    stored: RunRecord, stored_scores: Sequence[Score], scores: Sequence[Score]
) -> tuple[Score, ...]:
    known = {(score.scorer, score.scorer_version): score.value for score in stored_scores}
    for score in scores:
        if known.get((score.scorer, score.scorer_version), score.value) != score.value:
            raise ConflictingResult(
                f"run {stored.run_id} has another value by {score.scorer} {score.scorer_version}"
            )
    return tuple(score for score in scores if (score.scorer, score.scorer_version) not in known)
