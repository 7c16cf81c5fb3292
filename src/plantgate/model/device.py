"""What the pages of devices show: how a device is polled, what is bad and when it is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from plantgate.model.status import PartStatus
from plantgate.model.value import Scalar


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of a device's plan. `rate` is the seconds between two of it, 0 for one that is sent on demand only.

    `first` and `last` are addresses as a tag has them, `start` is the one on the wire; `requests` is 1 but for a value
    longer than a request may be. `gap` is the registers or bits that no tag wants, `wasted` the bytes of those; `why`
    says why the next tag is not in it.
    """

    rate: float
    unit: int
    function: int
    first: str
    last: str
    start: int
    count: int
    tags: int
    gap: int
    wasted: int
    requests: int
    why: str


@dataclass(frozen=True, slots=True)
class RateFigures:
    """The tags that are polled every `rate` seconds: times in milliseconds, None before there is one."""

    rate: float
    tags: int
    requests: int
    actual_interval: float | None
    overload_percent: float | None
    queue: float


@dataclass(frozen=True, slots=True)
class BadPoint:
    """A tag that is not good; `next_try` is microseconds UTC, None if nobody can say."""

    tag: int
    next_try: int | None


@dataclass(frozen=True, slots=True)
class UnitState:
    """One unit behind a connection. `state`: answering, silent, not connected, or not asked yet."""

    unit: int
    state: str
    tags: int
    bad: int


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The figures of one device. `response` is milliseconds, the moving mean; None before there is one.

    `bad` may have fewer than `bad_count`.
    """

    tags: int = 0
    bad_count: int = 0
    overload_percent: float | None = None
    requests_per_second: float = 0.0
    response: float | None = None
    rates: tuple[RateFigures, ...] = ()
    bad: tuple[BadPoint, ...] = ()
    units: tuple[UnitState, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device or reader as it is configured, with its tile and its figures. `options` are its keys in the file."""

    driver: str
    host: str
    port: int
    unit_id: int | None
    enabled: bool
    part: PartStatus
    state: DeviceState
    options: Mapping[str, Scalar] = field(default_factory=dict)
