"""The simulated device keeps its word: seeded images, true sums, atomic files, an auditable record."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from local_agent.blob_contract import MAX_IMAGE_BYTES
from local_agent.cli import main
from local_agent.simulator.damage import KINDS, bad_image
from local_agent.simulator.device import Manifest, drop_into, simulate
from local_agent.simulator.images import Mode, good_image
from local_agent.simulator.plan import Run


def levels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"), dtype=np.int64)


@pytest.mark.parametrize("mode", list(Mode))
def test_sum_is_the_sum_of_the_grey_levels_on_disk(mode: Mode) -> None:
    image = good_image(7, 3, mode)
    assert Image.open(io.BytesIO(image.content)).mode == ("L" if mode is Mode.GREY8 else "1")
    assert levels(image.content).shape == (32, 32)
    assert image.sum == int(levels(image.content).sum())


def test_one_bit_images_are_noise_not_dithered_and_white_counts_255() -> None:
    image = good_image(1, 1, Mode.ONE_BIT)
    assert image.sum is not None
    assert image.sum % 255 == 0
    assert 300 < image.sum // 255 < 700


def test_same_seed_makes_the_same_files_and_another_seed_others() -> None:
    assert good_image(1, 2).content == good_image(1, 2).content
    assert good_image(1, 2).content != good_image(2, 2).content
    assert good_image(1, 2).content != good_image(1, 3).content


def test_bad_images_are_spread_and_take_turns_through_every_kind() -> None:
    run = Run(seed=1, images=64, bad=8)
    bad = [number for number in run.numbers() if run.image(number).damage]
    assert [run.image(number).damage for number in bad] == list(KINDS)
    assert bad == list(range(7, 64, 8))


@pytest.mark.parametrize(("images", "bad"), [(10, 3), (60, 8), (5, 5), (7, 0), (200, 6)])
def test_exactly_as_many_are_bad_as_asked_for(images: int, bad: int) -> None:
    run = Run(seed=1, images=images, bad=bad)
    assert sum(run.bad_position(number) is not None for number in run.numbers()) == bad


def test_no_bad_image_is_a_sound_grey_32x32_png() -> None:
    for position, kind in enumerate(KINDS):
        content = bad_image(3, position, position).content
        if kind == "decompression_bomb":
            continue
        try:
            picture = Image.open(io.BytesIO(content), formats=["PNG"])
            picture.verify()
            sound = picture.size == (32, 32) and picture.mode in ("L", "1")
        except Exception:
            sound = False
        assert not sound, kind


def test_bomb_is_small_on_disk_and_huge_when_opened() -> None:
    content = bad_image(3, 7, KINDS.index("decompression_bomb")).content
    assert len(content) < MAX_IMAGE_BYTES
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(content))


def test_rate_and_burst_say_when_each_image_is_due() -> None:
    assert [Run(1, 6, rate=2.0).due(number) for number in range(3)] == [0.0, 0.5, 1.0]
    assert [Run(1, 6, rate=2.0, burst=2).due(number) for number in range(5)] == [0.0, 0.0, 1.0, 1.0, 2.0]
    assert Run(1, 6, rate=0).due(5) == 0.0


def test_manifest_is_on_disk_before_the_file_is_visible(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    seen: list[bool] = []
    with Manifest(truth) as record:
        drop_into(tmp_path, "a.png", b"x", lambda moment: seen.append((tmp_path / "a.png").exists()))
        simulate(Run(1, 3, rate=0), tmp_path / "inbox", record)
    assert seen == [False]
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    assert [line["name"] for line in lines] == sorted(path.name for path in (tmp_path / "inbox").iterdir())
    for line in lines:
        assert line["sha256"] == hashlib.sha256((tmp_path / "inbox" / line["name"]).read_bytes()).hexdigest()


def test_pacing_follows_the_clock(tmp_path: Path) -> None:
    now = [0.0]
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds

    with Manifest(tmp_path / "truth.jsonl") as truth:
        simulate(Run(1, 4, rate=10.0, burst=2), tmp_path / "inbox", truth, clock=lambda: now[0], sleep=nap)
    assert naps == [pytest.approx(0.2)]


def test_bad_lines_say_rejected_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = tmp_path / "t.jsonl"
    arguments = ["simulate", "--inbox", str(tmp_path / "in"), "--manifest", str(truth), "--images", "16"]
    assert main([*arguments, "--bad", "8", "--rate", "0", "--seed", "5", "--prefix", "demo"]) == 0
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    rejected = [line for line in lines if line["expected"] == "rejected"]
    assert [line["reason"] for line in rejected] == list(KINDS)
    assert all(line["sum"] is None for line in rejected)
    assert all(isinstance(line["sum"], int) for line in lines if line["expected"] == "scored")
    assert json.loads(capsys.readouterr().out) == {"event": "simulated", "images": 16, "seed": 5}


def test_feeding_takes_every_file_and_claims_nothing_about_sums(tmp_path: Path) -> None:
    source = tmp_path / "real"
    (source / "sub").mkdir(parents=True)
    (source / "a.png").write_bytes(b"one")
    (source / "sub" / "a.png").write_bytes(b"two")
    (source / "link.png").symlink_to("/etc/passwd")
    truth = tmp_path / "t.jsonl"
    arguments = ["feed", "--input", str(source), "--inbox", str(tmp_path / "in"), "--manifest", str(truth)]
    assert main([*arguments, "--rate", "0", "--prefix", "x-"]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()} == {
        "x-a.png": b"one",
        "x-sub__a.png": b"two",
    }
    assert {(line["sum"], line["expected"]) for line in map(json.loads, truth.read_text().splitlines())} == {
        (None, None)
    }


@pytest.mark.parametrize("option", ["--manifest", "--truth"])
def test_manifest_keeps_its_former_option_beside_its_own(option: str, tmp_path: Path) -> None:
    written = tmp_path / "t.jsonl"
    assert main(["simulate", "--inbox", str(tmp_path / "in"), option, str(written), "--images", "1"]) == 0
    assert len(written.read_text().splitlines()) == 1


def test_simulator_without_a_manifest_is_a_wrong_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--inbox", str(tmp_path)])
    said = capsys.readouterr().err
    assert "--manifest" in said
    assert "--truth" not in said
