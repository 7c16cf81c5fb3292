"""The decision: a card at a reader, now, and what is known of who is where; out comes a verdict with its reason.

Pure: no clock, no disk. `decide` and `explain` walk the same checks; `explain` also writes down what each one said.

The order of the checks:

1. There is data, the card is known, enabled and valid now; so is its holder.
2. The zone beyond the reader is not locked down, or the holder is of a group that passes all the same.
3. The zone has room, and the holder is not already in it (anti-passback).
4. The first rule that matches decides. None: denied.

Leaving is never denied by anti-passback. A presence can be missing for many good reasons (somebody held the door, it
was forgotten after its time, a guard forgave it), and a person who can't get out is worse than a wrong count. It is
remarked in the journal instead. A lockdown does not hold anybody inside either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from plantgate.access.policy import CompiledRule, Policy, place_text
from plantgate.access.presence import PresenceBook
from plantgate.access.tomlcards import TomlCard
from plantgate.model.access import (
    EVERYWHERE,
    AccessData,
    AntiPassback,
    Card,
    Explanation,
    Holder,
    Ruling,
    Step,
    Why,
)
from plantgate.model.badge import AccessVerdict

TOML_RULE: Final = "plantgate.toml"
"""The name of the last rule: what a card of plantgate.toml says itself."""
_NOBODY: Final = Holder(id="", name="")


class NoData(NamedTuple):
    """Why there is nothing to decide from, and whether people pass all the same (`[access] without_data`)."""

    problem: str
    accept: bool = False


class Rulebook:
    """Decides from one version of the data. Cards of plantgate.toml come after those of the store."""

    def __init__(
        self,
        data: AccessData,
        toml_cards: Mapping[str, TomlCard] | None = None,
        *,
        no_data: NoData | None = None,
        zone: tzinfo | None = None,
        before: Rulebook | None = None,
    ) -> None:
        """`zone` is the one of dates in reasons, None for this host's; what is still true of `before` is kept."""
        self.data = data
        self.no_data = no_data
        self._toml = toml_cards or {}
        self._zone = zone
        kept = before.policy if before is not None else None
        self.policy: Policy = kept if kept is not None and kept.still_of(data) else Policy(data)

    def decide(self, reader: str, card_id: str, at: int, presence: PresenceBook) -> Ruling:
        """May whoever holds `card_id` pass at `reader` at `at` (microseconds UTC)?"""
        return _Case(self, reader, card_id, at, presence, None).ruling()

    def explain(self, reader: str, card_id: str, at: int, presence: PresenceBook) -> Explanation:
        """The same, with every check up to the one that decided."""
        steps: list[Step] = []
        ruling = _Case(self, reader, card_id, at, presence, steps).ruling()
        return Explanation(ruling, reader, at, tuple(steps))

    def holder(self, holder_id: str) -> Holder | None:
        """A holder of the store, or one that only plantgate.toml knows."""
        found = self.data.holders.get(holder_id)
        if found is None and any(toml.card.holder == holder_id for toml in self._toml.values()):
            return Holder(id=holder_id, name=holder_id)
        return found

    def card(self, card_id: str) -> tuple[Card, Holder, TomlCard | None] | None:
        """A card with its holder; with the entry of plantgate.toml if it comes from there. The store's win."""
        card, toml = self.data.cards.get(card_id), None
        if card is None:
            if (toml := self._toml.get(card_id)) is None:
                return None
            card = toml.card
        holder = self.data.holders.get(card.holder)
        if holder is None:
            holder = Holder(id=card.holder, name=card.holder) if toml is not None else _NOBODY
        return card, holder, toml

    def moment(self, at: int) -> str:
        """A point in time as people write it: "2026-12-01 06:00"."""
        return f"{datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(self._zone):%Y-%m-%d %H:%M}"


