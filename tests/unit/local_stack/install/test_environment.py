"""Whatever is missing on a machine is said in one sentence with its remedy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from local_stack.command_line import VERBS, main
from local_stack.errors import remedy_for
from local_stack.install import environment
from local_stack.state_folder import PROJECT_ROOT


@pytest.mark.parametrize(
    ("printed", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "cache"),
        ("Failed to establish a new connection: NewConnectionError", "network"),
        ("ERROR: No matching distribution found for aiohttp==3.14.5", "network"),
        ("PermissionError: [Errno 13] Permission denied", "writable"),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "NODE_EXTRA_CA_CERTS"),
        ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT"),
        ("npm error code ENOTFOUND", "network"),
        ("something never seen before", "doctor"),
    ],
)
def test_every_failure_of_an_installer_has_a_remedy(printed: str, remedy: str) -> None:
    assert remedy in remedy_for(printed, Path("/project"))


def test_a_lock_file_that_changed_is_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "VENV", tmp_path)
    stamp = tmp_path / "installed" / "app"
    stamp.parent.mkdir()
    stamp.write_text("the hash of an older lock file")
    assert not environment.is_installed("app")


def test_a_larger_set_holds_the_very_versions_of_the_smaller(tmp_path: Path) -> None:
    def pins(name: str) -> set[str]:
        lines = (PROJECT_ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
        return {line.rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("app") < pins("stack") < pins("test")


def test_locks_name_the_extras_that_packages_ask_for() -> None:
    """pip takes `x[extra]` for another requirement than `x`: unpinned, it ends the installation at x's next release."""
    asked: dict[str, set[str]] = {}
    for distribution in metadata.distributions():
        for line in distribution.requires or ():
            found = re.match(r"([\w.-]+)\[([\w,-]+)\][^;]*(;.*extra ==.*)?", line)
            if found and not found[3]:
                asked.setdefault(found[1].lower(), set()).update(found[2].split(","))
    assert "coverage" in asked
    for lock in (PROJECT_ROOT / "requirements").glob("*.lock"):
        for name, extras in re.findall(r"^([\w.-]+)(?:\[([\w,-]+)\])?==", lock.read_text(), re.M):
            assert asked.get(name, set()) <= set(extras.split(",")), f"{lock.name}: {name}"


def test_lock_files_hold_hashes_and_no_address() -> None:
    for lock in (PROJECT_ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text, lock.name
    for folder in ("local_stack/run/azurite", "tests/unit/dashboard/tools"):
        text = (PROJECT_ROOT / folder / "package-lock.json").read_text()
        assert '"integrity"' in text
        assert '"resolved"' not in text, folder


def test_an_old_python_is_told_which_one_is_needed() -> None:
    """pipeline.py has to be readable by any Python 3, so its check is run here with a version pretended."""
    program = (
        "import sys; sys.version_info = (3, 8, 1); sys.argv = ['pipeline.py', 'demo'];"
        f"exec(compile(open({str(PROJECT_ROOT / 'pipeline.py')!r}).read(), 'pipeline.py', 'exec'),"
        " {'__name__': '__main__', '__file__': 'pipeline.py'})"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert "needs Python 3.11 to 3.13; this is Python 3.8" in finished.stderr
    assert "Remedy" in finished.stderr


def test_what_runs_before_the_installation_imports_the_standard_library_only() -> None:
    """``-S -I`` hides every installed package: help and doctor must answer on a bare machine."""
    ours = [[name, "--help"] for name, verb in VERBS.items() if not verb.part]
    for words in (["--help"], *ours):
        program = (
            f"import sys; sys.path.insert(0, {str(PROJECT_ROOT)!r});"
            f"from local_stack.command_line import main; sys.exit(main({words!r}))"
        )
        finished = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, (words, finished.stderr)
        assert "usage" in finished.stdout.lower()


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if verb.part])
def test_a_part_says_its_own_help_before_anything_is_installed(verb: str) -> None:
    """``host --help`` ended in a traceback in a fresh clone."""
    finished = subprocess.run(
        [sys.executable, "-S", "-m", *VERBS[verb].part, "--help"],
        cwd=PROJECT_ROOT, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert "usage" in finished.stdout.lower()


def test_an_unknown_command_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["dmeo"])
    assert exit_.value.code == 2
    assert "demo" in capsys.readouterr().err
