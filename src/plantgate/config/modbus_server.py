"""[modbus_server] and [[modbus_server.map]]; as in `document.py`, each struct is a schema."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from plantgate.config.kinds import Host, Port, Seconds
from plantgate.limits import CONNECTIONS_PER_LISTENER

Clients = Annotated[int, Meta(ge=1, le=CONNECTIONS_PER_LISTENER)]


class BadQuality(StrEnum):
    """How a read is answered that touches a tag whose quality is not good."""

    EXCEPTION = "exception"
    LAST = "last"


class Gaps(StrEnum):
    """How a read is answered that touches an address which no entry of the map covers."""

    EXCEPTION = "exception"
    ZERO = "zero"


class ModbusServer(Struct, frozen=True, kw_only=True):
    """[modbus_server]: tags for Modbus clients.

    `address` is what it binds to; `unit_id` that of addresses without a unit prefix, also asked for as 0 and 255.
    `clients` may connect, `writers` may write too: networks or addresses, none is everybody (of `clients`).
    The settings of addresses and of the order of words and bytes are those of a [[device]].
    """

    enabled: bool = False
    address: Host = "127.0.0.1"
    port: Port = 502
    unit_id: Annotated[int, Meta(ge=0, le=255)] = 1
    clients: tuple[str, ...] = ()
    writable: bool = False
    writers: tuple[str, ...] = ()
    bad_quality: BadQuality = BadQuality.EXCEPTION
    gaps: Gaps = Gaps.EXCEPTION
    max_clients: Clients = 64
    max_clients_per_address: Clients = 16
    idle_timeout: Seconds = 300.0
    zero_based_addressing: bool = False
    reverse_word_order: bool = False
    reverse_string_byte_order: bool = False
    right_justify_strings: bool = False


class ModbusMapping(Struct, frozen=True, kw_only=True):
    """[[modbus_server.map]]: `tag` (a full path after `load`) at `address`, which is written as the driver's are.

    `quality` is another address: a register that has the tag's quality code, or a bit that is on while it is good.
    """

    address: str
    tag: str
    writable: bool = False
    quality: str = ""
