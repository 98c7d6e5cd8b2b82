"""What the activities do, as plain functions of their input and the resources they use.

A permanent failure is returned as a rejection; a transient one is raised, for the orchestration
to retry. Each step is idempotent: activities run at least once.
"""

from __future__ import annotations

import contextlib
import hashlib

from function_app.errors import Permanent, Transient
from function_app.images.image import GreyPixels, Unreadable, read_image
from function_app.models.runs import ImageVersion, Rejection, RunRequest, RunResult, StepResult
from function_app.scoring.scorers import score_all
from function_app.workflow.resources import Resources


def validate(run: RunRequest, use: Resources) -> StepResult:
    """Whether the blob is an image that can be scored, and the SHA-256 of its bytes.

    If the uploader sent a SHA-256, it must match: then storage holds what the device wrote.
    """
    read, _ = _read(run.image, use)
    expected = _expected_sha256(run, use) if read.sha256 is not None else None
    if expected is not None and read.sha256 != expected:
        detail = "The bytes in storage do not match the checksum that the uploader sent."
        read = StepResult(Rejection("checksum_mismatch", detail), read.sha256)
    if read.rejection is not None:
        use.blobs.forget(run.image)  # no later step reads it
    return read


def score(run: RunRequest, use: Resources) -> StepResult:
    """Every scorer's number for the image."""
    read, pixels = _read(run.image, use)
    use.blobs.forget(run.image)  # no later step reads it
    if pixels is None:
        return read
    return StepResult(None, read.sha256, score_all(pixels, use.now()))


def save(result: RunResult, use: Resources) -> StepResult:
    """Record a scored run; a repetition changes nothing."""
    try:
        use.store.record_scored(result.record, result.scores)
    except Permanent as error:
        return _refused(error)
    return StepResult()


def reject(result: RunResult, use: Resources) -> StepResult:
    """Quarantine the image's bytes, then record why it was rejected; a repetition changes nothing."""
    use.blobs.quarantine.keep(result.record)
    try:
        use.store.record_rejected(result.record)
    except Permanent as error:
        return _refused(error)
    return StepResult()


def fail(result: RunResult, use: Resources) -> StepResult:
    """Record that a run failed, and quarantine its bytes if storage answers; a repetition changes nothing.

    The row comes first: storage may be the very reason why the run failed.
    """
    try:
        use.store.record_failed(result.record)
    except Permanent as error:
        return _refused(error)
    with contextlib.suppress(Transient):
        use.blobs.quarantine.keep(result.record)
    return StepResult()


def _read(image: ImageVersion, use: Resources) -> tuple[StepResult, GreyPixels | None]:
    try:
        data = use.blobs.read(image)
    except Permanent as error:
        return _refused(error), None
    sha256 = hashlib.sha256(data).hexdigest()
    pixels = read_image(data, use.settings.limits)
    if isinstance(pixels, Unreadable):
        return StepResult(Rejection(pixels.reason, pixels.detail), sha256), None
    return StepResult(None, sha256), pixels


def _expected_sha256(run: RunRequest, use: Resources) -> str | None:
    """The uploader's SHA-256. A replay starts from the row, which lacks it, so the blob's metadata is read.

    Raises StorageUnavailable.
    """
    if run.attempt == 1:
        return run.source.sha256
    present = use.blobs.present_run(run.image.container, run.image.blob_name)
    if present is None or present.image.etag != run.image.etag:
        return None
    return present.source.sha256


def _refused(error: Permanent) -> StepResult:
    return StepResult(Rejection(error.reason, error.detail))
