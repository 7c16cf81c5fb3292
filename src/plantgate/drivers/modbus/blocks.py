"""What a poller keeps: segments (compiled runs of points), blocks with what is known of them, groups of one period.

When a plan changes, blocks that stay as they were are kept. The others are retired: what is known of their points goes
to the blocks of the new plan, their heirs, and so does an answer that is still under way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from plantgate.drivers.modbus.address import Area
from plantgate.drivers.modbus.isolation import Isolation
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.planner import Block, Point, pieces
from plantgate.drivers.modbus.values import Column, Decoder
from plantgate.model.quality import Quality
from plantgate.model.value import Scalar
from plantgate.protocols.modbus.pdu import Exchange, Function, Read, exchange

_Place: TypeAlias = "tuple[BlockState, int]"  # a block and the index of one of its points
_Registers: TypeAlias = tuple[int, Area, int, int]  # unit, area, start, stop


class Segment:
    """A run of a block's points, compiled: the requests, the decoder and the columns that never change.

    There is more than one request only for a value that is longer than the device allows at once.
    """

    __slots__ = ("decoder", "exchanges", "good", "payload", "tags", "values")

    def __init__(self, block: Block, options: ModbusOptions) -> None:
        self.tags = tuple(point.tag for point in block.points)
        self.good: tuple[int, ...] = (int(Quality.GOOD),) * len(self.tags)
        self.exchanges: tuple[Exchange, ...] = tuple(
            exchange(Read(Function(block.area), start, count)) for start, count in pieces(block, options)
        )
        self.decoder = Decoder(block, options)
        self.payload: bytes | None = None
        self.values: Column = ()

    def decode(self, data: bytes) -> Column:
        """The column of `data`. The same bytes as last time are the same values: most blocks of a plant stand still."""
        if data != self.payload:
            self.values = self.decoder.decode(data)
            self.payload = data
        return self.values


@dataclass(slots=True, eq=False)
class BlockState:
    """What is known about one block of the plan.

    `asked` is when its last poll began, `answered` when it last gave values (monotonic seconds); `open` counts the
    requests of that poll that have no outcome yet. `again`: it is to be read once more, whatever the schedule says.

    `ancestors` are retired blocks with requests under way for points of this one; `heirs` is what became of the points
    of a retired block: None for one that is not read any more.
    """

    block: Block
    values: list[Scalar]
    qualities: list[int]
    isolation: Isolation
    segments: dict[tuple[int, int], Segment] = field(default_factory=dict)
    open: int = 0
    asked: float = -math.inf
    answered: float = math.inf
    refusals: int = 0
    searches: int = 0
    reason: str = ""
    requests: int = 1
    again: bool = False
    ancestors: tuple[BlockState, ...] = ()
    heirs: list[_Place | None] | None = None

    @property
    def busy(self) -> bool:
        """Is a request for one of its points under way? Nothing is asked twice at the same time."""
        if self.open:
            return True
        return bool(self.ancestors) and any(ancestor.open for ancestor in self.ancestors)

    @property
    def is_good_anywhere(self) -> bool:
        """Does a point of the block claim to be good?"""
        return int(Quality.GOOD) in self.qualities

    def heir(self, index: int) -> _Place | None:
        """Where the point `index` of a retired block is now."""
        place: _Place | None = (self, index)
        while place is not None and place[0].heirs is not None:
            place = place[0].heirs[place[1]]
        return place


@dataclass(slots=True, eq=False)
class PollGroup:
    """The blocks that are read every `rate` seconds; with a rate of 0, those of `group`, only when somebody says so.

    `spent` is how long the last whole poll took, `interval` the time between the last two, `queued` how long its
    requests waited for their turn (a moving mean); `answered` counts answers. `again_at` is when blocks that are to be
    read once more are. `pace` is how long a poll may take by what was seen before the plan changed.
    """

    rate: float
    group: str
    blocks: list[BlockState]
    due: float = math.inf
    begun: float = 0.0
    spent: float = 0.0
    open: int = 0
    polled: float = math.inf
    interval: float = 0.0
    queued: float = 0.0
    answered: int = 0
    again_at: float = math.inf
    pace: float = 0.0

    @property
    def requests(self) -> int:
        """How many requests the plan has for one poll."""
        return sum(state.requests for state in self.blocks)

    @property
    def load_percent(self) -> float | None:
        """How much of the period the poll takes; above 100 the device can't keep up. None before a poll."""
        return 100 * self.spent / self.rate if self.spent and self.rate else None

    def stale_at(self, state: BlockState) -> float:
        """Two periods after its last answer; a poll that the gateway itself sent late is given one period.

        A device that is slower than the rate is slow, not quiet: its own pace counts as the period then. What is read
        on demand only has no period: it ends with the request's timeout.
        """
        if not self.rate:
            return math.inf
        period = max(self.rate, self.spent, self.pace)
        return max(state.answered + period, state.asked) + period


def new_state(block: Block, options: ModbusOptions) -> BlockState:
    count = len(block.points)
    bad = [int(Quality.BAD_NOT_CONNECTED)] * count
    return BlockState(block, [None] * count, bad, Isolation(count), requests=len(pieces(block, options)))


def inherited(blocks: Sequence[Block], before: Sequence[BlockState], options: ModbusOptions) -> list[BlockState]:
    """A state for each of `blocks`: that of `before` if the block is the same, else one that knows what those knew.

    States of `before` that are not taken over are retired. Values go with their tag, if it is still read from the same
    registers; what is known of registers that can't be read goes with the registers. Linear in the points.
    """
    left = {state.block.points[0].tag: state for state in before}
    kept: list[BlockState | None] = []
    for block in blocks:
        old = left.get(block.points[0].tag)
        same = old is not None and old.block.points == block.points
        kept.append(left.pop(block.points[0].tag) if same else None)
    retired = list(left.values())
    places = {point.tag: (state, index) for state in retired for index, point in enumerate(state.block.points)}
    known = {
        _registers(point): (state, index)
        for state in retired
        if not state.isolation.whole
        for index, point in enumerate(state.block.points)
    }
    for state in retired:
        state.heirs = [None] * len(state.block.points)
    return [
        _heir(block, places, known, options) if state is None else state
        for block, state in zip(blocks, kept, strict=True)
    ]


def _heir(
    block: Block, places: dict[int, _Place], known: dict[_Registers, _Place], options: ModbusOptions
) -> BlockState:
    state = new_state(block, options)
    sources: dict[int, BlockState] = {}
    fresh = False
    for index, point in enumerate(block.points):
        old, at = places.get(point.tag, (None, 0))
        if old is None or old.block.points[at] != point:
            fresh = True
            continue
        state.values[index], state.qualities[index] = old.values[at], old.qualities[at]
        assert old.heirs is not None
        old.heirs[at] = (state, index)
        sources[id(old)] = old
    if sources:
        state.asked = -math.inf if fresh else min(old.asked for old in sources.values())
        state.answered = min(old.answered for old in sources.values())
        state.again = any(old.again for old in sources.values())
        state.reason = next((old.reason for old in sources.values() if old.reason), "")
        open_now = [each for old in sources.values() for each in (old, *old.ancestors) if each.open]
        state.ancestors = tuple(dict.fromkeys(open_now))
    if known:
        origins = [known.get(_registers(point)) for point in block.points]
        state.isolation = Isolation.heir([place and (place[0].isolation, place[1]) for place in origins])
    return state


def _registers(point: Point) -> _Registers:
    address = point.address
    return point.unit, address.area, address.start, address.stop
