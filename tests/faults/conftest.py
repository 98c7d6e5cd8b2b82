"""Fault suite: the seed that repeats a run, the scale, the lane, and one pipeline that is up for many faults.

FAULTS_SCALE is ``quick`` (default, in CI) or ``full``; FAULTS_SEED repeats a run; FAULTS_LANE runs the tests of one
lane only (``pipeline.py faults`` sets all three and runs lanes side by side). A test belongs to the lane it is marked
with; without a mark to ``pipeline`` if it uses the shared pipeline, else to ``apart``.
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
# At quick scale a pipeline is worth its start only for a minute's work: short kills and short outages share one.
_QUICK_LANES = {"kills": "outages"}
_WITHOUT_PIPELINE = ("apart", "machine")
_LANE = os.environ.get("FAULTS_LANE", "")
_SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: minutes long; only with `pipeline.py faults --full`")
    config.addinivalue_line("markers", "lane(name): runs in this lane of `pipeline.py faults --full`")
    config.addinivalue_line(
        "markers", "last: after all other tests of its lane, in every lane with a pipeline"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    elsewhere = [item for item in items if _LANE and not _belongs(item, _LANE)]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]
    for item in items:
        if item.get_closest_marker("full") and not FULL:
            item.add_marker(pytest.mark.skip(reason="full scale only: pipeline.py faults --full"))


def _belongs(item: pytest.Item, lane: str) -> bool:
    has_pipeline = lane not in _WITHOUT_PIPELINE
    if item.get_closest_marker("last"):
        return has_pipeline
    mark = item.get_closest_marker("lane")
    if mark is None:
        return lane == ("pipeline" if "shared_pipeline" in getattr(item, "fixturenames", ()) else "apart")
    own = str(mark.args[0])
    return lane == (own if FULL else _QUICK_LANES.get(own, own))


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
    shared_pipeline.revive()
    yield shared_pipeline
    shared_pipeline.revive()
