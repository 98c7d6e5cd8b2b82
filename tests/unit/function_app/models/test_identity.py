"""Run ids, blob names and what metadata may say."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from function_app.models.identity import blob_key_of, is_run_id, plain_etag, run_id_of, source_metadata_of

NAME = "cam-1/20260101T120000123456Z-0123456789abcdef.png"
CAPTURED = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_run_id_is_the_contract_s_hash_of_container_name_and_etag():
    expected = hashlib.sha256(b"img\ncam-1/x.png\n0x8D1").hexdigest()[:32]
    assert run_id_of("img", "cam-1/x.png", "0x8D1") == expected
    assert is_run_id(expected)


def test_quotes_around_an_etag_make_no_other_run():
    assert run_id_of("img", "x", '"0x1"') == run_id_of("img", "x", "0x1")
    assert plain_etag('W/"0x1"') == "0x1"


def test_another_version_name_or_container_is_another_run():
    ids = {run_id_of(c, n, e) for c in ("img", "im") for n in ("x", "gx") for e in ("1", "2")}
    assert len(ids) == 8


@pytest.mark.parametrize(
    "text", ["", "x" * 32, "A" * 32, "0" * 31, "0" * 33, "../" + "0" * 29, "0" * 32 + "\n"]
)
def test_other_texts_are_no_run_ids(text):
    assert not is_run_id(text)


def test_blob_keys_have_a_fixed_length_whatever_the_name():
    assert {len(blob_key_of("img", name)) for name in ("x", "é" * 1024, "\udcff")} == {64}


def test_lineage_comes_from_metadata_whatever_the_case_of_its_keys():
    told = {
        "DeviceId": "cam-9",
        "sourcename": "a%20b/c.png",
        "CapturedAt": "2026-02-03T04:05:06.000007Z",
        "sha256": "a" * 64,
    }
    source = source_metadata_of("any name.png", told, CAPTURED)
    assert (source.device_id, source.source_name, source.sha256) == ("cam-9", "a%20b/c.png", "a" * 64)
    assert source.captured_at == datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert source.uploaded_at == CAPTURED


def test_our_own_blob_names_tell_device_and_capture_time_by_themselves():
    source = source_metadata_of(NAME, {}, None)
    assert (source.device_id, source.captured_at) == ("cam-1", CAPTURED)


@pytest.mark.parametrize("name", ["x.png", "a/b/c.png", NAME.title(), NAME + "x" * 9])
def test_foreign_names_have_no_lineage(name):
    assert source_metadata_of(name, {}, None).device_id is None


def test_metadata_that_does_not_fit_is_left_out_never_an_error():
    hostile = {
        "deviceid": "<script>",
        "sourcename": "a\nb",
        "capturedat": "yesterday",
        "sha256": "'; DROP TABLE runs",
    }
    source = source_metadata_of("x.png", hostile, None)
    assert set(vars(source).values()) == {None}


def test_an_impossible_date_in_a_name_is_no_capture_time():
    assert (
        source_metadata_of("cam-1/20261399T990000123456Z-0123456789abcdef.png", {}, None).captured_at is None
    )
