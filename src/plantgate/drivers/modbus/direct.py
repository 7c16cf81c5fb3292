"""One connection for one command of a person: read these addresses, write this value, who is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import NamedTuple

from plantgate.drivers.modbus.address import Address, Kind
from plantgate.drivers.modbus.blocks import Segment
from plantgate.drivers.modbus.commands import Commands, ask
from plantgate.drivers.modbus.jobs import Counters
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import GATEWAY_SAYS_DEAD, SPLIT_AFTER, Lost, Outcome, verdict_on
from plantgate.drivers.modbus.planner import Point, block_of, plan
from plantgate.drivers.modbus.session import Session
from plantgate.errors import PeerError, Unavailable
from plantgate.model.command import Verdict, WriteTag
from plantgate.model.quality import Quality, is_good
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.protocols.modbus.client import ExceptionReply, Reply, TimedOut
from plantgate.protocols.modbus.identification import identification, named
from plantgate.protocols.modbus.pdu import (
    Exchange,
    Function,
    Read,
    ReadDeviceIdentification,
    Request,
    exception_text,
    exchange,
)
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import connect
from plantgate.runtime.tasks import TaskGroup

_IDENTIFICATIONS = 8  # answers that one device's identification may take
_REGULAR = 2  # the level of identification that names vendor, product and model


class Reading(NamedTuple):
    """The value of an address, or why there is none."""

    value: Scalar
    quality: int
    reason: str = ""


class UnitFound(NamedTuple):
    """A unit that answers: how ("reads" or an exception in words), and what it says it is."""

    unit: int
    answer: str
    identity: dict[str, str]


_NATURAL = {
    Kind.BOOL: DataType.BOOLEAN,
    Kind.INT16: DataType.INT2,
    Kind.UINT16: DataType.INT4,
    Kind.INT32: DataType.INT4,
    Kind.UINT32: DataType.INT8,
    Kind.INT64: DataType.INT8,
    Kind.UINT64: DataType.INT8,
    Kind.FLOAT: DataType.FLOAT4,
    Kind.DOUBLE: DataType.FLOAT8,
    Kind.BCD16: DataType.INT2,
    Kind.BCD32: DataType.INT4,
    Kind.STRING: DataType.STRING,
}


def natural_type(address: Address) -> DataType:
    """The data type that holds every value of the address."""
    return DataType.BOOLEAN if address.bit is not None else _NATURAL[address.kind]


class Direct:
    """An open connection. `read`, `write` and `scan` raise Unavailable if it is lost."""

    def __init__(self, session: Session, options: ModbusOptions, clock: Clock) -> None:
        self._session = session
        self._options = options
        self._clock = clock
        self._read_back: dict[int, Scalar] = {}

    async def read(self, addresses: Sequence[Address]) -> list[Reading]:
        """A reading for each address, with as few requests as can be; what the device refuses spoils only itself."""
        found: dict[int, Reading] = {}
        silent: dict[int, Outcome] = {}
        for block in plan(self._points(addresses), self._options):
            if block.unit in silent:
                self._bad(block.points, silent[block.unit], found)
            else:
                outcome = await self._read_points(block.points, found)
                if isinstance(outcome, TimedOut):
                    silent[block.unit] = outcome
        return [found[index] for index in range(len(addresses))]

    def _points(self, addresses: Sequence[Address]) -> list[Point]:
        return [
            Point(tag, self._options.unit_id if address.unit is None else address.unit, address, natural_type(address))
            for tag, address in enumerate(addresses)
        ]

    async def _read_points(self, points: tuple[Point, ...], found: dict[int, Reading]) -> Outcome:
        """Read `points` with one request; if it is refused, each half of them, down to single ones."""
        segment = Segment(block_of(points), self._options)
        data = b""
        outcome: Outcome | None = None
        for part in segment.exchanges:
            outcome = await self._ask_exchange(points[0].unit, part)
            if not isinstance(outcome, Reply):
                break
            data += outcome.data
        assert outcome is not None
        if isinstance(outcome, Reply):
            for point, value in zip(points, segment.decode(data), strict=True):
                found[point.tag] = (
                    Reading(value, Quality.GOOD)
                    if value is not None
                    else Reading(None, Quality.BAD_OUT_OF_RANGE, "the registers hold no number of this type")
                )
            return outcome
        if isinstance(outcome, ExceptionReply) and outcome.code in SPLIT_AFTER and len(points) > 1:
            middle = len(points) // 2
            await self._read_points(points[:middle], found)
            return await self._read_points(points[middle:], found)
        self._bad(points, outcome, found)
        return outcome

    def _bad(self, points: Iterable[Point], outcome: Outcome, found: dict[int, Reading]) -> None:
        for point in points:
            quality, reason = verdict_on(outcome, point.unit, self._options.where, self._options.timeout)
            found[point.tag] = Reading(None, quality, reason)

    async def write(self, address: Address, value: Scalar) -> tuple[Verdict, Reading]:
        """Write, and read back: the verdict and what the device holds then."""
        [point] = self._points([address])
        commands = Commands("the device", self._options, {"it": point}, self._clock, self, Counters())
        self._read_back.clear()
        verdict = await commands.execute(WriteTag("it", value, read_back=True), self._session, "")
        shown = Verdict(verdict.outcome, verdict.code, verdict.message.removeprefix("it: ").removeprefix("it "))
        if 0 in self._read_back:
            return shown, Reading(self._read_back[0], Quality.GOOD)
        return shown, Reading(None, Quality.BAD, shown.message)

    def publish(self, batch: Batch) -> None:
        """BatchSink: what was read back."""
        for tag, value, quality in zip(batch.tags, batch.values, batch.qualities, strict=True):
            if is_good(quality):
                self._read_back[tag] = value

    async def scan(self, unit: int) -> UnitFound | None:
        """Is there a unit of this number, and who is it? None if nobody answers, or a gateway says so."""
        outcome = await self._ask(unit, Read(Function.READ_HOLDING_REGISTERS, 0, 1))
        if isinstance(outcome, TimedOut):
            return None
        if isinstance(outcome, ExceptionReply):
            if outcome.code in GATEWAY_SAYS_DEAD:
                return None
            answer = exception_text(outcome.code)
        else:
            answer = "reads" if isinstance(outcome, Reply) else "answers wrongly"
        return UnitFound(unit, answer, await self._identity(unit))

    async def _identity(self, unit: int) -> dict[str, str]:
        """What the unit says it is (2B/0E); nothing if it does not say."""
        objects: dict[int, str] = {}
        first = 0
        for _ in range(_IDENTIFICATIONS):
            outcome = await self._ask(unit, ReadDeviceIdentification(_REGULAR, first))
            if not isinstance(outcome, Reply):
                break
            try:
                more, following = identification(outcome.data)
            except PeerError:
                break
            objects |= more
            if following is None or following in objects:
                break
            first = following
        return named(objects)

    async def _ask(self, unit: int, request: Request) -> Outcome:
        return await self._ask_exchange(unit, exchange(request))

    async def _ask_exchange(self, unit: int, what: Exchange) -> Outcome:
        outcome, _ = await ask(self._session, unit, what, self._options.timeout, self._clock)
        if isinstance(outcome, Lost):
            raise outcome.error
        if outcome is None:
            raise Unavailable("MB-305", f"{self._options.where} is connected and did not take the request in time")
        return outcome


@asynccontextmanager
async def direct(options: ModbusOptions, clock: Clock, units: Iterable[int]) -> AsyncIterator[Direct]:
    """Connect, and hang up when the block ends. Raises Unavailable if nobody answers there."""
    stream = await connect(options.host, options.port, timeout=options.timeout, local_address=options.local_address)
    session = Session(stream, options, clock, Counters(), units, lambda: None)
    tasks = TaskGroup("plc", clock)

    async def talk() -> None:
        await session.run(lambda: inf, lambda now: None)

    tasks.spawn("session", talk)
    try:
        yield Direct(session, options, clock)
    finally:
        await tasks.stop()
