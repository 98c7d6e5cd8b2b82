"""What becomes of a file that was acknowledged, when the device puts another in its place at that very moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local_agent.folder import moving
from local_agent.folder.entries import Identity, identity_of
from local_agent.folder.layout import DeviceFolders

End = Callable[[DeviceFolders, bytes, Identity, str], bool]
ENDS = pytest.mark.parametrize("end", [moving.move_to_done, moving.delete_done])


@pytest.fixture
def folders(tmp_path: Path) -> DeviceFolders:
    folders = DeviceFolders(tmp_path)
    folders.create()
    return folders


def put(folders: DeviceFolders, content: bytes) -> Identity:
    """As a careful device does: written elsewhere, renamed over whatever has the name."""
    written = folders.root / "writing"
    written.write_bytes(content)
    written.replace(folders.inbox / "x.png")
    return identity_of((folders.inbox / "x.png").stat())


@ENDS
def test_a_file_that_was_replaced_before_stays(folders: DeviceFolders, end: End) -> None:
    first = put(folders, b"first")
    put(folders, b"second, longer")
    assert not end(folders, b"x.png", first, "tag")
    assert (folders.inbox / "x.png").read_bytes() == b"second, longer"


@ENDS
def test_a_file_that_is_replaced_between_the_look_and_the_act_is_not_lost(
    folders: DeviceFolders, end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``--delete-done`` the second image was deleted, unsent."""
    first = put(folders, b"first")

    def replaced_just_after(*question: object) -> bool:
        put(folders, b"second, longer")
        return False

    monkeypatch.setattr(moving, "has_changed", replaced_just_after)
    assert not end(folders, b"x.png", first, "tag")
    assert (folders.inbox / "x.png").read_bytes() == b"second, longer"


def test_deleting_leaves_nothing_and_keeping_keeps(folders: DeviceFolders) -> None:
    assert moving.delete_done(folders, b"x.png", put(folders, b"1"), "tag")
    assert moving.move_to_done(folders, b"x.png", put(folders, b"22"), "tag")
    assert moving.delete_done(folders, b"x.png", put(folders, b"333"), "tag")
    assert not list(folders.inbox.iterdir())
    assert (folders.done / "x.png").read_bytes() == b"22"
    assert [path.name for path in folders.done.iterdir() if path.is_file()] == ["x.png"]
