"""How a reader is set up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from plantgate.protocols.scrdr import REPEAT_SECONDS, REPEAT_TOLERANCE_SECONDS, Checksum


class Transport(StrEnum):
    """Register 02C0 of the reader: 24 TCP server, 44 UDP server."""

    TCP = "tcp"
    UDP = "udp"


class Credential(StrEnum):
    """What identifies a card to access control: TagId, or TagData (Q5)."""

    UID = "uid"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """`checksum` is for commands (the device takes them without).

    `repeat_seconds` is register 02A1 byte 1 of the reader (None: FF, removal needed), `repeat_tolerance_seconds` how
    late a repeat may be (see `PresenceFilter`). `local_port` is where datagrams of a UDP reader arrive, 0: the same
    number as the reader's own port, as the vendor has it. `full_cards`: the tag LastCard shows the whole number.
    """

    transport: Transport = Transport.TCP
    local_port: int = 0
    credential: Credential = Credential.UID
    full_cards: bool = False
    checksum: Checksum = Checksum.OFF
    repeat_seconds: float | None = REPEAT_SECONDS
    repeat_tolerance_seconds: float = REPEAT_TOLERANCE_SECONDS
    retry_first_seconds: float = 1.0
    retry_ceiling_seconds: float = 30.0
