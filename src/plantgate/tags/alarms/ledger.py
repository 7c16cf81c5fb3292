"""The events of all alarms as they are now, and what has to be written down. Pure: every time is an argument.

Each time that an alarm becomes active is an event. An alarm that comes and goes more than ALARM_EVENTS_PER_MINUTE times
goes on with its last event instead, and its journal gets one line with the number of changes that are not listed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from plantgate.limits import ALARM_EVENTS_KEPT
from plantgate.model.alarm import (
    AckMode,
    AlarmChange,
    AlarmCounts,
    AlarmDefinition,
    AlarmEvent,
    AlarmKey,
    AlarmMode,
    AlarmState,
    Priority,
    Shelf,
)
from plantgate.model.value import Scalar
from plantgate.tags.alarms.alarm import ACTIVE, REFILL_SECONDS, UNACKED, Alarm, Line, Record
from plantgate.tags.alarms.watch import Watch

AUTO: Final = "auto"
_CROWDED: Final = f"more than {ALARM_EVENTS_KEPT} events of this alarm waited"


class Ledger:
    """`changed` (event by id) and `touched` (alarms) collect what is other than at the last `take_changes`."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.alarms: dict[AlarmKey, Alarm] = {}
        self.next_id = 1
        self._live: dict[int, AlarmEvent] = {}
        self._shelved: dict[AlarmKey, Alarm] = {}
        self._summaries: list[tuple[float, int, Alarm]] = []
        self._active = self._unacked = 0
        self._by_priority = [0] * len(Priority)
        self.changed: dict[int, AlarmEvent] = {}
        self.touched: dict[AlarmKey, Alarm] = {}

    # asking

    def live(self) -> list[AlarmEvent]:
        return list(self._live.values())

    def shelves(self) -> list[Shelf]:
        return [alarm.shelf for alarm in self._shelved.values() if alarm.shelf is not None]

    def counts(self) -> AlarmCounts:
        highest = max((priority for priority in Priority if self._by_priority[priority]), default=None)
        return AlarmCounts(self._active, self._unacked, len(self._shelved), highest)

    def find(self, event: int) -> tuple[Alarm, AlarmEvent] | None:
        found = self._live.get(event)
        return None if found is None else (self.alarms[found.key], found)

    def take_changes(self) -> tuple[list[AlarmEvent], list[Alarm]]:
        """(events, alarms) that are other than at the last call."""
        taken = list(self.changed.values()), list(self.touched.values())
        self.changed, self.touched = {}, {}
        return taken

    # the plant

    def turned(self, alarm: Alarm, active: bool, value: Scalar, wall: int, mono: float) -> None:
        """`alarm` became active or clear."""
        alarm.turned_at = wall
        if active:
            self._begin(alarm, value, wall, mono)
        elif (event := alarm.active) is not None:
            self.clear(alarm, event, value, wall)

    def pulsed(self, alarm: Alarm, value: Scalar, wall: int, mono: float) -> None:
        """One change of an alarm of mode any_change: active and clear in one."""
        alarm.turned_at = wall
        before = alarm.last
        if not alarm.may_begin(mono) and before is not None:
            self._unlisted(alarm, mono)
            self._put(alarm, replace(before, value=value, cleared_at=wall, cleared_value=value))
            return
        event = self._new(alarm, value, wall)
        self._say(alarm, event, AlarmChange.CLEAR, wall, value)
        self._put(alarm, self._cleared(alarm, event, value, wall, listed=True))

    def _begin(self, alarm: Alarm, value: Scalar, wall: int, mono: float) -> None:
        before = alarm.last
        if not alarm.may_begin(mono) and before is not None:
            self._unlisted(alarm, mono)
            self._make_room(alarm, before.id, wall)
            acked = before.state in (AlarmState.ACTIVE_ACKED, AlarmState.CLEAR_ACKED) and before.acked_by != AUTO
            state = AlarmState.ACTIVE_ACKED if acked else AlarmState.ACTIVE_UNACKED
            again = replace(before, state=state, cleared_at=None, cleared_value=None)
            self._put(alarm, again if acked else replace(again, acked_at=None, acked_by="", ack_note=""))
            return
        self._put(alarm, self._new(alarm, value, wall))

    def _new(self, alarm: Alarm, value: Scalar, wall: int) -> AlarmEvent:
        definition, number = alarm.definition, self.next_id
        self._make_room(alarm, number, wall)
        self.next_id += 1
        acked = definition.ack is AckMode.UNUSED
        state = AlarmState.ACTIVE_ACKED if acked else AlarmState.ACTIVE_UNACKED
        event = AlarmEvent(number, alarm.key, definition.priority, definition.label, state, value, wall)
        note, alarm.unlisted = _left_out(alarm.unlisted), 0
        self._say(alarm, event, AlarmChange.ACTIVE, wall, value, note=note)
        return event

    def _make_room(self, alarm: Alarm, number: int, wall: int) -> None:
        """Before event `number` is live: of those that wait to be acknowledged the oldest need not any more."""
        if len(alarm.events) >= ALARM_EVENTS_KEPT and all(event.id != number for event in alarm.events):
            self._acknowledged(alarm, alarm.events[0], wall, AUTO, _CROWDED)

    def clear(self, alarm: Alarm, event: AlarmEvent, value: Scalar, wall: int, note: str = "") -> None:
        """The active `event` is over. With a `note` it is listed whatever was before: something unusual ended it."""
        listed = bool(note) or not alarm.unlisted
        if listed:
            self._say(alarm, event, AlarmChange.CLEAR, wall, value, note=note)
        else:
            alarm.unlisted += 1
        self._put(alarm, self._cleared(alarm, event, value, wall, listed=listed))

    def _cleared(self, alarm: Alarm, event: AlarmEvent, value: Scalar, wall: int, *, listed: bool) -> AlarmEvent:
        event = replace(event, cleared_at=wall, cleared_value=value)
        if event.state is AlarmState.ACTIVE_ACKED:
            return replace(event, state=AlarmState.CLEAR_ACKED)
        if alarm.definition.ack is not AckMode.AUTO:
            return replace(event, state=AlarmState.CLEAR_UNACKED)
        if listed:
            self._say(alarm, event, AlarmChange.ACK, wall, actor=AUTO)
        return replace(event, state=AlarmState.CLEAR_ACKED, acked_at=wall, acked_by=AUTO)

    # an alarm that comes and goes

    def _unlisted(self, alarm: Alarm, mono: float) -> None:
        if not alarm.unlisted:
            heapq.heappush(self._summaries, (mono + REFILL_SECONDS, id(alarm), alarm))
        alarm.unlisted += 1

    def list_the_unlisted(self, mono: float) -> None:
        """One line for each alarm whose changes were not listed, as soon as its rate allows one."""
        while self._summaries and self._summaries[0][0] <= mono:
            _, _, alarm = heapq.heappop(self._summaries)
            event = alarm.last
            if not alarm.unlisted or event is None or self.alarms.get(alarm.key) is not alarm:
                continue
            if not alarm.may_begin(mono):
                heapq.heappush(self._summaries, (mono + REFILL_SECONDS, id(alarm), alarm))
                continue
            active = event.state in ACTIVE
            value = event.value if active else event.cleared_value
            change = AlarmChange.ACTIVE if active else AlarmChange.CLEAR
            self._say(alarm, event, change, alarm.turned_at, value, note=_left_out(alarm.unlisted - 1))
            alarm.unlisted = 0

    # people

    def acknowledge(self, alarm: Alarm, event: AlarmEvent, wall: int, who: str, note: str) -> None:
        """`event` is live and not acknowledged."""
        self._acknowledged(alarm, event, wall, who, note)

    def _acknowledged(self, alarm: Alarm, event: AlarmEvent, wall: int, who: str, note: str) -> None:
        state = AlarmState.ACTIVE_ACKED if event.state in ACTIVE else AlarmState.CLEAR_ACKED
        self._say(alarm, event, AlarmChange.ACK, wall, actor=who, note=note)
        self._put(alarm, replace(event, state=state, acked_at=wall, acked_by=who, ack_note=note))

    def shelve(self, alarm: Alarm, shelf: Shelf, wall: int) -> None:
        self._set_shelf(alarm, shelf)
        self._of_alarm(alarm, AlarmChange.SHELVED, wall, shelf.by, shelf.reason)

    def unshelve(self, alarm: Alarm, wall: int, who: str = "", note: str = "") -> None:
        """`who` is empty if its time is over."""
        self._set_shelf(alarm, None)
        self._of_alarm(alarm, AlarmChange.UNSHELVED, wall, who, note)

    def _set_shelf(self, alarm: Alarm, shelf: Shelf | None) -> None:
        for event in alarm.events:
            self._count(alarm, event, -1)
        alarm.shelf = shelf
        if shelf is None:
            self._shelved.pop(alarm.key, None)
        else:
            self._shelved[alarm.key] = alarm
        for event in alarm.events:
            self._count(alarm, event, 1)
        self.touched[alarm.key] = alarm
        self._record.shelf(alarm.key, shelf)

    # configuration and restart

    def add(self, alarm: Alarm) -> None:
        self.alarms[alarm.key] = alarm

    def enabled(self, alarm: Alarm, wall: int) -> None:
        self._of_alarm(alarm, AlarmChange.ENABLED, wall)

    def disabled(self, alarm: Alarm, wall: int) -> None:
        """What is active clears; what is not acknowledged still waits for somebody."""
        self._of_alarm(alarm, AlarmChange.DISABLED, wall)
        if (event := alarm.active) is not None:
            self.clear(alarm, event, None, wall, "the alarm was disabled")

    def remove(self, alarm: Alarm, wall: int) -> None:
        """The alarm exists no more: its events end, and its shelf."""
        if alarm.shelf is not None:
            self.unshelve(alarm, wall, note="the alarm was removed")
        for event in alarm.events:
            if event.state in ACTIVE:
                self.clear(alarm, event, None, wall, "the alarm was removed")
        for event in alarm.events:
            self._acknowledged(alarm, event, wall, AUTO, "the alarm was removed")
        self.alarms.pop(alarm.key, None)
        self.touched.pop(alarm.key, None)

    def adopt(self, events: Iterable[AlarmEvent], shelves: Sequence[Shelf], next_id: int, wall: int) -> None:
        """What was stored, the oldest event first: once, at the start or as soon as the store can be read.

        An event whose alarm is gone ends. Of two that are active at once (the store could not be read at the start) the
        stored one ends.
        """
        self.next_id = max(self.next_id, next_id)
        for event in events:
            alarm = self.alarms.get(event.key)
            if alarm is None:
                gone = Alarm(event.key, -1, _definition_of(event))
                self._put(gone, event)
                self.remove(gone, wall)
                continue
            self._put(alarm, event)
            if event.state in ACTIVE:
                self._go_on(alarm, event, wall)
        for shelf in shelves:
            alarm = self.alarms.get(shelf.key)
            if alarm is None:
                self._record.shelf(shelf.key, None)
            elif alarm.shelf is None:
                self._set_shelf(alarm, shelf)

    def _go_on(self, alarm: Alarm, event: AlarmEvent, wall: int) -> None:
        """`event` was active when it was stored: what its alarm says now decides."""
        if alarm.watch is None:
            self.clear(alarm, event, None, wall, "the alarm is disabled")
        elif isinstance(alarm.watch, Watch) and alarm.active is event:
            alarm.watch.active = True
        else:
            self.clear(alarm, event, None, wall, "when it cleared is not known")

    # one event

    def _put(self, alarm: Alarm, event: AlarmEvent) -> None:
        """`event` as it is now; one that is clear and acknowledged is live no more."""
        before = next((each for each in alarm.events if each.id == event.id), None)
        if before is not None:
            self._count(alarm, before, -1)
        live = event.state is not AlarmState.CLEAR_ACKED
        others = [each for each in alarm.events if each.id != event.id]
        if live:
            others.append(event)
            others.sort(key=_number)
            self._live[event.id] = event
            self._count(alarm, event, 1)
        else:
            self._live.pop(event.id, None)
        alarm.events = tuple(others)
        if alarm.last is None or event.id >= alarm.last.id:
            alarm.last = event
        self.changed[event.id] = event
        self.touched[alarm.key] = alarm
        self._record.event(event, live=live)

    def _count(self, alarm: Alarm, event: AlarmEvent, by: int) -> None:
        if alarm.shelf is not None:
            return
        self._by_priority[event.priority] += by
        if event.state in ACTIVE:
            self._active += by
        if event.state in UNACKED:
            self._unacked += by

    def _say(
        self,
        alarm: Alarm,
        event: AlarmEvent,
        change: AlarmChange,
        at: int,
        value: Scalar = None,
        *,
        actor: str = "",
        note: str = "",
    ) -> None:
        shelved = alarm.shelf is not None
        self._record.line(
            Line(event.id, alarm.key, event.priority, event.label, change, at, value, actor, note, shelved)
        )

    def _of_alarm(self, alarm: Alarm, change: AlarmChange, at: int, actor: str = "", note: str = "") -> None:
        definition, shelved = alarm.definition, alarm.shelf is not None
        self._record.line(
            Line(0, alarm.key, definition.priority, definition.label, change, at, None, actor, note, shelved)
        )


def _left_out(count: int) -> str:
    return f"{count} changes before this one are not listed" if count else ""


def _number(event: AlarmEvent) -> int:
    return event.id


def _definition_of(event: AlarmEvent) -> AlarmDefinition:
    return AlarmDefinition(event.key.name, AlarmMode.WHEN_TRUE, event.priority, label=event.label)
