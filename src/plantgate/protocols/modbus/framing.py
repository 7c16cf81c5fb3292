"""The MBAP header ([TCP] 3.1.3): transaction id, protocol id 0, length of what follows, unit id.

Three outcomes never share a value: a frame that is not complete gives nothing, a complete one gives a `Frame`,
a header that can't be Modbus gives one `Broken` and ends the stream (where the next frame begins is unknowable).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from plantgate.errors import PeerError
from plantgate.limits import MODBUS_PDU_BYTES

HEADER = struct.Struct(">HHHB")
_LENGTH_FIELD_ENDS = 6
_PROTOCOL_FIELD_ENDS = 4
_MIN_LENGTH = 2  # unit id and a function code
_MAX_LENGTH = 1 + MODBUS_PDU_BYTES


class Frame(NamedTuple):
    transaction: int
    unit: int
    pdu: bytes


class Broken(NamedTuple):
    """The peer does not speak Modbus TCP; the last event of a connection, which has to be closed."""

    error: PeerError


def frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """One message on the wire."""
    return HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


class Deframer:
    """Cuts a byte stream into frames; each byte is looked at once and copied at most twice."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._broken = False

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
        broken = None
        while end - start >= _PROTOCOL_FIELD_ENDS:
            length, broken = _length(source, start, end)
            stop = start + _LENGTH_FIELD_ENDS + length
            if broken is not None or length == 0 or stop > end:
                break
            transaction = source[start] << 8 | source[start + 1]
            frames.append(Frame(transaction, source[start + 6], bytes(source[start + 7 : stop])))
            start = stop
        if broken is not None:
            self._broken = True
            held.clear()
        elif source is held:
            del held[:start]
        else:
            held += data[start:]
        return frames, broken


def _length(source: bytes | bytearray, start: int, end: int) -> tuple[int, Broken | None]:
    """The length field of the header at `start`, 0 while it is not there, or what is wrong with the header."""
    if source[start + 2] or source[start + 3]:
        number = source[start + 2] << 8 | source[start + 3]
        return 0, _broken("MB-105", f"protocol id {number} in the MBAP header, 0 is Modbus")
    if end - start < _LENGTH_FIELD_ENDS:
        return 0, None
    length = source[start + 4] << 8 | source[start + 5]
    if not _MIN_LENGTH <= length <= _MAX_LENGTH:
        return 0, _broken("MB-106", f"length {length} in the MBAP header, {_MIN_LENGTH} to {_MAX_LENGTH} is possible")
    return length, None


def _broken(code: str, message: str) -> Broken:
    return Broken(PeerError(code, f"the device sent {message}", "is this port really Modbus TCP?"))
