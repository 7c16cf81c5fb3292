"""The cells of a CSV file as people and Excel write them: yes and no, dates, and text that a spreadsheet might run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_YES: Final = frozenset({"true", "yes", "1", "wahr", "ja"})
_NO: Final = frozenset({"false", "no", "0", "falsch", "nein"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_ISO: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d?:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?P<zone>Z|[+-]\d\d:\d\d)?)?\Z"
)
_DOTTED: Final = re.compile(r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d{4})(?P<rest> .*)?\Z")
_NEVER: Final = 9999
_YEARS: Final = range(1970, _NEVER)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def guarded(cell: str) -> str:
    """Text that a spreadsheet would take for a formula gets a `'` in front; `unguarded` takes it away."""
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def unguarded(cell: str) -> str:
    """The text of a cell that `guarded` may have written."""
    return cell[1:] if cell.startswith(tuple(f"'{sign}" for sign in (*_FORMULA, "'"))) else cell


def yes(cell: str) -> bool | None:
    """Yes or no in English or German, as Excel writes them too; None for anything else."""
    word = cell.casefold()
    return True if word in _YES else False if word in _NO else None


def moment_text(at: int | None) -> str:
    """Microseconds UTC as ISO 8601 with its zone; empty for None."""
    if at is None:
        return ""
    moment = _EPOCH + timedelta(microseconds=at)
    return moment.isoformat(timespec="auto").replace("+00:00", "Z")


def moment(cell: str, zone: tzinfo | None, *, end: bool) -> int | None:
    """Microseconds UTC of a date, with or without a time: 2026-12-31, 2026-12-31 14:00, 31.12.2026, ...Z, ...+01:00.

    Without an offset it is in `zone` (None: this host's). A date alone is the beginning of that day, as an `end` its
    end. An `end` in 9999 is how personnel systems say that there is none: None. Raises ValueError in words.
    """
    dotted = _DOTTED.match(cell)
    if dotted is not None:
        cell = f"{dotted['y']}-{int(dotted['m']):02}-{int(dotted['d']):02}{dotted['rest'] or ''}"
    found = _ISO.match(cell)
    if found is None:
        raise ValueError("not a date such as 2026-12-31 or 2026-12-31 14:00")
    value = datetime.fromisoformat(found["day"])  # raises ValueError in words: "day is out of range for month"
    if end and value.year == _NEVER:
        return None
    if value.year not in _YEARS:
        raise ValueError("not a date from 1970 to 9998")
    if found["time"]:
        clock = found["time"].rjust(5, "0") if found["time"].count(":") == 1 else found["time"]
        offset = (found["zone"] or "").replace("Z", "+00:00")
        value = datetime.fromisoformat(f"{found['day']}T{clock}{offset}")
    elif end:
        value += timedelta(days=1)
    if value.tzinfo is None:
        value = value.astimezone() if zone is None else value.replace(tzinfo=zone)
    return max(0, (value - _EPOCH) // _MICROSECOND)
