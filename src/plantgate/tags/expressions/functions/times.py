"""Functions of time. A moment is a whole number: microseconds since 1970-01-01 UTC, as in a DateTime tag."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeAlias

from plantgate.model.quality import Quality
from plantgate.tags.expressions.evaluation import Context, Run, Trouble, failure, fits, text, whole
from plantgate.tags.expressions.functions.shape import Function, plain
from plantgate.tags.expressions.functions.timeformat import formatted

Zone: TypeAlias = tzinfo | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIXED = {
    "ms": 1_000,
    "millisecond": 1_000,
    "sec": 1_000_000,
    "second": 1_000_000,
    "min": 60_000_000,
    "minute": 60_000_000,
    "hr": 3_600_000_000,
    "hour": 3_600_000_000,
}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_UNITS = (*_FIXED, *_DAYS, *_MONTHS)
_DAY = 86_400_000_000
# 2026-1-5 8:00 and 2026/01/05, which ISO 8601 doesn't know.
_LOOSE = re.compile(r"\A(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):|\Z)")
# The parts of a moment, by the names of dateExtract().
FIELDS: dict[str, Callable[[datetime], int]] = {
    "ms": lambda at: at.microsecond // 1_000,
    "second": lambda at: at.second,
    "sec": lambda at: at.second,
    "minute": lambda at: at.minute,
    "min": lambda at: at.minute,
    "hour": lambda at: at.hour,
    "hr": lambda at: at.hour,
    "day": lambda at: at.day,
    "week": lambda at: at.isocalendar().week,
    "month": lambda at: at.month - 1,
    "year": lambda at: at.year,
    "dayofweek": lambda at: at.isoweekday() % 7 + 1,
    "dayofyear": lambda at: at.timetuple().tm_yday,
}


def local(zone: Zone, moment: int) -> datetime:
    """Raises OverflowError for a moment outside the years 1 to 9999."""
    return (_EPOCH + timedelta(microseconds=moment)).astimezone(zone)


def moment_of(local_time: datetime) -> int:
    return (local_time - _EPOCH) // _MICROSECOND


def _at(zone: Zone, wall: datetime) -> int:
    """The moment at which clocks in `zone` show `wall`, the first one where they show it twice."""
    plain_wall = wall.replace(tzinfo=None, fold=0)
    return moment_of(plain_wall.astimezone() if zone is None else plain_wall.replace(tzinfo=zone))


def _unit(name: str) -> str:
    unit = name.lower()
    if unit not in _UNITS and unit.removesuffix("s") in _UNITS:
        unit = unit.removesuffix("s")
    if unit in _UNITS:
        return unit
    raise failure(f"{name[:20]!r} is no unit of time: ms, second, minute, hour, day, week, month or year")


def _moved(zone: Zone, moment: int, amount: int, unit: str) -> int:
    """Days and longer units keep the time of day that clocks in `zone` show."""
    unit = _unit(unit)
    if unit in _FIXED:
        moved = fits(moment + amount * _FIXED[unit], "the moment")
        local(zone, moved)
        return moved
    wall = local(zone, moment)
    if unit in _DAYS:
        return _at(zone, wall + timedelta(days=amount * _DAYS[unit]))
    months = wall.year * 12 + wall.month - 1 + amount * _MONTHS[unit]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    last = calendar.monthrange(year, month + 1)[1]
    return _at(zone, wall.replace(year=year, month=month + 1, day=min(wall.day, last)))


def _adding(unit: str) -> Callable[[Zone, int, int], int]:
    return lambda zone, moment, amount: _moved(zone, moment, amount, unit)


def _between(unit: str) -> Callable[[Zone, int, int], int]:
    return lambda zone, first, second: _passed(zone, first, second, unit)


def _passed(zone: Zone, first: int, second: int, unit: str) -> int:
    """Whole units, negative if `second` is earlier."""
    if first > second:
        return -_passed(zone, second, first, unit)
    if unit in _FIXED:
        return (second - first) // _FIXED[unit]
    begin, end = local(zone, first).replace(tzinfo=None), local(zone, second).replace(tzinfo=None)
    if unit in _DAYS:
        return (end - begin).days // _DAYS[unit]
    months = (end.year - begin.year) * 12 + end.month - begin.month
    if (end.day, end.time()) < (begin.day, begin.time()):
        months -= 1
    return months // _MONTHS[unit]


def _difference(zone: Zone, first: int, second: int, unit: str) -> float:
    unit = _unit(unit)
    if unit in _MONTHS:
        return float(_passed(zone, first, second, unit))
    return (second - first) / (_FIXED[unit] if unit in _FIXED else _DAYS[unit] * _DAY)


def _part(take: Callable[[datetime], int]) -> Callable[[Zone, int], int]:
    return lambda zone, moment: take(local(zone, moment))


def _midnight(zone: Zone, moment: int) -> int:
    return _at(zone, local(zone, moment).replace(hour=0, minute=0, second=0, microsecond=0))


def _set_time(zone: Zone, moment: int, hour: int, minute: int, second: int) -> int:
    return _at(zone, local(zone, moment).replace(hour=hour, minute=minute, second=second, microsecond=0))


def _date(zone: Zone, year: int, month: int, day: int) -> int:
    return _at(zone, datetime(year, month + 1, day, tzinfo=UTC))


def _read(zone: Zone, written: str) -> int:
    try:
        found = datetime.fromisoformat(_LOOSE.sub(_filled_up, written.strip()))
        return _at(zone, found) if found.tzinfo is None else moment_of(found)
    except (ValueError, OverflowError, OSError):
        raise Trouble(Quality.ERROR_TYPE_CONVERSION, "toDate() takes a text like 2026-11-20 08:30:00") from None


def _filled_up(match: re.Match[str]) -> str:
    year, month, day, hour = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f" {hour:0>2}:" if hour else "")


def _to_date(runs: Sequence[Run]) -> Run:
    where = "the first argument of toDate()"

    def run(context: Context) -> int:
        value = runs[0](context)
        try:
            return value if type(value) is int else _read(context.zone, text(value, where))
        except Trouble:
            if len(runs) == 1:
                raise
            return whole(runs[1](context), "the second argument of toDate()")

    return run


def _format(zone: Zone, moment: int, pattern: str = "yyyy-MM-dd HH:mm:ss") -> str:
    return formatted(local(zone, moment), pattern)


def _now(_runs: Sequence[Run]) -> Run:
    return lambda context: context.now


EXAMPLE = 'toDate("2026-11-20 14:05:09")'


def _extract(name: str, words: str, result: str, take: Callable[[datetime], int], *other_names: str) -> Function:
    return plain(
        f"{name}(moment)", words, f"{name}({EXAMPLE})", result, _part(take), whole, other_names=other_names, zoned=True
    )


def _of_units(begin: str, words: str, make: Callable[[str], Callable[..., int]]) -> tuple[Function, ...]:
    """`addSeconds` and the like."""
    units = ("Seconds", "Minutes", "Hours", "Days", "Weeks", "Months", "Years")
    return tuple(
        plain(
            f"add{unit}(moment, count)" if begin == "add" else f"{unit.lower()}Between(first, second)",
            words.format(unit=unit.lower()),
            f"toMillis(add{unit}(fromMillis(0), 0))" if begin == "add" else f"{unit.lower()}Between(0, 0)",
            "0",
            make(unit.lower().removesuffix("s")),
            whole,
            whole,
            zoned=True,
        )
        for unit in units
    )


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "now", "now([milliseconds])",
        "This moment. Evaluated again after so many milliseconds (1000); with 0 only when a tag changes.",
        "now() > 0", "true", 0, 1, _now, timeless=False, rate=0,
    ),
    plain(
        "dateFormat(moment, [format])", "As text; letters as in Ignition, own words in '...'.",
        f'dateFormat({EXAMPLE}, "dd.MM.yyyy HH:mm")', '"20.11.2026 14:05"', _format, whole, text, zoned=True,
    ),
    Function(
        "toDate", "toDate(value, [failover])",
        "The moment of an ISO 8601 date and time; without a zone it is that of the gateway. A moment stays as it is.",
        'toMillis(toDate("1970-01-01T00:00:01Z"))', "1000", 1, 2, _to_date, timeless=False,
    ),
    plain(
        "getDate(year, month, day)", "The beginning of a day; January is month 0, as in Ignition.",
        'dateFormat(getDate(2026, 10, 20), "yyyy-MM-dd")', '"2026-11-20"', _date, whole, whole, whole, zoned=True,
    ),
    plain("toMillis(moment)", "Milliseconds since 1970 UTC.", "toMillis(2000)", "2",
          lambda moment: moment // 1_000, whole),
    plain("fromMillis(number)", "The moment so many milliseconds after 1970 UTC.", "fromMillis(2)", "2000",
          lambda millis: millis * 1_000, whole),
    plain(
        "dateArithmetic(moment, count, unit)",
        "Moved by ms, second, minute, hour, day, week, month or year; days and longer keep the time of day.",
        f'dateFormat(dateArithmetic({EXAMPLE}, -1, "month"), "yyyy-MM-dd")', '"2026-10-20"',
        _moved, whole, whole, text, zoned=True,
    ),
    plain(
        "dateDiff(first, second, unit)", "From the first to the second moment, with a fraction up to weeks.",
        'dateDiff(0, 90000000, "minute")', "1.5", _difference, whole, whole, text, zoned=True,
    ),
    *_of_units("add", "Moved by so many {unit}.", _adding),
    *_of_units("between", "Whole {unit} from the first to the second moment.", _between),
    plain(
        "midnight(moment)", "The beginning of its day.", f"getHour24(midnight({EXAMPLE}))", "0", _midnight, whole,
        zoned=True,
    ),
    plain(
        "setTime(moment, hour, minute, second)", "Its day at that time.",
        f'dateFormat(setTime({EXAMPLE}, 6, 0, 0), "HH:mm")', '"06:00"',
        _set_time, whole, whole, whole, whole, zoned=True,
    ),
    _extract("getYear", "The year.", "2026", lambda at: at.year),
    _extract("getQuarter", "The quarter, 1 to 4.", "4", lambda at: (at.month + 2) // 3),
    _extract("getMonth", "The month, **0 to 11** as in Ignition.", "10", lambda at: at.month - 1),
    _extract("getDayOfMonth", "1 to 31.", "20", lambda at: at.day),
    _extract("getDayOfYear", "1 to 366.", "324", lambda at: at.timetuple().tm_yday),
    _extract("getDayOfWeek", "Sunday is 1, Saturday 7.", "6", lambda at: at.isoweekday() % 7 + 1),
    _extract("getHour24", "0 to 23.", "14", lambda at: at.hour, "getHour"),
    _extract("getHour12", "0 to 11.", "2", lambda at: at.hour % 12),
    _extract("getAMorPM", "0 before noon, 1 from then on.", "1", lambda at: at.hour // 12),
    _extract("getMinute", "0 to 59.", "5", lambda at: at.minute),
    _extract("getSecond", "0 to 59.", "9", lambda at: at.second),
    _extract("getMillis", "0 to 999.", "0", lambda at: at.microsecond // 1_000),
)  # fmt: skip
