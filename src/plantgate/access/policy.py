"""The rules made ready for decisions: schedules compiled, and the rules of each reader found by group and holder."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from plantgate.access.schedules import Timetable
from plantgate.limits import ACCESS_RULE_CACHE
from plantgate.model.access import EVERYWHERE, OUTSIDE, AccessData, Effect, Holder, Passage, Rule


class CompiledRule:
    """A rule and its schedule; without one it is always on. `number` is its place in the order."""

    __slots__ = ("allows", "number", "rule", "timetable")

    def __init__(self, number: int, rule: Rule, timetable: Timetable | None) -> None:
        self.number = number
        self.rule = rule
        self.allows = rule.effect is Effect.ALLOW
        self.timetable = timetable

    def matches(self, at: int) -> bool:
        """Whether it is on. Where that can't be known (no such time zone here) a denial holds and a permission not."""
        if self.timetable is None:
            return True
        on = self.timetable.on(at)
        return not self.allows if on is None else on

    def is_for(self, passage: Passage) -> bool:
        """Whether its places include this reader."""
        rule = self.rule
        if passage.reader in rule.readers or EVERYWHERE in rule.readers:
            return True
        return passage.enters != passage.leaves and (passage.enters in rule.zones or EVERYWHERE in rule.zones)

    def why_not(self, passage: Passage) -> str:
        """Why it can't match somebody at a reader, in words."""
        rule = self.rule
        if not rule.enabled:
            return "it is switched off"
        if not self.is_for(passage):
            zones = [zone or "leaving" for zone in rule.zones]
            return f"it is for other places ({_listed([*zones, *rule.readers])})"
        return f"it is for others ({_listed([*rule.groups, *rule.holders])})"


class _Place:
    """The rules of one reader, by whom they are for: numbers in rising order."""

    __slots__ = ("by_group", "by_holder")

    def __init__(self, rules: Iterable[CompiledRule], passage: Passage) -> None:
        self.by_group: dict[str, list[int]] = {EVERYWHERE: []}
        self.by_holder: dict[str, list[int]] = {}
        for each in rules:
            if each.rule.enabled and each.is_for(passage):
                for group in each.rule.groups:
                    self.by_group.setdefault(group, []).append(each.number)
                for holder in each.rule.holders:
                    self.by_holder.setdefault(holder, []).append(each.number)

    def numbers(self, holder: Holder) -> Collection[int]:
        """The rules for `holder`, in order."""
        found = [self.by_group[EVERYWHERE]] if self.by_group[EVERYWHERE] else []
        found += [self.by_group[group] for group in holder.groups if group in self.by_group]
        if holder.id in self.by_holder:
            found.append(self.by_holder[holder.id])
        if len(found) < 2:
            return found[0] if found else ()
        return sorted({number for numbers in found for number in numbers})


class Policy:
    """The part of `AccessData` that is about places and times. Cards and holders change without making it anew."""

    def __init__(self, data: AccessData) -> None:
        self._made_of = _parts(data)
        self.passages = data.passages
        self.zones = data.zones
        self.lockdowns = data.lockdowns
        self.in_lockdown = frozenset(group.name for group in data.groups.values() if group.in_lockdown)
        timetables = {
            schedule.name: Timetable(schedule, data.calendars.get(schedule.calendar))
            for schedule in data.schedules.values()
        }
        self.rules = tuple(
            CompiledRule(number, rule, timetables.get(rule.schedule)) for number, rule in enumerate(data.rules)
        )
        self._places: dict[str, _Place] = {}

    def still_of(self, data: AccessData) -> bool:
        """Whether `data` says the same about places and times."""
        return all(mine is theirs for mine, theirs in zip(self._made_of, _parts(data), strict=True))

    def passage(self, reader: str) -> Passage:
        """What `reader` stands between; one that stands nowhere leads from outside to outside."""
        return self.passages.get(reader) or Passage(reader=reader)

    def applicable(self, passage: Passage, holder: Holder) -> list[CompiledRule]:
        """The rules that can match `holder` at the reader of `passage`, in order."""
        place = self._places.get(passage.reader)
        if place is None:
            if len(self._places) >= ACCESS_RULE_CACHE:
                del self._places[next(iter(self._places))]
            place = self._places[passage.reader] = _Place(self.rules, passage)
        return [self.rules[number] for number in place.numbers(holder)]

    def locked(self, passage: Passage) -> str | None:
        """The lockdown that keeps people out beyond this reader: a zone, or EVERYWHERE. None if there is none.

        Whoever leaves for outside is never kept in: a lockdown keeps people out, and a locked exit can kill.
        """
        if not self.lockdowns or (passage.enters == OUTSIDE and passage.leaves != OUTSIDE):
            return None
        return next((zone for zone in (passage.enters, EVERYWHERE) if zone in self.lockdowns), None)


def place_text(passage: Passage) -> str:
    """What a badge there is good for, in words."""
    if passage.enters != OUTSIDE:
        return f"enter {passage.enters}"
    return f"leave {passage.leaves}" if passage.leaves != OUTSIDE else f"pass at {passage.reader}"


def _parts(data: AccessData) -> tuple[object, ...]:
    return (
        data.groups,
        data.zones,
        data.passages,
        data.calendars,
        data.schedules,
        data.lockdowns,
        data.rules,
    )


def _listed(names: Collection[str]) -> str:
    shown = ["all" if name == EVERYWHERE else name for name in list(names)[:3]]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
