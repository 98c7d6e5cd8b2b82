"""`extensions.durableTask` of host.json (contract B10)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions_host.durable.errors import OptionsError

_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,44}")
_OVERRIDABLE = {"nonrunningstates": "NonRunningStates", "anystate": "AnyState"}


def _slots() -> int:
    return 10 * (os.cpu_count() or 1)


@dataclass(frozen=True)
class DurableOptions:
    """The settings the embedded host honours; all others of the section are accepted and ignored."""

    hub_name: str = "TestHubName"
    overridable_existing_instance_states: str = "NonRunningStates"
    max_concurrent_activities: int = field(default_factory=_slots)
    max_concurrent_orchestrators: int = field(default_factory=_slots)
    max_orchestration_actions: int = 100_000
    store_inputs_in_history: bool = False
    default_version: str | None = None

    @classmethod
    def from_host_json(cls, host_json: Mapping[str, Any]) -> DurableOptions:
        """Read the section of a parsed host.json (keys ignore case); OptionsError names a bad key."""
        section = _child(_child(host_json, "extensions"), "durableTask")
        hub = _text(section, "hubName", "TestHubName")
        if not _HUB_NAME.fullmatch(hub):
            raise OptionsError(
                f"durableTask.hubName {hub!r}: it must be 3 to 45 letters and digits and start with a letter"
            )
        overridable = _text(section, "overridableExistingInstanceStates", "NonRunningStates")
        if overridable.lower() not in _OVERRIDABLE:
            raise OptionsError(
                f"durableTask.overridableExistingInstanceStates {overridable!r}: neither NonRunningStates nor AnyState"
            )
        rpc = _find(section, "localRpcEndpointEnabled")
        if rpc is False:
            raise OptionsError(
                "durableTask.localRpcEndpointEnabled must not be false: the Python SDK calls that endpoint"
            )
        version = _find(section, "defaultVersion")
        return cls(
            hub_name=hub,
            overridable_existing_instance_states=_OVERRIDABLE[overridable.lower()],
            max_concurrent_activities=_positive(section, "maxConcurrentActivityFunctions", _slots()),
            max_concurrent_orchestrators=_positive(section, "maxConcurrentOrchestratorFunctions", _slots()),
            max_orchestration_actions=_positive(section, "maxOrchestrationActions", 100_000),
            store_inputs_in_history=_find(section, "storeInputsInOrchestrationHistory") is True,
            default_version=None if version is None else str(version),
        )


def _find(section: Mapping[str, Any], key: str) -> Any:
    return next((value for name, value in section.items() if name.lower() == key.lower()), None)


def _child(section: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = _find(section, key)
    return found if isinstance(found, Mapping) else {}


def _text(section: Mapping[str, Any], key: str, default: str) -> str:
    found = _find(section, key)
    if found is None:
        return default
    if not isinstance(found, str):
        raise OptionsError(f"durableTask.{key} must be a string, not {found!r}")
    return found


def _positive(section: Mapping[str, Any], key: str, default: int) -> int:
    found = _find(section, key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise OptionsError(f"durableTask.{key} must be a whole number of at least 1, not {found!r}")
    return found
