"""A real agent process (real Spark) behind a network that tests can cut, shared by all accidents."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_ROOT = str(Path(__file__).resolve().parents[3])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from tests.integration.local_agent.agent_kit import (  # noqa: E402 (the path comes first)
    AgentProcess,
    CuttableNetwork,
    Storage,
    drop,
    eventually,
    make_storage,
)


@pytest.fixture(scope="session")
def network(azurite: Any) -> Iterator[CuttableNetwork]:
    """The way to the blob service."""
    network = CuttableNetwork(azurite.blob_port)
    yield network
    network.close()


@pytest.fixture(scope="session")
def new_storage(azurite: Any, network: CuttableNetwork) -> Callable[..., Storage]:
    """Makes a container of its own for a test."""
    direct = azurite.connection_string
    through = direct.replace(f":{azurite.blob_port}/", f":{network.port}/")
    return lambda **options: make_storage(direct, through, **options)


@pytest.fixture
def storage(new_storage: Callable[..., Storage]) -> Storage:
    """A container for one test."""
    return new_storage()


@pytest.fixture(scope="session")
def agent(
    new_storage: Callable[..., Storage], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    """The one agent process that most accidents happen to."""
    running = AgentProcess(tmp_path_factory.mktemp("device"), new_storage()).start()
    try:
        yield running.running()
    finally:
        code = running.stop()
    assert code == 0, running.log.read_text()[-3000:]


@pytest.fixture
def healthy(agent: AgentProcess, network: CuttableNetwork) -> Iterator[AgentProcess]:
    """The shared agent, with a neighbour that must come through whatever happens beside it."""
    name = f"neighbour-{uuid.uuid4().hex[:8]}.png"
    drop(agent.inbox, name, name.encode())
    yield agent
    network.mend()
    eventually(lambda: agent.storage.of(name.encode()), 30, "the neighbour was not uploaded")
    assert agent.process is not None
    assert agent.process.poll() is None
