"""Polls on schedule: each tag group at its own rate, without drift, one batch per answer.

A block that is still unanswered when its next poll is due is not asked twice: the poll is counted as late. If it
stays unanswered for two periods its tags leave GOOD, whatever the timeout says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from plantgate.drivers.modbus.isolation import Isolation, Run
from plantgate.drivers.modbus.jobs import Counters, Job
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import SPLIT_AFTER, Lost, Outcome, Skipped, verdict_on
from plantgate.drivers.modbus.planner import Block, Point, block_of, pieces, plan
from plantgate.drivers.modbus.session import Session
from plantgate.drivers.modbus.values import Column, Decoder
from plantgate.limits import MODBUS_SPLIT_REQUESTS
from plantgate.model.quality import Quality, is_good
from plantgate.model.seams import BatchSink
from plantgate.model.value import Batch, Scalar
from plantgate.protocols.modbus.client import ExceptionReply, Reply
from plantgate.protocols.modbus.pdu import Exchange, Function, Read, exchange
from plantgate.runtime.clock import Clock

_KEPT_SEGMENTS = 64
_EWMA = 0.1


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


@dataclass(slots=True)
class BlockState:
    """What is known about one block of the plan.

    `asked` is when its last poll began, `answered` when it last gave values (monotonic seconds); `open` counts the
    requests of that poll that have no outcome yet.
    """

    block: Block
    values: list[Scalar]
    qualities: list[int]
    isolation: Isolation
    segments: dict[tuple[int, int], Segment] = field(default_factory=dict)
    open: int = 0
    asked: float = math.inf
    answered: float = math.inf
    refusals: int = 0
    searches: int = 0
    reason: str = ""
    requests: int = 1


@dataclass(slots=True)
class PollGroup:
    """The blocks that are read every `rate` seconds.

    `spent` is how long the last whole poll took, `interval` the time between the last two, `queued` how long its
    requests waited for their turn (a moving mean); `answered` counts answers.
    """

    rate: float
    blocks: list[BlockState]
    due: float = math.inf
    begun: float = 0.0
    spent: float = 0.0
    open: int = 0
    polled: float = math.inf
    interval: float = 0.0
    queued: float = 0.0
    answered: int = 0

    @property
    def requests(self) -> int:
        """How many requests the plan has for one poll."""
        return sum(state.requests for state in self.blocks)

    @property
    def load_percent(self) -> float | None:
        """How much of the period the poll takes; above 100 the device can't keep up. None before a poll."""
        return 100 * self.spent / self.rate if self.spent else None

    def stale_at(self, state: BlockState) -> float:
        """Two periods after its last answer; a poll that the gateway itself sent late is given one period.

        A device that is slower than the rate is slow, not quiet: its own pace counts as the period then.
        """
        period = max(self.rate, self.spent)
        return max(state.answered + period, state.asked) + period


