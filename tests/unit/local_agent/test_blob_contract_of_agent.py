"""The agent's naming of blobs: deterministic, safe, and nothing of the source name lost."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_agent.blob_contract import (
    MAX_SOURCE_NAME,
    captured_at,
    describe,
    encoded_source_name,
    image_id,
    is_device_id,
)
from local_agent.errors import FileRefusedError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}/\d{8}T\d{12}Z-[0-9a-f]{16}\.[a-z0-9]{1,8}")
any_path = st.binary(min_size=1, max_size=200).filter(lambda path: b"\0" not in path)
any_time = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(any_path, any_time, st.binary(max_size=64))
def test_every_name_time_and_content_gives_a_valid_blob(path: bytes, mtime_ns: int, content: bytes) -> None:
    blob = describe("dev-1", path, mtime_ns, content)
    assert NAME.fullmatch(blob.name)
    assert all(value.isascii() and value.isprintable() for value in blob.metadata.values())


@given(any_path)
def test_source_name_can_be_read_back_byte_for_byte(path: bytes) -> None:
    encoded = encoded_source_name(path)
    assert re.fullmatch(r"[A-Za-z0-9._/%-]*", encoded)
    assert unquote_to_bytes(encoded) == path


def test_same_file_always_gets_the_same_name() -> None:
    assert describe("dev-1", b"a.png", 5, b"x") == describe("dev-1", b"a.png", 5, b"x")


@pytest.mark.parametrize(
    "other",
    [
        ("dev-2", b"a.png", 5, b"x"),
        ("dev-1", b"b.png", 5, b"x"),
        ("dev-1", b"a.png", 6, b"x"),
        ("dev-1", b"a.png", 5, b"y"),
    ],
)
def test_another_device_name_time_or_content_is_another_image(other: tuple[str, bytes, int, bytes]) -> None:
    assert describe(*other).name != describe("dev-1", b"a.png", 5, b"x").name


def test_image_id_is_the_contract_formula() -> None:
    sha256 = hashlib.sha256(b"x").hexdigest()
    digest = hashlib.sha256(b"\0".join([b"dev-1", b"a.png", b"1500000000", sha256.encode()])).hexdigest()
    assert image_id("dev-1", b"a.png", 1_500_000_000, sha256) == f"19700101T000001500000Z-{digest[:16]}"


def test_ids_sort_by_capture_time() -> None:
    ids = [image_id("d", b"x", moment * 10**9, "") for moment in (0, 1, 10**9, 2 * 10**9)]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        (b"a.PNG", "png"),
        (b"a", "bin"),
        (b".png", "bin"),
        (b"a.tar.gz", "gz"),
        (b"a.p ng", "bin"),
        (b"d.png/a", "bin"),
    ],
)
def test_extension_is_lower_case_or_bin(name: bytes, extension: str) -> None:
    assert describe("d", name, 0, b"").name.rpartition(".")[2] == extension


def test_only_png_is_called_png() -> None:
    assert describe("d", b"a.png", 0, b"").content_type == "image/png"
    assert describe("d", b"a.txt", 0, b"").content_type == "application/octet-stream"


def test_a_name_too_long_for_metadata_is_refused_with_a_reason() -> None:
    with pytest.raises(FileRefusedError) as refusal:
        describe("d", b"%" * (MAX_SOURCE_NAME // 3 + 1), 0, b"")
    assert refusal.value.reason == "name_too_long"


@pytest.mark.parametrize("good", ["a", "0", "dev-1", "a" * 63])
def test_device_ids_of_the_grammar_are_accepted(good: str) -> None:
    assert is_device_id(good)


@pytest.mark.parametrize("bad", ["", "-a", "A", "a_b", "a/b", "a" * 64, "ä", "a\n"])
def test_other_device_ids_are_refused(bad: str) -> None:
    assert not is_device_id(bad)


def test_a_clock_beyond_the_calendar_is_held_to_it() -> None:
    assert captured_at(2**80).year == 9999
    assert captured_at(-(2**80)).year == 1
