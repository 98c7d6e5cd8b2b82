"""What a deployer sets and gets: parameters and outputs of the Bicep files, variables of azd, the task hub's name."""

from __future__ import annotations

import json
import re
from typing import Any

from places import ROOT

_TEMPLATES = ("infra/main.bicep", "infra/event-subscription.bicep")


def described() -> dict[str, Any]:
    """Template -> parameters (type, default) and outputs; what azd fills in; what host.json names."""
    told: dict[str, Any] = {}
    for name in _TEMPLATES:
        text = (ROOT / name).read_text(encoding="utf-8")
        told[name] = {
            "parameters": dict(re.findall(r"^param (\w+) (.+)$", text, re.MULTILINE)),
            "outputs": dict(re.findall(r"^output (\w+) (\w+) ", text, re.MULTILINE)),
        }
    given = json.loads((ROOT / "infra/main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    told["set by azd"] = {name: value["value"] for name, value in given.items()}
    for name in ("host.json", "host.dts.json"):
        durable = json.loads((ROOT / name).read_text(encoding="utf-8"))["extensions"]["durableTask"]
        told[name] = {"hubName": durable["hubName"], "storageProvider": durable.get("storageProvider", {})}
    return told
