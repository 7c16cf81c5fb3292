"""What the registers make of a simulated reader.

Source: `springcore.md` 1.8. The registers themselves, their text form and their fields are in `protocols.scrdr`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from plantgate.errors import ConfigError, UsageError
from plantgate.limits import REGISTER_FILE_BYTES
from plantgate.protocols.scrdr.registers import RegisterFile
from plantgate.protocols.scrdr.registers_table import (
    NETWORK_FORMATS,
    NETWORK_MODES,
    PROFILES,
    REMOVAL_NEEDED,
    TEMPLATES,
)
from plantgate.simulators.reader.card import BLUETOOTH, UHF, Card

FACTORY = RegisterFile()
"""A device as delivered: profile Direct, network off, JSON."""

_LONGEST_TENTHS = 254  # FF in register 02A1 means something else
_EVERY_LIST = 0xFF
_ALL_NFC = 0x0F
# Bits of the lookup lists 01 to 0F, by protocol of the interface 13.56 MHz.
_LIST_BITS = {"01": 0x01, "02": 0x02, "04": 0x04, "03": 0x08}
# ID-Only output (03t1 byte 0, low nibble): bytes taken of the id, decimal digits (0: hex). None: as long as it is.
_ID_SIZES: dict[int, tuple[int | None, int | None]] = {
    0x0: (4, 10), 0x1: (4, 0), 0x2: (8, 0), 0x3: (5, 0), 0x4: (10, 0), 0x5: (7, 0), 0x6: (11, 0), 0x8: (16, 0),
    0x9: (20, 0), 0xA: (24, 0), 0xB: (32, 0), 0xC: (5, 12), 0xD: (5, 13), 0xE: (None, None), 0xF: (None, 0),
}  # fmt: skip
_PAD_RIGHT = 0x20
_SWAP_SHORT, _SWAP_ALL = 2, 3
_SHORT_BYTES = 4


def configured(
    base: RegisterFile = FACTORY, *, track: bool | None = None, repeat_s: float | None = None
) -> RegisterFile:
    """`base` as the checklist for plantgate has it: 02C0 = 24, 02A0 = 00xxxx01xx; with other wishes as well.

    `repeat_s` is how often a card that stays is read again, at most once a second is the rule of the read interval.
    """
    features = bytearray(base.get(0x02A0))
    features[3] = 0x01
    return adapted(base.with_value(0x02C0, b"\x24").with_value(0x02A0, bytes(features)), track=track, repeat_s=repeat_s)


def adapted(base: RegisterFile, *, track: bool | None = None, repeat_s: float | None = None) -> RegisterFile:
    """`base` with track mode on or off and another repeat interval; None leaves them as they are. Raises UsageError."""
    if track is not None:
        features = bytearray(base.get(0x02A0))
        features[0] = features[0] | 0x10 if track else features[0] & ~0x10
        base = base.with_value(0x02A0, bytes(features))
    if repeat_s is not None:
        tenths = round(repeat_s * 10)
        if not 0 <= tenths <= _LONGEST_TENTHS:
            raise UsageError("SIM-101", f"register 02A1 can't hold {repeat_s:g} s", "0 to 25.4 s; FF there: removal")
        base = base.with_value(0x02A1, bytes([min(base.get(0x02A1)[0], tenths), tenths]))
    return base


def changed(registers: RegisterFile, values: Mapping[str, object]) -> RegisterFile:
    """`registers` with values in hex by address in hex, as they come in JSON. Raises UsageError."""
    for name, value in values.items():
        address, data = _number(name), _bytes(value)
        if address is None or data is None:
            raise UsageError(
                "SIM-101", f"register {name[:8]!r} can't be {str(value)[:80]!r}", 'both in hex: {"02C0": "24"}'
            )
        registers = registers.with_value(address, data)
    return registers


def _number(name: str) -> int | None:
    try:
        return int(name, 16)
    except ValueError:
        return None


def _bytes(value: object) -> bytes | None:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        return None


def read_registers(path: Path) -> RegisterFile:
    """The registers in a file as `plantgate reader registers` writes it. Raises ConfigError with each bad line."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(REGISTER_FILE_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "SIM-104", f"{path}: can't be read ({error})", "plantgate reader registers writes one"
        ) from None
    return RegisterFile.parse(text, source=str(path))


