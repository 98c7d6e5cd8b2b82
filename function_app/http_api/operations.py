"""The table of the API's operations: paths, parameters, responses. A test compares it with the routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from function_app.http_api.health import HealthView, ReadyView
from function_app.http_api.maintenance import BulkReplay, Purged
from function_app.http_api.query import DURATION
from function_app.http_api.results_csv import MOST_RUNS
from function_app.http_api.stats import StatsView
from function_app.http_api.views import ImageView, RunsPage, RunView
from function_app.maintenance.replay import ReplayAnswer
from function_app.maintenance.sweep import SweepReport
from function_app.workflow.live_runs.durable_status import State

_CODE = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"}
_SPAN = {
    "type": "string",
    "description": "A duration: a whole number and s, m, h or d; at most 3660d.",
    "pattern": f"^{DURATION}$",
    "maxLength": 6,
    "examples": ["15m", "24h", "7d"],
}
_MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, _SPAN]}


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    schema: dict[str, Any]
    meaning: str
    place: str = "query"
    required: bool = False

    def described(self) -> dict[str, Any]:
        """The parameter in OpenAPI."""
        return {
            "name": self.name,
            "in": self.place,
            "required": self.required or self.place == "path",
            "description": self.meaning,
            "schema": self.schema,
        }


@dataclass(frozen=True)
class Operation:
    """One method of one path. ``responses``: status -> (meaning, model of the body or None)."""

    name: str
    method: str
    path: str
    summary: str
    responses: dict[int, tuple[str, Any]]
    parameters: tuple[Parameter, ...] = ()
    problems: dict[int, str] = field(default_factory=dict)
    content_types: tuple[str, ...] = ("application/json",)
    needs_key: bool = True


def _limit(most: int) -> Parameter:
    return Parameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": most}, "Maximum number of results."
    )


_RUN_ID = Parameter("run_id", {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Id of the run.", "path")
_BLOB_NAME = Parameter(
    "blob_name",
    {"type": "string", "pattern": r"^[^\x00-\x1f\x7f/][^\x00-\x1f\x7f]{0,1023}$"},
    "Name of the blob. It may contain slashes, but no control characters.",
    "path",
)
_CURSOR = Parameter(
    "cursor",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    "The `next_cursor` of the previous page.",
)
_DEVICE = Parameter("device", _CODE, "Only runs of this device.")
_ANY_STATE = Parameter("state", {"type": "string", "enum": list(State)}, "Only runs in this state.")
_BAD_STATE = Parameter(
    "state", {"type": "string", "enum": ["rejected", "failed"]}, "Only runs in this state.", required=True
)
_ENDED_STATE = Parameter(
    "state", {"type": "string", "enum": ["scored", "rejected", "failed"]}, "Only runs in this state."
)
_REASON = Parameter("reason", _CODE, "Only runs that ended for this reason.")
_SCORER = Parameter("scorer", _CODE, "Only runs with a score by this scorer.")
_SINCE = Parameter("since", _MOMENT, "Only runs committed since: a date-time, or a time span back from now.")
_UNTIL = Parameter("until", _MOMENT, "Only runs committed before: a date-time, or a time span back from now.")
_GRACE = Parameter("grace", _SPAN, "Leave blobs younger than this to the trigger. Default: 60s.")

_WRONG = {400: "A parameter is invalid; `parameter` names it."}
_FILTERS = (_REASON, _DEVICE, _SINCE, _UNTIL)


def _not_found(what: str) -> dict[int, str]:
    return {404: f"There is no such {what}."}


def _health(view: Any) -> dict[int, tuple[str, Any]]:
    return {200: ("All checks passed.", view), 503: ("At least one check failed.", view)}


OPERATIONS = (
    Operation(
        "get_run", "get", "/runs/{run_id}", "Get a run",
        {200: ("The run has ended.", RunView), 202: ("The run is waiting or under way.", RunView),
         304: ("Not modified since the given ETag.", None)},
        (_RUN_ID,), _not_found("run"),
    ),
    Operation(
        "get_run_image", "get", "/runs/{run_id}/image", "Get the image of a run",
        {200: ("The bytes of the run's blob version: a download unless they begin as a PNG does.", bytes)},
        (_RUN_ID,),
        {404: "There is no such run, or its blob was deleted, overwritten or is over the size limit; see `reason`."},
        ("image/png", "application/octet-stream"),
    ),
    Operation(
        "list_runs", "get", "/runs", "List runs, newest first", {200: ("A page of runs.", RunsPage)},
        (_ANY_STATE, *_FILTERS, _SCORER, _limit(1_000), _CURSOR), _WRONG,
    ),
    Operation(
        "get_image", "get", "/images/{blob_name}", "List all runs of an image",
        {200: ("The runs of all versions of the blob.", ImageView)}, (_BLOB_NAME,), _not_found("image"),
    ),
    Operation(
        "get_results_csv", "get", "/results.csv", "Export ended runs as CSV",
        {200: ("One line per run and score. The header `X-Next-Cursor` is set if there are more.", str)},
        (_ENDED_STATE, *_FILTERS, _SCORER, _limit(MOST_RUNS), _CURSOR), _WRONG, ("text/csv",),
    ),
    Operation(
        "get_stats", "get", "/stats", "Get counts by state and statistics", {200: ("The statistics.", StatsView)},
        (Parameter("window", _SPAN, "Add throughput, latency and score histograms of this time span."), _DEVICE),
        _WRONG,
    ),
    Operation(
        "replay_run", "post", "/runs/{run_id}/replay", "Replay a rejected or failed run",
        {202: ("A new attempt is under way.", ReplayAnswer)}, (_RUN_ID,),
        {404: "No run with this id has ended.", 409: "The run is scored already."},
    ),
    Operation(
        "replay_runs", "post", "/runs/replay", "Replay a page of rejected or failed runs",
        {200: ("What became of each run.", BulkReplay)},
        (_BAD_STATE, *_FILTERS, _limit(1_000), _CURSOR,
         Parameter("dry_run", {"type": "boolean"}, "Only count the runs.")),
        _WRONG,
    ),
    Operation(
        "sweep_now", "post", "/sweep", "Start the runs that the trigger missed",
        {200: ("What was found and started.", SweepReport)}, (_limit(100_000), _CURSOR, _GRACE), _WRONG,
    ),
    Operation(
        "audit_blobs", "get", "/audit", "Compare blobs with runs and rows, without starting any run",
        {200: ("What was found.", SweepReport)}, (_limit(100_000), _CURSOR, _GRACE), _WRONG,
    ),
    Operation(
        "purge_now", "post", "/purge", "Purge the orchestration history of old runs",
        {200: ("What was purged within a minute.", Purged)},
        (Parameter("older_than", _SPAN, "Only runs older than this. Default: the setting `RETENTION_DAYS`."),),
        _WRONG,
    ),
    Operation("get_health", "get", "/health", "Check storage and database, with reasons", _health(HealthView)),
    Operation("get_ready", "get", "/health/ready", "Readiness probe: check storage and database, without reasons",
              _health(ReadyView), needs_key=False),
    Operation("get_live", "get", "/health/live", "Liveness probe: check nothing but that the process answers",
              {200: ("The process answers.", ReadyView)}, needs_key=False),
    Operation("get_openapi", "get", "/openapi.json", "Get this document", {200: ("This document.", None)}),
)  # fmt: skip
