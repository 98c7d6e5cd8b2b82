"""One run's way from the file to the row, in the words and the order of the dashboard's page of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

ENDED = ("scored", "rejected", "failed")
# The names that an app of the release before has for fields of a run.
_FORMERLY = {
    "failed_tries": "attempts", "failed_try_count": "failed_attempts", "next_try_at": "next_attempt_at",
    "earlier_attempts": "earlier",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What happened when; ``state`` is the run's state that it belongs to, ``why`` an error or a name."""

    at: datetime
    what: str
    state: str
    why: str = ""


def timeline(run: dict[str, Any]) -> list[Step]:
    """The steps of a run as the API tells of it, oldest first; what has no time is left out."""
    attempt, state = int(run.get("attempt") or 1), str(run.get("state", ""))
    again = f"Attempt {attempt}"
    told = [
        _step(run.get("captured_at"), "File complete on the device", "waiting", run.get("source_name")),
        _step(_stored_at(run), "Blob stored", "waiting", run.get("blob_name")),
        *(
            _step(past.get("finished_at"), f"Attempt {past['attempt']}: {past['outcome']}", past["outcome"],
                  _because(past))
            for past in value(run, "earlier_attempts") or ()
        ),
        _step(run.get("started_at"), f"{again} began" if attempt > 1 else "Run began", "running"),
        *(
            _step(failed.get("at"), f"Try {failed['number']} of {failed['step']} failed", "retrying",
                  failed.get("error"))
            for failed in value(run, "failed_tries") or ()
        ),
    ]  # fmt: skip
    if state in ENDED:
        ending = f"{again}: {state}" if attempt > 1 else state.capitalize()
        told.append(_step(run.get("finished_at"), ending, state, _because(run)))
        told.append(_step(run.get("committed_at"), "Row committed", state))
    else:
        told.append(_step(value(run, "next_try_at"), "Next try", "retrying"))
    return sorted((step for step in told if step is not None), key=lambda step: step.at)


def value(run: dict[str, Any], name: str) -> Any:
    """A field of a run; None if the API does not send it, under its present or its former name."""
    return run[name] if name in run else run.get(_FORMERLY.get(name, name))


def _step(at: object, what: str, state: str, why: object = None) -> Step | None:
    return Step(datetime.fromisoformat(str(at)), what, state, str(why or "")) if at else None


def _because(ending: dict[str, Any]) -> str:
    return ": ".join(str(part) for part in (ending.get("reason"), ending.get("detail")) if part)


def _stored_at(run: dict[str, Any]) -> object:
    """Storage tells whole seconds, cut off: a blob can seem older than its file by a part of one."""
    captured, uploaded = run.get("captured_at"), run.get("uploaded_at")
    if captured and uploaded:
        early = datetime.fromisoformat(captured) - datetime.fromisoformat(uploaded)
        if timedelta(0) < early < timedelta(seconds=1):
            return captured
    return uploaded
