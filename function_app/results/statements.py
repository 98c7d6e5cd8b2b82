"""The statements that an adapter must bring, in both dialects with the same parameters and columns.

Every statement is a constant. Only two things vary, neither of them data: which of the fixed
conditions a filter needs, and nothing else; values always travel as parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

# Lists of ids are asked for in portions of this size, so that the text of the statement never changes.
PORTION = 100


@dataclass(frozen=True)
class Statements:
    """``RUN`` columns are those of ``rows.stored_run``; conditions are joined with AND."""

    insert_run: str
    insert_score: str
    insert_attempt: str
    replace_run: str  # the new row's parameters without keys, then run_id and the attempt it replaces

    select_run: str  # the columns and FROM; a condition follows
    newest_first: str  # ORDER BY and a limit, one parameter
    select_scores: str  # run_id first, for PORTION run ids
    select_attempts: str  # of one run
    select_known: str  # those of PORTION run ids that are stored

    count_by_outcome: str  # a condition and group_by_outcome follow
    group_by_outcome: str
    minute_cells: str  # (since, until): minute, outcome, reason, device, runs
    hour_cells: str  # (since, until), whole hours: hour, outcome, reason, device, runs
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
        conditions = [text for name, text in parts.items() if name.startswith("where_")]
        tails = {
            "select_run": self.newest_first,
            "count_by_outcome": self.group_by_outcome,
            "newest_latencies": self.newest_first,
            "newest_values": self.newest_first,
        }
        whole = {
            name: text
            for name, text in parts.items()
            if not name.startswith("where_") and name not in {"newest_first", "group_by_outcome", *tails}
        }
        whole |= {name: self.selecting(parts[name], conditions, tail) for name, tail in tails.items()}
        return whole
