"""The status as Prometheus text on a port of this computer; only started when a port is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_COUNTERS = {
    "uploaded": "Files acknowledged by the storage service",
    "already_there": "Of these, files that an earlier attempt had stored",
    "rejected": "Files rejected because they can never be uploaded",
    "bytes": "Bytes acknowledged",
    "batches": "Micro-batches",
}
_GAUGES = {
    "waiting": "Complete files in the inbox",
    "unfinished": "Files whose writer has not finished",
    "unreadable": "Files that may not be read",
    "files_per_second": "Over the last ten seconds",
    "oldest_waiting_seconds": "Age of the oldest waiting file",
}


class StatusCollector(Collector):
    """Reads the status whenever Prometheus asks."""

    def __init__(self, status: Callable[[], dict[str, Any]]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """The figures of this moment, and the state as a label."""
        status = self._status()
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"image_agent_{name}", text, value=status[name])
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"image_agent_{name}", text, value=status[name])
        state = GaugeMetricFamily("image_agent_state", "1 for the state the agent is in", labels=["state"])
        state.add_metric([status["state"]], 1)
        yield state


def serve_metrics(port: int, status: Callable[[], dict[str, Any]]) -> Callable[[], None]:
    """Serve until the returned function is called. Raises OSError when the port is taken."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(status))
    server, _ = start_http_server(port, addr="127.0.0.1", registry=registry)
    return server.shutdown
