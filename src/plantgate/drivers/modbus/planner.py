"""Packs points into the fewest legal requests. Pure: the same points and limits always give the same plan.

Points of one unit and area are taken from the lowest address up, and a request is as long as its limit allows:
for windows of bounded length over sorted intervals this greedy choice needs the fewest. No value is torn over
two requests: its halves would be of two moments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from plantgate.drivers.modbus.address import Address, Area
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.model.value import DataType


class Point(NamedTuple):
    """One tag to read: its id, where it lives (with its unit) and what it has to become."""

    tag: int
    unit: int
    address: Address
    data_type: DataType


Placed: TypeAlias = tuple[int, int, int, Point]  # start, stop, tag id
_PLACE = itemgetter(0, 1, 2)


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` registers or bits from `start`, and the points in it, by rising address."""

    unit: int
    area: Area
    start: int
    count: int
    points: tuple[Point, ...]

    @property
    def stop(self) -> int:
        return self.start + self.count


def block_of(points: tuple[Point, ...]) -> Block:
    """The smallest block over `points`, which are of one unit and area and sorted."""
    first = points[0]
    start = first.address.start
    stop = max(point.address.stop for point in points)
    return Block(first.unit, first.address.area, start, stop - start, points)


def pieces(block: Block, options: ModbusOptions) -> list[tuple[int, int]]:
    """Start and count of each request that `block` takes: one, but for a value that is longer than a request may be."""
    most = options.most(block.area)
    return [(at, min(most, block.stop - at)) for at in range(block.start, block.stop, most)]


def plan(points: Iterable[Point], options: ModbusOptions) -> list[Block]:
    """The requests for one poll of `points`, by unit, area and address."""
    return plan_placed(map(placed, points), options)


def placed(point: Point) -> Placed:
    """What `plan_placed` takes: whoever plans often has it ready."""
    return point.address.start, point.address.stop, point.tag, point


def plan_placed(points: Iterable[Placed], options: ModbusOptions) -> list[Block]:
    """The same as `plan`."""
    tables: defaultdict[tuple[int, Area], list[Placed]] = defaultdict(list)
    for each in points:
        point = each[3]
        tables[point.unit, point.address.area].append(each)
    blocks: list[Block] = []
    for (unit, area), members in sorted(tables.items()):
        members.sort(key=_PLACE)
        for start, stop, packed in _pack(members, options.most(area), options.span_gaps):
            blocks.append(Block(unit, area, start, stop - start, packed))
    return blocks


def _pack(points: list[Placed], limit: int, span_gaps: bool) -> Iterator[tuple[int, int, tuple[Point, ...]]]:
    """Of one unit and area, sorted. A value longer than `limit` gets a block of its own: see `pieces`."""
    packed: list[Point] = []
    first = end = 0
    for start, stop, _, point in points:
        fits = max(stop, end) - first <= limit
        if packed and not (fits and (span_gaps or start <= end)):
            yield first, end, tuple(packed)
            packed = []
        if not packed:
            first = end = start
        end = max(end, stop)
        packed.append(point)
    yield first, end, tuple(packed)
