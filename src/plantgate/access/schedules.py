"""When a schedule is on: hours of the week as the clock on the wall of its time zone shows them.

An instant is on if the local date and minute that it shows are within hours. So in the night that springs forward the
minutes that no clock shows never are, and in the night that falls back those that are shown twice are on twice. Hours
past midnight belong to the day on which they began: a night shift that begins before a holiday ends on it as usual.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plantgate.model.access import Calendar, Holiday, Hours, Schedule

DAY_MINUTES: Final = 1_440
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MINUTE: Final = 60_000_000
_KEPT_MINUTES: Final = 60
_SHOWN_HOURS: Final = 4

_Day: TypeAlias = tuple[tuple[int, int], ...]
"""From and to minute of one day; a `to` above 1,440 is on the next one."""


def time_zone(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, None if this host knows none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that is a folder, or no path at all
        return None


def holiday_date(holiday: Holiday) -> date | None:
    """The day of a holiday, None if there is no such day. 29 February comes yearly, in leap years."""
    if not _DATE.match(holiday.date):
        return None  # `fromisoformat` takes weeks, too
    try:
        return date.fromisoformat(holiday.date)
    except ValueError:
        return None


class Timetable:
    """A schedule with its calendar, compiled. An answer is kept for as long as it holds."""

    __slots__ = ("_answer", "_calendar", "_holidays", "_on_holidays", "_week", "_yearly", "_zone", "schedule", "text")

    def __init__(self, schedule: Schedule, calendar: Calendar | None = None) -> None:
        """A calendar's days that are none are left out; an unknown zone makes every answer None."""
        self.schedule = schedule
        self._zone = time_zone(schedule.time_zone)
        self._week = _compiled(schedule.week)
        self._on_holidays = _compiled(schedule.on_holidays)
        self._calendar = calendar
        self._holidays: dict[int, str] = {}
        self._yearly: dict[tuple[int, int], str] = {}
        for holiday in calendar.holidays if calendar is not None else ():
            day = holiday_date(holiday)
            if day is not None and holiday.yearly:
                self._yearly[day.month, day.day] = holiday.name
            elif day is not None:
                self._holidays[day.toordinal()] = holiday.name
        self.text = hours_text(schedule.week)
        self._answer: tuple[int, int, bool] = (0, 0, False)

    def on(self, at: int) -> bool | None:
        """Whether the schedule is on at `at`; None if its time zone is not known here."""
        minute = at // _MINUTE
        first, end, answer = self._answer  # one attribute, read and set at once
        if first <= minute < end:
            return answer
        if self._zone is None:
            return None
        local = self._local(at)
        answer = self._shows(local)
        self._answer = (minute, minute + self._holds_for(local, at), answer)
        return answer

    def _holds_for(self, local: datetime, at: int) -> int:
        """For how many minutes the answer surely stays: to the next begin or end, but over no change of the clock."""
        minute = local.hour * 60 + local.minute
        edges = [DAY_MINUTES - minute, _KEPT_MINUTES]
        for day in (local.date(), local.date() - timedelta(days=1)):
            edges += [edge % DAY_MINUTES - minute for hours in self._hours(day) for edge in hours]
        ahead = min(edge for edge in edges if edge > 0)
        later = self._local(at + ahead * _MINUTE)
        return ahead if later.utcoffset() == local.utcoffset() else 1

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at // 1_000_000, self._zone or UTC)

    def _shows(self, local: datetime) -> bool:
        minute, today = local.hour * 60 + local.minute, local.date()
        yesterday = today - timedelta(days=1)
        return any(start <= minute < end for start, end in self._hours(today)) or any(
            start <= minute + DAY_MINUTES < end for start, end in self._hours(yesterday)
        )

    def _hours(self, day: date) -> _Day:
        return (self._week if self.holiday(day) is None else self._on_holidays)[day.weekday()]

    def holiday(self, day: date) -> str | None:
        """The name of the holiday that `day` is; it may be empty. None for a day like any other."""
        name = self._holidays.get(day.toordinal())
        return self._yearly.get((day.month, day.day)) if name is None else name

    def hours(self, at: int) -> str:
        """The hours that count on the day of `at`, in words."""
        if self.holiday(self._local(at).date()) is None:
            return self.text
        return f"{hours_text(self.schedule.on_holidays)}, on holidays" if self.schedule.on_holidays else self.text

    def now(self, at: int) -> str:
        """What the clock on the wall says, as far as it matters: "it is 14:32", "it is Sunday 14:32"."""
        local = self._local(at)
        name = self.holiday(local.date())
        if name is not None:
            return f"it is {local:%H:%M} on a holiday" + (f" ({name})" if name else "")
        if self._week[local.weekday()]:
            return f"it is {local:%H:%M}"
        return f"it is {DAYS[local.weekday()]} {local:%H:%M}"


def _compiled(hours: Iterable[Hours]) -> tuple[_Day, ...]:
    days: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for each in hours:
        end = each.end if each.end > each.start else each.end + DAY_MINUTES
        for day in each.days:
            days[day].append((each.start, end))
    return tuple(tuple(day) for day in days)


def hours_text(week: Iterable[Hours]) -> str:
    """Hours in words: from 06:00 to 14:00 on Monday to Friday and all day on Saturday."""
    parts = [_span(hours) + _on_days(hours.days) for hours in week if hours.days]
    if not parts:
        return "at no time"
    more = ["at other hours"] if len(parts) > _SHOWN_HOURS else []
    return " and ".join(parts[:_SHOWN_HOURS] + more)


def _span(hours: Hours) -> str:
    if (hours.start, hours.end) in {(0, DAY_MINUTES), (0, 0)}:
        return "all day"
    return f"from {_clock(hours.start)} to {_clock(hours.end)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _on_days(days: Iterable[int]) -> str:
    runs: list[list[int]] = []
    for day in sorted(set(days)):
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    if runs[0] == list(range(len(DAYS))):
        return " every day"
    names: list[str] = []
    for run in runs:
        names += [f"{DAYS[run[0]]} to {DAYS[run[-1]]}"] if len(run) > 2 else [DAYS[day] for day in run]
    return " on " + (f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0])
