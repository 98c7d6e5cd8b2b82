"""Fault suite: the seed that repeats a run, the scale, and one pipeline that is up for many faults.

FAULTS_SCALE is ``quick`` (default, in CI) or ``full``; FAULTS_SEED repeats a run; ``pipeline.py faults`` sets both.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kit.pipeline import Pipeline, pipeline_up
from kit.report import Report

FULL = os.environ.get("FAULTS_SCALE", "quick") == "full"
_SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: minutes long; only with `pipeline.py faults --full`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("full") and not FULL:
            item.add_marker(pytest.mark.skip(reason="full scale only: pipeline.py faults --full"))


def pytest_report_header() -> str:
    return f"faults: scale {'full' if FULL else 'quick'}, FAULTS_SEED={_SEED}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    outcome.get_result().sections.append(("repeat with", f"FAULTS_SEED={_SEED}"))  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def seed() -> int:
    """The one seed of this run; printed with every failure."""
    return _SEED


@pytest.fixture(scope="session")
def full() -> bool:
    return FULL


@pytest.fixture
def report(request: pytest.FixtureRequest, seed: int) -> Report:
    """Where the test's figures go."""
    return Report(request.node.name, seed)


@pytest.fixture(scope="session")
def shared_pipeline(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Pipeline]:
    """One pipeline for all faults that leave it up; started once, since a JVM takes its seconds."""
    with pipeline_up(tmp_path_factory.mktemp("pipeline"), seed) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(shared_pipeline: Pipeline) -> Iterator[Pipeline]:
    """The shared pipeline, with whatever the last fault ended started again."""
    _revive(shared_pipeline)
    yield shared_pipeline
    _revive(shared_pipeline)


def _revive(pipeline: Pipeline) -> None:
    from kit.proxy import Mode

    for proxy in (pipeline.host_proxy, pipeline.agent_proxy):
        if proxy.mode is not Mode.PASS:
            proxy.mode = Mode.PASS
    if pipeline.azurite.exit_code() is not None:
        pipeline.start_azurite()
    if pipeline.host.exit_code() is not None:
        pipeline.start_host()
    if pipeline.agent.exit_code() is not None:
        pipeline.start_agent()
