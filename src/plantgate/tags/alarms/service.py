"""The alarms of a gateway: what is watched, what is active, what was, and what people do about it.

tree --changes--> AlarmEngine --turned--> Ledger --lines, events--> AlarmKeeper --> state/alarms.sqlite
                                             |
Gate --acknowledge, shelve--> Alarms --------+--> whoever watches, the tags of alarms
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from plantgate.errors import Refused
from plantgate.limits import ALARM_JOURNAL_LINES, ALARM_NOTE_CHARS, ALARM_SHELVE_SECONDS
from plantgate.model.alarm import (
    EVERY_RECORD,
    AckMode,
    AlarmCounts,
    AlarmDefinition,
    AlarmEvent,
    AlarmFilter,
    AlarmKey,
    AlarmMode,
    AlarmRecord,
    Shelf,
)
from plantgate.model.command import DONE, AcknowledgeAlarm, AlarmCommand, Origin, ShelveAlarm, Verdict
from plantgate.model.gateway import Sample
from plantgate.model.status import Health, PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import printable
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.alarms.alarm import NO_ENDS, UNACKED, Alarm
from plantgate.tags.alarms.engine import AlarmEngine
from plantgate.tags.alarms.journal import AlarmJournal
from plantgate.tags.alarms.keeping import ALARMS_KEPT_SECONDS, AlarmKeeper
from plantgate.tags.alarms.ledger import Ledger
from plantgate.tags.alarms.statetags import StateTags
from plantgate.tags.alarms.store import Stored
from plantgate.tags.alarms.watch import ChangeWatch, Watch
from plantgate.tags.tree import TagTree

_SECOND = 1_000_000
_SHELF_SECONDS = 1.0
# Until the file has told which ids were given, those of now are made of the time: no other run has given them.
_FIRST_UNKNOWN = 1_000


class Alarms:
    """AlarmBoard, AlarmTarget, ChangeSink and StatusSource.

    `start` when the tree has its first values, `stop` when the tasks have been stopped; without any alarm, and without
    a file of some, both do nothing.
    """

    def __init__(
        self,
        tree: TagTree,
        data_dir: Path,
        clock: Clock,
        tasks: TaskGroup,
        *,
        keep_seconds: float = ALARMS_KEPT_SECONDS,
        most: int = ALARM_JOURNAL_LINES,
        connect: sqlite_file.Connect = sqlite_file.connect,
    ) -> None:
        """The journal keeps lines for `keep_seconds`, and `most` of them."""
        self._tree = tree
        self._clock = clock
        self._tasks = tasks
        self.keeper = AlarmKeeper(data_dir, clock, self._adopt, keep_seconds=keep_seconds, most=most, connect=connect)
        self._ledger = Ledger(self.keeper)
        self.engine = AlarmEngine(tree, self._ledger, clock, self._tell)
        self._journal = AlarmJournal(self.keeper.path)
        self._states = StateTags(tree, clock)
        self._of_tag: dict[int, tuple[Alarm, ...]] = {}
        self._configured: Sequence[tuple[AlarmKey, AlarmDefinition]] | None = None
        self._watchers: list[Callable[[Sequence[AlarmEvent]], None]] = []
        self._shelf_ends: list[tuple[float, int, AlarmKey, Shelf]] = []
        self._shelves_set = 0
        self.started = False
        self._revision = 0
        self._fault_since = clock.wall()
        self._take_in([tag for tag in tree.ids() if tree.definitions()[tag].alarms])

    def __bool__(self) -> bool:
        """Whether there is any alarm."""
        return bool(self._ledger.alarms)

    # what there is

    def change(self, put: Collection[int], removed: Collection[int]) -> tuple[Sequence[int], Sequence[int]]:
        """Tags of the tree are new or have another definition (`put`), or are gone.

        An alarm that stays keeps its events and its shelf, and is judged by its new definition; the events of one that
        is gone end. Gives the ids of tags (added, removed) that show the state of alarms; `tree.announce` of those that
        were added is left to the caller.
        """
        definitions = self._tree.definitions()
        gone = [alarm for tag in removed for alarm in self._of_tag.get(tag, ())]
        gone += [
            alarm
            for tag in put
            for alarm in self._of_tag.get(tag, ())
            if all(alarm.key.name != each.name for each in definitions[tag].alarms)
        ]
        wall = self._clock.wall()
        for alarm in gone:
            self._ledger.remove(alarm, wall)
            alarm.watch = None
        for tag in removed:
            if self._of_tag.pop(tag, None) is not None:
                self.engine.put(tag, ())
        fewer = self._states.remove([alarm.key for alarm in gone])
        fresh = self._take_in([tag for tag in put if definitions[tag].alarms or tag in self._of_tag])
        more = self._states.add([alarm.key for alarm in fresh])
        self._tell()
        return more, fewer

    def _take_in(self, tags: Sequence[int]) -> list[Alarm]:
        """The definitions of `tags` are as they are now; gives the alarms that are new."""
        fresh: list[Alarm] = []
        self._configured = None
        for tag in tags:
            definition = self._tree.definitions()[tag]
            known = {alarm.key.name: alarm for alarm in self._of_tag.pop(tag, ())}
            alarms = tuple(self._alarm(tag, definition, each, known.get(each.name)) for each in definition.alarms)
            fresh += [alarm for alarm in alarms if alarm.key.name not in known]
            if alarms:
                self._of_tag[tag] = alarms
            self.engine.put(tag, alarms)
        if self.started:
            self.engine.look_at(alarm for tag in tags for alarm in self._of_tag.get(tag, ()))
        return fresh

    def _alarm(self, tag: int, definition: TagDefinition, wanted: AlarmDefinition, known: Alarm | None) -> Alarm:
        alarm = known or Alarm(AlarmKey(definition.path, wanted.name), tag, wanted)
        was_enabled, active = alarm.watch is not None, alarm.active
        ends = NO_ENDS if definition.low is definition.high is None else (definition.low, definition.high)
        if known is not None and (known.definition, known.ends) == (wanted, ends):
            return known
        alarm.definition, alarm.ends, alarm.queued = wanted, ends, False
        alarm.watch = _watch(wanted, definition, active=active is not None) if wanted.enabled else None
        if known is None:
            self._ledger.add(alarm)
            return alarm
        wall = self._clock.wall()
        if was_enabled and not wanted.enabled:
            self._ledger.disabled(alarm, wall)
        elif not was_enabled and wanted.enabled:
            self._ledger.enabled(alarm, wall)
        elif active is not None and wanted.mode is AlarmMode.ANY_CHANGE:
            self._ledger.clear(alarm, active, None, wall, "the alarm has another mode now")
        return alarm

    # ChangeSink

    def changed(self, batch: Batch) -> None:
        self.engine.changed(batch)

    # life

    async def start(self) -> None:
        """Read what was stored, judge by the values of now, and go on from there."""
        if self.started or not (self or self.keeper.path.exists()):
            return
        self._ledger.next_id = max(self._ledger.next_id, self._clock.wall() // _FIRST_UNKNOWN)
        await self.keeper.start(self._ledger)
        self.started = True
        self.engine.forget_waiting()
        self._judge_all()
        for name, run in (
            ("alarms", self.engine.run),
            ("alarm-delays", self.engine.tick),
            ("alarm-summaries", self.engine.sweep),
            ("alarm-shelves", self._end_shelves),
            ("alarm-tags", self._states.run),
        ):
            self._tasks.spawn(name, run, restart=True)

    def _judge_all(self) -> None:
        self.engine.look_at(self._ledger.alarms.values())

    def _adopt(self, stored: Stored) -> None:
        """At the start, or later if the file could not be read then."""
        if not self.started:
            self._ledger.next_id = stored.next_event
        self._ledger.adopt(stored.events, stored.shelves, stored.next_event, self._clock.wall())
        for shelf in self._ledger.shelves():
            self._note_end(shelf)
        if self.started:
            self._judge_all()

    async def stop(self) -> None:
        """What is left is written, and the file closed."""
        if self.started:
            self.started = False
            self.engine.settle()
        await self.keeper.stop()
        await self._journal.close()

    async def _end_shelves(self) -> None:
        while True:
            await self._clock.sleep(_SHELF_SECONDS)
            self.end_shelves()

    def end_shelves(self) -> None:
        """Whoever was shelved long enough is heard of again."""
        mono, wall = self._clock.mono(), self._clock.wall()
        while self._shelf_ends and self._shelf_ends[0][0] <= mono:
            _, _, key, shelf = heapq.heappop(self._shelf_ends)
            alarm = self._ledger.alarms.get(key)
            if alarm is not None and alarm.shelf is shelf:
                self._ledger.unshelve(alarm, wall)
        self._tell()

    def _note_end(self, shelf: Shelf) -> None:
        """By the clock that never jumps: an administrator who sets the time shelves and unshelves nothing."""
        end = self._clock.mono() + (shelf.until - self._clock.wall()) / _SECOND
        self._shelves_set += 1
        heapq.heappush(self._shelf_ends, (end, self._shelves_set, shelf.key, shelf))

    # AlarmBoard

    @property
    def revision(self) -> int:
        return self._revision

    def configured(self) -> Sequence[tuple[AlarmKey, AlarmDefinition]]:
        if self._configured is None:  # the same list while nothing has changed: who knows it need not look again
            self._configured = [(alarm.key, alarm.definition) for alarm in self._ledger.alarms.values()]
        return self._configured

    def live(self) -> Sequence[AlarmEvent]:
        return self._ledger.live()

    def shelves(self) -> Sequence[Shelf]:
        return self._ledger.shelves()

    def counts(self) -> AlarmCounts:
        return self._ledger.counts()

    def watch(self, changed: Callable[[Sequence[AlarmEvent]], None]) -> None:
        self._watchers.append(changed)

    async def journal(
        self, limit: int, before: int | None = None, wanted: AlarmFilter = EVERY_RECORD
    ) -> Sequence[AlarmRecord]:
        return await self._journal.records(limit, before, wanted)

    def _tell(self) -> None:
        """Pass on what is other than it was."""
        events, alarms = self._ledger.take_changes()
        if not events and not alarms:
            return
        self._revision += 1
        self._states.touch(alarms, self._ledger.counts())
        for changed in self._watchers:
            changed(events)

    # AlarmTarget

    async def execute(self, command: AlarmCommand, origin: Origin) -> Verdict:
        """Done is on disk. What can't be stored is in force all the same, and StorageError says so."""
        if isinstance(command, AcknowledgeAlarm):
            self._acknowledge(command, origin)
        elif isinstance(command, ShelveAlarm):
            self._shelve(command, origin)
        else:
            self._unshelve(command.alarm, origin)
        self._tell()
        await self.keeper.written()
        return DONE

    def _acknowledge(self, command: AcknowledgeAlarm, origin: Origin) -> None:
        found = self._ledger.find(command.event)
        if found is None:
            raise Refused(
                "ALM-101", f"there is no live alarm event {command.event}", "it has cleared and was acknowledged before"
            )
        alarm, event = found
        if event.state not in UNACKED:
            if alarm.definition.ack is AckMode.UNUSED:
                raise Refused("ALM-102", f"alarm {_named(alarm)} needs no acknowledgement")
            raise Refused("ALM-103", f"event {event.id} was acknowledged by {printable(event.acked_by)}")
        note = _checked_text(command.note)
        if alarm.definition.ack_note_required and not note:
            raise Refused("ALM-104", f"alarm {_named(alarm)} is acknowledged with a note only", "say what you found")
        self._ledger.acknowledge(alarm, event, self._clock.wall(), origin.actor, note)

    def _shelve(self, command: ShelveAlarm, origin: Origin) -> None:
        alarm = self._find(command.alarm)
        if not alarm.definition.shelvable:
            raise Refused("ALM-105", f"alarm {_named(alarm)} can't be shelved", "its definition says shelvable = false")
        if not math.isfinite(command.seconds) or not 0 < command.seconds <= ALARM_SHELVE_SECONDS:
            days = ALARM_SHELVE_SECONDS // 86_400
            raise Refused("ALM-106", f"an alarm is shelved for more than 0 s and at most {days} days")
        reason, wall = _checked_text(command.reason), self._clock.wall()
        shelf = Shelf(alarm.key, wall + round(command.seconds * _SECOND), origin.actor, reason)
        self._ledger.shelve(alarm, shelf, wall)
        self._note_end(shelf)

    def _unshelve(self, key: AlarmKey, origin: Origin) -> None:
        alarm = self._find(key)
        if alarm.shelf is None:
            raise Refused("ALM-107", f"alarm {_named(alarm)} is not shelved")
        self._ledger.unshelve(alarm, self._clock.wall(), origin.actor)

    def _find(self, key: AlarmKey) -> Alarm:
        alarm = self._ledger.alarms.get(key)
        if alarm is None:
            raise Refused("ALM-108", f"tag {printable(key.path)} has no alarm {printable(key.name)}")
        return alarm

    # what others ask

    def status(self) -> Sequence[PartStatus]:
        """Tiles only while something is wrong."""
        faults = self.engine.formulas.faults
        if not faults:
            return self.keeper.status()
        key, reason = next(iter(faults.items()))
        tile = PartStatus(
            "tags",
            "alarms",
            Health.FAILED,
            "not watched",
            self._fault_since,
            f"{len(faults)} alarms have formulas that can't be read, {key.name} of {key.path}: {reason}",
            "correct the expression",
            {"alarms": len(faults)},
        )
        return [*self.keeper.status(), tile]

    def samples(self) -> Iterable[Sample]:
        """Figures for /metrics."""
        counts, keeper = self.counts(), self.keeper
        yield Sample("plantgate_alarms", "gauge", "alarms defined", (), len(self._ledger.alarms))
        yield Sample("plantgate_alarms_active", "gauge", "alarms active, not shelved", (), counts.active)
        yield Sample("plantgate_alarms_unacknowledged", "gauge", "not acknowledged", (), counts.unacknowledged)
        yield Sample("plantgate_alarms_shelved", "gauge", "alarms shelved", (), counts.shelved)
        yield Sample("plantgate_alarm_lines_total", "counter", "lines of the alarm journal stored", (), keeper.stored)
        yield Sample("plantgate_alarm_lines_lost_total", "counter", "lines that found no disk", (), keeper.lost)


def _watch(alarm: AlarmDefinition, tag: TagDefinition, *, active: bool) -> Watch | ChangeWatch:
    return ChangeWatch(alarm, tag) if alarm.mode is AlarmMode.ANY_CHANGE else Watch(alarm, tag, active=active)


def _named(alarm: Alarm) -> str:
    return printable(f"{alarm.key.name} of {alarm.key.path}")


def _checked_text(text: str) -> str:
    if len(text) > ALARM_NOTE_CHARS:
        raise Refused("ALM-109", f"a note has at most {ALARM_NOTE_CHARS} characters")
    return text.strip()
