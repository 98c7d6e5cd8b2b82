"""The statements that each dialect must provide, with the same parameters and columns in both.

Every statement is a constant, except that a filter selects from the fixed conditions; values are
always parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

# Lists of ids are looked up in portions of this size, so that the text of the statement never changes.
PORTION = 100


@dataclass(frozen=True)
class Statements:
    """``RUN`` columns are those of ``rows.stored_run``; conditions are joined with AND."""

    insert_run: str
    insert_score: str
    insert_attempt: str
    replace_run: str  # the new row's parameters without keys, then run_id and the attempt it replaces

    update_total: str  # runs to add, then the key: hour, outcome, reason, device
    insert_total: str  # the same parameters

    select_run: str  # the columns and FROM; a condition follows
    newest_first: str  # ORDER BY and a limit, one parameter
    select_scores: str  # run_id first, for PORTION run ids
    select_attempts: str  # of one run
    select_known: str  # those of PORTION run ids that are stored

    select_in_order: str  # (committed_at, committed_at, recent_id, limit): run id, both, oldest after those

    count_by_outcome: str  # a condition and group_by_outcome follow
    group_by_outcome: str
    total_by_outcome: str  # the same from the hourly totals, with where_hours among the conditions
    minute_cells: str  # (since, until): minute, outcome, reason, device, runs
    hour_cells: str  # the same by hour
    hour_totals: str  # (since, until) in whole hours: hour, outcome, reason, device, runs
    day_totals: str  # the same by day
    newest_latencies: str  # (captured, committed) of scored runs; a condition and newest_first follow
    newest_values: str  # (scorer, version, value) of scored runs; a condition and newest_first follow

    where_run: str
    where_blob: str
    where_outcome: str
    where_reason: str
    where_device: str
    where_scorer: str
    where_since: str
    where_until: str
    where_hours: str  # of the hourly totals: first hour, hour after the last
    where_before: str  # the cursor: committed_at, committed_at, recent_id

    has_history: str  # one row if the migrations' record exists
    schema_version: str
    is_alive: str

    def selecting(self, head: str, conditions: list[str], tail: str) -> str:
        """A whole statement out of fixed parts."""
        return "\n".join([head, "WHERE " + "\n    AND ".join(conditions or ["1 = 1"]), tail])

    def everything(self) -> dict[str, str]:
        """Every statement whole, by name, for the check of their grammar."""
        parts = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        of_runs = [
            text for name, text in parts.items() if name.startswith("where_") and name != "where_hours"
        ]
        of_totals = [parts[name] for name in ("where_outcome", "where_reason", "where_device", "where_hours")]
        composed = {
            "select_run": (of_runs, self.newest_first),
            "count_by_outcome": (of_runs, self.group_by_outcome),
            "total_by_outcome": (of_totals, self.group_by_outcome),
            "newest_latencies": (of_runs, self.newest_first),
            "newest_values": (of_runs[1:], self.newest_first),  # run_id alone would be of two tables
        }
        whole = {
            name: text
            for name, text in parts.items()
            if not name.startswith("where_") and name not in {"newest_first", "group_by_outcome", *composed}
        }
        return whole | {
            name: self.selecting(parts[name], conditions, tail)
            for name, (conditions, tail) in composed.items()
        }
