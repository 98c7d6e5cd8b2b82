"""Reads what is reconciled: the device's manifests, its folders, the blobs and the rows.

Everything is streamed; nothing is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from local_stack.errors import FAILED, StackError
from local_stack.operate.run_api import RunApi
from local_stack.reconcile.reconciliation import ManifestLine, Reconciliation, open_reconciler
from local_stack.state_folder import StateFolder

# Newer SDKs speak newer versions than Azurite 3.37 knows; this one every storage account has.
_API_VERSION = "2025-11-05"
_REASON = ".reason.json"
ENDED = ("scored", "rejected", "failed")
_LIVE = ("waiting", "running", "retrying")
_ASKED_AT_MOST = 1_000


def manifest_lines(folder: Path, prefix: str = "", earliest: float = 0.0) -> Iterator[ManifestLine]:
    """Every image the device says it made, from all its manifests; a last line cut by a kill is skipped."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if not line.endswith("\n"):
                    continue
                made = json.loads(line)
                completed = _seconds(made.get("completed_at"))
                if str(made["name"]).startswith(prefix) and (completed is None or completed >= earliest):
                    yield ManifestLine(made["name"], made["sha256"], made.get("sum"), made.get("expected"))


def device_files(state: StateFolder, earliest: float = 0.0) -> Iterator[tuple[str, str, str]]:
    """(source name, sha256, place) of the files that wait in the inbox or were rejected on the device.

    A hidden ``.<name>.part`` is ``unfinished``: the device was stopped before it renamed it.
    """
    for name, path in _regular_files(state.inbox):
        folder, _, last = name.rpartition("/")
        if not last.startswith("."):
            yield from _hashed(name, path, "inbox")
        elif last.endswith(".part"):
            whole = last.removeprefix(".").removesuffix(".part")
            yield from _hashed(f"{folder}/{whole}" if folder else whole, path, "unfinished")
    for name, path in _regular_files(state.rejected):
        if not name.endswith(_REASON) and _moved_at(path) >= earliest:
            # Known by name alone: it may be rejected for its size, and nobody reads gigabytes to count a file.
            yield _name_before(path) or name, "", "rejected"


Blob = tuple[str, str | None, str | None, float]


def blobs(storage: str, container: str) -> Iterator[Blob]:
    """(blob name, source name, sha256, seconds since 1970) of every blob, page by page.

    Raises StackError if storage does not answer.
    """
    client = ContainerClient.from_connection_string(storage, container, api_version=_API_VERSION)
    try:
        for blob in client.list_blobs(include=["metadata"], results_per_page=5000):
            metadata = blob.metadata or {}
            source = metadata.get("sourcename")
            yield blob.name, decoded(source), metadata.get("sha256"), blob.last_modified.timestamp()
    except ResourceNotFoundError:
        return  # no container: nothing was ever uploaded
    except AzureError as error:
        raise StackError(
            f"Blob Storage does not answer: {type(error).__name__}.",
            "start it, or check the connection",
            exit_code=FAILED,
        ) from error


def decoded(source_name: str | None) -> str | None:
    """The device's own name of an image; metadata and API carry it percent-encoded."""
    return urllib.parse.unquote(source_name, errors="surrogateescape") if source_name else None


def reconcile(
    state: StateFolder,
    storage: str,
    container: str,
    api: RunApi,
    prefix: str = "",
    since: datetime | None = None,
) -> Reconciliation:
    """Reconcile one computer's device, storage and database.

    ``prefix`` limits it to the images whose source name begins with it (one demo among many), ``since`` to those
    that were completed or uploaded from then on; what waits in the inbox always counts.
    """
    earliest = since.timestamp() if since else 0.0
    asked = {"since": since.astimezone(UTC).isoformat()} if since else {}
    now = datetime.now(UTC)
    with open_reconciler() as reconciler:
        reconciler.add_manifest(manifest_lines(state.manifests, prefix, earliest))
        reconciler.add_files(file for file in device_files(state, earliest) if file[0].startswith(prefix))
        # In this order, because all goes on meanwhile: a run that ends between two questions is in both lists and not
        # in none, and the blob of every row has been uploaded by the time the blobs are listed.
        reconciler.add_live_runs(_live(_of_prefix(_live_runs(api), prefix)))
        reconciler.add_rows(_rows(_of_prefix(api.runs(asked), prefix), earliest))
        reconciler.add_blobs(
            blob
            for blob in blobs(storage, container)
            if (blob[1] or "").startswith(prefix) and blob[3] >= earliest
        )
        # The lists of live runs are one page each; whom they do not name is asked after, while that is affordable.
        suspects = reconciler.blobs_without_a_run(now, _ASKED_AT_MOST)
        reconciler.add_live_runs(_live(run for name in suspects for run in _runs_of(api, name)))
        return reconciler.reconcile(now)


def _live_runs(api: RunApi) -> Iterator[dict[str, Any]]:
    for live in _LIVE:
        yield from api.runs({"state": live})


def _runs_of(api: RunApi, blob_name: str) -> Iterator[dict[str, Any]]:
    code, body = api.get(f"images/{urllib.parse.quote(blob_name)}")
    return (run for run in (body.get("runs", []) if code == 200 else []) if run.get("started_at"))


def _of_prefix(runs: Iterable[dict[str, Any]], prefix: str) -> Iterator[dict[str, Any]]:
    return (run for run in runs if (decoded(run.get("source_name")) or "").startswith(prefix))


def _live(runs: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, float | None]]:
    for run in runs:
        if run["state"] in _LIVE and run.get("blob_name"):
            yield run["blob_name"], run["state"], _seconds(run.get("started_at"))


def _rows(
    runs: Iterable[dict[str, Any]], earliest: float
) -> Iterator[tuple[str, str, str | None, str | None, str, int | None]]:
    for run in runs:
        uploaded = _seconds(run.get("uploaded_at"))
        if run.get("outcome") in ENDED and (uploaded is None or uploaded >= earliest):
            yield (run["run_id"], run["blob_name"], decoded(run.get("source_name")), run.get("sha256"), run["outcome"],
                   pixel_sum(run))  # fmt: skip


def _seconds(moment: str | None) -> float | None:
    return datetime.fromisoformat(moment).timestamp() if moment else None


def pixel_sum(run: dict[str, object]) -> int | None:
    """The pixel sum among a run's scores, or None."""
    scores = run.get("scores")
    for score in scores if isinstance(scores, list) else []:
        if score["scorer"] == "pixel_sum":
            return int(score["value"])
    return None


def _hashed(name: str, path: Path, place: str) -> Iterator[tuple[str, str, str]]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return  # it was moved on while we looked; its next place counts it
    yield name, digest, place


def _moved_at(path: Path) -> float:
    """Seconds since 1970 of the last move; files that were moved on while we looked count as just moved."""
    try:
        return path.lstat().st_ctime
    except OSError:
        return float("inf")


def _name_before(path: Path) -> str | None:
    """The source name of a file that was rejected, from the reason that lies beside it."""
    try:
        reason = json.loads(path.with_name(path.name + _REASON).read_text(encoding="utf-8"))
        return decoded(reason["source_name"])
    except (OSError, ValueError, KeyError):
        return None


def _regular_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path relative to the folder, path) of every regular file."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix(), path
