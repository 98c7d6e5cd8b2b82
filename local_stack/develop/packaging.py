"""``pipeline.py package``: the zip that ``func azure functionapp publish`` would upload, built without Core Tools.

The app's files by Core Tools' own rules, and the root requirements for Linux in
``.python_packages/lib/site-packages``, where the Functions worker looks. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from local_stack.develop.funcignore import published_files
from local_stack.errors import StackError
from local_stack.state_folder import PROJECT_ROOT

PACKAGES = ".python_packages/lib/site-packages"
# Azure's images are Debian 11 and newer (glibc 2.31); pip takes the first tag that a wheel has.
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64")
_READ_WRITE = 0o100666 << 16  # as Core Tools writes it
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first moment


@dataclass(frozen=True)
class PackageReport:
    """What was built; sizes in bytes. ``largest`` names the heaviest top-level folders of the dependencies."""

    path: str
    python_version: str
    app_files: tuple[str, ...]
    dependency_files: int
    size: int
    unpacked_size: int
    sha256: str
    largest: tuple[tuple[str, int], ...]


def build_package(
    root: Path, output: Path, python_version: str, *, host_file: str = "host.json", dependencies: bool = True
) -> PackageReport:
    """Write the package. Raises StackError if a part is missing or a dependency has no wheel for Linux."""
    files = list(published_files(root))
    for needed in ("host.json", "requirements.txt", "function_app.py"):
        if needed not in files:
            raise StackError(
                f"The package would have no {needed}.", "see .funcignore and that the file exists"
            )
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        site = Path(folder) / "site-packages"
        if dependencies:
            _install(root / "requirements.txt", site, python_version)
        installed = sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
        entries = [(name, root / (host_file if name == "host.json" else name)) for name in files]
        entries += [(f"{PACKAGES}/{name}", site / name) for name in installed]
        unpacked = _write_zip(output, entries)
        largest = _largest(site, installed)
    content = output.read_bytes()
    return PackageReport(
        str(output), python_version, tuple(files), len(installed), len(content), unpacked,
        hashlib.sha256(content).hexdigest(), largest,
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Build a package as the options of ``pipeline.py package`` say; returns the exit code."""
    report = build_package(
        PROJECT_ROOT, arguments.output.resolve(), arguments.python,
        host_file=arguments.host_file, dependencies=not arguments.no_dependencies,
    )  # fmt: skip
    print(json.dumps(asdict(report), indent=1) if arguments.json else described(report))
    return 0


def described(report: PackageReport) -> str:
    """The report for people."""
    heavy = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in report.largest)
    return (
        f"{report.path}: {report.size / 1e6:.1f} MB ({report.unpacked_size / 1e6:.1f} MB unpacked), "
        f"Python {report.python_version}\n"
        f"  {len(report.app_files)} files of the app, {report.dependency_files} of its dependencies"
        + (f" ({heavy})" if heavy else "")
    )


def _install(requirements: Path, target: Path, python_version: str) -> None:
    # pip reads "python_version" markers from the interpreter that runs it, not from --python-version:
    # so the very version must run it.
    python = find_python(python_version)
    if python is None:
        raise StackError(
            f"Packaging for Python {python_version} needs a Python {python_version} on this computer.",
            f"install it, name another with --python, or use --no-dependencies (not found: python{python_version})",
        )
    platforms = [word for tag in _PLATFORMS for word in ("--platform", tag)]
    command = [
        str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
        "--target", str(target), "--only-binary=:all:", "--implementation", "cp", *platforms,
        "--python-version", python_version, "--requirement", str(requirements),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(
            f"pip could not install the root requirements:\n{done.stderr.strip()}", "see pip's words"
        )


def find_python(version: str) -> Path | None:
    """An interpreter of ``version`` ("3.13") that starts and has pip; the running one first. None if there is none."""
    candidates = [sys.executable, shutil.which(f"python{version}"), *_of_pyenv(version)]
    return next((Path(found) for found in candidates if found and _is(found, version)), None)


def _of_pyenv(version: str) -> list[str]:
    # A pyenv shim exists for versions that are not selected and then fails, so look behind it: where this user's pyenv
    # keeps its versions, and beside the running one, which may be another user's.
    places = [Path(sys.base_prefix).parent, Path.home() / ".pyenv" / "versions"]
    if root := os.environ.get("PYENV_ROOT"):
        places.append(Path(root) / "versions")
    return [str(path) for place in places for path in sorted(place.glob(f"{version}.*/bin/python"))]


def _is(python: str, version: str) -> bool:
    question = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", question], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def _write_zip(output: Path, entries: Iterable[tuple[str, Path]]) -> int:
    unpacked = 0
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in entries:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, or Azure ignores the permissions
            entry.external_attr = _READ_WRITE
            content = path.read_bytes()
            archive.writestr(entry, content)
            unpacked += len(content)
    return unpacked


def _largest(site: Path, installed: Sequence[str]) -> tuple[tuple[str, int], ...]:
    sizes: dict[str, int] = {}
    for name in installed:
        top = name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + (site / name).stat().st_size
    return tuple(sorted(sizes.items(), key=lambda item: -item[1])[:5])
