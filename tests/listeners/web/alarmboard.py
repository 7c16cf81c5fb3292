"""An `AlarmBoard` and `AlarmTarget` in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from plantgate.errors import Refused, StorageError
from plantgate.model.alarm import (
    EVERY_RECORD,
    AlarmChange,
    AlarmCounts,
    AlarmDefinition,
    AlarmEvent,
    AlarmFilter,
    AlarmKey,
    AlarmRecord,
    AlarmState,
    Priority,
    Shelf,
)
from plantgate.model.command import DONE, AcknowledgeAlarm, AlarmCommand, Origin, ShelveAlarm, Verdict
from plantgate.tags.tree import TagTree

START = 1_700_000_000_000_000
SECOND = 1_000_000
_ACKED = {
    AlarmState.ACTIVE_UNACKED: AlarmState.ACTIVE_ACKED,
    AlarmState.CLEAR_UNACKED: AlarmState.CLEAR_ACKED,
}


class Board:
    def __init__(self, tree: TagTree) -> None:
        self._tree = tree
        self.events: dict[int, AlarmEvent] = {}
        self.shelved: dict[AlarmKey, Shelf] = {}
        self.records: list[AlarmRecord] = []
        self.asked: list[tuple[int, int | None, AlarmFilter]] = []
        self.broken = False
        self.revision = 1
        self._watchers: list[Callable[[Sequence[AlarmEvent]], None]] = []

    def turn(self, path: str, name: str, *, at: int = 0, state: AlarmState = AlarmState.ACTIVE_UNACKED) -> AlarmEvent:
        """The alarm has a new event, active since second `at`."""
        key = AlarmKey(path, name)
        definition = dict(self.configured())[key]
        number = len(self.events) + 1
        event = AlarmEvent(number, key, definition.priority, definition.label, state, 81.5, START + at * SECOND)
        self.put(event)
        return event

    def put(self, *events: AlarmEvent) -> None:
        self.events.update((event.id, event) for event in events)
        self.tell(events)

    def tell(self, events: Sequence[AlarmEvent] = ()) -> None:
        self.revision += 1
        for watcher in self._watchers:
            watcher(events)

    def record(self, event: AlarmEvent, change: AlarmChange, actor: str = "", note: str = "") -> None:
        number = len(self.records) + 1
        at = START + number * SECOND
        self.records.append(
            AlarmRecord(number, event.id, event.key, event.priority, event.label, change, at, event.value, actor, note)
        )

    # AlarmBoard

    def configured(self) -> Sequence[tuple[AlarmKey, AlarmDefinition]]:
        return [(AlarmKey(tag.path, alarm.name), alarm) for tag in self._tree.definitions() for alarm in tag.alarms]

    def live(self) -> Sequence[AlarmEvent]:
        return [event for event in self.events.values() if event.state is not AlarmState.CLEAR_ACKED]

    def shelves(self) -> Sequence[Shelf]:
        return list(self.shelved.values())

    def counts(self) -> AlarmCounts:
        heard = [event for event in self.live() if event.key not in self.shelved]
        active = sum(event.state.startswith("active") for event in heard)
        unacked = sum(event.state.endswith("unacked") for event in heard)
        highest: Priority | None = max((event.priority for event in heard), default=None)
        return AlarmCounts(active, unacked, len(self.shelved), highest)

    def watch(self, changed: Callable[[Sequence[AlarmEvent]], None]) -> None:
        self._watchers.append(changed)

    async def journal(
        self, limit: int, before: int | None = None, wanted: AlarmFilter = EVERY_RECORD
    ) -> Sequence[AlarmRecord]:
        self.asked.append((limit, before, wanted))
        if self.broken:
            raise StorageError("ALM-999", "the journal can't be read", "free some space")
        found = [record for record in reversed(self.records) if before is None or record.id < before]
        return [record for record in found if not wanted.changes or record.change in wanted.changes][:limit]

    # AlarmTarget

    async def execute(self, command: AlarmCommand, origin: Origin) -> Verdict:
        if isinstance(command, AcknowledgeAlarm):
            event = self.events.get(command.event)
            if event is None or event.state not in _ACKED:
                raise Refused("ALM-998", f"there is no event {command.event} to acknowledge")
            state, note = _ACKED[event.state], command.note
            self.put(dataclasses.replace(event, state=state, acked_at=START, acked_by=origin.actor, ack_note=note))
            return DONE
        if command.alarm not in dict(self.configured()):
            raise Refused("ALM-997", f"there is no alarm {command.alarm.name}")
        if isinstance(command, ShelveAlarm):
            until = START + int(command.seconds * SECOND)
            self.shelved[command.alarm] = Shelf(command.alarm, until, origin.actor, command.reason)
        else:
            self.shelved.pop(command.alarm, None)
        self.tell()
        return DONE
