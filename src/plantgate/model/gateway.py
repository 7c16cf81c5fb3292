"""What the gateway says about itself, and about its ports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from plantgate.model.status import PortOwner


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    """`started_at` is microseconds UTC; `role` as Ignition names it (Independent, Master, Backup)."""

    name: str
    version: str
    role: str
    data_dir: str
    started_at: int


class PortState(StrEnum):
    """LISTENING: this gateway holds it. CONNECTED: the other end is. TAKEN: another process holds it."""

    LISTENING = "LISTENING"
    CONNECTED = "CONNECTED"
    CLOSED = "CLOSED"
    DISABLED = "DISABLED"
    TAKEN = "TAKEN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class PortRow:
    """One port of this gateway: `name` of the atlas, `instance` which device or reader, `key` where it is configured,

    `source` where its value comes from, `direction` "listen" or "connect", `required` in words. `connections` counts
    the established TCP connections. `command` is the one that repairs what `reason` says, empty if there is none.
    """

    name: str
    instance: str
    host: str
    port: int
    transport: str
    direction: str
    protocol: str
    purpose: str
    required: str
    key: str
    source: str
    state: PortState
    owner: PortOwner | None = None
    reason: str = ""
    next_step: str = ""
    connections: int = 0
    command: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure for /metrics: `name` without unit suffix rules broken, `kind` "counter" or "gauge"."""

    name: str
    kind: str
    help: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True)
class PortChange:
    """A port of the running gateway that was changed: `name` of the atlas, `key` the setting.

    `revert_at` (microseconds UTC) is when `port` goes back to `previous` unless somebody confirms; None: it stays, and
    is in the file. `note` is a sentence about what else to know, or empty.
    """

    name: str
    key: str
    port: int
    previous: int
    revert_at: int | None = None
    note: str = ""
