"""Text with a unit, as people write it."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(ms|s|min|m|h|d|w)\s*")


def parse_duration(text: str) -> float:
    """Seconds of "500ms", "2s", "1h30m", "90d". Raises ValueError for anything else, a bare number too."""
    rest, seconds = text.strip(), 0.0
    if not rest:
        raise ValueError("empty")
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise ValueError("not a time")
        seconds += float(part[1]) * _UNITS[part[2]]
        rest = rest[part.end() :]
    return seconds


def duration_text(seconds: float) -> str:
    """The shortest text that `parse_duration` reads as `seconds` (a number that it gave)."""
    for unit in ("d", "h", "min", "s", "ms"):
        count = round(seconds / _UNITS[unit])
        if count and count * _UNITS[unit] == seconds:
            return f"{count}{unit}"
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
