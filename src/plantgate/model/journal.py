"""What is asked of the badge journal, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from plantgate.model.badge import AccessVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFilter:
    """Which entries: what is empty or None does not restrict.

    `since` (included) and `until` (not included) are microseconds UTC of the badge; `holder` is a holder's id, `card`
    a card's keyed hash.
    """

    since: int | None = None
    until: int | None = None
    reader: str = ""
    verdict: AccessVerdict | None = None
    holder: str = ""
    card: str = ""


EVERY_ENTRY = JournalFilter()


class ExportForm(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest entry and its hash (64 hex digits), which vouches for every entry before it."""

    id: int
    hash: str


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """`entries` were checked from the oldest that is kept. `first_broken` is the id of the first that is not as it was
    written, or the place where some are missing; `text` says it in a sentence.
    """

    ok: bool
    entries: int
    head: ChainHead
    first_broken: int | None = None
    text: str = ""
