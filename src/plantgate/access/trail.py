"""The audit trail of access data: who changed what, in lines of the log, without a card's number or hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from plantgate.access.edit import Row
from plantgate.model.access import AccessKind, Card
from plantgate.model.command import Origin
from plantgate.runtime.log import get_logger, printable

_audit = get_logger("audit")
_LINES: Final = 50


def lines(rows: Sequence[Row]) -> list[str]:
    """A line per item, and one for all that are too many to list. An import has 200,000: not for the event loop."""
    found = [described(row) for row in rows[:_LINES]]
    if len(rows) > _LINES:
        counts = Counter((row.kind, _verb(row)) for row in rows[_LINES:])
        more = ", ".join(f"{count} {kind} {verb}" for (kind, verb), count in sorted(counts.items()))
        found.append(f"and more: {more}")
    return found


def record(origin: Origin, revision: int, what: Sequence[str]) -> None:
    """Write `lines` to the audit trail."""
    who = {"actor": printable(origin.actor), "address": origin.address or "-", "revision": revision}
    for line in what:
        _audit.info("access data changed", **who, what=printable(line))


def note(origin: Origin, what: str) -> None:
    """A line for something that is no change of data."""
    _audit.info("access", actor=printable(origin.actor), address=origin.address or "-", what=printable(what))


def described(row: Row) -> str:
    """`holders 17 changed: enabled, valid_until`."""
    fields = ", ".join(_differing(row))
    return f"{row.kind} {_shown_key(row)} {_verb(row)}" + (f": {fields}" if fields else "")


def _verb(row: Row) -> str:
    if row.before is None:
        return "added"
    return "removed" if row.after is None else "changed"


def _shown_key(row: Row) -> str:
    if row.kind is AccessKind.RULES and not row.key:
        return "order"
    card = row.after or row.before
    return f"…{card.last4} of {card.holder}" if isinstance(card, Card) else row.key


def _differing(row: Row) -> Iterator[str]:
    if isinstance(row.before, msgspec.Struct) and isinstance(row.after, msgspec.Struct):
        for field in row.before.__struct_fields__:
            if getattr(row.before, field) != getattr(row.after, field):
                yield field
