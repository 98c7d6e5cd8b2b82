"""The classic Durable scenarios, each an app of its own, run unmodified by the whole host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions_host.testing import RunningApp, VirtualClock, start_app

APPS = Path(__file__).parent


class Scenario:
    """Starts an app by name and reads the effects it left."""

    def __init__(self, stack: ExitStack, effects: Path) -> None:
        self._stack = stack
        self._effects = effects

    def start(self, name: str, **options: Any) -> RunningApp:
        options.setdefault("virtual_time", "clock" not in options)
        settings = {"EFFECTS_FILE": str(self._effects)}
        return self._stack.enter_context(start_app(APPS / name, settings=settings, **options))

    @property
    def effects(self) -> list[str]:
        return self._effects.read_text().splitlines() if self._effects.exists() else []


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    with ExitStack() as stack:
        yield Scenario(stack, tmp_path / "effects")


def test_function_chaining_feeds_each_step_with_the_one_before(scenario: Scenario) -> None:
    app = scenario.start("function_chaining")
    answer = app.post("/api/orders/17")
    assert answer.status == 202
    status_url = answer.json()["statusQueryGetUri"]
    assert status_url.startswith(app.origin)
    assert app.orchestrations.wait("order-17").output == "17/reserved/charged/shipped"
    assert app.get(status_url.removeprefix(app.origin)).status == 200
    assert scenario.effects == ["reserve 17", "charge 17/reserved", "ship 17/reserved/charged"]


def test_fan_out_fan_in_measures_every_file_and_sums(scenario: Scenario) -> None:
    app = scenario.start("fan_out_fan_in")
    status = app.orchestrations.wait(app.orchestrations.start("total_size", {"files": 40}))
    assert status.output == sum(100 + number for number in range(40))
    assert status.custom_status == {"files": 40}
    assert sorted(scenario.effects) == sorted(["list 40", *[f"size file-{n}" for n in range(40)]])


def test_fan_out_of_a_thousand_activities_completes(scenario: Scenario) -> None:
    app = scenario.start("fan_out_fan_in")
    status = app.orchestrations.wait(app.orchestrations.start("total_size", {"files": 1000}), 60)
    assert status.output == sum(100 + number for number in range(1000))


def test_monitor_polls_on_schedule_until_the_job_is_done(scenario: Scenario) -> None:
    app = scenario.start("monitor")
    job = app.orchestrations.start("watch_job", {"job": "render", "done_after": 3})
    assert app.orchestrations.wait(job).output == {"state": "done", "polls": 4}
    assert scenario.effects == [*[f"poll {n}" for n in range(4)], "notify render done"]
    assert isinstance(app.clock, VirtualClock)
    assert app.clock.now() - VirtualClock().now() == timedelta(minutes=90)


def test_monitor_gives_up_after_its_day(scenario: Scenario) -> None:
    app = scenario.start("monitor")
    job = app.orchestrations.start("watch_job", {"job": "endless", "done_after": 1000})
    assert app.orchestrations.wait(job).output == {"state": "expired", "polls": 48}
    assert scenario.effects[-1] == "notify endless expired"


def test_human_interaction_processes_an_approval_in_time(scenario: Scenario) -> None:
    app = scenario.start("human_interaction", clock=VirtualClock())
    asked = app.orchestrations.start("ask_approval", {"request": "holiday"})
    app.orchestrations.wait_until(asked, lambda status: status.custom_status == "waiting for approval")
    assert app.post(f"/api/approvals/{asked}", "granted").status == 202
    assert app.orchestrations.wait(asked).output == 'processed "granted"'
    assert scenario.effects == ["send holiday", 'process "granted"']


def test_human_interaction_escalates_when_nobody_answers(scenario: Scenario) -> None:
    app = scenario.start("human_interaction")
    asked = app.orchestrations.start("ask_approval", {"request": "holiday"})
    assert app.orchestrations.wait(asked).output == "escalated holiday"


def test_human_interaction_waits_across_a_restart_of_the_host(scenario: Scenario, tmp_path: Path) -> None:
    with scenario.start("human_interaction", clock=VirtualClock(), state=tmp_path / "state") as app:
        app.orchestrations.start("ask_approval", {"request": "holiday"}, "h")
        app.orchestrations.wait_until("h", lambda status: status.custom_status == "waiting for approval")
    with scenario.start("human_interaction", clock=VirtualClock(), state=tmp_path / "state") as app:
        app.advance(timedelta(days=3))
        assert app.orchestrations.wait("h").output == "escalated holiday"
    assert scenario.effects == ["send holiday", "escalate holiday"]


def test_eternal_orchestration_goes_on_and_its_history_stays_short(scenario: Scenario) -> None:
    app = scenario.start("eternal_orchestration")
    rounds = app.orchestrations.start("clean_up", {"round": 0, "swept": 0, "rounds": 50}, "nightly")
    assert app.orchestrations.wait(rounds).output == {"round": 50, "swept": 1275, "rounds": 50}
    status = app.orchestrations.status(rounds, history=True)
    assert status is not None
    assert len(status.history) < 6


def test_eternal_orchestration_stops_when_told(scenario: Scenario) -> None:
    app = scenario.start("eternal_orchestration", clock=VirtualClock())
    app.orchestrations.start("clean_up", {"round": 0, "swept": 0}, "nightly")
    app.wait_until_idle()
    for _ in range(3):
        app.advance(timedelta(days=1))
        app.wait_until_idle()
    app.orchestrations.raise_event("nightly", "Stop")
    assert app.orchestrations.wait("nightly").output == {"round": 4, "swept": 10, "stopped": True}


def test_sub_orchestrations_provision_every_device(scenario: Scenario) -> None:
    app = scenario.start("sub_orchestrations")
    names = [f"d{number}" for number in range(10)]
    status = app.orchestrations.wait(app.orchestrations.start("provision_all", {"devices": names}))
    assert status.output == [f"installed package for {name}" for name in names]
    assert len(scenario.effects) == 20


def test_retries_exhausted_leads_to_compensation(scenario: Scenario) -> None:
    app = scenario.start("retries_exhausted")
    order = app.orchestrations.start("transfer", {"from": "A", "to": "B"})
    assert app.orchestrations.wait(order).output == {
        "undone": "A",
        "reason": "Activity function 'credit' failed: ConnectionError: the bank of B does not answer",
    }
    assert scenario.effects == ["debit A", *["credit B"] * 3, "undo A"]
    assert isinstance(app.clock, VirtualClock)
    assert app.clock.now() - VirtualClock().now() == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("orchestrator", "given", "output"),
    [
        ("sequence_with_status", None, ["Hello Tokyo!", "Hello Seattle!", "Hello London!"]),
        ("passes_objects", 5, 7),
        ("tells_time", None, 30),
        ("survives_a_failure", None, "Exception caught: True"),
        ("races", None, "Hello first!"),
    ],
)
def test_sdk_orchestrators_end_as_the_sdks_own_tests_expect(
    scenario: Scenario, orchestrator: str, given: Any, output: Any
) -> None:
    app = scenario.start("sdk_orchestrators")
    status = app.orchestrations.wait(app.orchestrations.start(orchestrator, given))
    assert (status.runtime_status, status.output) == ("Completed", output)
    assert status.custom_status == ("London done" if orchestrator == "sequence_with_status" else None)


def test_code_guarded_by_is_replaying_runs_once(scenario: Scenario) -> None:
    app = scenario.start("sdk_orchestrators")
    app.orchestrations.wait(app.orchestrations.start("logs_when_not_replaying"))
    assert scenario.effects == ["step 0", "step 1", "step 2"]


def test_ids_an_orchestrator_draws_are_the_same_at_every_replay_and_differ(scenario: Scenario) -> None:
    app = scenario.start("sdk_orchestrators")
    outputs = [app.orchestrations.wait(app.orchestrations.start("draws_ids")).output for _ in range(2)]
    assert scenario.effects == [" ".join(ids) for ids in outputs]
    assert len({drawn for ids in outputs for drawn in ids}) == 4


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in APPS.glob("*/host.json")))
def test_every_scenario_app_has_a_hub_of_its_own(folder: str) -> None:
    hubs = [
        json.loads(path.read_text())["extensions"]["durableTask"]["hubName"]
        for path in APPS.glob("*/host.json")
    ]
    assert len(hubs) == len(set(hubs)) >= 7
    assert (APPS / folder / "function_app.py").exists()
