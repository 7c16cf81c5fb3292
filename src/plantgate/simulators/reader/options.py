"""What kind of reader is simulated: its registers, and how it behaves where nothing is published.

Source: `springcore.md` 1.8 (registers) and 1.9 (server behaviour; every value there can be had here).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from plantgate.errors import UsageError
from plantgate.protocols.scrdr import Checksum

_TRACK_BIT = 0x10
_ACTIVE_BIT = 0x01
_REMOVAL_NEEDED = 0xFF


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers that decide what is sent. Sizes and defaults: vendor's register definitions v1.31.

    `r02a0`: features, serial, Bluetooth, network (01 = $SCRDR), USB; the factory's network format is JSON (02).
    `r02a1`: read interval and repeat interval in 0.1 s; repeat FF: the card has to be removed first.
    """

    r02a0: bytes = bytes.fromhex("0003000100")
    r02a1: bytes = bytes.fromhex("0A1E")

    def __post_init__(self) -> None:
        for name, value, size in (("02A0", self.r02a0, 5), ("02A1", self.r02a1, 2)):
            if len(value) != size:
                raise UsageError("SIM-101", f"register {name} has {size} bytes, not {len(value)}")

    @property
    def track(self) -> bool:
        """Insertions and removals are told (`I`, `R`) instead of repeated reads."""
        return bool(self.r02a0[0] & _TRACK_BIT)

    @property
    def active_from_start(self) -> bool:
        """Reading goes on without a host; else it begins anew when a host connects."""
        return bool(self.r02a0[0] & _ACTIVE_BIT)

    @property
    def repeat_seconds(self) -> float | None:
        """How often a card that stays is read again, at least the read interval; None: never."""
        read, repeat = self.r02a1
        return None if repeat == _REMOVAL_NEEDED else max(read, repeat) / 10


class SecondClient(StrEnum):
    """What becomes of a client that connects while another one is served."""

    CLOSE = "close"
    RESET = "reset"
    REFUSE = "refuse"
    HANG = "hang"
    TAKE_OVER = "take-over"


class HelloKind(StrEnum):
    FULL = "full"
    SHORT = "short"
    NONE = "none"


class Writes(StrEnum):
    """How messages are cut into TCP writes: one each, byte by byte, between CR and LF, or several at once."""

    WHOLE = "whole"
    BYTES = "bytes"
    CRLF = "crlf"
    BURST = "burst"


class Dialect(StrEnum):
    """Interface and protocol as hex codes or as names (Q4)."""

    HEX = "hex"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Personality:
    """How this reader behaves.

    `half_open_s`: how long the slot stays taken after a client vanished without FIN (None: for ever).
    `reboot_s`: how long the port is closed at a reboot. `legacy_no_commands`: `$SCCMD` is not read (Q6).
    `raw`: text with `;` `*` `$` or bytes outside 20..7E is sent as it is (Q10).
    """

    checksum: Checksum = Checksum.EXCLUSIVE
    dialect: Dialect = Dialect.HEX
    hello: HelloKind = HelloKind.FULL
    writes: Writes = Writes.WHOLE
    second_client: SecondClient = SecondClient.CLOSE
    half_open_s: float | None = 60.0
    reboot_s: float = 3.0
    legacy_no_commands: bool = False
    raw: bool = False


_ENUMS: dict[str, type[StrEnum]] = {
    "checksum": Checksum,
    "dialect": Dialect,
    "hello": HelloKind,
    "writes": Writes,
    "second_client": SecondClient,
}


def change(personality: Personality, changes: Mapping[str, Any]) -> Personality:
    """`personality` with `changes` by field name, as they come in JSON. Raises UsageError naming what may be given."""
    known = {field.name for field in fields(Personality)}
    for name in changes:
        if name not in known:
            raise UsageError("SIM-102", f"a reader has no trait {name!r}", f"one of {', '.join(sorted(known))}")
    return replace(personality, **{name: _value(name, value) for name, value in changes.items()})


def _value(name: str, value: Any) -> Any:
    if name in _ENUMS:
        try:
            return _ENUMS[name](value)
        except ValueError:
            choices = ", ".join(_ENUMS[name])
            raise UsageError("SIM-103", f"{name} can't be {value!r}", f"one of {choices}") from None
    if name in ("legacy_no_commands", "raw"):
        if isinstance(value, bool):
            return value
        raise UsageError("SIM-103", f"{name} can't be {value!r}", "true or false")
    if value is None and name == "half_open_s":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise UsageError("SIM-103", f"{name} can't be {value!r}", "seconds, 0 or more")
    return float(value)
