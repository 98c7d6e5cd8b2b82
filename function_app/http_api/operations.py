"""The table of the API's operations: path, parameters, answers. A test compares it with the routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from function_app.http_api.health import HealthView, ReadyView
from function_app.http_api.query import DURATION
from function_app.http_api.results_csv import MOST_RUNS
from function_app.http_api.stats import StatsView
from function_app.http_api.views import ImageView, RunsPage, RunView
from function_app.http_api.work import BulkReplay, Purged
from function_app.maintenance.replay import ReplayAnswer
from function_app.maintenance.sweep import SweepReport
from function_app.workflow.live_runs.instances import State

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
        """As OpenAPI writes it."""
        return {
            "name": self.name,
            "in": self.place,
            "required": self.required or self.place == "path",
            "description": self.meaning,
            "schema": self.schema,
        }


@dataclass(frozen=True)
class Operation:
    """One method of one path. ``answers``: status -> (meaning, model of the body or None)."""

    name: str
    method: str
    path: str
    summary: str
    answers: dict[int, tuple[str, Any]]
    parameters: tuple[Parameter, ...] = ()
    problems: dict[int, str] = field(default_factory=dict)
    content_types: tuple[str, ...] = ("application/json",)
    needs_key: bool = True


def _limit(most: int) -> Parameter:
    return Parameter("limit", {"type": "integer", "minimum": 1, "maximum": most}, "How many at most.")


_RUN_ID = Parameter("run_id", {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "The run's id.", "path")
_BLOB_NAME = Parameter(
    "blob_name",
    {"type": "string", "pattern": r"^[^\x00-\x1f\x7f/][^\x00-\x1f\x7f]{0,1023}$"},
    "The blob's name; may hold slashes, no control characters.",
    "path",
)
_CURSOR = Parameter(
    "cursor",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    "Where the last page ended: its `next_cursor`.",
)
_DEVICE = Parameter("device", _CODE, "Only runs of this device.")
_ANY_STATE = Parameter("state", {"type": "string", "enum": list(State)}, "Only runs in this state.")
_BAD_STATE = Parameter(
    "state", {"type": "string", "enum": ["rejected", "failed"]}, "Runs that ended so.", required=True
)
_ENDED_STATE = Parameter("state", {"type": "string", "enum": ["scored", "rejected", "failed"]}, "Ended so.")
_REASON = Parameter("reason", _CODE, "Only runs that ended for this reason.")
_SCORER = Parameter("scorer", _CODE, "Only runs with a score of this name.")
_SINCE = Parameter("since", _MOMENT, "Committed at or after: a moment, or a span back from now.")
_UNTIL = Parameter("until", _MOMENT, "Committed before.")
_GRACE = Parameter("grace", _SPAN, "Leave younger blobs to the trigger; 60s unless told.")

_WRONG = {400: "A parameter is wrong; `parameter` names it."}
_UNKNOWN = {404: "Nothing is known by this name."}
_FILTERS = (_REASON, _DEVICE, _SINCE, _UNTIL)


def _health(view: Any) -> dict[int, tuple[str, Any]]:
    return {200: ("All is well.", view), 503: ("Something is not.", view)}


OPERATIONS = (
    Operation(
        "get_run", "get", "/runs/{run_id}", "One run",
        {200: ("It ended.", RunView), 202: ("It is on its way.", RunView), 304: ("As you know it.", None)},
        (_RUN_ID,), _UNKNOWN,
    ),
    Operation(
        "get_run_image", "get", "/runs/{run_id}/image", "The bytes that a run judged",
        {200: ("An image if they begin as a PNG does, else a download.", bytes)}, (_RUN_ID,), _UNKNOWN,
        ("image/png", "application/octet-stream"),
    ),
    Operation(
        "list_runs", "get", "/runs", "Runs, newest first", {200: ("A page of runs.", RunsPage)},
        (_ANY_STATE, *_FILTERS, _SCORER, _limit(1_000), _CURSOR), _WRONG,
    ),
    Operation(
        "get_image", "get", "/images/{blob_name}", "All runs of an image", {200: ("Its runs.", ImageView)},
        (_BLOB_NAME,), _UNKNOWN,
    ),
    Operation(
        "get_results_csv", "get", "/results.csv", "Ended runs as a table", {200: ("The table.", str)},
        (_ENDED_STATE, *_FILTERS, _SCORER, _limit(MOST_RUNS), _CURSOR), _WRONG, ("text/csv",),
    ),
    Operation(
        "get_stats", "get", "/stats", "How many, how fast, how", {200: ("The figures.", StatsView)},
        (Parameter("window", _SPAN, "Also throughput, latency and histogram of this span."), _DEVICE), _WRONG,
    ),
    Operation(
        "replay_run", "post", "/runs/{run_id}/replay", "Run a rejected or failed image again",
        {202: ("It runs.", ReplayAnswer)}, (_RUN_ID,), {**_UNKNOWN, 409: "It is scored already."},
    ),
    Operation(
        "replay_runs", "post", "/runs/replay", "Run a page of rejected or failed images again",
        {200: ("What became of each.", BulkReplay)},
        (_BAD_STATE, *_FILTERS, _limit(1_000), _CURSOR, Parameter("dry_run", {"type": "boolean"}, "Only count.")),
        _WRONG,
    ),
    Operation(
        "sweep_now", "post", "/sweep", "Start the runs that the trigger missed", {200: ("What it saw.", SweepReport)},
        (_limit(100_000), _CURSOR, _GRACE), _WRONG,
    ),
    Operation(
        "audit_blobs", "get", "/audit", "Compare blobs, runs and rows", {200: ("What it saw.", SweepReport)},
        (_limit(100_000), _CURSOR, _GRACE), _WRONG,
    ),
    Operation(
        "purge_now", "post", "/purge", "Forget the history of runs that ended long ago", {200: ("Done.", Purged)},
        (Parameter("older_than", _SPAN, "The retention setting unless told."),), _WRONG,
    ),
    Operation("get_health", "get", "/health", "Storage and database, with latency and reasons", _health(HealthView)),
    Operation("get_ready", "get", "/health/ready", "For probes, without a key: the same without reasons",
              _health(ReadyView), needs_key=False),
    Operation("get_live", "get", "/health/live", "For probes, without a key: the process answers",
              {200: ("It does.", ReadyView)}, needs_key=False),
    Operation("get_openapi", "get", "/openapi.json", "This document", {200: ("It.", None)}),
)  # fmt: skip
