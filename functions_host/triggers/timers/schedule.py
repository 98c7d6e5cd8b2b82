"""When a timer fires: NCRONTAB with seconds, or a constant interval. All times are UTC.

NCRONTAB differs from cron: six fields beginning with seconds (five are taken as minutes first), and a
day of month together with a day of week means both, not either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from croniter import croniter
from croniter.croniter import CroniterBadDateError, CroniterError

_INTERVAL = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})")
_MINUTE = timedelta(minutes=1)


class Schedule(Protocol):
    """Yields occurrences."""

    def after(self, moment: datetime) -> datetime | None:
        """The first occurrence strictly after `moment`; None when there is none."""
        ...


@dataclass(frozen=True)
class CronSchedule:
    """An NCRONTAB expression of six fields."""

    expression: str

    def after(self, moment: datetime) -> datetime | None:
        try:
            found: datetime = croniter(
                self.expression, moment, ret_type=datetime, day_or=False, second_at_beginning=True
            ).get_next()
        except CroniterBadDateError:  # such as the 30th of February
            return None
        return found


@dataclass(frozen=True)
class IntervalSchedule:
    """A fixed time between runs (a .NET TimeSpan instead of an expression)."""

    interval: timedelta

    def after(self, moment: datetime) -> datetime | None:
        return moment + self.interval


def parse_schedule(text: str) -> Schedule:
    """Parse `0 */5 * * * *` or `00:05:00`; raises ValueError saying what is wrong."""
    interval = _INTERVAL.fullmatch(text.strip())
    if interval is not None:
        days, hours, minutes, seconds = (int(part or 0) for part in interval.groups())
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if not length:
            raise ValueError("the interval must be longer than zero")
        return IntervalSchedule(length)
    fields = text.split()
    if len(fields) == 5:
        fields.insert(0, "0")
    if len(fields) != 6:
        raise ValueError(f"{text!r} is not an NCRONTAB expression of six fields")
    schedule = CronSchedule(" ".join(fields))
    try:
        croniter(schedule.expression, second_at_beginning=True, day_or=False)
    except (CroniterError, ValueError) as error:
        raise ValueError(f"{text!r} is not an NCRONTAB expression: {error}") from None
    return schedule


def is_monitored(schedule: Schedule, use_monitor: bool, now: datetime) -> bool:
    """Whether last runs are persisted: as asked, but never for schedules under a minute (as the real host)."""
    if not use_monitor:
        return False
    moment: datetime | None = now
    for _ in range(5):
        following = schedule.after(moment) if moment is not None else None
        if moment is not None and following is not None and following - moment < _MINUTE:
            return False
        moment = following
    return True
