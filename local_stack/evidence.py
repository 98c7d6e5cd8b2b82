"""Reads what the books compare: the device's truth lists, its folders, the blobs and the rows.

Everything is streamed; nothing is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from local_stack.books import Balance, TruthLine, open_books
from local_stack.errors import StackError
from local_stack.run_api import RunApi
from local_stack.state_folder import StateFolder

# Newer SDKs speak newer versions than Azurite 3.37 knows; this one every storage account has.
_API_VERSION = "2025-11-05"
_REASON = ".reason.json"
ENDED = ("scored", "rejected", "failed")


def truth_lines(folder: Path, prefix: str = "") -> Iterator[TruthLine]:
    """Every image the device says it made, from all its truth lists; a last line cut by a kill is skipped."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if not line.endswith("\n"):
                    continue
                made = json.loads(line)
                if str(made["name"]).startswith(prefix):
                    yield TruthLine(made["name"], made["sha256"], made.get("sum"), made.get("expected"))


def device_files(state: StateFolder) -> Iterator[tuple[str, str, str]]:
    """(source name, sha256, place) of the files that wait in the inbox or were set aside.

    A hidden ``.<name>.part`` is ``unfinished``: the device was stopped before it renamed it.
    """
    for name, path in _regular_files(state.inbox):
        folder, _, last = name.rpartition("/")
        if not last.startswith("."):
            yield from _hashed(name, path, "inbox")
        elif last.endswith(".part"):
            whole = last.removeprefix(".").removesuffix(".part")
            yield from _hashed(f"{folder}/{whole}" if folder else whole, path, "unfinished")
    for name, path in _regular_files(state.set_aside):
        if not name.endswith(_REASON):
            yield from _hashed(_name_before(path) or name, path, "set_aside")


def blobs(storage: str, container: str) -> Iterator[tuple[str, str | None, str | None]]:
    """(blob name, source name, sha256) of every blob. Raises StackError if storage does not answer."""
    client = ContainerClient.from_connection_string(storage, container, api_version=_API_VERSION)
    try:
        for blob in client.list_blobs(include=["metadata"], results_per_page=5000):
            metadata = blob.metadata or {}
            source = metadata.get("sourcename")
            yield blob.name, decoded(source), metadata.get("sha256")
    except ResourceNotFoundError:
        return  # no container: nothing was ever uploaded
    except AzureError as error:
        raise StackError(
            f"Blob Storage does not answer: {type(error).__name__}.",
            "start it, or check the connection",
            exit_code=1,
        ) from error


def decoded(source_name: str | None) -> str | None:
    """The device's own name of an image; metadata and API carry it percent-encoded."""
    return urllib.parse.unquote(source_name, errors="surrogateescape") if source_name else None


def strike_balance(
    state: StateFolder, storage: str, container: str, api: RunApi, prefix: str = ""
) -> Balance:
    """The balance of one computer's device, storage and database.

    ``prefix`` limits it to the images whose source name begins with it (one demo among many).
    """
    with open_books() as books:
        books.add_truth(truth_lines(state.truth, prefix))
        books.add_files(file for file in device_files(state) if file[0].startswith(prefix))
        books.add_blobs(blob for blob in blobs(storage, container) if (blob[1] or "").startswith(prefix))
        runs = (
            [run for run in api.runs() if (run.get("source_name") or "").startswith(prefix)]
            if prefix
            else api.runs()
        )
        live: list[tuple[str, str]] = []
        books.add_rows(_rows(runs, live))
        books.add_live_runs(live)
        return books.strike()


def _rows(
    runs: object, live: list[tuple[str, str]]
) -> Iterator[tuple[str, str, str | None, str | None, str, int | None]]:
    for run in runs:  # type: ignore[attr-defined]
        if run.get("outcome") in ENDED:
            yield (run["run_id"], run["blob_name"], decoded(run.get("source_name")), run.get("sha256"), run["outcome"],
                   pixel_sum(run))  # fmt: skip
        else:
            live.append((run["blob_name"], run["state"]))


def pixel_sum(run: dict[str, object]) -> int | None:
    """The pixel sum among a run's scores, or None."""
    scores = run.get("scores")
    for score in scores if isinstance(scores, list) else []:
        if score["scorer"] == "pixel_sum":
            return int(score["value"])
    return None


def _hashed(name: str, path: Path, place: str) -> Iterator[tuple[str, str, str]]:
    try:
        yield name, hashlib.sha256(path.read_bytes()).hexdigest(), place
    except OSError:
        return  # it was moved on while we looked; its next place counts it


def _name_before(path: Path) -> str | None:
    """The source name of a file that was set aside, from the reason that lies beside it."""
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
