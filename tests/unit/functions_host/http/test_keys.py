"""Keys: who opens what, made once, readable by their owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from functions_host.http.keys import KeyRing, load_keys


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return load_keys(tmp_path / "keys.json", ["Score", "other"])


@pytest.mark.parametrize(
    ("level", "key", "opens"),
    [
        ("anonymous", None, True),
        ("function", None, False),
        ("function", "wrong", False),
        ("function", "score", True),
        ("function", "other", False),
        ("function", "host", True),
        ("function", "master", True),
        ("admin", "score", False),
        ("admin", "host", False),
        ("admin", "master", True),
    ],
)
def test_which_key_opens_a_function(ring: KeyRing, level: str, key: str | None, opens: bool) -> None:
    named = {
        "score": ring.functions["score"],
        "other": ring.functions["other"],
        "host": ring.host,
        "master": ring.master,
    }
    assert ring.opens_function("Score", level, named.get(key or "", key)) is opens


def test_webhooks_want_their_system_key(ring: KeyRing) -> None:
    assert ring.opens_webhook("blobs_extension", ring.system["blobs_extension"])
    assert ring.opens_webhook("blobs_extension", ring.master)
    assert not ring.opens_webhook("blobs_extension", ring.system["durabletask_extension"])
    assert not ring.opens_webhook("no_such_extension", "")


def test_keys_are_made_once_and_kept_for_new_functions(tmp_path: Path, ring: KeyRing) -> None:
    again = load_keys(tmp_path / "keys.json", ["score", "third"])
    assert (again.master, again.functions["score"]) == (ring.master, ring.functions["score"])
    assert again.functions["third"]


def test_key_file_is_for_its_owner_alone(tmp_path: Path, ring: KeyRing) -> None:
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_keys_stay_out_of_the_repr(ring: KeyRing) -> None:
    assert ring.master not in repr(ring)
