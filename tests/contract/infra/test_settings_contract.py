"""One table of settings: code, local.settings.json.example, infra/ and docs/settings.md agree with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from function_app.settings import SETTINGS, markdown, read_settings

ROOT = Path(__file__).resolve().parents[3]
TABLE = {setting.name: setting for setting in SETTINGS}
ADD = "add its row to function_app/settings.py (and to the example and infra/, if it is to be set there)"


class Watched(Mapping[str, str]):
    """An environment that remembers which names it was asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _read_by_settings() -> set[str]:
    by_key, by_identity = ({name: "x"} for name in ("IMAGE_STORAGE", "IMAGE_STORAGE__blobServiceUri"))
    asked: set[str] = set()
    for values in (by_key, by_identity):
        environ = Watched({**values, "SQL_CONNECTION_STRING": "sqlite:///x"})
        read_settings(environ)
        asked |= environ.asked
    return asked


def _readers() -> dict[str, set[str]]:
    """Setting -> the files that read it, as their text shows."""
    found: dict[str, set[str]] = {name: {"function_app/settings.py"} for name in _read_by_settings()}
    for path in [*(ROOT / "function_app").rglob("*.py"), ROOT / "host.json", ROOT / "host.dts.json"]:
        text = path.read_text(encoding="utf-8")
        names = re.findall(r"environ(?:\.get\(|\[)\s*\"(\w+)\"", text)
        names += re.findall(r"%([A-Z][A-Z0-9_]{3,})%", text)
        names += re.findall(r"\"connectionStringName\": \"(\w+)\"", text)
        for name in names:
            found.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_what_the_code_reads_is_in_the_table():
    for name, files in _readers().items():
        assert name in TABLE, f"{', '.join(files)} reads {name}: {ADD}"


def test_the_table_names_exactly_the_files_that_read_a_setting():
    readers = _readers()
    for setting in SETTINGS:
        told = set(re.findall(r"[\w/.]+\.(?:py|json)", setting.read_by))
        assert told == readers.get(setting.name, set()), setting.name


def test_defaults_are_those_of_the_code():
    settings = read_settings({"IMAGE_STORAGE": "x", "SQL_CONNECTION_STRING": "sqlite:///x"})
    told = {
        "IMAGE_CONTAINER": settings.container,
        "QUARANTINE_CONTAINER": settings.quarantine_container,
        "IMAGE_WIDTH": str(settings.limits.width),
        "IMAGE_HEIGHT": str(settings.limits.height),
        "MAX_IMAGE_BYTES": str(settings.limits.max_bytes),
        "RETENTION_DAYS": str(settings.retention_days),
    }
    assert {name: TABLE[name].default for name in told} == told
    for path in (ROOT / "function_app").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for name, default in re.findall(r"environ\.get\(\s*\"(\w+)\", \"([^\"]+)\"", text):
            assert TABLE[name].default == default, name


def test_the_example_sets_exactly_the_settings_of_one_computer():
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    expected = {s.name for s in SETTINGS if s.where in ("both", "local")}
    assert set(values) == expected, ADD
    assert not [name for name, value in values.items() if "AccountKey" in value or "Password" in value]


def test_infrastructure_sets_exactly_the_settings_of_azure(bicep):
    file = bicep["function-app.bicep"]
    groups = {name: node.text.decode() for name, node in file.variables.items()}
    assert set(groups) == {"hostStorage", "appSettings", "telemetry", "scheduler"}
    given = {name for text in groups.values() for name in re.findall(r"^  (\w+): ", text, re.M)}
    expected = {s.name for s in SETTINGS if s.where in ("both", "azure")}
    assert given == expected, ADD


def test_example_and_infrastructure_start_from_the_defaults(bicep):
    """Where one of them means something else, it is named here."""
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    text = bicep["function-app.bicep"].text + bicep["main.bicep"].text
    literal = dict(re.findall(r"^  ([A-Z_]+): '([^'$]*)'", text, re.M))
    parameters = dict(re.findall(r"^param (\w+) string = '(.+)'", text, re.M))
    literal["IMAGE_CONTAINER"] = parameters["imageContainer"]
    literal["QUARANTINE_CONTAINER"] = parameters["quarantineContainer"]
    # With `func start` the polling trigger misses blobs, so the sweep comes every minute instead of every five.
    assert values["SWEEP_SCHEDULE"] == "0 * * * * *" != TABLE["SWEEP_SCHEDULE"].default
    for name, setting in TABLE.items():
        if setting.default and name in values and name != "SWEEP_SCHEDULE":
            assert values[name] == setting.default, name
        if setting.default and name in literal and name not in ("BLOB_TRIGGER_SOURCE", "TELEMETRY"):
            assert literal[name] == setting.default, name
    assert len(literal) > 10


def test_no_setting_in_azure_holds_a_secret():
    assert not [s.name for s in SETTINGS if s.where == "azure" and s.secret]


def test_the_thread_count_matches_the_hosts_concurrency(bicep):
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    activities = host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"]
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    assert values["PYTHON_THREADPOOL_THREAD_COUNT"] == str(activities)
    assert f"PYTHON_THREADPOOL_THREAD_COUNT: '{activities}'" in bicep["function-app.bicep"].text


def test_the_document_is_made_from_the_table():
    remedy = "run: python -c \"from function_app.settings import markdown as m; print(m(), end='')\" > docs/settings.md"
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == markdown(), remedy
