"""Forgetting the orchestration history of runs that ended long ago: the app's duty on Azure Storage.

Rows stay in the result store; what goes are the steps and tries of each run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from azure.durable_functions import OrchestrationRuntimeStatus

from function_app.live_runs import DurableUnavailable

# Never empty, and never of living states alone: the extension then deletes runs under way as well (recorded on
# DurableTask 3.19.0).
_ENDED = [
    OrchestrationRuntimeStatus.Completed,
    OrchestrationRuntimeStatus.Failed,
    OrchestrationRuntimeStatus.Terminated,
    OrchestrationRuntimeStatus.Canceled,
]
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)  # Durable wants a beginning; no instance is older


async def purge_before(client: Any, until: datetime) -> int:
    """Forget ended instances created before ``until``; how many. Raises DurableUnavailable."""
    try:
        purged = await client.purge_instance_history_by(_BEGINNING, until, _ENDED)
    except Exception as error:  # the SDK raises plain Exception for an unexpected answer
        raise DurableUnavailable(f"Durable did not purge ({type(error).__name__}).") from error
    return int(purged.instances_deleted or 0)
