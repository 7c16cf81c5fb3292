"""Times as people write and read them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from plantgate.errors import UsageError


def moment(text: str, option: str) -> int:
    """`2026-11-20T06:00` (local, or with +01:00 or Z) in microseconds UTC. Raises UsageError naming `option`."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1e6)
    except (ValueError, OverflowError, OSError):
        hint = "write 2026-11-20T06:00, with +01:00 or Z if it is not local time"
        raise UsageError("HI-208", f"{option} {text}: not a time", hint) from None


def when(time: int) -> datetime:
    """Microseconds UTC as a time: exact, and at the ends of the calendar for a clock that was far off."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if time > 0 else datetime.min.replace(tzinfo=UTC)
