"""A plan for people: each request with what it reads, what it reads for nothing, and why it ends where it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from plantgate.drivers.modbus.address import Area
from plantgate.drivers.modbus.blocks import PollGroup
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.planner import Block, Point, pieces, plan
from plantgate.model.device import PlannedRequest

_REGISTER_BYTES, _BYTE_BITS = 2, 8
_PREFIX = {Area.COILS: "C", Area.DISCRETE_INPUTS: "DI", Area.HOLDING_REGISTERS: "HR", Area.INPUT_REGISTERS: "IR"}


def planned(points: Iterable[tuple[Point, float]], options: ModbusOptions) -> list[PlannedRequest]:
    """The plan of a device: `points` with the seconds between their polls. Linear in the points, but for sorting."""
    by_rate: dict[float, list[Point]] = {}
    for point, rate in points:
        if rate > 0:
            by_rate.setdefault(rate, []).append(point)
    return [row for rate, members in sorted(by_rate.items()) for row in _rows(plan(members, options), rate, options)]


def running(groups: Iterable[PollGroup], options: ModbusOptions) -> list[PlannedRequest]:
    """The plan of a device that runs. What is read on demand only has a rate of 0."""
    return [row for its in groups for row in _rows([state.block for state in its.blocks], its.rate, options)]


def _rows(blocks: Sequence[Block], rate: float, options: ModbusOptions) -> Iterator[PlannedRequest]:
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        yield _row(block, following, rate, options)


def _row(block: Block, following: Block | None, rate: float, options: ModbusOptions) -> PlannedRequest:
    base = 0 if options.zero_based else 1
    prefix = _PREFIX[block.area]
    unused = block.count - _used(block.points)
    return PlannedRequest(
        rate=rate,
        unit=block.unit,
        function=int(block.area),
        first=f"{prefix}{block.start + base}",
        last=f"{prefix}{block.stop - 1 + base}",
        start=block.start,
        count=block.count,
        tags=len(block.points),
        gap=unused,
        wasted=unused // _BYTE_BITS if block.area.has_bits else unused * _REGISTER_BYTES,
        requests=len(pieces(block, options)),
        why=_why(block, following, options),
    )


def _used(points: Sequence[Point]) -> int:
    """Registers or bits that a tag wants; `points` are sorted by address."""
    used = end = 0
    for point in points:
        start = max(end, point.address.start)
        used += max(0, point.address.stop - start)
        end = max(end, point.address.stop)
    return used


def _why(block: Block, following: Block | None, options: ModbusOptions) -> str:
    most = options.most(block.area)
    if block.count > most:
        return f"one value of {block.count} registers, {most} a request"
    if following is None or (following.unit, following.area) != (block.unit, block.area):
        return "no more tags"
    reached = max(block.stop, following.points[0].address.stop) - block.start
    if reached > most:
        torn = following.start - block.start < most
        return f"limit of {most}" + (", a value is never torn" if torn else "")
    return f"gap of {following.start - block.stop}, span_gaps is off"


def totals(rows: Sequence[PlannedRequest]) -> Mapping[str, float]:
    """What one device costs: requests in a poll of everything, and in a second."""
    return {
        "requests": sum(row.requests for row in rows),
        "requests_per_s": round(sum(row.requests / row.rate for row in rows), 3),
        "tags": sum(row.tags for row in rows),
        "wasted_bytes": sum(row.wasted for row in rows),
    }
