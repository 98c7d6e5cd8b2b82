"""An image whose bytes are not those that the uploader sent is never scored, at no attempt (real Azurite)."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from function_app.maintenance.replay import next_attempt
from function_app.models.runs import Outcome, RunRecord, RunRequest
from function_app.results import open_result_store
from function_app.settings import Settings, StorageSettings
from function_app.storage.blobs import ImageBlobs, connect
from function_app.workflow import steps
from function_app.workflow.resources import Resources

pytestmark = pytest.mark.azurite


def png(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (32, 32), grey).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def use(azurite: Any) -> Iterator[Resources]:
    settings = Settings(StorageSettings(azurite.connection_string), "sqlite:///:memory:", container="img")
    container = f"img-{uuid.uuid4().hex[:12]}"
    service = connect(settings.storage)
    service.create_container(container)
    store = open_result_store(settings)
    yield Resources(settings, ImageBlobs(service, container, f"{container}-q", 10_000), lambda: store)
    service.close()


def uploaded(use: Resources, content: bytes, **told: str) -> RunRequest:
    blobs = use.blobs
    blobs._service.get_blob_client(blobs._container, "x.png").upload_blob(
        content, metadata=told, overwrite=True
    )
    run = blobs.present_run(blobs._container, "x.png")
    assert run is not None
    return run


def replay_of(run: RunRequest, reason: str) -> RunRequest:
    """What a replay starts, from the row that the first attempt left."""
    image = run.image
    row = RunRecord(run.run_id, image.container, image.blob_name, image.etag, image.size_bytes, Outcome.REJECTED, 1,
                    datetime.now(UTC), reason=reason, sha256="0" * 64)  # fmt: skip
    return next_attempt(row)


@pytest.mark.parametrize(
    "told", [{}, {"sha256": hashlib.sha256(png(7)).hexdigest()}, {"sha256": "not a checksum"}]
)
def test_the_uploader_s_checksum_or_none_lets_an_image_pass(use: Resources, told: dict[str, str]) -> None:
    run = uploaded(use, png(7), **told)
    for attempt in (run, replay_of(run, "storage_unavailable")):
        answer = steps.validate(attempt, use)
        assert answer.rejection is None
        assert answer.sha256 == hashlib.sha256(png(7)).hexdigest()


def test_bytes_that_are_not_the_uploader_s_are_rejected_by_name(use: Resources) -> None:
    run = uploaded(use, png(7), sha256=hashlib.sha256(png(8)).hexdigest())
    answer = steps.validate(run, use)
    assert answer.rejection is not None
    assert answer.rejection.reason == "checksum_mismatch"


def test_a_replay_does_not_score_them_either(use: Resources) -> None:
    """The row of the first attempt has no checksum of the uploader's, and the replay once passed without it."""
    run = uploaded(use, png(7), sha256=hashlib.sha256(png(8)).hexdigest())
    answer = steps.validate(replay_of(run, "checksum_mismatch"), use)
    assert answer.rejection is not None
    assert answer.rejection.reason == "checksum_mismatch"


def test_a_replay_is_not_held_to_what_was_said_of_another_version(use: Resources) -> None:
    run = uploaded(use, png(7))
    answer = steps.validate(run, use)  # its bytes are known now, so that the replay can judge them
    uploaded(use, png(9), sha256=hashlib.sha256(png(9)).hexdigest())
    assert steps.validate(replace(replay_of(run, "damaged"), image=run.image), use) == answer
