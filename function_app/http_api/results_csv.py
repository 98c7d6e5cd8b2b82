"""``/api/results.csv``: the runs of a filter as a table, one line per run and score.

The Functions worker cannot stream a response, so a file holds a bounded number of runs; the header
``X-Next-Cursor`` is the cursor of the next file. Cells that a spreadsheet would take for formulas are escaped.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.http_api import query
from function_app.http_api.responses import ApiResponse, BadParameter, in_thread, respond
from function_app.models.codec import format_time
from function_app.models.runs import RunFilter, StoredRun
from function_app.results.filters import BadCursor
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()
MOST_RUNS = 100_000
PARAMETERS = ("state", "reason", "device", "scorer", "since", "until", "limit", "cursor")
COLUMNS = (
    "run_id", "outcome", "reason", "scorer", "scorer_version", "value", "device_id", "source_name", "blob_name",
    "etag", "sha256", "size_bytes", "captured_at", "uploaded_at", "finished_at", "committed_at", "attempt",
)  # fmt: skip


@blueprint.route(route="results.csv", methods=["GET"])
async def get_results_csv(req: func.HttpRequest) -> func.HttpResponse:
    """Ended runs as CSV, newest first."""
    return await respond(results(req, resources()))


async def results(req: func.HttpRequest, use: Resources) -> ApiResponse:
    """Up to ``limit`` runs (by default as many as a file may hold), read from the store a thousand at a time."""
    given = query.parameters(req, PARAMETERS)
    most = query.number(given, "limit", MOST_RUNS, MOST_RUNS)
    which = query.run_filter(given, use.now())
    try:
        text, cursor = await in_thread(_table, use, which, given.get("cursor"), most)
    except BadCursor as error:
        raise BadParameter("cursor", error.detail) from None
    headers = {"Content-Disposition": 'attachment; filename="results.csv"'}
    if cursor is not None:
        headers["X-Next-Cursor"] = cursor
    return ApiResponse(200, text, "text/csv", headers)


def _table(use: Resources, which: RunFilter, cursor: str | None, most: int) -> tuple[str, str | None]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    left = most
    while left > 0:
        page = use.store.page(which, cursor, min(left, query.LARGEST_PAGE))
        writer.writerows(line for run in page.runs for line in lines_of(run))
        left -= len(page.runs)
        cursor = page.next_cursor
        if cursor is None:
            break
    return out.getvalue(), cursor


def lines_of(run: StoredRun) -> Iterable[list[str]]:
    """One line per score; a run without scores has one line."""
    r = run.record
    scores: list[tuple[object, ...]] = [(s.scorer, s.scorer_version, s.value) for s in run.scores]
    for scorer, version, value in scores or [("", "", "")]:
        cells = (
            r.run_id, r.outcome, r.reason, scorer, version, value, r.device_id, r.source_name, r.blob_name,
            r.etag, r.sha256, r.size_bytes, r.captured_at, r.uploaded_at, r.finished_at, run.committed_at, r.attempt,
        )  # fmt: skip
        yield [_cell(cell) for cell in cells]


# What a spreadsheet begins a formula with, also in its full-width form and behind what it drops; at the beginning of a
# cell, or of what becomes one where the list separator is a semicolon or the quotation marks are not understood.
_FORMULA = re.compile("((?:^|[;\t\r\n])[\\s\ufeff\u200b\"']*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, int):
        return str(value)
    text = _FORMULA.sub(r"\1'", str(value))
    return "'" + text if text.startswith(("\t", "\r", "\n")) else text
