"""host.json and host.dts.json: what the host logs, and so what Application Insights is sent and somebody pays for.

Levels are .NET's: the longest prefix of a category rules, prefixes ending at a dot.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from functions_host.durable.options import DurableOptions
from functions_host.loading.host_json import read_host_json

ROOT = Path(__file__).resolve().parents[3]
FILES = ("host.json", "host.dts.json")


def level(levels: Mapping[str, str], category: str) -> str:
    """The level that rules a category."""
    found = [name for name in levels if category == name or category.startswith(f"{name}.")]
    return levels[max(found, key=len)] if found else levels["default"]


@pytest.fixture(params=FILES)
def host(request) -> dict[str, Any]:
    return json.loads((ROOT / request.param).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "category",
    [
        "Azure.Core",  # 118 items and 187 KB an image at Information, recorded on Functions host 4.1037
        "Azure.Core.1",
        "Azure.Identity",
        "Host.Triggers.DurableTask",
        "DurableTask.AzureStorage",
        "DurableTask.Core",
    ],
)
def test_what_the_platform_says_to_itself_is_not_sent(host, category):
    assert level(host["logging"]["logLevel"], category) == "Warning"


@pytest.mark.parametrize(
    "category",
    [
        "Function.start_on_blob.User",  # our log lines, with the run's id
        "Function.sweep_blobs.User",
        "Function.process_image",  # that it ran
        "Host.Results",  # requests with duration and success
        "Host.Startup",
    ],
)
def test_what_a_person_looks_for_is_still_sent(host, category):
    assert level(host["logging"]["logLevel"], category) == "Information"


def test_each_level_that_was_tried_is_named(host):
    """``Azure`` alone would do by the rule of prefixes; both were tried on Microsoft's host, so both stay."""
    assert {"Azure", "Azure.Core"} <= set(host["logging"]["logLevel"])


def test_no_exception_and_no_request_is_lost_to_sampling(host):
    sampling = host["logging"]["applicationInsights"]["samplingSettings"]
    assert set(sampling["excludedTypes"].split(";")) == {"Exception", "Request"}


def test_durables_own_traces_are_off_and_said_to_be(host):
    """Unsaid, the host warns at every start; on, it would tell in a second trace what our own spans tell."""
    tracing = host["extensions"]["durableTask"]["tracing"]
    assert tracing == {"distributedTracingEnabled": False, "traceInputsAndOutputs": False}


def test_the_embedded_host_takes_the_same_file(tmp_path):
    for name in FILES:
        (tmp_path / "host.json").write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
        options = read_host_json(tmp_path, {"TASKHUB_NAME": "ImageScoring"})
        assert options.log_levels["Azure"] == "Warning"
        assert DurableOptions.from_host_json(options.document).hub_name == "ImageScoring"


def test_the_storage_client_is_quiet_and_our_own_loggers_are_not():
    """In a process where the worker has set the root logger to Information, as the host asks of it."""
    ours = {
        name
        for path in (ROOT / "function_app").rglob("*.py")
        for name in re.findall(r"getLogger\(\"([\w.]+)\"\)", path.read_text(encoding="utf-8"))
    } - {"azure"}
    assert len(ours) >= 2
    script = (
        "import json, logging, sys; logging.basicConfig(level=logging.INFO); import function_app\n"
        "print(json.dumps([n for n in json.loads(sys.argv[1]) if logging.getLogger(n).isEnabledFor(logging.INFO)]))"
    )
    asked = [*sorted(ours), "azure.core.pipeline.policies.http_logging_policy", "azure.identity._internal"]
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(asked)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == sorted(ours)
