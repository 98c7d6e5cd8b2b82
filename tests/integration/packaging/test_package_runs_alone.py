"""The published zip, unpacked into an empty environment of each Python that is here, runs and scores an image.

The environment holds nothing but the zip; what belongs to a host (our own with its two packages, Microsoft's
azure-functions-runtime) lies in a folder behind it on the path, as Azure's does.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local_stack.develop.packaging import PACKAGES, PackageReport, build_package, find_python
from tests.contract.recordings.recorded import sent
from tests.integration.packaging.conftest import migrate, upload

ROOT = Path(__file__).resolve().parents[3]
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
# Those that Azure has and this computer too; the one that runs the tests where there is no other.
VERSIONS = [version for version in ("3.12", "3.13") if find_python(version)] or [RUNNING]
BY_MICROSOFT = Path(__file__).with_name("scored_by_microsofts_runtime.py")
LARGEST = 60_000_000  # bytes; it was 36 MB when this was written

pytestmark = [pytest.mark.azurite, pytest.mark.timeout(300)]

NAMES_BY_HOST = """
import json, os, sys
from pathlib import Path
from functions_host.running.application import load_application
print(json.dumps(sorted(f.name for f in load_application(Path(sys.argv[1]), dict(os.environ)).functions)))
"""
NAMES_BY_MICROSOFT = """
import json, os, sys
sys.path.append(sys.argv[1])  # as the worker does: the app's root last
os.chdir(sys.argv[1])
from azure_functions_runtime.loader import index_function_app
print(json.dumps(sorted(f.get_function_name() for f in index_function_app("function_app.py"))))
"""
SETTINGS = {
    "IMAGE_CONTAINER": "img",
    "TASKHUB_NAME": "PackageTest",
    "IMAGE_STORAGE__blobServiceUri": "http://127.0.0.1:1/st",
}


class Unpacked:
    """A package in an empty environment."""

    def __init__(self, report: PackageReport, python: Path, folder: Path) -> None:
        self.report = report
        self.root = folder / "wwwroot"
        with zipfile.ZipFile(report.path) as archive:
            archive.extractall(self.root)
        environment = folder / "environment"
        subprocess.run([python, "-m", "venv", "--without-pip", environment], check=True)
        self.python = environment / "bin" / "python"
        self._builder = python
        self._beside = folder / "beside"
        (self._beside / "functions_host").parent.mkdir()
        (self._beside / "functions_host").symlink_to(ROOT / "functions_host")

    def add_for_the_host(self, *packages: str) -> None:
        """Install what belongs to a host, not to the app, behind the app's own packages."""
        subprocess.run(
            [self._builder, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", self._beside,
             "--upgrade", *packages],
            check=True, capture_output=True,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": f"{self.root / PACKAGES}:{self._beside}", "PYTHONDONTWRITEBYTECODE": "1"}

    def ask(self, script: str, *arguments: str, **settings: str) -> Any:
        done = subprocess.run(
            [self.python, "-c", script, self.root, *arguments], cwd=self.root, capture_output=True, text=True,
            check=False, env={**self.environment, **SETTINGS, **settings},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=VERSIONS)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    python = find_python(request.param)
    assert python is not None
    folder = tmp_path_factory.mktemp(f"package-{request.param}")
    unpacked = Unpacked(build_package(ROOT, folder / "app.zip", request.param), python, folder)
    of_hosts = ["croniter", "azure-storage-queue"]
    of_hosts += ["azure-functions-runtime"] if request.param == "3.13" else []
    unpacked.add_for_the_host(*(f"{name}=={_pinned(name)}" for name in of_hosts))
    return unpacked


def test_an_image_is_scored_from_the_zip_alone(package, start_app):
    app = start_app(package.root, python=package.python, environment=package.environment)
    app.upload("probe/one.png", 7)
    run = app.outcome("probe/one.png")
    assert run["outcome"] == "scored"
    assert [score["value"] for score in run["scores"] if score["scorer"] == "pixel_sum"] == [7 * 32 * 32]


def test_every_dependency_comes_from_the_zip(package):
    script = (
        "import json, azure.functions, azure.durable_functions, azure.identity, azure.storage.blob, numpy, PIL\n"
        "import azurefunctions.extensions.base\n"
        "print(json.dumps([m.__file__ for m in (azure.functions, azure.durable_functions, azure.identity,"
        " azure.storage.blob, azurefunctions.extensions.base, numpy, PIL)]))"
    )
    assert all(str(package.root / PACKAGES) in path for path in package.ask(script))


def test_both_hosts_find_the_same_functions(package):
    found = package.ask(NAMES_BY_HOST)
    assert {"start_on_blob", "process_image", "validate_image", "score_image", "save_result"} <= set(found)
    _needs_microsofts_runtime(package)
    assert package.ask(NAMES_BY_MICROSOFT) == found
    assert package.ask(NAMES_BY_MICROSOFT, TELEMETRY="console") == found  # a span around a step hides nothing


def test_a_blob_is_scored_with_every_function_called_by_microsofts_runtime(package, new_container, tmp_path):
    _needs_microsofts_runtime(package)
    storage, container = new_container()
    upload(storage, container, "probe/two.png", 9, {"deviceid": "cam-1"})
    database = tmp_path / "results.db"
    migrate(f"sqlite:///{database}")
    done = package.ask(
        BY_MICROSOFT.read_text(), container, "probe/two.png", IMAGE_CONTAINER=container, IMAGE_STORAGE=storage,
        SQL_CONNECTION_STRING=f"sqlite:///{database}", RECORDED_REFERENCE=json.dumps(sent("blobs", "reference")),
    )  # fmt: skip
    assert done["steps"] == ["start_on_blob", "validate_image", "score_image", "save_result"]
    assert done["output"]["record"]["outcome"] == "scored"
    with sqlite3.connect(database) as rows:
        assert rows.execute("SELECT outcome, device_id FROM runs").fetchall() == [("scored", "cam-1")]
        sums = rows.execute("SELECT value FROM scores WHERE scorer = 'pixel_sum'")
        assert sums.fetchall() == [(9 * 32 * 32,)]


def test_the_package_is_small_and_holds_no_test_agent_infra_or_local_setting(package):
    report = package.report
    assert report.size < LARGEST
    roots = {name.partition("/")[0] for name in report.app_files} - lying_about()
    assert roots == {
        "database_connection",
        "function_app",
        "function_app.py",
        "host.json",
        "requirements.txt",
    }
    assert not [name for name in report.app_files if name.endswith((".pyc", ".db", ".env"))]


def _needs_microsofts_runtime(package: Unpacked) -> None:
    if package.report.python_version != "3.13":
        pytest.skip("Microsoft's azure-functions-runtime needs Python 3.13")


def _pinned(name: str) -> str:
    lines = (ROOT / "requirements" / "test.lock").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{name}=="))


def lying_about() -> set[str]:
    """What the user has put into the root of the checkout; Core Tools would publish it, and so does the package."""
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {name.partition("/")[0] for name in listed.stdout.split("\0") if "/" not in name}
