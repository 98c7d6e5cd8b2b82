"""The main job as a user runs it: every image ends as exactly one right row or one named rejection."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Pipeline = Callable[..., "subprocess.CompletedProcess[str]"]
PNGSUITE = Path(__file__).resolve().parents[3] / "shared" / "pngsuite"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def demo(pipeline: Pipeline, tmp_path: Path, *options: str) -> dict[str, object]:
    figures = tmp_path / "demo.json"
    finished = pipeline("demo", "--json", str(figures), *options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Reconciled: " in finished.stdout
    result = json.loads(figures.read_text())
    assert isinstance(result, dict)
    return result


def zeros(result: dict[str, object]) -> tuple[object, ...]:
    return tuple(result[name] for name in ("lost", "duplicate_rows", "wrong_sums", "failed", "waiting"))


@pytest.mark.parametrize("host", ["embedded", "func"])
def test_sixty_images_of_which_eight_are_bad_all_end_right(
    pipeline: Pipeline, tmp_path: Path, host: str
) -> None:
    if host == "func" and shutil.which("func") is None:
        pytest.skip("Azure Functions Core Tools (func) are not on PATH")
    options = ("--images", "60", "--bad", "8", "--rate", "40", "--seed", "7", "--host", host)
    result = demo(pipeline, tmp_path, *options)
    assert zeros(result) == (0, 0, 0, 0, 0)
    assert (result["made"], result["uploaded"], result["scored"], result["rejected"]) == (60, 60, 52, 8)
    assert result["host"] == host
    latency = result["latency_seconds"]
    assert isinstance(latency, dict)
    assert all(latency[rank] > 0 for rank in ("p50", "p95", "p99"))
    assert Path(str(result["histogram"])).read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_real_image_files_is_scored_as_an_independent_reader_says(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """scikit-learn's handwritten digits (real scans, 8x8), enlarged to 32x32, and PngSuite where it is present."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    folder = tmp_path / "images"
    folder.mkdir()
    for number, digit in enumerate(load_digits().images[:30]):
        grey = np.kron((digit * 255 / 16).round().astype(np.uint8), np.ones((4, 4), dtype=np.uint8))
        Image.fromarray(grey).save(folder / f"digit-{number:03d}.png")
    suite = sorted(PNGSUITE.glob("*.png")) if PNGSUITE.is_dir() else []
    for path in suite:
        (folder / path.name).write_bytes(path.read_bytes())
    result = demo(pipeline, tmp_path, "--input", str(folder))
    assert zeros(result) == (0, 0, 0, 0, 0)
    assert result["made"] == 30 + len(suite)
    assert result["scored"] == 30 + (28 if suite else 0)


def test_the_books_of_everything_so_far_balance(pipeline: Pipeline) -> None:
    finished = pipeline("audit", "--json")
    balance = json.loads(finished.stdout)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert balance["balanced"] is True
    assert (balance["lost"], balance["duplicate_rows"], balance["wrong_sums"]) == (0, 0, 0)


def test_an_input_that_is_no_folder_is_refused_by_name(pipeline: Pipeline, tmp_path: Path) -> None:
    finished = pipeline("demo", "--input", str(tmp_path / "nothing"))
    assert finished.returncode == 2
    assert "nothing is not a folder" in finished.stderr
    assert "Remedy" in finished.stderr
