"""What dataclasses and tables declare: JSON of the commands, files of a device and of the local state."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from places import CHECK_TABLES, ROOT, found, modules_defining
from source_text import keywords_of_calls


def blob_of_a_file() -> dict[str, Any]:
    """Name, type and metadata of the blob for one file of a device, and how they are spelled."""
    blob = found("blob of a file")("cam-1", "lot 7/ä.PNG".encode(), 1_767_225_600_123_456_000, b"bytes")
    return {"device cam-1, file 'lot 7/ä.PNG'": {
        "name": blob.name, "content type": blob.content_type, "metadata": dict(sorted(blob.metadata.items())),
    }}  # fmt: skip


def prometheus() -> dict[str, str]:
    """Metric -> its kind and labels."""
    status = found("status of the agent")()
    metrics = found("metrics of the agent")(status.as_json).collect()
    return {
        metric.name: f"{metric.type} {' '.join(sorted({label for s in metric.samples for label in s.labels}))}".strip()
        for metric in metrics
    }


def outputs(place: Path) -> dict[str, Any]:
    """Fields of what commands print with ``--json`` or write to a file that others read."""
    status = found("status of the agent")().as_json()
    batch, listing = found("report of a batch")(0, error="x"), found("report of a listing")()
    tables = [_names(getattr(importlib.import_module(module), CHECK_TABLES))
              for module in modules_defining("local_stack", CHECK_TABLES)]  # fmt: skip
    return {
        "agent-status": sorted([*status, *keywords_of_calls("local_agent", "write")]),
        "line of a batch": list(json.loads(found("log line of a batch")(batch, listing))),
        "audit": [*_fields("audit"), "balanced"],
        "audit, discrepancies": _fields("discrepancy of an audit"),
        "audit, what is wrong": sorted(found("kinds of discrepancies")),
        "audit, what waits": sorted(found("kinds of waiting")),
        "demo": _fields("demo"),
        "doctor": ["check", *found("finding of the doctor")._fields],
        "checks of test, doctor and doctor --cloud": {f"{table[0]} and after": table for table in tables},
        "replay": _fields("replay"),
        "package": _fields("package"),
        "faults": sorted(found("fault run")("quick", 1, "").as_json()),
        "faults, lanes": {scale: sorted(lanes) for scale, lanes in found("lanes of a fault run").items()},
        "running.json": _fields("what is up"),
        "migrate status": _migration_status(place),
        "manifest": _manifest(place),
    }  # fmt: skip


def folders(place: Path) -> dict[str, Any]:
    """Names below a device's folder and below the local state; files with a meaning in them."""
    device = place / "device"
    layout = found("folders of a device")(device)
    layout.create()
    (device / "inbox" / "x.png").write_bytes(b"")
    found("reject a file")(layout, b"x.png", found("why it is rejected")("too_large", "for the test"))
    [reason] = (device / "rejected").glob("*.json")
    return {
        "folders of a device": _paths(layout, device),
        "reason file": {"name": reason.name, "fields": list(json.loads(reason.read_text(encoding="utf-8")))},
        "marker of a complete file": found("marker of a complete file").decode(),
        "endings of unfinished files": [ending.decode() for ending in found("endings of unfinished files")],
        "local state (.local)": _paths(found("local state")(place), place),
        "entry points": [name for name in _ENTRY_POINTS if (ROOT / name).is_file()],
    }


def testing_kit() -> dict[str, Any]:
    """What other projects' tests import from the host, and what its package announces."""
    import tomllib

    kit = importlib.import_module("functions_host.testing")
    plugin = importlib.import_module("functions_host.testing.plugin")
    project = tomllib.loads((ROOT / "functions_host" / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    return {
        "functions_host.testing": sorted(kit.__all__),
        "pytest fixtures": sorted(name for name in vars(plugin) if name.startswith("functions_")),
        "package": {"name": project["name"], "scripts": sorted(project["scripts"]),
                    "pytest plugins": sorted(project["entry-points"]["pytest11"])},
    }  # fmt: skip


# Files that others name by their path: Azure, azd, spark-submit, systemd and Task Scheduler, editors.
_ENTRY_POINTS = (
    "azure.yaml", "function_app.py", "function_app/__init__.py", "host.dts.json", "host.json",
    "infra/event-subscription.bicep", "infra/hooks/postdeploy.py", "infra/hooks/postprovision.py", "infra/main.bicep",
    "infra/main.parameters.json", "local.settings.json.example", "local_agent/requirements.txt",
    "local_agent/service/image-agent-task.xml", "local_agent/service/image-agent.service", "local_agent/submit.py",
    "pipeline.py", "requirements.txt",
)  # fmt: skip


def _fields(what: str) -> list[str]:
    return [field.name for field in dataclasses.fields(found(what))]


def _names(table: Iterable[Any]) -> list[str]:
    """The names of a table of checks, each (name, check) or an object with a name."""
    return [row[0] if isinstance(row, tuple) else row.name for row in table]


def _paths(layout: Any, root: Path) -> list[str]:
    """Every path that the layout names, relative to its root."""
    kinds = (property, cached_property)
    names = [name for name, value in vars(type(layout)).items() if isinstance(value, kinds)]
    values = [value for name in names if isinstance(value := getattr(layout, name), Path)]
    return sorted(value.relative_to(root).as_posix() for value in values)


def _migration_status(place: Path) -> list[str]:
    database = f"sqlite:///{(place / 'status.db').as_posix()}"
    words = [sys.executable, "-m", "sql_migrations", "status", "--json", "--database", database]
    return sorted(json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=False).stdout))


def _manifest(place: Path) -> list[str]:
    """The fields of a bad image's line: a good one has no reason."""
    truth, inbox = place / "truth.jsonl", place / "simulated"
    words = ["simulate", "--images", "1", "--bad", "1", "--seed", "1", "--rate", "0"]
    subprocess.run(
        [sys.executable, "-m", "local_agent", *words, "--inbox", str(inbox), "--manifest", str(truth)],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    return list(json.loads(truth.read_text(encoding="utf-8")))
