"""Names that outlive a deployment: renaming one breaks runs under way, or loses what is stored under it.

``names_azure_keeps.json`` is the list: by kind, why Azure keeps them, and the names. A new one is added there together
with the code. Before one goes, nothing may be left under it (CONTRIBUTING.md, "Names that Azure keeps").
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from function_app.models.identity import blob_key_of, run_id_of
from function_app.models.runs import Outcome, RunRecord
from function_app.settings import Settings
from function_app.storage import purge_position, quarantine, sweep_position
from function_app.storage.journal_segments import PREFIX
from local_agent import blob_contract

ROOT = Path(__file__).resolve().parents[3]
LIST = Path(__file__).with_name("names_azure_keeps.json")
KEPT: dict[str, dict[str, Any]] = json.loads(LIST.read_text())
_INDEX = """
import json
import function_app
names = {}
for function in function_app.app.get_functions():
    bindings = [json.loads(binding) for binding in function.get_raw_bindings()]
    [kind] = [binding["type"] for binding in bindings if binding["type"].endswith("Trigger")]
    names.setdefault(kind, []).append(function.get_function_name())
print(json.dumps(names))
"""
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_REJECTED = RunRecord(
    run_id="0" * 32, container="img", blob_name="cam-1/x.png", etag="0x1", size_bytes=1, outcome=Outcome.REJECTED,
    attempt=1, finished_at=_MOMENT, reason="wrong_size", device_id="cam-1", source_name="x.png",
)  # fmt: skip


def _registered() -> dict[str, list[str]]:
    """Function names by trigger, as the worker indexes them, in a process of its own."""
    code = f"import sys; sys.path.append({str(ROOT)!r})\n{_INDEX}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _in_files(pattern: str, *files: str) -> list[str]:
    """Every name that the pattern finds in the files."""
    text = "\n".join(path.read_text(encoding="utf-8") for name in files for path in sorted(ROOT.glob(name)))
    return re.findall(pattern, text)


@pytest.fixture(scope="module")
def present() -> dict[str, set[str]]:
    """The names as the code has them now, by kind."""
    functions = _registered()
    image = blob_contract.describe("cam-1", b"x.png", 1_767_225_600_000_000_000, b"bytes")
    return {
        "orchestrators": set(functions.pop("orchestrationTrigger")),
        "activities": set(functions.pop("activityTrigger")),
        "blob and timer functions": set(functions.pop("blobTrigger")) | set(functions.pop("timerTrigger")),
        "HTTP functions": set(functions.pop("httpTrigger")),
        "functions of other triggers": {name for names in functions.values() for name in names},
        "containers": {_default("container"), _default("quarantine_container")}
        | set(_in_files(r"param \w+Container string = '([\w-]+)'", "infra/main.bicep"))
        | set(_in_files(r'"\w+_CONTAINER": "([\w-]+)"', "local.settings.json.example")),
        "metadata of images": set(image.metadata),
        "metadata of quarantined images": set(
            quarantine.quarantine_metadata(
                replace(_REJECTED, blob_name="x" * 3_000)
            )  # cut, so all keys are there
        ),
        "blob paths": {
            image.name,
            quarantine.quarantine_name(_REJECTED),
            sweep_position._NAME,
            purge_position._NAME,
            PREFIX,
        },
        "tables": set(_in_files(r"CREATE TABLE dbo\.(\w+)", "sql_migrations/mssql/*.sql")),
        "views": set(_in_files(r"CREATE VIEW dbo\.(\w+)", "sql_migrations/mssql/*.sql")),
        "task hub": set(_in_files(r"taskHubName: .*'(\w+)'", "infra/main.bicep"))
        | set(_in_files(r'"TASKHUB_NAME": "(\w+)"', "local.settings.json.example")),
        "ids of one image": {
            run_id_of("img", "cam-1/x.png", '"0x1"'),
            blob_key_of("img", "cam-1/x.png"),
        },
    }


def _default(name: str) -> str:
    return str(Settings.__dataclass_fields__[name].default)


@pytest.mark.parametrize("kind", KEPT)
def test_no_name_that_azure_keeps_has_gone_or_changed(present: dict[str, set[str]], kind: str) -> None:
    gone = set(KEPT[kind]["names"]) - present[kind]
    assert not gone, f"{kind}: {', '.join(sorted(gone))}: {KEPT[kind]['why']}"


def test_every_name_is_in_the_list(present: dict[str, set[str]]) -> None:
    new = {kind: sorted(names - set(KEPT.get(kind, {}).get("names", []))) for kind, names in present.items()}
    assert not any(new.values()), f"Azure will keep these from now on: add them to {LIST.name}: {new}"


def test_every_entry_says_why() -> None:
    for kind, entry in KEPT.items():
        assert entry["why"].endswith("."), kind
        assert len(entry["why"].split()) > 8, kind
