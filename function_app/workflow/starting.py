"""Starting the run of a blob version, once however often its arrival is reported.

The orchestration's id is the run's id, so all starters of one version share one orchestration. The id
is looked up first, because starting a finished one again would silently replace it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from function_app.models.codec import to_json
from function_app.models.runs import RunRequest
from function_app.workflow.live_runs.durable_status import DurableUnavailable, find_live_run

ORCHESTRATION = "process_image"


class Started(StrEnum):
    """Whether this call started the run, or found it started."""

    NOW = "now"
    ALREADY = "already"


async def start_run(client: Any, run: RunRequest, on_started: Callable[[RunRequest], None]) -> Started:
    """Start the orchestration of the run unless there ever was one.

    ``client`` is the Durable client (untyped in the SDK); ``on_started`` is called with a run that this call
    started, and must not block. Raises DurableUnavailable.
    """
    if await find_live_run(client, run.run_id):
        return Started.ALREADY
    return await begin(client, run, on_started)


async def begin(client: Any, run: RunRequest, on_started: Callable[[RunRequest], None]) -> Started:
    """Start an orchestration of this id, whatever became of an earlier one; ALREADY if another starter was faster.

    Nothing may depend on a refusal. Of five simultaneous starts of one id the extension usually accepts all
    (recorded on DurableTask 3.19.0; some were refused with 409), and one execution runs, with the input of one of
    them: so several callers may get ``NOW``, and all starters of one id must pass the same request. A refusal that
    leaves no live run is a failure: the caller retries and finds what is there. Raises DurableUnavailable.
    """
    try:
        await client.start_new(ORCHESTRATION, run.run_id, to_json(run))
    except Exception as error:  # the SDK raises a plain Exception when the host answers anything but 202
        found = await find_live_run(client, run.run_id)
        if found is not None and found.is_active:
            return Started.ALREADY
        raise DurableUnavailable(f"Durable did not start a run ({type(error).__name__}).") from error
    on_started(run)
    return Started.NOW
