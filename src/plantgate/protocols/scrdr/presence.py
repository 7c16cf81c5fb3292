"""From `$SCRDR` messages to what a card did: repeats taken out, tracked cards followed.

Source: SpringCore TLV "Tag" event page; registers 02A0 (track mode) and 02A1 (intervals, default 1.0 s and 3.0 s).

* Read mode: Move is empty. While a card stays, the reader sends the *same* message again every repeat interval
  and nothing marks it as a repeat. A repeat therefore comes one interval after the message before it, give or take;
  one that comes sooner is a card that was taken away and shown again, one that comes later as well.
* Track mode: `I` on arrival, `R` on departure, `IR` for one that was gone before it could be reported.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from plantgate.limits import SCRDR_TRACKED_TAGS
from plantgate.protocols.scrdr.wire import TagEvent

REPEAT_SECONDS = 3.0
REPEAT_TOLERANCE_SECONDS = 0.5
# A repeat that the network held up makes the one after it look early: up to a TCP retransmission or two.
_EARLY_SECONDS = 1.5


class Sighted(StrEnum):
    READ = "read"
    INSERTED = "inserted"
    REMOVED = "removed"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a card did. `tag_data` is empty for a removal that the reader did not spell out."""

    what: Sighted
    tag_id: str
    tag_data: str


class PresenceFilter:
    """Follows the cards at one reader. `now` is in seconds of any clock that never jumps.

    `repeat_seconds` is register 02A1 byte 1 of the reader (0: as fast as it can; None: no repeats, FF there). A repeat
    may be `tolerance_seconds` late, and is told from a card shown again by coming at most 1.5 s before that limit.
    """

    def __init__(
        self,
        repeat_seconds: float | None = REPEAT_SECONDS,
        tolerance_seconds: float = REPEAT_TOLERANCE_SECONDS,
    ) -> None:
        self._latest = -1.0 if repeat_seconds is None else repeat_seconds + tolerance_seconds
        self._earliest = max(0.0, self._latest - _EARLY_SECONDS)
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()  # read mode: last message per card
        self._present: OrderedDict[str, None] = OrderedDict()  # track mode: cards at the reader
        self.repeats = 0

    @property
    def present(self) -> list[str]:
        """Track mode: the ids of the cards at the reader, oldest first."""
        return list(self._present)

    def observe(self, event: TagEvent, now: float) -> list[Sighting]:
        """What this message says anew; empty for a repeat. An `R` without TagId removes every tracked card."""
        if event.move == "":
            return self._read(event, now)
        if event.move == "I":
            self._present[event.tag_id] = None
            self._present.move_to_end(event.tag_id)
            if len(self._present) > SCRDR_TRACKED_TAGS:
                self._present.popitem(last=False)
            return [Sighting(Sighted.INSERTED, event.tag_id, event.tag_data)]
        if event.move == "IR":
            self._present.pop(event.tag_id, None)
            return [Sighting(Sighted.PASSED, event.tag_id, event.tag_data)]
        gone = [event.tag_id] if event.tag_id else self.present
        for tag_id in gone:
            self._present.pop(tag_id, None)
        return [Sighting(Sighted.REMOVED, tag_id, event.tag_data) for tag_id in gone]

    def disconnected(self) -> None:
        """The connection was lost: removals since then will never be told. Repeats are still told by their time."""
        self._present.clear()

    def _read(self, event: TagEvent, now: float) -> list[Sighting]:
        key = (event.tag_id, event.tag_data)
        last = self._seen.get(key)
        self._seen[key] = now
        self._seen.move_to_end(key)
        self._expire(now)
        if last is not None and self._earliest <= now - last <= self._latest:
            self.repeats += 1
            return []
        return [Sighting(Sighted.READ, event.tag_id, event.tag_data)]

    def _expire(self, now: float) -> None:
        """Drops what is too old to be repeated, and the oldest beyond the bound."""
        seen = self._seen
        while seen:
            oldest = next(iter(seen))
            if now - seen[oldest] <= self._latest and len(seen) <= SCRDR_TRACKED_TAGS:
                return
            del seen[oldest]
