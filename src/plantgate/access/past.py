"""Badges of the past, from the journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from plantgate.errors import StorageError
from plantgate.model.access import Zone
from plantgate.model.badge import JournalEntry
from plantgate.model.seams import DecisionJournal
from plantgate.runtime.log import get_logger

_log = get_logger("access.past")
_PAGE: Final = 5_000
_MICROSECONDS: Final = 1_000_000


def forgotten_before(now: int, zones: Iterable[Zone]) -> int:
    """A badge before this says no more where anybody is: every zone has forgotten it. Microseconds UTC."""
    return now - int(max((zone.reset_after for zone in zones), default=0.0) * _MICROSECONDS)


async def events_since(journal: DecisionJournal, since: int, most: int) -> list[JournalEntry]:
    """The journal's newest events since then, at most `most`; what can be read if not all can."""
    found: list[JournalEntry] = []
    before: int | None = None
    while len(found) < most:
        try:
            page = await journal.newest(min(_PAGE, most - len(found)), before)
        except StorageError as error:
            _log.warning("past badges can't be read", reason=error.message)
            break
        found += [entry for entry in page if entry.decision.at >= since]
        if not page or page[-1].decision.at < since:
            break
        before = page[-1].id
    return found
