"""Tag writes of a device: judged, sent in order, read back if wanted, and a verdict that says what is known."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from plantgate.drivers.modbus.blocks import Segment
from plantgate.drivers.modbus.jobs import Counters, Job
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import Outcome, verdict_on
from plantgate.drivers.modbus.planner import Point, block_of
from plantgate.drivers.modbus.session import Session
from plantgate.drivers.modbus.values import Unwritable
from plantgate.drivers.modbus.writing import Answer, Ask, Words, Writer, Written, words_of
from plantgate.limits import MODBUS_WAITING_WRITES
from plantgate.model.command import DONE, Command, Verdict, WriteTag
from plantgate.model.command import Outcome as Result
from plantgate.model.quality import Quality
from plantgate.model.seams import BatchSink
from plantgate.model.value import Batch, Scalar, TagValue
from plantgate.protocols.modbus.client import ExceptionReply, Reply
from plantgate.protocols.modbus.pdu import Exchange
from plantgate.runtime.clock import Clock

_PATIENCE = 3  # timeouts that a request may take with the wait for its turn
_LATE = (Quality.ERROR_TIMEOUT_EXPIRED, "the device is busy, its turn did not come in time")


async def ask(session: Session, unit: int, request: Exchange, timeout: float, clock: Clock) -> Answer:
    """The outcome of one urgent request."""
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def done(outcome: Outcome, _now: float) -> None:
        if not answer.done():
            answer.set_result(outcome)

    job = Job(unit, request, done, since=clock.mono())
    session.submit(job, urgent=True)
    try:
        # Its turn comes after what is open now, at most one timeout away; its answer within another one.
        async with asyncio.timeout(_PATIENCE * timeout):
            return Answer(await answer, job.sent)
    except TimeoutError:
        return Answer(None, job.sent)
    finally:
        job.cancelled = True  # nobody waits any more: if it is still queued it is not sent


class Commands:
    """`execute` carries out writes of `points` (by tag path). Writes of one unit are sent in the order they came."""

    def __init__(
        self,
        name: str,
        options: ModbusOptions,
        points: Mapping[str, Point],
        clock: Clock,
        sink: BatchSink,
        counters: Counters,
    ) -> None:
        self._name = name
        self._options = options
        self._points = points
        self._clock = clock
        self._sink = sink
        self._counters = counters
        self._writer = Writer(options)
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting = 0

    async def execute(self, command: Command, session: Session | None, why_not: str) -> Verdict:
        """Write a tag, before all waiting polls. With `read_back` read it at once: the tree shows what was taken.

        The verdict's `now` is what was read back, as the device has it. FAILED says whether the value can have reached
        the device; REFUSED was never sent. `why_not` tells why there is no session.
        """
        if not isinstance(command, WriteTag):
            return Verdict(Result.REFUSED, "MB-401", f"{self._name} is a Modbus device: it takes tag writes only")
        point = self._points.get(command.path)
        if point is None:
            return Verdict(Result.REFUSED, "MB-402", f"{command.path} is not a tag of device {self._name}")
        try:
            words = words_of(point.address, command.value, self._options)
        except Unwritable as error:
            return Verdict(Result.REFUSED, "MB-403", f"{command.path}: {error}")
        if session is None:
            return Verdict(Result.FAILED, "MB-404", f"not sent: {self._name} is not connected. {why_not}".strip())
        if self._waiting >= MODBUS_WAITING_WRITES:
            return Verdict(Result.FAILED, "MB-405", f"not sent: {self._waiting} writes wait for {self._name} already")
        self._waiting += 1
        try:
            return await self._in_turn(command, point, words, session)
        finally:
            self._waiting -= 1

    async def _in_turn(self, command: WriteTag, point: Point, words: Words, session: Session) -> Verdict:
        path, turn = command.path, self._turns[point.unit]
        try:
            async with asyncio.timeout(_PATIENCE * self._options.timeout):
                await turn.acquire()
        except TimeoutError:
            return Verdict(Result.FAILED, "MB-406", f"{path} was not sent: unit {point.unit} has not done the last one")
        try:
            written = await self._writer.write(self._ask(session), point.unit, words)
            if not written.done:
                return self._failure(path, point, written)
            self._counters.writes += 1
            if not command.read_back and written.data is None:
                return DONE
            return await self._read_back(path, point, words, written, session)
        finally:
            turn.release()

    def _ask(self, session: Session) -> Ask:
        async def one(unit: int, request: Exchange) -> Answer:
            return await ask(session, unit, request, self._options.timeout, self._clock)

        return one

    def _failure(self, path: str, point: Point, written: Written) -> Verdict:
        outcome, sent = written.answer
        if outcome is None:
            reason = f"{self._name} is busy, its turn did not come in time"
        else:
            _, reason = verdict_on(outcome, point.unit, self._options.where, self._options.timeout)
        if written.partly:
            return Verdict(Result.FAILED, "MB-409", f"{path} was written in part, register by register: {reason}")
        if not sent:
            return Verdict(Result.FAILED, "MB-406", f"{path} was not sent: {reason}")
        if isinstance(outcome, ExceptionReply):
            return Verdict(Result.FAILED, "MB-407", f"{path} was not written: {reason}")
        return Verdict(Result.FAILED, "MB-408", f"{path} may or may not have been written: {reason}")

    async def _read_back(self, path: str, point: Point, words: Words, written: Written, session: Session) -> Verdict:
        """Publish what the device has now, and say if it is not what was written: a PLC may limit or use up a value.

        Where that can't be read the next poll tells: the write itself is done.
        """
        segment = Segment(block_of((point,)), self._options)
        data, outcome = written.data, None
        if data is None:
            data, outcome = await self._read(segment, point.unit, session)
        if data is None:
            _, reason = (
                verdict_on(outcome, point.unit, self._options.where, self._options.timeout) if outcome else _LATE
            )
            return Verdict(Result.DONE, "MB-411", f"{path} was written and could not be read back: {reason}")
        [value] = segment.decode(data)
        if value is None:
            return Verdict(Result.DONE, "MB-412", f"{path} was written and the device holds no value of its type now")
        wall = self._clock.wall()
        self._sink.publish(Batch(segment.tags, (value,), segment.good, (wall,), wall))
        now = TagValue(value, Quality.GOOD, wall)
        if _holds(data, value, words):
            return Verdict(Result.DONE, now=now)
        return Verdict(Result.DONE, "MB-410", f"{path} was written and the device holds {value!r} now", now)

    async def _read(self, segment: Segment, unit: int, session: Session) -> tuple[bytes | None, Outcome | None]:
        """The data, or None and the outcome of the request that did not give it."""
        data = b""
        for part in segment.exchanges:
            answer = await ask(session, unit, part, self._options.timeout, self._clock)
            if not isinstance(answer.outcome, Reply):
                return None, answer.outcome
            data += answer.outcome.data
        return data, None


def _holds(data: bytes, value: Scalar, words: Words) -> bool:
    """Are `data`, as read back, what was written? The other bits of a register are the PLC's."""
    return data == words.data if words.data else bool(value) is words.state
