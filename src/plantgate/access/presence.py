"""Who is in which zone: a person is where their last accepted badge led them, for as long as the zone remembers it.

A person is in one zone at a time. Whoever enters Hall 3 from the yard is no longer in the yard.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from plantgate.limits import ACCESS_ANSWERS
from plantgate.model.access import OUTSIDE, Presence, Zone
from plantgate.model.badge import AccessDecision, AccessVerdict, JournalEntry

_MICROSECONDS: Final = 1_000_000
# A clock that was set back by less is noise: presences are kept in the order of their times.
_SET_BACK: Final = 1_000_000


class _Move(NamedTuple):
    """What an accepted badge did, for as long as its door may still fail."""

    reader: str
    at: int
    before: Presence | None
    after: Presence | None


class PresenceBook:
    """Presences by holder and, in the order of their times, by zone. All times are microseconds UTC."""

    def __init__(self, zones: Mapping[str, Zone] | None = None) -> None:
        self._zones: Mapping[str, Zone] = zones or {}
        self._by_holder: dict[str, Presence] = {}
        self._by_zone: dict[str, dict[str, Presence]] = {}
        self._moves: OrderedDict[str, _Move] = OrderedDict()
        self._latest = 0
        self.revision = 0

    def use(self, zones: Mapping[str, Zone]) -> None:
        """The zones of now: who was in one that is gone is nowhere."""
        self._zones = zones
        for name in self._by_zone.keys() - zones.keys():
            for holder_id in list(self._by_zone[name]):
                self.forget(holder_id)

    # --- asking -----------------------------------------------------------------------------------------

    def find(self, holder_id: str, at: int) -> Presence | None:
        """Where they are at `at`, None if nobody knows."""
        presence = self._by_holder.get(holder_id)
        return presence if presence is not None and self._holds(presence, at) else None

    def count(self, zone: str, at: int, limit: int) -> int:
        """How many are inside at `at`. Exact at or above `limit`; below it those past their time may be counted.

        The oldest come first, so that a decision looks at those past their time only.
        """
        inside = self._by_zone.get(zone, {})
        count = len(inside)
        for presence in inside.values():
            if count < limit or self._holds(presence, at):
                break
            count -= 1
        if count >= limit:  # about to deny: a badge that was taken back may have left the order
            count = sum(self._holds(presence, at) for presence in inside.values())
        return count

    def all(self, at: int) -> list[Presence]:
        """Everybody who is inside at `at`, by zone, the longest first."""
        present = (presence for presence in self._by_holder.values() if self._holds(presence, at))
        return sorted(present, key=lambda presence: (presence.zone, presence.since, presence.holder_id))

    def _holds(self, presence: Presence, at: int) -> bool:
        zone = self._zones.get(presence.zone)
        return zone is not None and at - presence.since < zone.reset_after * _MICROSECONDS

    # --- moving -----------------------------------------------------------------------------------------

    def entered(self, decision: AccessDecision) -> None:
        """An accepted badge moves its holder from `leaves` to `enters`; any other one moves nobody."""
        if decision.verdict is not AccessVerdict.ACCEPTED or decision.enters == decision.leaves:
            return
        if not decision.holder_id:  # accepted without data
            return
        at = self._ordered(decision.at)
        before = self._by_holder.get(decision.holder_id)
        after = None
        if decision.enters != OUTSIDE:
            after = Presence(decision.holder_id, decision.holder, decision.enters, at, decision.reader)
        self._place(decision.holder_id, after)
        self._moves[decision.holder_id] = _Move(decision.reader, decision.at, before, after)
        self._moves.move_to_end(decision.holder_id)
        while len(self._moves) > ACCESS_ANSWERS:  # answers under way: no more can be taken back
            self._moves.popitem(last=False)

    def not_entered(self, decision: AccessDecision) -> None:
        """The door of this badge stayed shut after all: put its holder back, unless they have moved since.

        Without this whoever badges again at a door that did not open would be denied as a passback.
        """
        move = self._moves.get(decision.holder_id)
        if move is None or (move.reader, move.at) != (decision.reader, decision.at):
            return
        del self._moves[decision.holder_id]
        if self._by_holder.get(decision.holder_id) is move.after:
            self._place(decision.holder_id, move.before)

    def forget(self, holder_id: str) -> None:
        """They are nowhere that we know of: their next badge is no passback."""
        if holder_id in self._by_holder:
            self._place(holder_id, None)
        self._moves.pop(holder_id, None)

    def restore(self, entries: Iterable[JournalEntry], forgiven: Mapping[str, int] | None = None) -> None:
        """Play stored events of the past, in any order. `forgiven` are holders and when they were forgiven.

        An event whose reply or door failed moved nobody, as when it happened.
        """
        pardons = forgiven or {}
        for entry in sorted(entries, key=lambda entry: entry.id):
            decision = entry.decision
            if not decision.reply_error and decision.at > pardons.get(decision.holder_id, -1):
                self.entered(decision)
        self._moves.clear()

    def _place(self, holder_id: str, presence: Presence | None) -> None:
        old = self._by_holder.pop(holder_id, None)
        if old is not None:
            self._by_zone[old.zone].pop(holder_id, None)
        if presence is not None and presence.zone in self._zones:
            self._by_holder[holder_id] = presence
            self._by_zone.setdefault(presence.zone, {})[holder_id] = presence
            self._drop_oldest(presence.zone, presence.since)
        self.revision += 1

    def _drop_oldest(self, zone: str, at: int) -> None:
        """Those whose time is over need no memory. The newest has come just now, so the zone never gets empty."""
        inside = self._by_zone[zone]
        while not self._holds(oldest := next(iter(inside.values())), at):
            del inside[oldest.holder_id]
            del self._by_holder[oldest.holder_id]

    def _ordered(self, at: int) -> int:
        """`at`, never before the newest presence: a clock that was set back takes all presences with it."""
        if at < self._latest - _SET_BACK:
            for inside in self._by_zone.values():
                for holder_id, presence in inside.items():
                    if presence.since > at:
                        moved = Presence(holder_id, presence.holder, presence.zone, at, presence.reader)
                        inside[holder_id] = self._by_holder[holder_id] = moved
            self._latest = at
        self._latest = max(self._latest, at)
        return self._latest
