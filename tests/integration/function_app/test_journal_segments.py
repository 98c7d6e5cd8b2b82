"""The journal's blobs on a real Azurite: written by one, read on and cleared away by anybody."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from function_app.errors import BlobMissing, StorageUnavailable
from function_app.settings import StorageSettings
from function_app.storage.blobs import connect
from function_app.storage.journal_segments import JournalSegments

pytestmark = pytest.mark.azurite
_numbers = itertools.count()


@pytest.fixture
def container() -> str:
    return f"journal-{next(_numbers)}"


@pytest.fixture
def service(azurite: Any) -> Iterator[BlobServiceClient]:
    with connect(StorageSettings(azurite.connection_string)) as service:
        yield service


@pytest.fixture
def segments(service: BlobServiceClient, container: str) -> JournalSegments:
    return JournalSegments(service, container)


def test_before_the_first_run_there_is_nothing_to_read_and_no_container(segments: JournalSegments) -> None:
    assert segments.read({}).segments == ()


def test_a_segment_is_read_on_from_where_a_reader_stopped(segments: JournalSegments) -> None:
    segments.begin("live/a")
    segments.append("live/a", b"one\n")
    first = segments.read({})
    assert first.added == {"live/a": b"one\n"}
    segments.append("live/a", "zwei ü\n".encode())
    segments.begin("live/b")
    sizes = {segment.name: segment.size for segment in first.segments}
    then = segments.read(sizes)
    assert then.added == {"live/a": "zwei ü\n".encode()}
    assert [segment.name for segment in then.segments] == ["live/a", "live/b"]
    assert segments.read({segment.name: segment.size for segment in then.segments}).added == {}


def test_other_blobs_of_the_container_are_no_segments(
    segments: JournalSegments, service: BlobServiceClient, container: str
) -> None:
    segments.begin("live/a")
    service.get_blob_client(container, "empty/0-x.png").upload_blob(b"kept for a person")
    assert [segment.name for segment in segments.read({}).segments] == ["live/a"]


def test_a_segment_that_grew_since_it_was_listed_is_not_deleted(segments: JournalSegments) -> None:
    segments.begin("live/a")
    [listed] = segments.read({}).segments
    segments.append("live/a", b"one\n")
    segments.delete(listed)
    [grown] = segments.read({}).segments
    segments.delete(grown)
    assert segments.read({}).segments == ()
    segments.delete(grown)


def test_the_writer_of_a_deleted_segment_is_told_so(segments: JournalSegments) -> None:
    segments.begin("live/a")
    segments.delete(segments.read({}).segments[0])
    with pytest.raises(BlobMissing):
        segments.append("live/a", b"one\n")


def test_a_segment_that_vanishes_between_listing_and_reading_is_passed_over(
    segments: JournalSegments, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("live/a", "live/b"):
        segments.begin(name)
        segments.append(name, b"one\n")
    listed = segments._list()
    monkeypatch.setattr(segments, "_list", lambda: listed)
    segments.delete(listed[0])
    assert segments.read({}).added == {"live/b": b"one\n"}


def test_no_answer_is_transient(azurite: Any) -> None:
    nobody = azurite.connection_string.replace(str(azurite.blob_port), "1")
    with connect(StorageSettings(nobody)) as service, pytest.raises(StorageUnavailable):
        JournalSegments(service, "q").read({})
