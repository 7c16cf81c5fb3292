"""Functions that compare moments and look at the calendar; `times.py` has those that make and move them."""

from __future__ import annotations

import re
from datetime import datetime, time

from plantgate.tags.expressions.evaluation import failure, text, whole
from plantgate.tags.expressions.functions.shape import Function, plain
from plantgate.tags.expressions.functions.times import EXAMPLE, FIELDS, Zone, local

_CLOCK = re.compile(r"\s*(\d{1,2}):(\d\d)(?::(\d\d))?\s*([aApP][mM])?\s*\Z")
_HOUR = 3_600


def _extract(zone: Zone, moment: int, name: str) -> int:
    take = FIELDS.get(name.lower())
    if take is None:
        raise failure(f"{name[:20]!r} is no part of a date: {', '.join(FIELDS)}")
    return take(local(zone, moment))


def _clock(written: str) -> time:
    match = _CLOCK.match(written)
    if match is None:
        raise failure(f"{written[:20]!r} is no time of day: 06:30, 18:00:00 or 6:30 pm")
    hour, half = int(match[1]), (match[4] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, int(match[2]), int(match[3] or 0))


def _within(zone: Zone, moment: int, start: str, end: str) -> bool:
    """Over midnight where the end is before the start."""
    now, first, last = local(zone, moment).time(), _clock(start), _clock(end)
    return first <= now <= last if first <= last else now >= first or now <= last


def _offset(zone: Zone, moment: int) -> float:
    shift = local(zone, moment).utcoffset()
    return 0.0 if shift is None else shift.total_seconds() / _HOUR


def _raw_offset(zone: Zone, moment: int) -> float:
    """That of winter: the smaller one of January and July."""
    year = local(zone, moment).year
    offsets = []
    for month in (1, 7):
        wall = datetime(year, month, 1)  # noqa: DTZ001 - the clocks of `zone` show it
        shift = (wall.astimezone() if zone is None else wall.replace(tzinfo=zone)).utcoffset()
        offsets.append(0.0 if shift is None else shift.total_seconds() / _HOUR)
    return min(offsets)


FUNCTIONS: tuple[Function, ...] = (
    plain(
        "dateExtract(moment, part)",
        "One part of it: ms, second, minute, hour, day, week, month (**0 to 11**), year, dayofweek, dayofyear.",
        f'dateExtract({EXAMPLE}, "month")', "10", _extract, whole, text, zoned=True,
    ),
    plain("dateIsAfter(first, second)", "Whether the first moment is later.", "dateIsAfter(2, 1)", "true",
          lambda first, second: first > second, whole, whole),
    plain("dateIsBefore(first, second)", "Whether the first moment is earlier.", "dateIsBefore(2, 1)", "false",
          lambda first, second: first < second, whole, whole),
    plain(
        "dateIsBetween(moment, first, last)", "Whether it is neither before the first nor after the last.",
        "dateIsBetween(2, 1, 3)", "true", lambda moment, first, last: first <= moment <= last, whole, whole, whole,
    ),
    plain(
        "timeBetween(moment, start, end)", "Whether its time of day is from `start` to `end`, also over midnight.",
        f'timeBetween({EXAMPLE}, "06:00", "2:30 pm")', "true", _within, whole, text, text, zoned=True,
    ),
    plain(
        "dateIsDaylight(moment)", "Whether the gateway's time zone has summer time then.", f"dateIsDaylight({EXAMPLE})",
        "false", lambda zone, moment: _offset(zone, moment) > _raw_offset(zone, moment), whole, zoned=True,
    ),
    plain(
        "getTimezoneOffset(moment)", "Hours that the gateway's time zone is ahead of UTC then.",
        f"getTimezoneOffset({EXAMPLE})", "0.0", _offset, whole, zoned=True,
    ),
    plain(
        "getTimezoneRawOffset(moment)", "The same without summer time.", f"getTimezoneRawOffset({EXAMPLE})", "0.0",
        _raw_offset, whole, zoned=True,
    ),
)  # fmt: skip
