"""The shapes of alarms on the wire. Times are epoch milliseconds, UTC."""

from __future__ import annotations

import msgspec

from plantgate.listeners.web.wire import Metadata, Value, milliseconds
from plantgate.model.alarm import (
    AlarmDefinition,
    AlarmEvent,
    AlarmKey,
    AlarmMode,
    AlarmRecord,
    AlarmState,
    Priority,
    Shelf,
)
from plantgate.model.command import Verdict
from plantgate.model.tag import TagDefinition


class AlarmRow(msgspec.Struct):
    """An alarm, and the event that stands for what it does: `id` is the event's, null while there is none.

    `value` is what made it active. `limit` is the definition in words.
    """

    id: int | None
    path: str
    name: str
    label: str
    priority: str
    mode: str
    state: str
    value: Value
    unit: str
    limit: str
    active_at: int | None
    cleared_at: int | None
    acked_at: int | None
    acked_by: str
    ack_note: str
    ack: str
    ack_note_required: bool
    shelvable: bool
    shelved_until: int | None
    shelved_by: str
    notes: str
    enabled: bool

    @classmethod
    def of(
        cls,
        key: AlarmKey,
        event: AlarmEvent | None,
        definition: AlarmDefinition | None,
        tag: TagDefinition | None,
        shelf: Shelf | None,
    ) -> AlarmRow:
        """`definition` and `tag` are None of an event whose alarm is gone."""
        priority = event.priority if event is not None else definition.priority if definition is not None else None
        return cls(
            id=None if event is None else event.id,
            path=key.path,
            name=key.name,
            label=label_of(key, event, definition),
            priority=Priority(priority or 0).label,
            mode="" if definition is None else definition.mode,
            state=AlarmState.CLEAR_ACKED if event is None else event.state,
            value=None if event is None else event.value,
            unit="" if tag is None else tag.unit,
            limit="" if definition is None else limit_text(definition, tag),
            active_at=None if event is None else milliseconds(event.active_at),
            cleared_at=None if event is None else _shown(event.cleared_at),
            acked_at=None if event is None else _shown(event.acked_at),
            acked_by="" if event is None else event.acked_by,
            ack_note="" if event is None else event.ack_note,
            ack="manual" if definition is None else definition.ack,
            ack_note_required=definition is not None and definition.ack_note_required,
            shelvable=definition is not None and definition.shelvable,
            shelved_until=None if shelf is None else milliseconds(shelf.until),
            shelved_by="" if shelf is None else shelf.by,
            notes="" if definition is None else definition.notes,
            enabled=definition is not None and definition.enabled,
        )


def _shown(time: int | None) -> int | None:
    return None if time is None else milliseconds(time)


def label_of(key: AlarmKey, event: AlarmEvent | None, definition: AlarmDefinition | None) -> str:
    """What people know the alarm by: its label, else its name."""
    return (event.label if event is not None else definition.label if definition is not None else "") or key.name


def limit_text(alarm: AlarmDefinition, tag: TagDefinition | None) -> str:
    """When it is active, in words: "above 80", "outside 10 to 90", "bit 3 set"."""
    match alarm.mode:
        case AlarmMode.EQUAL | AlarmMode.NOT_EQUAL | AlarmMode.ABOVE | AlarmMode.BELOW:
            words = {AlarmMode.EQUAL: "equal to", AlarmMode.NOT_EQUAL: "not equal to"}.get(alarm.mode, str(alarm.mode))
            return f"{words} {alarm.expression or _number(alarm.setpoint)}"
        case AlarmMode.BETWEEN | AlarmMode.OUTSIDE:
            return f"{alarm.mode} {_range(alarm.low, alarm.high, 'and' if alarm.mode is AlarmMode.BETWEEN else 'to')}"
        case AlarmMode.OUT_OF_RANGE:
            return "out of range" if tag is None else f"out of range {_range(tag.low, tag.high)}"
        case AlarmMode.BIT:
            return f"bit {alarm.bit} set"
        case AlarmMode.ON_CONDITION:
            return alarm.expression
        case _:
            return str(alarm.mode).removeprefix("when_").replace("_", " ")


def _range(low: float | None, high: float | None, word: str = "to") -> str:
    return f"{'…' if low is None else _number(low)} {word} {'…' if high is None else _number(high)}"


def _number(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, int | float) else str(value)


class AlarmPriorities(msgspec.Struct):
    """How many there are of each."""

    diagnostic: int = 0
    low: int = 0
    medium: int = 0
    high: int = 0
    critical: int = 0


class AlarmTotals(msgspec.Struct):
    """Events of alarms that are not shelved; `shelved` are alarms. `highest` is the worst priority of the events."""

    active: int
    unacknowledged: int
    shelved: int
    highest: str | None
    by_priority: AlarmPriorities


class AlarmRows(msgspec.Struct):
    """`total` of the metadata are those of the state asked for."""

    items: list[AlarmRow]
    metadata: Metadata
    counts: AlarmTotals
    revision: int


class AlarmsSeen(msgspec.Struct, forbid_unknown_fields=True):
    """Events to acknowledge, by their ids."""

    events: list[int]
    note: str = ""


class AlarmSeen(msgspec.Struct):
    id: int
    outcome: str
    code: str
    message: str

    @classmethod
    def of(cls, event: int, verdict: Verdict) -> AlarmSeen:
        return cls(event, verdict.outcome, verdict.code, verdict.message)


class AlarmsSeenReply(msgspec.Struct):
    items: list[AlarmSeen]


class AlarmRef(msgspec.Struct, forbid_unknown_fields=True):
    """`path` is the tag's."""

    path: str
    name: str


class AlarmsShelved(msgspec.Struct, forbid_unknown_fields=True):
    alarms: list[AlarmRef]
    seconds: float
    reason: str = ""


class AlarmsUnshelved(msgspec.Struct, forbid_unknown_fields=True):
    alarms: list[AlarmRef]


class AlarmDone(msgspec.Struct):
    path: str
    name: str
    outcome: str
    code: str
    message: str

    @classmethod
    def of(cls, alarm: AlarmKey, verdict: Verdict) -> AlarmDone:
        return cls(alarm.path, alarm.name, verdict.outcome, verdict.code, verdict.message)


class AlarmsDone(msgspec.Struct):
    items: list[AlarmDone]


class AlarmLine(msgspec.Struct):
    """One thing that happened to event `event`. `actor` is empty if it was the plant."""

    id: int
    event: int
    path: str
    name: str
    label: str
    priority: str
    change: str
    at: int
    value: Value
    actor: str
    note: str

    @classmethod
    def of(cls, record: AlarmRecord) -> AlarmLine:
        return cls(
            id=record.id,
            event=record.event,
            path=record.key.path,
            name=record.key.name,
            label=record.label or record.key.name,
            priority=record.priority.label,
            change=record.change.name.lower(),
            at=milliseconds(record.at),
            value=record.value,
            actor=record.actor,
            note=record.note,
        )


class AlarmLines(msgspec.Struct):
    """`total` of the metadata is the newest id that was looked at, as with badge events."""

    items: list[AlarmLine]
    metadata: Metadata
