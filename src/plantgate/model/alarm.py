"""Alarms: what a tag is watched for, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.value import Scalar


class AlarmMode(StrEnum):
    """When an alarm is active (Ignition 8.3 manual, tag alarm properties, mode)."""

    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    ABOVE = "above"
    BELOW = "below"
    BETWEEN = "between"
    OUTSIDE = "outside"
    OUT_OF_RANGE = "out_of_range"
    BAD_QUALITY = "bad_quality"
    ANY_CHANGE = "any_change"
    BIT = "bit"
    ON_CONDITION = "on_condition"
    WHEN_TRUE = "when_true"
    WHEN_FALSE = "when_false"


class Priority(IntEnum):
    """How soon somebody must act; the numbers are Ignition's."""

    DIAGNOSTIC = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        return self.name.lower()


class AckMode(StrEnum):
    """Who acknowledges: nobody has to, the alarm itself when it clears, or a person."""

    UNUSED = "unused"
    AUTO = "auto"
    MANUAL = "manual"


class AlarmState(StrEnum):
    """Active or cleared, acknowledged or not."""

    ACTIVE_UNACKED = "active_unacked"
    ACTIVE_ACKED = "active_acked"
    CLEAR_UNACKED = "clear_unacked"
    CLEAR_ACKED = "clear_acked"


class AlarmChange(IntEnum):
    """What the journal records; 0 to 5 are Ignition's event types (table alarm_events), the others ours."""

    ACTIVE = 0
    CLEAR = 1
    ACK = 2
    ENABLED = 4
    DISABLED = 5
    SHELVED = 6
    UNSHELVED = 7


@dataclass(frozen=True, slots=True)
class AlarmDefinition:
    """One alarm of a tag, `name` is unique within the tag.

    `setpoint` is the limit of equal, not_equal, above, below; `low` and `high` are the ends of between and
    outside, of which one may be open (None). `inclusive` says at which limits the alarm is active too: the
    setpoint of above is a low end, that of below a high one. out_of_range is active beyond the tag's own range,
    not at its ends. `bit` is the position that must be set. `expression` is the formula of on_condition, which is
    active while it is true; for equal, not_equal, above and below it is the formula of the setpoint and goes
    before `setpoint`. In both `{value}` is the tag itself. `deadband` (units of the tag, or percent of its range)
    is how far a value must come back before an alarm clears; for any_change, how far it must go to be a change.
    The delays are seconds that a state must last before it counts; any_change has none.
    """

    name: str
    mode: AlarmMode
    priority: Priority = Priority.LOW
    setpoint: Scalar = None
    low: float | None = None
    high: float | None = None
    inclusive: Bounds = Bounds.BOTH
    bit: int = 0
    expression: str = ""
    deadband: float = 0.0
    deadband_mode: DeadbandMode = DeadbandMode.ABSOLUTE
    active_delay: float = 0.0
    clear_delay: float = 0.0
    ack: AckMode = AckMode.MANUAL
    ack_note_required: bool = False
    shelvable: bool = True
    enabled: bool = True
    label: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class AlarmKey:
    """Which alarm: `path` is the tag's full path."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One time that an alarm was active, as it is now; times are microseconds since 1970 UTC, None if not yet.

    `id` grows from event to event and is never used twice. `value` is what made it active, `cleared_value` what made it
    clear. `acked_by` is a person, or "auto".
    """

    id: int
    key: AlarmKey
    priority: Priority
    label: str
    state: AlarmState
    value: Scalar
    active_at: int
    cleared_at: int | None = None
    cleared_value: Scalar = None
    acked_at: int | None = None
    acked_by: str = ""
    ack_note: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """An alarm that nobody wants to hear of until `until` (microseconds since 1970 UTC)."""

    key: AlarmKey
    until: int
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """A line of the alarm journal: what happened to event `event` of an alarm. `actor` is empty if it was the plant."""

    id: int
    event: int
    key: AlarmKey
    priority: Priority
    label: str
    change: AlarmChange
    at: int
    value: Scalar = None
    actor: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which records of the journal: `since` inclusive, `until` exclusive, microseconds UTC; None and empty are all.

    `paths` are tag paths with `*` and `?`; `search` are words that must all be in path, name or label.
    """

    since: int | None = None
    until: int | None = None
    paths: tuple[str, ...] = ()
    lowest: Priority = Priority.DIAGNOSTIC
    changes: frozenset[AlarmChange] = frozenset()
    search: str = ""


EVERY_RECORD = AlarmFilter()


@dataclass(frozen=True, slots=True)
class AlarmCounts:
    """Events of alarms that are not shelved; `shelved` are alarms. `highest` is the worst priority among the events."""

    active: int = 0
    unacknowledged: int = 0
    shelved: int = 0
    highest: Priority | None = None
