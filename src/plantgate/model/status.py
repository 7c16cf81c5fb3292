"""How the parts of the gateway say how they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class GatewayState(StrEnum):
    """The words of /StatusPing (Ignition 8.3)."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"


class Health(StrEnum):
    OK = "ok"
    STARTING = "starting"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One named tile on the overview: a listener, a device, a reader, the historian.

    `kind` is "listener", "device", "reader" or "store"; `state` a short word of its own ("connected", "listening",
    "port taken"); `reason` what is wrong, `next_step` what to do; both empty when `health` is ok.
    `since` is when this state began (microseconds UTC); `details` are figures to show, name to value.
    """

    kind: str
    name: str
    health: Health
    state: str
    since: int
    reason: str = ""
    next_step: str = ""
    details: dict[str, str | int | float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PortOwner:
    """The process that holds a port. A field that the operating system keeps from us is None."""

    pid: int | None
    name: str | None
    user: str | None
    command: str | None

    def __str__(self) -> str:
        who = self.name or "a process that only its owner or an administrator may see"
        return f"{who} (pid {self.pid})" if self.pid is not None else who
