"""How a simulated reader behaves where nothing is published, or where the vendor contradicts himself.

Source: `springcore.md` 1.9 (server behaviour) and section 2 (Q1 to Q16); every value there can be had here. What is
published is in the registers, see `setup.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from plantgate.errors import UsageError
from plantgate.protocols.scrdr import Checksum


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


class TagId(StrEnum):
    """What is in the field TagId: the id of the card, or what the template makes of it (Q5)."""

    UID = "uid"
    TEMPLATE = "template"


class Removal(StrEnum):
    """What an `R` carries (Q12): all but TagData and TagDetails, everything, or nothing but the `R`."""

    USUAL = "usual"
    FULL = "full"
    BARE = "bare"


class Ending(StrEnum):
    """How the connection ends when the reader reboots."""

    RESET = "reset"
    CLOSE = "close"


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
    tag_id: TagId = TagId.UID
    removal: Removal = Removal.USUAL
    half_open_s: float | None = 60.0
    reboot: Ending = Ending.RESET
    reboot_s: float = 3.0
    legacy_no_commands: bool = False
    raw: bool = False


_ENUMS: dict[str, type[StrEnum]] = {
    "checksum": Checksum,
    "dialect": Dialect,
    "hello": HelloKind,
    "writes": Writes,
    "second_client": SecondClient,
    "tag_id": TagId,
    "removal": Removal,
    "reboot": Ending,
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
