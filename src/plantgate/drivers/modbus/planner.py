"""Packs points into the fewest legal requests. Pure: the same points and limits always give the same plan.

Points of one unit and area are taken from the lowest address up, and a request is as long as its limit allows:
for windows of bounded length over sorted intervals this greedy choice needs the fewest. No value is torn over
two requests: its halves would be of two moments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from plantgate.drivers.modbus.address import Address, Area
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.model.value import DataType


class Point(NamedTuple):
    """One tag to read: its id, where it lives (with its unit) and what it has to become."""

    tag: int
    unit: int
    address: Address
    data_type: DataType


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
    tables: defaultdict[tuple[int, Area], list[Point]] = defaultdict(list)
    for point in points:
        tables[point.unit, point.address.area].append(point)
    blocks: list[Block] = []
    for (_, area), members in sorted(tables.items()):
        members.sort(key=lambda point: (point.address.start, point.address.stop, point.tag))
        blocks += _pack(members, options.most(area), options.span_gaps)
    return blocks


def _pack(points: list[Point], limit: int, span_gaps: bool) -> list[Block]:
    """`points` of one unit and area, sorted. A value longer than `limit` gets a block of its own: see `pieces`."""
    blocks: list[Block] = []
    first = 0
    start = stop = points[0].address.start
    for index, point in enumerate(points):
        address = point.address
        fits = max(stop, address.stop) - start <= limit
        if index > first and not (fits and (span_gaps or address.start <= stop)):
            blocks.append(block_of(tuple(points[first:index])))
            first, start, stop = index, address.start, address.start
        stop = max(stop, address.stop)
    blocks.append(block_of(tuple(points[first:])))
    return blocks
