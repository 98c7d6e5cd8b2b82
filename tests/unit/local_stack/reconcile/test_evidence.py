"""What is reconciled is read as it stands on disk, cut lines and hidden files included."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from local_stack.reconcile import evidence
from local_stack.state_folder import StateFolder


def test_a_manifest_line_cut_by_a_kill_is_skipped(tmp_path: Path) -> None:
    whole = json.dumps({"name": "a.png", "sha256": "aa", "sum": 7, "expected": "scored"})
    (tmp_path / "truth.jsonl").write_text(f'{whole}\n{{"name": "b.p')
    assert [line.name for line in evidence.manifest_lines(tmp_path)] == ["a.png"]


def test_a_hidden_part_is_unfinished_and_other_hidden_files_do_not_count(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.create()
    (state.inbox / "sub").mkdir()
    (state.inbox / "sub" / "a.png").write_bytes(b"1")
    (state.inbox / ".b.png.part").write_bytes(b"2")
    (state.inbox / ".DS_Store").write_bytes(b"x")
    (state.rejected / "c.png").write_bytes(b"3")
    (state.rejected / "c.png.reason.json").write_text('{"source_name": "e%3A.png"}')
    assert sorted((name, place) for name, _, place in evidence.device_files(state)) == [
        ("b.png", "unfinished"),
        ("e:.png", "rejected"),
        ("sub/a.png", "inbox"),
    ]


def test_a_giant_that_was_refused_is_counted_and_not_read(tmp_path: Path) -> None:
    """An audit once read a refused file of 3 GiB into memory."""
    state = StateFolder(tmp_path)
    state.create()
    with (state.rejected / "giant.png").open("wb") as file:
        file.truncate(64 << 30)  # sparse: reading it would take minutes
    assert list(evidence.device_files(state)) == [("giant.png", "", "rejected")]


def test_only_what_was_completed_from_the_given_moment_on_counts(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_text(
        "".join(
            json.dumps({"name": name, "sha256": "aa", "completed_at": completed}) + "\n"
            for name, completed in (
                ("old", "2026-01-01T00:00:00Z"),
                ("new", "2026-01-02T00:00:00Z"),
                ("?", None),
            )
        )
    )
    earliest = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert [line.name for line in evidence.manifest_lines(tmp_path, earliest=earliest)] == ["new", "?"]
