"""What the activities do, as plain functions of their input and the resources they use.

A permanent failure is returned inside the answer; a transient one is raised, for the
orchestration to retry. Each is idempotent: activities run at least once.
"""

from __future__ import annotations

import contextlib
import hashlib

from function_app.errors import Permanent, Transient
from function_app.images.image import GreyPixels, Unreadable, read_image
from function_app.models.runs import Ending, ImageVersion, Rejection, RunRequest, StepAnswer
from function_app.scoring.scorers import score_all
from function_app.workflow.resources import Resources


def validate(run: RunRequest, use: Resources) -> StepAnswer:
    """Whether the blob is an image we score, and the SHA-256 of its bytes.

    The uploader's own SHA-256, where it told one, must agree: storage gave us what the device wrote.
    """
    answer, _ = _read(run.image, use)
    told = _told_sha256(run, use) if answer.sha256 is not None else None
    if told is not None and answer.sha256 != told:
        detail = "The bytes in storage are not those the uploader took its checksum of."
        answer = StepAnswer(Rejection("checksum_mismatch", detail), answer.sha256)
    if answer.rejection is not None:
        use.blobs.forget(run.image)  # no step looks at them again
    return answer


def score(run: RunRequest, use: Resources) -> StepAnswer:
    """Every scorer's number for the image."""
    answer, pixels = _read(run.image, use)
    use.blobs.forget(run.image)  # the last to look at them
    if pixels is None:
        return answer
    return StepAnswer(None, answer.sha256, score_all(pixels, use.now()))


def save(ending: Ending, use: Resources) -> StepAnswer:
    """Record a scored run; doing it again changes nothing."""
    try:
        use.store.record_scored(ending.record, ending.scores)
    except Permanent as error:
        return _refused(error)
    return StepAnswer()


def reject(ending: Ending, use: Resources) -> StepAnswer:
    """Keep the image's bytes in quarantine, then record why it was rejected; again changes nothing."""
    use.blobs.quarantine.keep(ending.record)
    try:
        use.store.record_rejected(ending.record)
    except Permanent as error:
        return _refused(error)
    return StepAnswer()


def fail(ending: Ending, use: Resources) -> StepAnswer:
    """Record that a run was given up, and keep its bytes if storage answers; again changes nothing.

    The row comes first: storage may be the very reason why the run was given up.
    """
    try:
        use.store.record_failed(ending.record)
    except Permanent as error:
        return _refused(error)
    with contextlib.suppress(Transient):
        use.blobs.quarantine.keep(ending.record)
    return StepAnswer()


def _read(image: ImageVersion, use: Resources) -> tuple[StepAnswer, GreyPixels | None]:
    try:
        data = use.blobs.read(image)
    except Permanent as error:
        return _refused(error), None
    sha256 = hashlib.sha256(data).hexdigest()
    verdict = read_image(data, use.settings.limits)
    if isinstance(verdict, Unreadable):
        return StepAnswer(Rejection(verdict.reason, verdict.detail), sha256), None
    return StepAnswer(None, sha256), verdict


def _told_sha256(run: RunRequest, use: Resources) -> str | None:
    """What the uploader said of the bytes. A replay begins from the row, which does not tell it, so the blob is asked.

    Raises StorageUnavailable.
    """
    if run.attempt == 1:
        return run.lineage.sha256
    present = use.blobs.present_run(run.image.container, run.image.blob_name)
    if present is None or present.image.etag != run.image.etag:
        return None
    return present.lineage.sha256


def _refused(error: Permanent) -> StepAnswer:
    return StepAnswer(Rejection(error.reason, error.detail))
