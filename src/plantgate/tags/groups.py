"""How often tag groups are read: driven by a tag, leased while somebody looks, or always the same.

`GroupRates` decides and is pure: what happens and the time go in, changes of rates and single reads come out. A change
takes effect at once, the next one of the same group only after TAG_GROUP_SWITCH_SECONDS, so that a driving tag that
flickers costs little; what was put off is what holds then. `TagGroups` brings it together with tree and drivers.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from plantgate.config.tags.document import TagGroup
from plantgate.limits import TAG_GROUP_READS_PER_SECOND, TAG_GROUP_SWITCH_SECONDS
from plantgate.model.quality import is_good
from plantgate.model.seams_polling import GroupPoller
from plantgate.model.tag import TagKind
from plantgate.model.taggroup import ANY_CHANGE, Condition, GroupMode, GroupNow, GroupRow, parse_condition
from plantgate.model.value import Batch, Scalar
from plantgate.runtime.clock import Clock
from plantgate.tags.tree import TagTree

# A page that is loaded anew, or left for another with the same tags, does not slow its groups down in between.
LEASE_ENDS_SECONDS: Final = 2.0
_TICK_SECONDS = 0.1
_SOURCES = 16  # references to references that are followed


class Change(NamedTuple):
    """What a group's drivers are to do: take another rate (seconds), or read once (None)."""

    group: str
    rate: float | None


@dataclass(slots=True)
class _Group:
    """One group. `now` is in force, `wanted` and `why` are what is to be; `owed`: it is to be read once.

    `held`: did the condition hold when last looked at; `value`: what "any change" compares with.
    """

    settings: TagGroup
    condition: Condition | None
    now: GroupNow
    wanted: float
    why: str
    owed: bool = False
    held: bool = False
    value: Scalar = None
    leases: int = 0
    switch_at: float = -math.inf
    read_at: float = -math.inf


