"""The MBAP header ([TCP] 3.1.3): transaction id, protocol id 0, length of what follows, unit id.

Three outcomes never share a value: a frame that is not complete gives nothing, a complete one gives a `Frame`,
a header that can't be Modbus gives one `Broken` and ends the stream (where the next frame begins is unknowable).
"""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeAlias

from plantgate.errors import PeerError
from plantgate.limits import MODBUS_PDU_BYTES

HEADER = struct.Struct(">HHHB")
_HEADER_BYTES = HEADER.size
_LENGTH_FIELD_ENDS = 6
_PROTOCOL_FIELD_ENDS = 4
_MIN_LENGTH = 2  # unit id and a function code
_MAX_LENGTH = 1 + MODBUS_PDU_BYTES


# Transaction id, unit id, PDU. A plain tuple: there is one for every message, and nobody keeps it.
Frame: TypeAlias = tuple[int, int, bytes]


class Broken(NamedTuple):
    """The peer does not speak Modbus TCP; the last event of a connection, which has to be closed."""

    error: PeerError


def frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """One message on the wire."""
    return HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


class Deframer:
    """Cuts a byte stream into frames; each byte is looked at once and copied at most twice.

    `between` is True while the next byte begins a frame: no part of one is held, and the stream is not broken.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._broken = False
        self.between = True

    @property
    def partial(self) -> bool:
        """True while an incomplete frame is held."""
        return bool(self._held)

    def receive(self, data: bytes) -> tuple[list[Frame], Broken | None]:
        """Frames that are complete with `data`. After a `Broken` there is never anything more."""
        frames: list[Frame] = []
        if self._broken:
            return frames, None
        held = self._held
        source: bytes | bytearray = data
        if held:
            held += data
            source = held
        start, end = 0, len(source)
        while end - start >= _HEADER_BYTES:
            transaction, protocol, length, unit = HEADER.unpack_from(source, start)
            stop = start + _LENGTH_FIELD_ENDS + length
            if protocol or stop > end or not _MIN_LENGTH <= length <= _MAX_LENGTH:
                break
            frames.append((transaction, unit, bytes(source[start + _HEADER_BYTES : stop])))
            start = stop
        broken = _what_is_wrong(source, start, end) if start < end else None
        if broken is not None:
            self._broken = True
            held.clear()
        elif source is held:
            del held[:start]
        elif start < end:
            held += data[start:]
        self.between = not held and not self._broken
        return frames, broken


def _what_is_wrong(source: bytes | bytearray, start: int, end: int) -> Broken | None:
    """What can be told already of the frame that begins at `start` and is not whole."""
    if end - start >= _PROTOCOL_FIELD_ENDS and (source[start + 2] or source[start + 3]):
        number = source[start + 2] << 8 | source[start + 3]
        return _broken("MB-105", f"protocol id {number} in the MBAP header, 0 is Modbus")
    if end - start >= _LENGTH_FIELD_ENDS:
        length = source[start + 4] << 8 | source[start + 5]
        if not _MIN_LENGTH <= length <= _MAX_LENGTH:
            return _broken("MB-106", f"length {length} in the MBAP header, {_MIN_LENGTH} to {_MAX_LENGTH} is possible")
    return None


def _broken(code: str, message: str) -> Broken:
    return Broken(PeerError(code, f"the device sent {message}", "is this port really Modbus TCP?"))