def silence(registers: RegisterFile) -> str:
    """Why such a reader listens on no port; empty if it does."""
    if registers.serves_tcp or registers.serves_udp:
        return ""
    if not registers.network_on:
        return f"register 0283={registers.get(0x0283).hex().upper()}: the network is off"
    mode = NETWORK_MODES.get(registers.network_mode, "reserved")
    return f"register 02C0={registers.get(0x02C0).hex().upper()}: network {mode}, profile {PROFILES[registers.profile]}"


def in_words(registers: RegisterFile) -> str:
    """What it speaks and how: `TCP server, $SCRDR`."""
    name = NETWORK_FORMATS.get(registers.network_format, "a reserved format")
    return f"{NETWORK_MODES.get(registers.network_mode, 'reserved')}, {name}"


def repeat_seconds(registers: RegisterFile) -> float | None:
    """How often a card that stays is read again, at least the read interval; None: never."""
    read, repeat = registers.get(0x02A1)
    return None if repeat == REMOVAL_NEEDED else max(read, repeat) / 10


def udp_target(registers: RegisterFile) -> str:
    """Where datagrams go by register 0294, but never to more than one host: 127.0.0.1 instead of any broadcast.

    A name is given back as it is; what it resolves to is held against the same rule.
    """
    return "127.0.0.1" if goes_to_many(registers.udp_destination) else registers.udp_destination


def goes_to_many(address: str) -> bool:
    """A broadcast or multicast address. The broadcast address of a subnet is for the system to refuse."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_multicast or parsed.is_unspecified or address == "255.255.255.255"


def template_for(card: Card, registers: RegisterFile) -> Card | None:
    """The card as the template engine hands it on, None if no template takes it.

    Without any register 03t0 it is template 1, ID-Only in 8 bytes of hex. With some, the first that is on and whose
    lookup list has the protocol; if the card names a template, that one alone. Lists beyond the published ones take
    everything. Bluetooth and UHF have engines of their own, which take everything as well.
    """
    lists = {number: registers.get(address)[0] for number, address in _templates(registers)}
    if not lists or card.interface in (BLUETOOTH, UHF):
        return card
    wanted = [int(card.template, 16)] if card.template else sorted(lists)
    for number in wanted:
        if _takes(lists.get(number, 0), card.protocol):
            data = _output(card, registers, 0x0300 + 0x10 * number) if card.data is None else card.data
            return replace(card, template=f"{number:02X}", data=data)
    return None


def _templates(registers: RegisterFile) -> list[tuple[int, int]]:
    return [(address >> 4 & 0xF, address) for address in registers.values if address in TEMPLATES]


def _takes(lookup: int, protocol: str) -> bool:
    if lookup in (0, _EVERY_LIST) or lookup > _ALL_NFC:
        return lookup != 0
    return lookup == _ALL_NFC or bool(lookup & _LIST_BITS.get(protocol, 0))


def _output(card: Card, registers: RegisterFile, template: int) -> str:
    """The ID-Only template: prefix and id. An id that is too long loses its first bytes (not published)."""
    prefix = registers.get(template + 2).rstrip(b"\0").decode("latin-1")
    options = registers.get(template + 1)[0]
    size, digits = _ID_SIZES.get(options & 0xF, (None, 0))
    uid = bytes.fromhex(card.uid)
    swap = options >> 6
    if swap == _SWAP_ALL or (swap == _SWAP_SHORT and len(uid) == _SHORT_BYTES and card.protocol == "01"):
        uid = uid[::-1]
    if size is not None:
        uid = uid[-size:]
        uid = uid.ljust(size, b"\xff") if options & _PAD_RIGHT else uid.rjust(size, b"\0")
    if digits == 0:
        return prefix + uid.hex().upper()
    return prefix + str(int.from_bytes(uid, "big")).zfill(digits or 0)