class _Case:
    """One badge. `steps` is None where nobody asks why."""

    __slots__ = (
        "at",
        "book",
        "card",
        "holder",
        "passage",
        "policy",
        "presence",
        "reader",
        "remark",
        "steps",
        "toml",
    )

    def __init__(
        self, book: Rulebook, reader: str, card_id: str, at: int, presence: PresenceBook, steps: list[Step] | None
    ) -> None:
        self.book, self.policy = book, book.policy
        self.reader, self.at, self.presence, self.steps = reader, at, presence, steps
        self.passage = self.policy.passage(reader)
        self.remark = ""
        found = None if book.no_data else book.card(card_id)
        self.card: Card = found[0] if found else Card(id=card_id, last4="", holder="")
        self.holder: Holder = found[1] if found else _NOBODY
        self.toml = found[2] if found else None

    def ruling(self) -> Ruling:
        for name, why, problem, fine in _CHECKS:
            text = problem(self)
            if self.steps is not None:
                self.steps.append(Step(name, not text, text or self.remark or fine(self)))
            if text:
                accepted = why is Why.NO_DATA and self.book.no_data is not None and self.book.no_data.accept
                return self._says(accepted, why, text)
        return self._by_rules()

    def _says(self, accepted: bool, why: Why, reason: str, rule: str = "") -> Ruling:
        card, holder, passage = self.card, self.holder, self.passage
        return Ruling(
            AccessVerdict.ACCEPTED if accepted else AccessVerdict.DENIED,
            why,
            reason,
            card.id,
            card.last4,
            holder.id,
            holder.name,
            holder.groups,
            rule,
            passage.enters,
            passage.leaves,
            self.remark,
        )

    # --- rules ------------------------------------------------------------------------------------------

    def _by_rules(self) -> Ruling:
        applicable = self.policy.applicable(self.passage, self.holder)
        who, place = self.holder.name, place_text(self.passage)
        counted = frozenset(applicable if self.steps is not None else ())
        for each in applicable if self.steps is None else self.policy.rules:
            if self.steps is not None and each not in counted:
                self._note_skipped(each)
                continue
            on = each.matches(self.at)
            if self.steps is not None:
                self.steps.append(Step(f"rule {each.rule.name}", on, self._of(each, on)))
            if on:
                may = "may" if each.allows else "may not"
                return self._says(each.allows, Why.RULE, f"{who} {may} {place} (rule {each.rule.name})", each.rule.name)
        if self.toml is not None:
            return self._by_toml(self.toml, who, place)
        return self._says(False, Why.NO_RULE, self._no_rule(applicable, who, place))

    def _by_toml(self, toml: TomlCard, who: str, place: str) -> Ruling:
        opens = EVERYWHERE in toml.readers or self.reader in toml.readers
        text = f"the card of {who} in plantgate.toml is {'good' if opens else 'not'} for reader {self.reader}"
        if self.steps is not None:
            self.steps.append(Step(TOML_RULE, opens, text))
        if opens:
            return self._says(True, Why.RULE, f"{who} may {place} (card in plantgate.toml)", TOML_RULE)
        return self._says(False, Why.NO_RULE, text)

    def _note_skipped(self, each: CompiledRule) -> None:
        assert self.steps is not None
        self.steps.append(Step(f"rule {each.rule.name}", None, each.why_not(self.passage)))

    def _of(self, each: CompiledRule, on: bool) -> str:
        does = "allows it" if each.allows else "denies it"
        table = each.timetable
        if table is None:
            return f"{does} at any time"
        if table.on(self.at) is None:
            return f"time zone {table.schedule.time_zone} is not known on this host: {does if on else 'not counted'}"
        return f"{does} {table.hours(self.at)} ({table.schedule.time_zone}); {table.now(self.at)}"

    def _no_rule(self, applicable: list[CompiledRule], who: str, place: str) -> str:
        """The nearest miss: a rule that would allow it at another time, or that there is none."""
        tables = [each.timetable for each in applicable if each.allows and each.timetable is not None]
        if not tables:
            return f"no rule lets {who} {place}"
        first = tables[0]
        if first.on(self.at) is None:
            unknown = first.schedule.time_zone
            return f"the hours in which {who} may {place} can't be told: time zone {unknown} is not known on this host"
        return f"{who} may {place} {first.hours(self.at)}; {first.now(self.at)}"

    # --- checks: what is wrong, in words, or nothing ----------------------------------------------------

    def no_data(self) -> str:
        missing = self.book.no_data
        if missing is None:
            return ""
        if missing.accept:
            self.remark = f"accepted without access data: {missing.problem}"
        return f"there is no access data to decide from: {missing.problem}"

    def unknown_card(self) -> str:
        return "" if self.holder is not _NOBODY else "nobody is known to hold this card"

    def card_disabled(self) -> str:
        return "" if self.card.enabled else f"{self.the_card()} is disabled"

    def card_early(self) -> str:
        moment = self.card.valid_from
        return "" if moment is None else self._early(moment, self.the_card())

    def card_late(self) -> str:
        moment = self.card.valid_until
        return "" if moment is None else self._late(moment, self.the_card())

    def holder_disabled(self) -> str:
        return "" if self.holder.enabled else f"{self.holder.name} is disabled"

    def holder_early(self) -> str:
        moment = self.holder.valid_from
        return "" if moment is None else self._early(moment, self.the_holder())

    def holder_late(self) -> str:
        moment = self.holder.valid_until
        return "" if moment is None else self._late(moment, self.the_holder())

    def locked(self) -> str:
        policy = self.policy
        if not policy.lockdowns or (zone := policy.locked(self.passage)) is None:
            return ""
        if not policy.in_lockdown.isdisjoint(self.holder.groups):
            return ""
        where = "everything is" if zone == EVERYWHERE else f"{zone} is"
        lockdown = policy.lockdowns[zone]
        reason = f": {lockdown.reason}" if lockdown.reason else ""
        return f"{where} locked down since {self.book.moment(lockdown.since)} by {lockdown.by}{reason}"

    def full(self) -> str:
        zone = self.policy.zones.get(self.passage.enters)
        if zone is None or zone.limit is None or self._is_inside(zone.name):
            return ""
        inside = self.presence.count(zone.name, self.at, zone.limit)
        return f"{zone.name} is full: {inside} of {zone.limit} are inside" if inside >= zone.limit else ""

    def passback(self) -> str:
        """Denies who is inside already where that is hard, remarks it where it is soft; leaving is only remarked."""
        enters, leaves = self.passage.enters, self.passage.leaves
        if enters == leaves:
            return ""
        zone = self.policy.zones.get(enters)
        if zone is not None and zone.anti_passback is not AntiPassback.OFF and self._is_inside(enters):
            found = self.presence.find(self.holder.id, self.at)
            assert found is not None
            since = self.book.moment(found.since)
            text = f"{self.holder.name} is already in {enters}, since {since} by reader {found.reader}"
            if zone.anti_passback is AntiPassback.HARD:
                return text
            self.remark = text
            return ""
        left = self.policy.zones.get(leaves)
        if left is not None and left.anti_passback is not AntiPassback.OFF and not self._is_inside(leaves):
            self.remark = f"{self.holder.name} leaves {leaves} without having been seen to enter it"
        return ""

    def _is_inside(self, zone: str) -> bool:
        found = self.presence.find(self.holder.id, self.at)
        return found is not None and found.zone == zone

    def _early(self, valid_from: int, what: str) -> str:
        return "" if self.at >= valid_from else f"{what} is valid from {self.book.moment(valid_from)}"

    def _late(self, valid_until: int, what: str) -> str:
        return "" if self.at < valid_until else f"{what} was valid until {self.book.moment(valid_until)}"

    # --- words ------------------------------------------------------------------------------------------

    def the_card(self) -> str:
        return f"the card …{self.card.last4} of {self.holder.name}"

    def the_holder(self) -> str:
        return self.holder.name


