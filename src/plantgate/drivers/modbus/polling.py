"""Polls on schedule: each tag group at its own rate, without drift, one batch per answer.

A block that is still unanswered when its next poll is due is not asked twice: the poll is counted as late. If it
stays unanswered for two periods its tags leave GOOD, whatever the timeout says.

What is polled and how often may change at any time (plans.py); what is known and under way stays (blocks.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from plantgate.drivers.modbus.blocks import BlockState, PollGroup, Segment
from plantgate.drivers.modbus.isolation import FIRST_RETRY, Isolation, Run
from plantgate.drivers.modbus.jobs import Counters, Job
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import SPLIT_AFTER, Lost, Outcome, Skipped, verdict_on
from plantgate.drivers.modbus.planner import block_of
from plantgate.drivers.modbus.plans import Plans, Polled
from plantgate.drivers.modbus.session import Session
from plantgate.drivers.modbus.values import Column
from plantgate.limits import MODBUS_SPLIT_REQUESTS
from plantgate.model.quality import Quality, is_good
from plantgate.model.seams import BatchSink
from plantgate.model.value import Batch
from plantgate.protocols.modbus.client import ExceptionReply, Reply
from plantgate.runtime.clock import Clock

_KEPT_SEGMENTS = 64
_EWMA = 0.1
# After a change of the plan the next one waits for so many times what this one took: groups of a device with very many
# tags that change all the time don't take the event loop for themselves. At most so many seconds: a tag would be stale.
_PAUSE, _LONGEST_PAUSE = 20, 0.5


class Poller:
    """All polls of one device. `start` and `stop` bracket a connection; between them it feeds a session."""

    def __init__(
        self, points: Sequence[Polled], options: ModbusOptions, clock: Clock, sink: BatchSink, counters: Counters
    ) -> None:
        self._options = options
        self._clock = clock
        self._sink = sink
        self._counters = counters
        self._where = options.where
        self._session: Session | None = None
        self._away: tuple[Quality, str] | None = None
        self._plans = Plans(options)
        self._replan_at = -math.inf
        self._wanted: set[str] = set()  # groups to read once: noted only, for we may be in the middle of an answer
        self.set_points(points)

    # what is polled

    def set_points(self, points: Sequence[Polled]) -> None:
        """From the next poll on these. What is under way counts for the points that stay."""
        self._plans.set_points(points)
        self._replan_at = -math.inf  # at once: what is under way may be for a tag that is another one now
        self.every_group()
        self._wake()

    def set_rate(self, group: str, rate: float) -> None:
        """Poll `group` every `rate` seconds from now on, never for 0."""
        if self._plans.set_rate(group, rate):
            self._wake()

    def read_once(self, group: str) -> None:
        """Read the tags of `group` now, besides the schedule. While the device is away this waits for it."""
        if self._plans.has(group):
            self._wanted.add(group)
            self._wake()

    def _wake(self) -> None:
        if self._session is not None:
            self._session.wake()

    def every_group(self) -> Plans:
        """As it is to be now. Those that are read on demand only come first."""
        if self._plans.changed and self._clock.mono() >= self._replan_at:
            began = self._clock.mono()
            changed = self._plans.settle()
            now = self._clock.mono()
            self._replan_at = now + min(_LONGEST_PAUSE, _PAUSE * (now - began))
            if self._session is not None:
                for group in changed:
                    self._begin(group, now)
            elif self._away is not None:
                self._tell_away(changed)
        return self._plans

    def _begin(self, group: PollGroup, now: float) -> None:
        """A plan that has changed while the device is connected: what is older than its period is read at once."""
        for state in group.blocks:
            state.answered = min(state.answered, now)
        if group.rate and group.due == math.inf:
            group.due = max(now, min(state.asked for state in group.blocks) + group.rate)
        elif group.rate:
            for state in group.blocks:
                state.again = state.again or (state.asked + group.rate <= now and not state.busy)
        if any(state.again for state in group.blocks):
            group.again_at = -math.inf

    @property
    def groups(self) -> list[PollGroup]:
        """What is polled, by rising rate."""
        return [group for group in self.every_group() if group.rate]

    @property
    def states(self) -> list[BlockState]:
        """All blocks, also of what is read on demand only."""
        return [state for group in self.every_group() for state in group.blocks]

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
        return sum(is_good(code) for state in self.states for code in state.qualities)

    @property
    def trouble(self) -> str:
        """Why the first block that is polled and not well is not, empty if all are."""
        return next((state.reason for group in self.groups for state in group.blocks if state.reason), "")

    @property
    def load_percent(self) -> float | None:
        """How much of the tightest period its poll takes; above 100 the device can't keep up. None before a poll."""
        return max((group.load_percent for group in self.groups if group.load_percent is not None), default=None)

    # schedule

    def start(self, session: Session) -> None:
        """A new connection: everything is due now, and what the last one refused may be readable."""
        now = self._clock.mono()
        for group in self.every_group():
            group.due = now if group.rate else math.inf
            group.open, group.spent, group.pace, group.polled, group.again_at = 0, 0.0, 0.0, math.inf, math.inf
            for state in group.blocks:
                state.isolation = Isolation(len(state.block.points))
                state.open, state.ancestors, state.answered, state.refusals = 0, (), now, 0
        self._plans.look_again()
        self._session = session

    def stop(self) -> None:
        self._session = None

    def next_due(self) -> float:
        """When `on_due` has something to do next."""
        plans = self.every_group()
        soonest = self._replan_at if plans.changed else -math.inf if self._wanted else math.inf
        for group in plans:
            soonest = min(soonest, group.due, group.again_at)
            if group.open:
                for state in group.blocks:
                    if state.open and state.is_good_anywhere:
                        soonest = min(soonest, group.stale_at(state))
        return soonest

    def on_due(self, now: float) -> None:
        """Mark what has gone quiet; submit the polls whose time has come."""
        groups = list(self.every_group())
        if self._wanted and not self._plans.changed:
            for name in self._wanted:
                self._plans.mark(name)
            self._wanted.clear()
        for group in groups:
            if group.open:
                self._age(group, now)
            if group.due <= now:
                # Whole periods are added to the planned time, never to the real one: no drift. Missed ones are skipped.
                missed = math.floor((now - group.due) / group.rate)
                group.due += (missed + 1) * group.rate
                self._counters.late_polls += missed
                self._poll(group, now)
            if group.again_at <= now:
                group.again_at = math.inf
                for state in group.blocks:
                    self._read_again(group, state, now)

    def _poll(self, group: PollGroup, now: float) -> None:
        group.interval = max(0.0, now - group.polled)
        group.polled = now
        if not group.open:
            group.begun = now
        for state in group.blocks:
            if state.busy:
                self._counters.late_polls += 1
            else:
                self._read(group, state, now)

    def _read(self, group: PollGroup, state: BlockState, now: float) -> None:
        state.again = False
        state.searches = 0
        state.asked = now
        for run in state.isolation.runs(now):
            self._ask(group, state, run)

    def _read_again(self, group: PollGroup, state: BlockState, now: float) -> None:
        """Besides the schedule, if that is wanted. What is under way now was asked before: it does not count."""
        if state.again and not state.busy and self._session is not None:
            if not group.open:
                group.begun = now
            self._read(group, state, now)

    def _age(self, group: PollGroup, now: float) -> None:
        for state in group.blocks:
            if state.open and group.stale_at(state) <= now and state.is_good_anywhere:
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
        again = state.again
        match outcome:
            case _ if state.heirs is not None:
                self._pass_on(state, run, segment, outcome, now)
            case Reply(data=data):
                self._good(group, state, run, segment, data, now)
                if not state.isolation.whole:
                    self._search(group, state, state.isolation.read(run))
            case ExceptionReply(code=code):
                self._refused(group, state, run, outcome, code, now)
            case Lost():
                state.again = not group.rate  # the driver tells all tags of the device at once
            case Skipped() if state.reason and not state.is_good_anywhere:
                self._read_later(group, state, now)  # told before
            case _:
                self._read_later(group, state, now)
                quality, reason = verdict_on(outcome, state.block.unit, self._where, self._options.timeout)
                self._spoil(state, range(run.first, run.stop), quality, reason)
        if not group.open:
            group.spent, group.pace = now - group.begun, 0.0
        if again and state.heirs is None:
            self._read_again(group, state, now)

    def _read_later(self, group: PollGroup, state: BlockState, now: float) -> None:
        """What is read on demand has no next poll: it is tried again until the device has answered."""
        if not group.rate:
            state.again = True
            group.again_at = min(group.again_at, now + FIRST_RETRY)
            self._wake()

    def _pass_on(self, state: BlockState, run: Run, segment: Segment, outcome: Outcome, now: float) -> None:
        """An answer to a block that the plan has no more: values go to its heirs, the rest their next poll tells."""
        heirs = [state.heir(index) for index in range(run.first, run.stop)]
        if isinstance(outcome, Reply):
            column, wall = segment.decode(outcome.data), self._clock.wall()
            fine = [(*place, value) for place, value in zip(heirs, column, strict=True) if place and value is not None]
            for heir, index, value in fine:
                heir.values[index], heir.qualities[index], heir.answered = value, int(Quality.GOOD), now
                heir.isolation.read(Run(index, index + 1))
            if fine:
                tags = [heir.block.points[index].tag for heir, index, _ in fine]
                good, times = [int(Quality.GOOD)] * len(tags), [wall] * len(tags)
                self._sink.publish(Batch(tags, [value for *_, value in fine], good, times, wall))
        if any(place is not None and place[0].again for place in heirs):
            self._plans.look_again()  # they may have waited for this request to end
            self._wake()

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
        """The connection is gone: every tag says so, but those that are read on demand and have been."""
        self._away = quality, reason
        self._tell_away(self.every_group())

    def _tell_away(self, groups: Iterable[PollGroup]) -> None:
        assert self._away is not None
        for group in groups:
            for state in group.blocks:
                # A value that was read when somebody asked is of that moment: the connection has no say in it.
                told = [i for i, code in enumerate(state.qualities) if group.rate or not is_good(code)]
                self._spoil(state, told, *self._away)
