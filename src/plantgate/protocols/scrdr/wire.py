"""Checksum and encoding of `$SCRDR` (device to host) and `$SCCMD` (host to device) messages.

Source: SpringCore "$SCRDR Messages" (2024-03-13), "$SCCMD Message" (2024-03-13); choices where these
contradict each other are named Q1..Q16 after `springcore.md` section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from plantgate.errors import UsageError
from plantgate.limits import SCCMD_LINE_BYTES, SCRDR_LINE_BYTES

CRLF = b"\r\n"
FIELD_COUNT = 8
LED_COUNT = 4
MAX_BUZZ_MS = 0xFFFF
# inclusive = exclusive XOR "$" XOR "*": the two readings differ by this on every message.
_READINGS_DIFFER = 0x0E
_RESERVED = "$;*"


class Checksum(StrEnum):
    """Which bytes are XORed (Q1): all between `$` and `*`, or these two as well. OFF: no checksum is written."""

    OFF = "off"
    EXCLUSIVE = "exclusive"
    INCLUSIVE = "inclusive"


class TagEvent(NamedTuple):
    """One `$SCRDR` message about a card: the eight fields as the device wrote them, decoded as Latin-1.

    `move` is "", "I", "R" or "IR". `ambiguous`: there were more than eight fields, so TagData or TagDetails held
    a `;` and the cut between them is a guess. `non_ascii`: a byte outside 20..7E. `fields`: how many were sent
    (missing ones are empty).
    """

    interface: str = ""
    protocol: str = ""
    template: str = ""
    rssi: str = ""
    tag_id: str = ""
    move: str = ""
    tag_data: str = ""
    tag_details: str = ""
    ambiguous: bool = False
    non_ascii: bool = False
    fields: int = FIELD_COUNT


@dataclass(frozen=True, slots=True)
class ReaderCommand:
    """The tuples of a `$SCCMD`: sequence number (byte), four LED mode bytes, beep in milliseconds (0..65535)."""

    seq: int | None = None
    leds: bytes | None = None
    buzz: int | None = None


def xor(data: bytes | bytearray) -> int:
    """XOR of all bytes. Folds one large integer: many times as fast as a loop over the bytes of a usual message."""
    value = int.from_bytes(data, "little")
    shift = 4 << len(data).bit_length()
    while shift > 512:
        value ^= value >> shift
        shift >>= 1
    value ^= value >> 512
    value ^= value >> 256
    value ^= value >> 128
    value ^= value >> 64
    value ^= value >> 32
    value ^= value >> 16
    return (value ^ value >> 8) & 0xFF


def checksum(body: bytes, reading: Checksum) -> int:
    """Checksum of `body`, the bytes between `$` and `*` without either, under one of the two readings."""
    value = xor(body)
    return value ^ _READINGS_DIFFER if reading is Checksum.INCLUSIVE else value


def readings(through_star: bytes | bytearray) -> tuple[int, int]:
    """(exclusive, inclusive) checksum of bytes that begin with `$` and end with `*`, both counted in."""
    inclusive = xor(through_star)
    return inclusive ^ _READINGS_DIFFER, inclusive


def encode_event(event: TagEvent, reading: Checksum = Checksum.EXCLUSIVE, *, raw: bool = False) -> bytes:
    """The `$SCRDR` line of a tag event, CR LF included. `ambiguous`, `non_ascii` and `fields` are not written.

    Raises UsageError if a field holds a reserved or unprintable byte (Q10: no escape is documented) unless `raw`,
    a character beyond Latin-1, or if the line is longer than the vendor's 64 kB.
    """
    fields = (
        event.interface,
        event.protocol,
        event.template,
        event.rssi,
        event.tag_id,
        event.move,
        event.tag_data,
        event.tag_details,
    )
    if not raw:
        for field in fields:
            _require_plain(field)
    line = _seal(_latin("SCRDR;" + ";".join(fields)), reading)
    if len(line) - len(CRLF) > SCRDR_LINE_BYTES:
        raise UsageError("SC-203", f"a $SCRDR message of {len(line)} bytes: the vendor allows {SCRDR_LINE_BYTES}")
    return line


def encode_hello(reading: Checksum = Checksum.EXCLUSIVE, *, short: bool = False) -> bytes:
    """The empty message after connecting (Q3): `$SCRDR;;;;;;;;*54`, or `$SCRDR*54` if `short`."""
    return _seal(b"SCRDR" if short else b"SCRDR" + b";" * FIELD_COUNT, reading)


def encode_command(command: ReaderCommand, reading: Checksum = Checksum.OFF, *, terminator: bytes = CRLF) -> bytes:
    """The `$SCCMD` line of a command.

    Raises UsageError for a value that does not fit its field, for SEQ together with LEDS or BUZZ (the JSON
    protocol of the same device forbids it), and for an empty command, whose effect nobody documents.
    """
    body = "SCCMD" + "".join(f";{name}={value}" for name, value in _tuples(command))
    line = _seal(body.encode("ascii"), reading, terminator)
    if len(line) > SCCMD_LINE_BYTES:
        raise UsageError("SC-203", f"a $SCCMD message of {len(line)} bytes: the device takes {SCCMD_LINE_BYTES}")
    return line


def _tuples(command: ReaderCommand) -> list[tuple[str, str]]:
    tuples: list[tuple[str, str]] = []
    if command.seq is not None:
        if not 0 <= command.seq <= 0xFF:
            raise UsageError("SC-204", f"SEQ is one byte, not {command.seq}")
        tuples.append(("SEQ", f"{command.seq:02X}"))
    if command.leds is not None:
        if len(command.leds) != LED_COUNT:
            raise UsageError("SC-204", f"LEDS takes {LED_COUNT} mode bytes, not {len(command.leds)}")
        tuples.append(("LEDS", command.leds.hex().upper()))
    if command.buzz is not None:
        if not 0 <= command.buzz <= MAX_BUZZ_MS:
            raise UsageError("SC-204", f"BUZZ is 0 to {MAX_BUZZ_MS} ms, not {command.buzz}")
        tuples.append(("BUZZ", f"{command.buzz:04X}"))
    if not tuples:
        raise UsageError("SC-205", "a $SCCMD without SEQ, LEDS or BUZZ has no documented effect")
    if command.seq is not None and len(tuples) > 1:
        raise UsageError("SC-205", "SEQ cannot be combined with LEDS or BUZZ", "send two commands")
    return tuples


def _seal(body: bytes, reading: Checksum, terminator: bytes = CRLF) -> bytes:
    if reading is Checksum.OFF:
        return b"$" + body + terminator
    return b"$%b*%02X%b" % (body, checksum(body, reading), terminator)


def _require_plain(field: str) -> None:
    if not field.isascii() or not field.isprintable() or any(char in field for char in _RESERVED):
        raise UsageError(
            "SC-201", "a field holds ; * $ or an unprintable byte, and $SCRDR has no escape for it", "use raw"
        )


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise UsageError("SC-202", "a field holds a character beyond Latin-1", "encode it to bytes first") from error