class GroupRates:
    """The rates of all groups. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._waiting: set[str] = set()

    def configure(self, groups: Iterable[TagGroup], now: float) -> None:
        """These groups, and no others. One that is as it was keeps its rate and what it waits for."""
        before, self._groups = self._groups, {}
        for settings in groups:
            old = before.get(settings.name)
            if old is not None and old.settings == settings:
                self._groups[settings.name] = old
                continue
            condition = parse_condition(settings.condition) if settings.condition else None
            why = _idle(settings)
            rate = settings.rate if old is None else old.now.rate
            self._groups[settings.name] = _Group(settings, condition, GroupNow(rate, why, now), settings.rate, why)
            self._want(settings.name, settings.rate, why)
        self._waiting &= self._groups.keys()

    def rows(self) -> list[tuple[TagGroup, GroupNow]]:
        return [(group.settings, group.now) for group in self._groups.values()]

    def driven(self) -> Mapping[str, list[str]]:
        """Groups by the path of their driving tag."""
        found: dict[str, list[str]] = {}
        for name, group in self._groups.items():
            if group.settings.mode is GroupMode.DRIVEN:
                found.setdefault(group.settings.driving_tag, []).append(name)
        return found

    def driving(self, group: str, value: Scalar, quality: int) -> None:
        """The driving tag has this value now. A value that is not good meets no condition, and changes nothing else."""
        its = self._groups[group]
        assert its.condition is not None
        if its.condition == ANY_CHANGE:
            if is_good(quality) and value != its.value:
                its.value = value
                self._owe(group)
            return
        held, its.held = its.held, is_good(quality) and its.condition.holds(value)
        if its.settings.one_shot:
            if its.held and not held:
                self._owe(group)
        elif its.held:
            rate = its.settings.driven_rate
            assert rate is not None
            self._want(group, rate, f"{its.settings.driving_tag} {its.settings.condition}")
        else:
            self._want(group, its.settings.rate, _idle(its.settings))

    def leased(self, group: str, leases: int, now: float) -> None:
        """So many tags of the group are looked at now."""
        its = self._groups.get(group)
        if its is None or its.settings.mode is not GroupMode.LEASED:
            return
        before, its.leases = its.leases, leases
        rate = its.settings.leased_rate
        assert rate is not None
        if leases:
            self._want(group, rate, "somebody looks at its tags")
        else:
            if before:
                its.switch_at = max(its.switch_at, now + LEASE_ENDS_SECONDS)
            self._want(group, its.settings.rate, _idle(its.settings))

    def _want(self, group: str, rate: float, why: str) -> None:
        its = self._groups[group]
        its.wanted, its.why = rate, why
        if rate != its.now.rate or why != its.now.why:
            self._waiting.add(group)

    def _owe(self, group: str) -> None:
        self._groups[group].owed = True
        self._waiting.add(group)

    def due(self) -> float:
        """When `changes` has something to tell; infinity if nothing waits."""
        return min((self._due(self._groups[name]) for name in self._waiting), default=math.inf)

    @staticmethod
    def _due(its: _Group) -> float:
        return min(its.switch_at if its.wanted != its.now.rate else math.inf, its.read_at if its.owed else math.inf)

    def changes(self, now: float) -> list[Change]:
        """What is to be done now."""
        found: list[Change] = []
        for name in sorted(self._waiting):
            its = self._groups[name]
            if its.wanted == its.now.rate:
                its.now = its.now if its.why == its.now.why else GroupNow(its.wanted, its.why, its.now.since)
            elif its.switch_at <= now:
                its.now = GroupNow(its.wanted, its.why, now)
                its.switch_at = now + TAG_GROUP_SWITCH_SECONDS
                found.append(Change(name, its.wanted))
            if its.owed and its.read_at <= now:
                its.owed, its.read_at = False, now + 1 / TAG_GROUP_READS_PER_SECOND
                found.append(Change(name, None))
            if its.wanted == its.now.rate and not its.owed:
                self._waiting.discard(name)
        return found


def _idle(settings: TagGroup) -> str:
    """Why a group has its plain rate, in words."""
    match settings.mode:
        case GroupMode.DRIVEN if settings.one_shot or settings.condition == ANY_CHANGE.operator:
            return f"and once for {settings.driving_tag} {settings.condition}"
        case GroupMode.DRIVEN:
            return f"not {settings.driving_tag} {settings.condition}"
        case GroupMode.LEASED:
            return "nobody looks at its tags"
        case _:
            return "its rate"


class TagGroups:
    """Is a `ChangeSink`, `TagLeases` and a `TagGroupBoard`. Run `run` as an owned task."""

    def __init__(self, groups: Sequence[TagGroup], tree: TagTree, clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._states = GroupRates()
        self._pollers: list[GroupPoller] = []
        self._drivers: dict[int, list[str]] = {}
        self._leases: Counter[int] = Counter()
        self._leased: Counter[str] = Counter()
        self._members: Counter[str] = Counter()
        self._group_of: dict[int, str] = {}
        self._put_off = asyncio.Event()
        self._early: set[str] | None = set()  # what is to be read once, until `run`: the drivers may not be there yet
        self.rates: dict[str, float] = {}  # seconds, as they are in force now; for whoever reads by groups
        self.plain: dict[str, float] = {}  # seconds, as they are configured
        self.configure(groups)

    def __bool__(self) -> bool:
        """Whether there is a group that a tag drives."""
        return bool(self._drivers)

    def add_poller(self, poller: GroupPoller) -> None:
        """One more that is told of every change from now on; it knows the rates that are in force now."""
        self._pollers.append(poller)

    # what there is

    def configure(self, groups: Sequence[TagGroup]) -> None:
        """Other groups from now on; whoever reads them is told of rates that are others then."""
        self._states.configure(groups, self._clock.mono())
        before = dict(self.rates)
        self.rates.clear()
        self.rates.update((each.name, before.get(each.name, each.rate)) for each in groups)
        self.plain.clear()
        self.plain.update((each.name, each.rate) for each in groups)
        self.change(self._tree.ids())

    def change(self, put: Collection[int], removed: Collection[int] = ()) -> None:
        """Tags of the tree are new or have another definition (`put`), or are gone."""
        definitions = self._tree.definitions()
        for tag in (*put, *removed):
            if (old := self._group_of.pop(tag, None)) is not None:
                self._members[old] -= 1
            if definitions[tag].kind is TagKind.DEVICE:
                self._group_of[tag] = definitions[tag].group
                self._members[definitions[tag].group] += 1
        self._find_drivers()
        leased: Counter[str] = Counter()
        for tag in self._leases:
            if (group := self._leased_group(tag)) is not None:
                leased[group] += 1
        for group in self._leased.keys() | leased.keys():
            self._states.leased(group, leased[group], self._clock.mono())
        self._leased = leased
        self._act()

    def _find_drivers(self) -> None:
        drivers: dict[int, list[str]] = {}
        for path, names in self._states.driven().items():
            if (driver := self._tree.find(path)) is not None:
                drivers[driver] = names
        self._drivers = drivers
        for tag, names in drivers.items():
            now = self._tree.read(tag)
            for name in names:
                self._states.driving(name, now.value, now.quality)

    # ChangeSink

    def changed(self, batch: Batch) -> None:
        if self._drivers.keys().isdisjoint(batch.tags):
            return
        for tag, value, quality in zip(batch.tags, batch.values, batch.qualities, strict=True):
            for group in self._drivers.get(tag, ()):
                self._states.driving(group, value, quality)
                self._act()

    # TagLeases

    def lease(self, tags: Collection[int]) -> None:
        self._count(tags, 1)

    def release(self, tags: Collection[int]) -> None:
        self._count(tags, -1)

    def _count(self, tags: Collection[int], by: int) -> None:
        touched: set[str] = set()
        for tag in tags:
            before = self._leases[tag]
            self._leases[tag] = before + by
            if not before + by:
                del self._leases[tag]
            if not before or not before + by:
                group = self._leased_group(tag)
                if group is not None:
                    self._leased[group] += by
                    touched.add(group)
        for group in touched:
            self._states.leased(group, self._leased[group], self._clock.mono())
        self._act()

    def _leased_group(self, tag: int) -> str | None:
        """The group of the device tag that `tag` shows: it is that one, or follows it."""
        definitions = self._tree.definitions()
        for _ in range(_SOURCES):
            source = definitions[tag].source
            found = self._tree.find(source) if source else None
            if found is None:
                break
            tag = found
        return self._group_of.get(tag)

    # TagGroupBoard

    def groups(self) -> Sequence[GroupRow]:
        return [
            GroupRow(msgspec.to_builtins(settings), now, self._members[settings.name])
            for settings, now in self._states.rows()
        ]

    # what follows

    def _act(self) -> None:
        for group, rate in self._states.changes(self._clock.mono()):
            if rate is not None:
                self.rates[group] = rate
                for poller in self._pollers:
                    poller.set_rate(group, rate)
            elif self._early is not None:
                self._early.add(group)
            else:
                self._read_once(group)
        if self._states.due() < math.inf:
            self._put_off.set()

    def _read_once(self, group: str) -> None:
        for poller in self._pollers:
            poller.read_once(group)

    async def run(self) -> None:
        """Do what was put off, for ever."""
        early, self._early = self._early or set(), None
        for group in sorted(early):
            self._read_once(group)
        while True:
            await self._put_off.wait()
            self._put_off.clear()
            while (due := self._states.due()) < math.inf:
                # In small steps: something that is due sooner may come up.
                await self._clock.sleep(min(_TICK_SECONDS, max(0.0, due - self._clock.mono())))
                self._act()
