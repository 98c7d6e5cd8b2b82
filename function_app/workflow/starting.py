"""Starting the run of a blob version, at most once however often its arrival is told.

The id is the run's own, so all starters of one version meet in one orchestration. A finished id is
looked at first, because starting it again would silently replace it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from function_app.models.codec import to_json
from function_app.models.runs import RunRequest
from function_app.workflow.live_runs.instances import DurableUnavailable, find_live_run

ORCHESTRATION = "process_image"


class Started(StrEnum):
    """Whether this call began the run, or found it begun."""

    NOW = "now"
    ALREADY = "already"


async def start_run(client: Any, run: RunRequest, note: Callable[[RunRequest], None]) -> Started:
    """Start the orchestration of the run unless it was ever started.

    ``client`` is the Durable client (untyped in the SDK); ``note`` takes the run into the list of living ones, and
    does not wait. Raises DurableUnavailable.
    """
    if await find_live_run(client, run.run_id):
        return Started.ALREADY
    return await begin(client, run, note)


async def begin(client: Any, run: RunRequest, note: Callable[[RunRequest], None]) -> Started:
    """Ask Durable to run it, whatever became of this id before; ALREADY if another starter was faster.

    Nothing may depend on a refusal. Of five starts of one id at the same moment the extension accepts mostly all
    (recorded on DurableTask 3.19.0; some were refused with 409), and one execution runs, with the input of one of
    them: so ``NOW`` may be told to several, and all starters of one id must bring the same request. A refusal that
    leaves no live run is a failure: the caller tries again and finds what is there. Raises DurableUnavailable.
    """
    try:
        await client.start_new(ORCHESTRATION, run.run_id, to_json(run))
    except Exception as error:  # the SDK says with a plain Exception that the host answered anything but 202
        found = await find_live_run(client, run.run_id)
        if found is not None and found.is_active:
            return Started.ALREADY
        raise DurableUnavailable(f"Durable did not start a run ({type(error).__name__}).") from error
    note(run)
    return Started.NOW
