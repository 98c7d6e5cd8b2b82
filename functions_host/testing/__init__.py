"""Test your own Functions and Durable app: start it on a free port, call it, move its clock.

`functions_host.testing.plugin` has the pytest fixture; `start_app` does the same without pytest.
"""

from functions_host.clock import VirtualClock
from functions_host.testing.orchestrations import OrchestrationStatus
from functions_host.testing.responses import Response
from functions_host.testing.running_app import RunningApp, start_app

__all__ = ["OrchestrationStatus", "Response", "RunningApp", "VirtualClock", "start_app"]
