"""What is known of one alarm, and what is written down about it."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from plantgate.limits import ALARM_EVENTS_PER_MINUTE
from plantgate.model.alarm import (
    AlarmChange,
    AlarmDefinition,
    AlarmEvent,
    AlarmKey,
    AlarmState,
    Priority,
    Shelf,
)
from plantgate.model.value import Scalar
from plantgate.tags.alarms.watch import ChangeWatch, Watch

ACTIVE: Final = frozenset({AlarmState.ACTIVE_UNACKED, AlarmState.ACTIVE_ACKED})
UNACKED: Final = frozenset({AlarmState.ACTIVE_UNACKED, AlarmState.CLEAR_UNACKED})
REFILL_SECONDS: Final = 60 / ALARM_EVENTS_PER_MINUTE
NO_ENDS: Final[tuple[float | None, float | None]] = (None, None)


class Line(NamedTuple):
    """What the journal gets; `event` is 0 for what concerns the alarm and no event of it."""

    event: int
    key: AlarmKey
    priority: Priority
    label: str
    change: AlarmChange
    at: int
    value: Scalar = None
    actor: str = ""
    note: str = ""
    shelved: bool = False


class Record(Protocol):
    """Where what must outlive a restart goes."""

    def line(self, line: Line) -> None: ...

    def event(self, event: AlarmEvent, *, live: bool) -> None:
        """`event` as it is now; not `live`: it needs to be remembered no more."""
        ...

    def shelf(self, key: AlarmKey, shelf: Shelf | None) -> None: ...


class Alarm:
    """One alarm of a tag. `watch` is None while it is disabled. `events` are the live ones, the oldest first.

    `ends` is the range of the tag that `watch` was made with, `queued` whether a deadline of its delay is noted,
    `unlisted` how many changes the journal has not got.
    """

    __slots__ = (
        "definition",
        "ends",
        "events",
        "filled",
        "key",
        "last",
        "queued",
        "shelf",
        "tag",
        "tokens",
        "turned_at",
        "unlisted",
        "watch",
    )

    def __init__(self, key: AlarmKey, tag: int, definition: AlarmDefinition) -> None:
        self.key = key
        self.tag = tag
        self.definition = definition
        self.ends = NO_ENDS
        self.watch: Watch | ChangeWatch | None = None
        self.events: tuple[AlarmEvent, ...] = ()
        self.last: AlarmEvent | None = None
        self.shelf: Shelf | None = None
        self.queued = False
        self.tokens = float(ALARM_EVENTS_PER_MINUTE)
        self.filled = 0.0
        self.unlisted = 0
        self.turned_at = 0

    @property
    def active(self) -> AlarmEvent | None:
        """The event that is active now."""
        newest = self.events[-1] if self.events else None
        return newest if newest is not None and newest.state in ACTIVE else None

    def may_begin(self, mono: float) -> bool:
        """Whether a new event is allowed: the bucket of its rate has something left."""
        if self.tokens < ALARM_EVENTS_PER_MINUTE:
            gained = (mono - self.filled) / REFILL_SECONDS
            self.tokens = min(float(ALARM_EVENTS_PER_MINUTE), self.tokens + gained)
        self.filled = mono
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
