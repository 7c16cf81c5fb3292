"""The plans of a device: one for each rate, and one for each group that is read on demand only. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from plantgate.drivers.modbus.blocks import PollGroup, inherited
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.planner import Placed, Point, placed, plan_placed

_Key: TypeAlias = tuple[float, str]  # a rate, and the group where the rate is 0: nobody else is read along with it


class Polled(NamedTuple):
    """A point, its tag group and the group's rate now: seconds between two polls, 0 for never."""

    point: Point
    group: str
    rate: float


class Plans:
    """Tags of all groups that have the same rate now are packed together.

    A group that changes its rate leaves one plan for another; plans of other rates stay as they are. Changes are noted,
    and `settle` makes the plans anew: many changes at once cost one.
    """

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        self._members: dict[tuple[str, float], list[Placed]] = {}
        self._plans: dict[_Key, PollGroup] = {}
        self._changed: set[_Key] = set()

    def __iter__(self) -> Iterator[PollGroup]:
        """By rising rate; those that are read on demand only come first."""
        return iter(self._plans.values())

    def set_points(self, points: Sequence[Polled]) -> None:
        before, self._members = self._members, {}
        for point, group, rate in points:
            self._members.setdefault((group, rate), []).append(placed(point))
        for group, rate in before.keys() | self._members.keys():
            if before.get((group, rate)) != self._members.get((group, rate)):
                self._changed.add(_key(group, rate))

    def set_rate(self, group: str, rate: float) -> bool:
        """Whether that changes anything."""
        moving = [key for key in self._members if key[0] == group and key[1] != rate]
        for key in moving:
            self._members.setdefault((group, rate), []).extend(self._members.pop(key))
            self._changed |= {_key(*key), _key(group, rate)}
        return bool(moving)

    @property
    def changed(self) -> bool:
        """Whether `settle` has something to do."""
        return bool(self._changed)

    def has(self, group: str) -> bool:
        return any(name == group for name, _ in self._members)

    def mark(self, group: str) -> None:
        """The blocks with tags of `group` are to be read once more, now. After `settle`."""
        for (name, rate), points in self._members.items():
            if name == group:
                tags, its = {tag for _, _, tag, _ in points}, self._plans[_key(name, rate)]
                its.again_at = -math.inf
                for state in its.blocks:
                    state.again = state.again or any(point.tag in tags for point in state.block.points)

    def look_again(self) -> None:
        """What is to be read once more can be, now."""
        for group in self._plans.values():
            if any(state.again for state in group.blocks):
                group.again_at = -math.inf

    def settle(self) -> list[PollGroup]:
        """The plans that had to be made anew."""
        if not self._changed:
            return []
        changed, self._changed = self._changed, set()
        pace = sum(group.spent for group in self._plans.values())
        before = [state for key in changed if key in self._plans for state in self._plans[key].blocks]
        points: defaultdict[_Key, list[Placed]] = defaultdict(list)
        for (group, rate), members in self._members.items():
            if _key(group, rate) in changed:
                points[_key(group, rate)] += members
        plans = {key: plan_placed(members, self._options) for key, members in points.items()}
        states = iter(inherited([block for blocks in plans.values() for block in blocks], before, self._options))
        for key in changed - plans.keys():
            self._plans.pop(key, None)
        for key, blocks in plans.items():
            its = self._plans.setdefault(key, PollGroup(*key, []))
            its.blocks, its.pace = [next(states) for _ in blocks], pace
        self._plans = dict(sorted(self._plans.items(), key=itemgetter(0)))
        return [self._plans[key] for key in plans]


def _key(group: str, rate: float) -> _Key:
    return (rate, "") if rate else (0.0, group)