class Poller:
    """All polls of one device. `start` and `stop` bracket a connection; between them it feeds a session."""

    def __init__(
        self,
        points: Sequence[tuple[Point, float]],
        options: ModbusOptions,
        clock: Clock,
        sink: BatchSink,
        counters: Counters,
    ) -> None:
        self._options = options
        self._clock = clock
        self._sink = sink
        self._counters = counters
        self._where = options.where
        self._session: Session | None = None
        rates = sorted({rate for _, rate in points if rate > 0})
        self.groups = [self._group([point for point, its in points if its == rate], rate) for rate in rates]

    def _group(self, points: list[Point], rate: float) -> PollGroup:
        return PollGroup(rate, [_new_state(block, self._options) for block in plan(points, self._options)])

    @property
    def units(self) -> set[int]:
        """The unit ids that are polled."""
        return {state.block.unit for group in self.groups for state in group.blocks}

    @property
    def silent_units(self) -> list[int]:
        """The units that do not answer and are asked apart from the others."""
        return [] if self._session is None else self._session.silent_units

    @property
    def tags_good(self) -> int:
        return sum(is_good(code) for group in self.groups for state in group.blocks for code in state.qualities)

    @property
    def trouble(self) -> str:
        """Why the first block that is not well is not, empty if all are."""
        return next((state.reason for group in self.groups for state in group.blocks if state.reason), "")

    @property
    def load_percent(self) -> float | None:
        """How much of the tightest period its poll takes; above 100 the device can't keep up. None before a poll."""
        return max((group.load_percent for group in self.groups if group.load_percent is not None), default=None)

    # schedule

    def start(self, session: Session) -> None:
        """A new connection: everything is due now, and what the last one refused may be readable."""
        now = self._clock.mono()
        self._session = session
        for group in self.groups:
            group.due, group.open, group.spent, group.polled = now, 0, 0.0, math.inf
            for state in group.blocks:
                state.isolation = Isolation(len(state.block.points))
                state.open, state.answered, state.refusals = 0, now, 0

    def stop(self) -> None:
        self._session = None

    def next_due(self) -> float:
        """When `on_due` has something to do next."""
        soonest = math.inf
        for group in self.groups:
            soonest = min(soonest, group.due)
            if group.open:
                for state in group.blocks:
                    if state.open and is_good_anywhere(state):
                        soonest = min(soonest, group.stale_at(state))
        return soonest

    def on_due(self, now: float) -> None:
        """Mark what has gone quiet; submit the polls whose time has come."""
        for group in self.groups:
            if group.open:
                self._age(group, now)
            if group.due <= now:
                # Whole periods are added to the planned time, never to the real one: no drift. Missed ones are skipped.
                missed = math.floor((now - group.due) / group.rate)
                group.due += (missed + 1) * group.rate
                self._counters.late_polls += missed
                self._poll(group, now)

    def _poll(self, group: PollGroup, now: float) -> None:
        group.interval = max(0.0, now - group.polled)
        group.polled = now
        if not group.open:
            group.begun = now
        for state in group.blocks:
            if state.open:
                self._counters.late_polls += 1
                continue
            state.searches = 0
            state.asked = now
            for run in state.isolation.runs(now):
                self._ask(group, state, run)

    def _age(self, group: PollGroup, now: float) -> None:
        for state in group.blocks:
            if state.open and group.stale_at(state) <= now and is_good_anywhere(state):
                age = now - state.answered
                reason = f"unit {state.block.unit} at {self._where} has not answered a poll for {age:.1f} s"
                self._spoil(
                    state, [i for i, code in enumerate(state.qualities) if is_good(code)], Quality.BAD_STALE, reason
                )

    def _ask(self, group: PollGroup, state: BlockState, run: Run) -> None:
        segment = self._segment(state, run)
        state.open += 1
        group.open += 1
        self._send(group, state, run, segment, b"")

    def _send(
        self, group: PollGroup, state: BlockState, run: Run, segment: Segment, before: bytes, piece: int = 0
    ) -> None:
        """Ask for one piece of a segment, then for the next; most segments have one."""
        session = self._session
        assert session is not None

        def done(outcome: Outcome, now: float) -> None:
            if len(segment.exchanges) > 1 and isinstance(outcome, Reply):
                data = before + outcome.data
                if piece + 1 < len(segment.exchanges):
                    self._send(group, state, run, segment, data, piece + 1)
                    return
                outcome = outcome._replace(data=data)
            group.queued += _EWMA * (job.waited - group.queued)
            self._done(group, state, run, segment, outcome, now)

        exchange = segment.exchanges[piece]
        job = Job(state.block.unit, exchange, done, self._options.max_retry_count, self._clock.mono())
        session.submit(job)

    def _segment(self, state: BlockState, run: Run) -> Segment:
        key = (run.first, run.stop)
        segment = state.segments.get(key)
        if segment is None:
            if len(state.segments) >= _KEPT_SEGMENTS:
                state.segments.clear()
            part = block_of(state.block.points[run.first : run.stop])
            segment = state.segments[key] = Segment(part, self._options)
        return segment

    # outcomes

    def _done(
        self, group: PollGroup, state: BlockState, run: Run, segment: Segment, outcome: Outcome, now: float
    ) -> None:
        state.open -= 1
        group.open -= 1
        match outcome:
            case Reply(data=data):
                self._good(group, state, run, segment, data, now)
                if not state.isolation.whole:
                    self._search(group, state, state.isolation.read(run))
            case ExceptionReply(code=code):
                self._refused(group, state, run, outcome, code, now)
            case Lost():
                pass  # the driver tells all tags of the device at once
            case Skipped() if state.reason and not is_good_anywhere(state):
                pass  # told before
            case _:
                quality, reason = verdict_on(outcome, state.block.unit, self._where, self._options.timeout)
                self._spoil(state, range(run.first, run.stop), quality, reason)
        if not group.open:
            group.spent = now - group.begun

    def _good(self, group: PollGroup, state: BlockState, run: Run, segment: Segment, data: bytes, now: float) -> None:
        column = segment.decode(data)
        state.answered = now
        group.answered += 1
        state.refusals = 0
        state.values[run.first : run.stop] = column
        wall = self._clock.wall()
        if segment.decoder.may_fail and None in column:
            self._partly_good(state, run, segment, column, wall)
            return
        state.qualities[run.first : run.stop] = segment.good
        if state.reason and all(map(is_good, state.qualities)):
            state.reason = ""
        self._sink.publish(Batch(segment.tags, column, segment.good, (wall,) * len(column), wall))

    def _partly_good(self, state: BlockState, run: Run, segment: Segment, column: Column, wall: int) -> None:
        """Some registers hold nothing that can be a value of their tag: those, and only those, are bad."""
        fine = [index for index, value in enumerate(column) if value is not None]
        wrong = [index for index, value in enumerate(column) if value is None]
        tags = [segment.tags[index] for index in fine]
        good = [int(Quality.GOOD)] * len(fine)
        state.qualities[run.first : run.stop] = segment.good
        if fine:
            self._sink.publish(Batch(tags, [column[index] for index in fine], good, [wall] * len(fine), wall))
        self._spoil(
            state,
            [run.first + index for index in wrong],
            Quality.BAD_OUT_OF_RANGE,
            f"unit {state.block.unit} at {self._where} sent registers that hold no number of this type",
        )

    def _refused(self, group: PollGroup, state: BlockState, run: Run, outcome: Outcome, code: int, now: float) -> None:
        state.refusals += 1
        quality, reason = verdict_on(outcome, state.block.unit, self._where, self._options.timeout)
        patience = SPLIT_AFTER.get(code, math.inf) if state.isolation.whole else 1
        if code not in SPLIT_AFTER or state.refusals < patience:
            self._spoil(state, range(run.first, run.stop), quality, reason)
            return
        parts = state.isolation.refused(run, now)
        if not parts or run.retry or state.searches + len(parts) > MODBUS_SPLIT_REQUESTS:
            self._spoil(state, range(run.first, run.stop), quality, reason)
        self._search(group, state, parts)

    def _search(self, group: PollGroup, state: BlockState, parts: Sequence[Run]) -> None:
        """Read `parts` at once if this poll's share of searching allows; if not the next poll does."""
        if self._session is None or state.searches + len(parts) > MODBUS_SPLIT_REQUESTS:
            return
        state.searches += len(parts)
        for part in parts:
            self._ask(group, state, part)

    def _spoil(self, state: BlockState, indices: Sequence[int], quality: Quality, reason: str) -> None:
        """Publish points as bad: their last value, since when, and why."""
        if not indices:
            return
        wall = self._clock.wall()
        for index in indices:
            state.qualities[index] = quality
        state.reason = reason
        self._sink.publish(
            Batch(
                [state.block.points[index].tag for index in indices],
                [state.values[index] for index in indices],
                [int(quality)] * len(indices),
                [wall] * len(indices),
                wall,
                reason,
            )
        )

    def all_bad(self, quality: Quality, reason: str) -> None:
        """The connection is gone: every tag says so."""
        for group in self.groups:
            for state in group.blocks:
                self._spoil(state, range(len(state.block.points)), quality, reason)


def is_good_anywhere(state: BlockState) -> bool:
    """Does a point of the block claim to be good?"""
    return int(Quality.GOOD) in state.qualities


def _new_state(block: Block, options: ModbusOptions) -> BlockState:
    count = len(block.points)
    bad = [int(Quality.BAD_NOT_CONNECTED)] * count
    return BlockState(block, [None] * count, bad, Isolation(count), requests=len(pieces(block, options)))