class _Check(NamedTuple):
    name: str
    why: Why
    problem: Callable[[_Case], str]
    fine: Callable[[_Case], str]


_CHECKS: Final = (
    _Check("data", Why.NO_DATA, _Case.no_data, lambda case: f"revision {case.book.data.revision}"),
    _Check("card", Why.UNKNOWN_CARD, _Case.unknown_card, lambda case: f"{case.the_card()} is known"),
    _Check("card enabled", Why.CARD_DISABLED, _Case.card_disabled, lambda _: "the card is enabled"),
    _Check("card valid", Why.CARD_NOT_YET_VALID, _Case.card_early, lambda _: "the card is valid already"),
    _Check("card valid", Why.CARD_EXPIRED, _Case.card_late, lambda _: "the card is still valid"),
    _Check("holder enabled", Why.HOLDER_DISABLED, _Case.holder_disabled, lambda case: f"{case.holder.name} is enabled"),
    _Check("holder valid", Why.HOLDER_NOT_YET_VALID, _Case.holder_early, lambda _: "the holder is valid already"),
    _Check("holder valid", Why.HOLDER_EXPIRED, _Case.holder_late, lambda _: "the holder is still valid"),
    _Check("lockdown", Why.LOCKDOWN, _Case.locked, lambda _: "no lockdown stands in the way"),
    _Check("room", Why.ZONE_FULL, _Case.full, lambda _: "there is room beyond"),
    _Check("anti-passback", Why.ANTI_PASSBACK, _Case.passback, lambda _: "it is no passback"),
)
