"""The letters of dateFormat(): those of Java's SimpleDateFormat that Ignition documents, with English names."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from plantgate.limits import EXPRESSION_FORMAT_CHARS
from plantgate.model.quality import Quality
from plantgate.tags.expressions.evaluation import Trouble

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PIECES = re.compile(r"'(?P<quoted>(?:[^']|'')*)'|(?P<run>([A-Za-z])\3*)|(?P<other>[^A-Za-z'])", re.DOTALL)
_NAMED = 3
_WHOLE_NAME = 4
_MOST = 9


def _number(take: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda at, width: str(take(at)).zfill(width)


def _year(at: datetime, width: int) -> str:
    return f"{at.year % 100:02d}" if width == len("yy") else str(at.year).zfill(width)


def _month(at: datetime, width: int) -> str:
    if width < _NAMED:
        return str(at.month).zfill(width)
    name = _MONTHS[at.month - 1]
    return name if width >= _WHOLE_NAME else name[:3]


def _day(at: datetime, width: int) -> str:
    name = _DAYS[at.weekday()]
    return name if width >= _WHOLE_NAME else name[:3]


def _offset(at: datetime, colon: str) -> str:
    offset = at.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset is not None else 0
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}{colon}{rest:02d}"


def _iso_offset(at: datetime, _width: int) -> str:
    return "Z" if not at.utcoffset() else _offset(at, ":")


_LETTERS: dict[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "M": _month,
    "d": _number(lambda at: at.day),
    "D": _number(lambda at: at.timetuple().tm_yday),
    "w": _number(lambda at: at.isocalendar().week),
    "u": _number(lambda at: at.isoweekday()),
    "E": _day,
    "a": lambda at, _: "PM" if at.hour >= 12 else "AM",
    "H": _number(lambda at: at.hour),
    "k": _number(lambda at: at.hour or 24),
    "K": _number(lambda at: at.hour % 12),
    "h": _number(lambda at: at.hour % 12 or 12),
    "m": _number(lambda at: at.minute),
    "s": _number(lambda at: at.second),
    "S": _number(lambda at: at.microsecond // 1_000),
    "Z": lambda at, _: _offset(at, ""),
    "X": _iso_offset,
}


def formatted(at: datetime, pattern: str) -> str:
    """Raises Trouble for a letter that means nothing."""
    if len(pattern) > EXPRESSION_FORMAT_CHARS:
        raise _unknown(f"formats of more than {EXPRESSION_FORMAT_CHARS} characters")
    pieces: list[str] = []
    place = 0
    while place < len(pattern):
        match = _PIECES.match(pattern, place)
        if match is None:
            raise _unknown("a ' without its end")
        pieces.append(_piece(at, match))
        place = match.end()
    return "".join(pieces)


def _piece(at: datetime, match: re.Match[str]) -> str:
    run = match["run"]
    if run is None:
        quoted: str | None = match["quoted"]
        return match["other"] if quoted is None else quoted.replace("''", "'") or "'"
    make = _LETTERS.get(run[0])
    if make is None or len(run) > _MOST:
        raise _unknown(run[:_MOST])
    return make(at, len(run))


def _unknown(what: str) -> Trouble:
    return Trouble(
        Quality.ERROR_FORMATTING, f"dateFormat() does not know {what}: write as in yyyy-MM-dd HH:mm:ss, words in '...'"
    )
