"""Accidents in the inbox of a running agent: each has one outcome, none stops the stream or its neighbours.

One line of the list in docs/local-agent.md, one test. The agent runs the ``rename`` contract, settling 1 s.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from tests.integration.local_agent.agent_kit import AgentProcess, CuttableNetwork, drop, eventually

pytestmark = [pytest.mark.spark, pytest.mark.azurite, pytest.mark.timeout(300)]

AWKWARD_NAMES = [
    b"colon:in:name.png",
    b"[brackets]{braces}*star?mark.png",
    b"back\\slash.png",
    b"two words and\ttab.png",
    b"_underscore.png",
    b"percent%41~tilde+plus&amp=.png",
    "Größe-☃-写真.png".encode(),
    b"latin-1-\xe9\xff\xfe.png",
    b"new\nline.png",
    b"-rf.png",
    b"'; DROP TABLE runs;--.png",
    b"x" * 240 + b".png",
    b"noextension",
]


def test_a_complete_file_is_uploaded_with_its_metadata_and_moved_to_done(healthy: AgentProcess) -> None:
    path = drop(healthy.inbox, "good.png", b"content of a good file")
    mtime_ns = path.stat().st_mtime_ns
    [blob] = eventually(lambda: healthy.storage.of(b"good.png"))
    assert healthy.storage.content(blob) == b"content of a good file"
    assert blob.metadata["deviceid"] == "dev-1"
    assert blob.metadata["sha256"] == hashlib.sha256(b"content of a good file").hexdigest()
    assert blob.metadata["contract"] == "1"
    assert blob.content_type == "image/png"
    assert blob.md5 == hashlib.md5(b"content of a good file").digest()
    seconds, micros = divmod(mtime_ns // 1000, 1_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros:06d}Z"
    assert blob.metadata["capturedat"] == stamp
    eventually(lambda: (healthy.done / "good.png").exists())
    assert not path.exists()


@pytest.mark.parametrize("name", AWKWARD_NAMES, ids=range(len(AWKWARD_NAMES)))
def test_awkward_name_is_uploaded_once_under_a_safe_one(healthy: AgentProcess, name: bytes) -> None:
    drop(healthy.inbox, name, b"content of " + name)
    [blob] = eventually(lambda: healthy.storage.of(name))
    assert healthy.storage.content(blob) == b"content of " + name
    assert blob.name.isascii()
    assert " " not in blob.name


def test_leading_dot_waits_until_it_is_renamed(healthy: AgentProcess) -> None:
    hidden = healthy.inbox / ".hidden.png"
    hidden.write_bytes(b"not yet")
    drop(healthy.inbox, "after-hidden.png", b"x")
    eventually(lambda: healthy.storage.of(b"after-hidden.png"))
    assert hidden.exists()
    assert not healthy.storage.of(b".hidden.png")
    hidden.rename(healthy.inbox / "shown.png")
    eventually(lambda: healthy.storage.of(b"shown.png"))


def test_half_written_file_under_a_temporary_name_never_arrives_in_parts(healthy: AgentProcess) -> None:
    temporary = healthy.inbox / ".slow.png.part"
    with temporary.open("wb") as file:
        for byte in range(50):
            file.write(bytes([byte]))
            file.flush()
            time.sleep(0.01)
    temporary.rename(healthy.inbox / "slow.png")
    [blob] = eventually(lambda: healthy.storage.of(b"slow.png"))
    assert healthy.storage.content(blob) == bytes(range(50))


def test_writer_killed_half_way_leaves_nothing_uploaded(healthy: AgentProcess) -> None:
    (healthy.inbox / "dead.png.part").write_bytes(b"half of")
    drop(healthy.inbox, "after-dead.png", b"x")
    eventually(lambda: healthy.storage.of(b"after-dead.png"))
    assert (healthy.inbox / "dead.png.part").exists()
    (healthy.inbox / "dead.png.part").unlink()


def test_empty_file_is_uploaded_as_it_is_after_it_kept_still(healthy: AgentProcess) -> None:
    drop(healthy.inbox, "empty.png", b"")
    [blob] = eventually(lambda: healthy.storage.of(b"empty.png"))
    assert blob.size == 0
    eventually(lambda: not (healthy.inbox / "empty.png").exists())


def test_empty_file_filled_in_time_arrives_only_filled(healthy: AgentProcess) -> None:
    (healthy.inbox / "filled.png").touch()
    time.sleep(0.4)
    (healthy.inbox / "filled.png").write_bytes(b"now complete")
    [blob] = eventually(lambda: healthy.storage.of(b"filled.png"))
    assert healthy.storage.content(blob) == b"now complete"


def test_empty_file_filled_after_it_was_taken_arrives_as_a_second_image(healthy: AgentProcess) -> None:
    with (healthy.inbox / "late.png").open("wb") as writer:
        eventually(lambda: healthy.storage.of(b"late.png"))
        eventually(lambda: not (healthy.inbox / "late.png").exists())
        writer.write(b"late but whole")
    blobs = eventually(lambda: len(found := healthy.storage.of(b"late.png")) == 2 and found)
    assert sorted(healthy.storage.content(blob) for blob in blobs) == [b"", b"late but whole"]


def _is_stored(agent: AgentProcess, name: bytes, content: bytes) -> bool:
    return content in {agent.storage.content(blob) for blob in agent.storage.of(name)}


def test_rewriting_under_the_same_name_gives_one_image_per_content(healthy: AgentProcess) -> None:
    for content in (b"first", b"second", b"third"):
        drop(healthy.inbox, "again.png", content)
        eventually(partial(_is_stored, healthy, b"again.png", content))
    assert len(healthy.storage.of(b"again.png")) == 3
    eventually(lambda: len(list(healthy.done.glob("again.png*"))) == 3)


def test_recreating_the_same_bytes_is_a_new_image(healthy: AgentProcess) -> None:
    drop(healthy.inbox, "twin.png", b"same")
    eventually(lambda: healthy.storage.of(b"twin.png"))
    eventually(lambda: not (healthy.inbox / "twin.png").exists())
    drop(healthy.inbox, "twin.png", b"same")
    eventually(lambda: len(healthy.storage.of(b"twin.png")) == 2)


@pytest.mark.parametrize(
    ("name", "seconds"), [("1970.png", 1), ("old.png", time.time() - 8 * 86400), ("2100.png", 4_102_444_800)]
)
def test_any_modification_time_is_uploaded(healthy: AgentProcess, name: str, seconds: float) -> None:
    temporary = healthy.inbox / f".{name}.part"
    temporary.write_bytes(b"timeless")
    os.utime(temporary, (seconds, seconds))
    temporary.rename(healthy.inbox / name)
    [blob] = eventually(lambda: healthy.storage.of(name.encode()))
    assert blob.metadata["capturedat"].startswith(time.strftime("%Y-%m-%d", time.gmtime(seconds)))


@pytest.mark.parametrize("target", ["/etc/passwd", "nowhere", "/etc", "neighbour.png"])
def test_symlink_is_set_aside_and_never_followed(healthy: AgentProcess, target: str) -> None:
    name = f"link-to-{Path(target).name}.png"
    (healthy.inbox / name).symlink_to(target)
    reason = eventually(lambda: _reason(healthy, name))
    assert reason["reason"] == "symlink"
    assert (healthy.rejected / name).is_symlink()
    assert not healthy.storage.of(name.encode())
    assert not any(b"passwd" in blob.source for blob in healthy.storage.blobs() if b"link" not in blob.source)


def test_fifo_is_set_aside_and_never_opened(healthy: AgentProcess) -> None:
    os.mkfifo(healthy.inbox / "fifo.png")
    assert eventually(lambda: _reason(healthy, "fifo.png"))["reason"] == "special_file"
    assert stat.S_ISFIFO((healthy.rejected / "fifo.png").lstat().st_mode)


def test_socket_is_set_aside(healthy: AgentProcess) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(healthy.inbox)  # the path of a socket may have 107 bytes only
        try:
            listener.bind("socket.png")
        finally:
            os.chdir(here)
    assert eventually(lambda: _reason(healthy, "socket.png"))["reason"] == "special_file"


def test_folder_with_the_name_of_an_image_is_entered_not_uploaded(healthy: AgentProcess) -> None:
    (healthy.inbox / "folder.png").mkdir()
    drop(healthy.inbox, "folder.png/inner.png", b"inside")
    [blob] = eventually(lambda: healthy.storage.of(b"folder.png/inner.png"))
    assert healthy.storage.content(blob) == b"inside"
    assert not healthy.storage.of(b"folder.png")
    eventually(lambda: (healthy.done / "folder.png" / "inner.png").exists())


def test_folder_that_links_elsewhere_is_set_aside_and_not_entered(
    healthy: AgentProcess, tmp_path: Path
) -> None:
    (tmp_path / "secret.png").write_bytes(b"outside the inbox")
    (healthy.inbox / "way-out").symlink_to(tmp_path)
    assert eventually(lambda: _reason(healthy, "way-out"))["reason"] == "symlink"
    assert not any(b"secret.png" in blob.source for blob in healthy.storage.blobs())
    assert (tmp_path / "secret.png").exists()


def test_file_over_the_limit_is_set_aside_unread(healthy: AgentProcess) -> None:
    sparse = healthy.inbox / ".giant.png.part"
    with sparse.open("wb") as file:
        file.truncate(3 << 30)
    sparse.rename(healthy.inbox / "giant.png")
    reason = eventually(lambda: _reason(healthy, "giant.png"))
    assert reason["reason"] == "too_large"
    assert str(3 << 30) in reason["message"]


def test_file_of_exactly_the_limit_is_uploaded(healthy: AgentProcess) -> None:
    drop(healthy.inbox, "limit.png", bytes(1_048_576))
    [blob] = eventually(lambda: healthy.storage.of(b"limit.png"))
    assert blob.size == 1_048_576


def test_vanishing_files_disturb_nobody(healthy: AgentProcess) -> None:
    for number in range(100):
        drop(healthy.inbox, f"vanish-{number}.png", b"x").unlink(missing_ok=True)


def test_hostile_bytes_are_uploaded_untouched_for_the_cloud_to_judge(healthy: AgentProcess) -> None:
    drop(healthy.inbox, "not-an-image.png", b"\x00\xff<script>%PDF" * 10)
    [blob] = eventually(lambda: healthy.storage.of(b"not-an-image.png"))
    assert healthy.storage.content(blob) == b"\x00\xff<script>%PDF" * 10


def test_cut_network_keeps_every_file_and_mending_it_is_enough(
    healthy: AgentProcess, network: CuttableNetwork
) -> None:
    network.cut()
    for number in range(40):
        drop(healthy.inbox, f"outage-{number:02d}.png", b"%d" % number)
    eventually(lambda: healthy.status()["state"] == "waiting_for_storage")
    assert "cannot be reached" in healthy.status()["last_error"]
    assert len(list(healthy.inbox.glob("outage-*"))) == 40
    network.mend()
    eventually(lambda: not list(healthy.inbox.glob("outage-*")), 30)
    stored = [blob.source for blob in healthy.storage.blobs() if blob.source.startswith(b"outage-")]
    assert len(stored) == len(set(stored)) == 40
    eventually(lambda: healthy.status()["last_error"] == "")


def test_flapping_network_loses_and_doubles_nothing(healthy: AgentProcess, network: CuttableNetwork) -> None:
    ending = threading.Event()

    def flap() -> None:
        while not ending.wait(0.3):
            network.cut()
            ending.wait(0.3)
            network.mend()

    flapping = threading.Thread(target=flap)
    flapping.start()
    try:
        for number in range(60):
            drop(healthy.inbox, f"flap-{number:02d}.png", b"%d" % number)
            time.sleep(0.03)
    finally:
        ending.set()
        flapping.join()
        network.mend()
    eventually(lambda: not list(healthy.inbox.glob("flap-*")), 40)
    stored = [blob.source for blob in healthy.storage.blobs() if blob.source.startswith(b"flap-")]
    assert len(stored) == len(set(stored)) == 60


def test_second_agent_on_the_folder_refuses_and_says_why(healthy: AgentProcess) -> None:
    second = AgentProcess(healthy.root, healthy.storage, device_id="dev-2")
    before = healthy.log.read_text()
    assert second.start().wait() == 4
    assert "already serves" in healthy.log.read_text()[len(before) :]


def test_books_balance_and_no_temporary_state_is_left(healthy: AgentProcess) -> None:
    eventually(lambda: not (healthy.root / ".agent" / "stop").exists())
    in_done = {  # looked at first: what lies in done/ now was acknowledged before
        os.fsencode(path.relative_to(healthy.done)) for path in healthy.done.rglob("*") if path.is_file()
    }
    stored = {blob.source for blob in healthy.storage.blobs()}
    for name in in_done:
        original = name.removeprefix(b".empty/").split(b"~")[0]
        assert original in stored or name in stored


def test_status_and_log_tell_what_happened(healthy: AgentProcess) -> None:
    status = healthy.status()
    assert status["uploaded"] > 0
    assert status["rejected"] >= 1
    batches = [line for line in healthy.lines() if line["event"] == "batch"]
    assert sum(line["files"] for line in batches) >= status["uploaded"] - 5
    for field in ("files", "bytes", "waiting", "oldest_seconds", "files_per_second"):
        assert field in batches[0]


def test_no_secret_is_in_logs_status_checkpoint_or_process_arguments(healthy: AgentProcess) -> None:
    key = healthy.storage.through_network.partition("AccountKey=")[2].partition(";")[0].encode()
    for path in [healthy.log, *(path for path in (healthy.root / ".agent").rglob("*") if path.is_file())]:
        content = path.read_bytes()
        assert key not in content, path
        assert b"sig=" not in content, path
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert key not in arguments.read_bytes()
        except OSError:
            continue


def _reason(agent: AgentProcess, name: str) -> dict[str, str] | None:
    path = agent.rejected / f"{name}.reason.json"
    if not path.exists() or not os.path.lexists(agent.rejected / name):
        return None
    content: dict[str, str] = json.loads(path.read_text())
    return content
