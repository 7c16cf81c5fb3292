"""Looks at every change of tags that have alarms.

The tree tells what changed; that is noted, and looked at by a task of its own, every value of it in order: an alarm
that came and went between two looks was there. The cost is linear in the changes of tags with alarms.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from plantgate.limits import ALARM_CHANGES_WAITING, ALARM_SLICE
from plantgate.model.alarm import AlarmMode
from plantgate.model.value import Batch, Scalar
from plantgate.runtime.clock import Clock
from plantgate.tags.alarms.alarm import Alarm
from plantgate.tags.alarms.formulas import Formulas
from plantgate.tags.alarms.ledger import Ledger
from plantgate.tags.alarms.watch import ChangeWatch, Watch
from plantgate.tags.tree import TagTree

# A deadline that comes before the one that is waited for is noticed so late; what is written is the exact time.
_QUANTUM_SECONDS = 0.1
_SUMMARY_SECONDS = 1.0
_NEVER = float("inf")


class AlarmEngine:
    """Is a `ChangeSink`. Run `run`, `tick` and `sweep` as owned tasks. `changed_some` is called when the ledger may
    have changed."""

    def __init__(self, tree: TagTree, ledger: Ledger, clock: Clock, changed_some: Callable[[], None]) -> None:
        self._tree = tree
        self._ledger = ledger
        self._clock = clock
        self._changed_some = changed_some
        self._by_tag: dict[int, tuple[Alarm, ...]] = {}
        self.formulas = Formulas(tree, clock)
        self._waiting: deque[tuple[float, Batch, int]] = deque()  # time, changes, how many have been looked at
        self._weight = 0
        self._fold_at = ALARM_CHANGES_WAITING
        self._ready = asyncio.Event()
        self._delays: list[tuple[float, int, Alarm]] = []
        self._timer_set = asyncio.Event()
        self.looked_at = 0
        self.folded = 0

    # what there is

    def put(self, tag: int, alarms: Sequence[Alarm]) -> None:
        """The alarms of `tag` from now on. Call `look_at` when all are told."""
        enabled = [alarm for alarm in alarms if alarm.watch is not None]
        watching = tuple(alarm for alarm in enabled if alarm.definition.mode is not AlarmMode.ON_CONDITION)
        if watching:
            self._by_tag[tag] = watching
        else:
            self._by_tag.pop(tag, None)
        self.formulas.put(tag, enabled)

    def look_at(self, alarms: Iterable[Alarm]) -> None:
        """Judge by the values of now."""
        mono, wall = self._clock.mono(), self._clock.wall()
        self.formulas.refresh()
        for alarm in alarms:
            if alarm.watch is None:
                continue
            if self.formulas.has(alarm):
                self._take_formula(alarm, mono, wall)
            else:
                found = self._tree.pending.settled(alarm.tag)
                self._take(alarm, found.value, found.quality, mono, wall)
        self._timer_set.set()
        self._changed_some()

    def forget_waiting(self) -> None:
        """What changed before does not count: judging begins with the values of now."""
        self._waiting.clear()
        self._weight = 0

    # ChangeSink

    def changed(self, batch: Batch) -> None:
        if self._by_tag.keys().isdisjoint(batch.tags) and self.formulas.watched.isdisjoint(batch.tags):
            if self.formulas.are_outdated():
                self._ready.set()
            return
        self._waiting.append((self._clock.mono(), batch, 0))
        self._weight += len(batch.tags)
        self._ready.set()
        if self._weight > self._fold_at:
            self._fold()

    def _fold(self) -> None:
        """Too much waits: keep the newest value of each tag."""
        newest: dict[int, tuple[Scalar, int]] = {}
        for _, batch, begin in self._waiting:
            for tag, value, quality in _rows(batch, begin, len(batch.tags)):
                if tag in self._by_tag or tag in self.formulas.watched:
                    newest[tag] = value, quality
        self.folded += self._weight - len(newest)
        mono, last, _ = self._waiting[-1]
        values, qualities = [value for value, _ in newest.values()], [quality for _, quality in newest.values()]
        self._waiting.clear()
        batch = Batch(list(newest), values, qualities, [last.arrived] * len(newest), last.arrived)
        self._waiting.append((mono, batch, 0))
        self._weight = len(newest)
        self._fold_at = ALARM_CHANGES_WAITING + self._weight  # else each batch more would be folded again

    # life

    async def run(self) -> None:
        """Look at what changed, for ever."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            self.formulas.refresh()
            while self._waiting:
                self._look_slice()
                await asyncio.sleep(0)
            self._look_at_formulas()

    async def tick(self) -> None:
        """End delays and note formulas that are due by the clock, for ever."""
        while True:
            due = min(self._delays[0][0] if self._delays else _NEVER, self.formulas.next_due)
            if due == _NEVER:
                self._timer_set.clear()
                await self._timer_set.wait()
                continue
            now = self._clock.mono()
            if due > now:
                await self._clock.sleep(min(due - now, _QUANTUM_SECONDS))
            while self._waiting:  # what changed before counts first
                self._look_slice()
                await asyncio.sleep(0)
            self.pass_time()

    async def sweep(self) -> None:
        """Once a second: what the journal has not got of alarms that come and go."""
        while True:
            await self._clock.sleep(_SUMMARY_SECONDS)
            self._ledger.list_the_unlisted(self._clock.mono())

    def settle(self) -> None:
        """Look at all that waits, now: for tests and commands without a loop."""
        self.formulas.refresh()
        while self._waiting:
            self._look_slice()
        self._look_at_formulas()

    # looking

    def _look_slice(self) -> None:
        room = ALARM_SLICE
        while self._waiting and room > 0:
            mono, batch, begin = self._waiting.popleft()
            end = min(len(batch.tags), begin + room)
            if end < len(batch.tags):
                self._waiting.appendleft((mono, batch, end))
            self._look_at_rows(mono, batch, begin, end)
            self._weight -= end - begin
            room -= end - begin
        if not self._waiting:
            self._fold_at = ALARM_CHANGES_WAITING
        self._changed_some()

    def _look_at_rows(self, mono: float, batch: Batch, begin: int, end: int) -> None:
        by_tag, wall = self._by_tag, batch.arrived
        for tag, value, quality in _rows(batch, begin, end):
            alarms = by_tag.get(tag)
            if alarms is not None:
                self.looked_at += 1
                for alarm in alarms:
                    self._take(alarm, value, quality, mono, wall)
        self.formulas.note(batch.tags[begin:end])

    def _take(self, alarm: Alarm, value: Scalar, quality: int, mono: float, wall: int) -> None:
        watch = alarm.watch
        if type(watch) is Watch:
            if watch.due is not None:
                self._pass(alarm, watch, mono, wall)
            if watch.take(value, quality, mono):
                self._ledger.turned(alarm, watch.active, value, wall, mono)
            elif watch.due is not None and not alarm.queued:
                self._queue(alarm, watch.due)
        elif type(watch) is ChangeWatch and watch.take(value, quality):
            self._ledger.pulsed(alarm, value, wall, mono)

    def _queue(self, alarm: Alarm, due: float) -> None:
        """One deadline an alarm: a later one than was noted is found when that is due."""
        alarm.queued = True
        heapq.heappush(self._delays, (due, id(alarm), alarm))
        self._timer_set.set()

    def _pass(self, alarm: Alarm, watch: Watch, mono: float, wall: int) -> None:
        due = watch.due
        if due is not None and watch.pass_time(mono):
            at = wall - round((mono - due) * 1e6)
            value = watch.value
            if alarm.definition.mode is AlarmMode.ON_CONDITION:
                value = self._tree.pending.settled(alarm.tag).value
            self._ledger.turned(alarm, watch.active, value, at, due)

    def pass_time(self) -> None:
        """End the delays that are over. What changed before has been looked at."""
        mono, wall = self._clock.mono(), self._clock.wall()
        ended = 0
        while self._delays and self._delays[0][0] <= mono:
            _, _, alarm = heapq.heappop(self._delays)
            alarm.queued = False
            watch = alarm.watch
            if type(watch) is not Watch or watch.due is None:
                continue
            self._pass(alarm, watch, mono, wall)
            ended += 1
            if watch.due is not None:
                self._queue(alarm, watch.due)
        if ended:
            self._changed_some()
        if self.formulas.note_due(mono):
            self._ready.set()

    # formulas

    def _look_at_formulas(self) -> None:
        noted = self.formulas.take_noted()
        if not noted:
            return
        mono, wall = self._clock.mono(), self._clock.wall()
        for alarm in noted:
            self._take_formula(alarm, mono, wall)
        self._changed_some()

    def _take_formula(self, alarm: Alarm, mono: float, wall: int) -> None:
        watch = alarm.watch
        if type(watch) is not Watch:
            return
        result, quality = self.formulas.evaluate(alarm, wall)
        found = self._tree.pending.settled(alarm.tag)
        if alarm.definition.mode is not AlarmMode.ON_CONDITION:
            watch.setpoint = result  # None where it can't be computed: nothing is raised or cleared then
            self._take(alarm, found.value, found.quality, mono, wall)
            return
        if watch.due is not None:
            self._pass(alarm, watch, mono, wall)
        if watch.take(result, quality, mono):
            self._ledger.turned(alarm, watch.active, found.value, wall, mono)
        elif watch.due is not None and not alarm.queued:
            self._queue(alarm, watch.due)


def _rows(batch: Batch, begin: int, end: int) -> Iterable[tuple[int, Scalar, int]]:
    if end - begin == len(batch.tags):
        return zip(batch.tags, batch.values, batch.qualities, strict=True)
    return zip(batch.tags[begin:end], batch.values[begin:end], batch.qualities[begin:end], strict=True)
