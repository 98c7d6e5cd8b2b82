"""Starting the run of a blob version, at most once however often its arrival is told.

The id is the run's own, so two starters of one version meet in one orchestration. A finished id is
looked at first, because starting it again would silently replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from function_app.codec import parse_time, to_json
from function_app.errors import Permanent
from function_app.identity import lineage_of, plain_etag, run_id_of, traceparent_of
from function_app.models import ImageVersion, RunRequest

ORCHESTRATION = "process_image"


class Started(StrEnum):
    """Whether this call began the run, or found it begun."""

    NOW = "now"
    ALREADY = "already"


def run_of_blob(path: str, properties: Mapping[str, Any], metadata: Mapping[str, str]) -> RunRequest:
    """The run of a blob as the blob trigger tells of it.

    ``path`` is ``container/name``; ``properties`` are .NET's BlobProperties (PascalCase: the trigger's
    contract, section C4). Raises Permanent when the host tells no ETag: a version cannot be named then.
    """
    container, _, blob_name = path.partition("/")
    etag = plain_etag(str(properties.get("ETag") or ""))
    if not etag or not blob_name:
        raise Permanent("The host told no ETag or no name of the blob.", reason="blob_unidentified")
    changed = properties.get("LastModified")
    return RunRequest(
        run_id=run_id_of(container, blob_name, etag),
        image=ImageVersion(container, blob_name, etag, int(properties.get("ContentLength") or 0)),
        lineage=lineage_of(blob_name, metadata, parse_time(changed) if isinstance(changed, str) else None),
        traceparent=traceparent_of(metadata),
    )


async def start_run(client: Any, run: RunRequest, note: Callable[[RunRequest], None]) -> Started:
    """Start the orchestration of the run unless it was ever started.

    ``client`` is the Durable client (untyped in the SDK); ``note`` takes the run into the list of living ones, and
    does not wait. When two start at once the host refuses one of them; finding the instance then means that the other
    did our work.
    """
    if await client.get_status(run.run_id):
        return Started.ALREADY
    try:
        await client.start_new(ORCHESTRATION, run.run_id, to_json(run))
    except Exception:
        if await client.get_status(run.run_id):
            return Started.ALREADY
        raise
    note(run)
    return Started.NOW
