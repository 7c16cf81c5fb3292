"""RTU frames over TCP: unit, message, CRC; as serial device servers pass them on.

Source: MODBUS over Serial Line V1.02 [SL] 2.5.1. On a serial line silence separates frames; over TCP no gap survives,
so an answer ends where its length says. There is no transaction id: one request at a time, and an answer is told from
the late one of another unit by the unit that sends it.
"""

from __future__ import annotations

from typing import Generic, NamedTuple

from plantgate.errors import Overload, PeerError
from plantgate.limits import MODBUS_PDU_BYTES
from plantgate.protocols.modbus.client import (
    ClientEvent,
    ExceptionReply,
    Malformed,
    Reply,
    TimedOut,
    Token,
    Unexpected,
    what_is_wrong,
)
from plantgate.protocols.modbus.framing import Frame
from plantgate.protocols.modbus.pdu import EXCEPTION_BIT, Exchange, Function

_CRC_BYTES = 2
_AROUND = 1 + _CRC_BYTES  # the unit before a message, the CRC behind it
_LARGEST = MODBUS_PDU_BYTES + _AROUND
_EXCEPTION = 2
# Message lengths: fixed ones, and those whose second byte counts what follows ([AP] 6).
_FIXED = {
    Function.WRITE_SINGLE_COIL: 5,
    Function.WRITE_SINGLE_REGISTER: 5,
    Function.WRITE_MULTIPLE_COILS: 5,
    Function.WRITE_MULTIPLE_REGISTERS: 5,
    Function.MASK_WRITE_REGISTER: 7,
}
_COUNTED = {
    Function.READ_COILS,
    Function.READ_DISCRETE_INPUTS,
    Function.READ_HOLDING_REGISTERS,
    Function.READ_INPUT_REGISTERS,
    Function.READ_WRITE_MULTIPLE_REGISTERS,
}
_OBJECTS_AT = 7  # of an identification: after 2B 0E level conformity more next count


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        word = byte
        for _ in range(8):
            word = word >> 1 ^ (0xA001 if word & 1 else 0)
        table.append(word)
    return table


_CRC = _crc_table()


def crc(data: bytes | bytearray) -> bytes:
    """The check sum of [SL] 2.5.1.2 as it is sent, low byte first."""
    word = 0xFFFF
    for byte in data:
        word = word >> 8 ^ _CRC[(word ^ byte) & 0xFF]
    return word.to_bytes(2, "little")


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """One message on the wire."""
    body = bytes((unit,)) + pdu
    return body + crc(body)


def reply_size(held: bytes | bytearray, start: int = 0) -> int:
    """The length of the answer that begins at `start`, unit and CRC included; 0 while it does not tell it.

    -1: no answer begins with such bytes.
    """
    left = len(held) - start
    if left < 2:
        return 0
    code = held[start + 1]
    if code & EXCEPTION_BIT:
        return _EXCEPTION + _AROUND
    if code in _FIXED:
        return _FIXED[Function(code)] + _AROUND
    if code in _COUNTED:
        return 2 + held[start + 2] + _AROUND if left > 2 else 0
    if code == Function.ENCAPSULATED_INTERFACE:
        return _identification_size(held, start)
    return -1


def _identification_size(held: bytes | bytearray, start: int) -> int:
    at = start + 1 + _OBJECTS_AT
    if len(held) < at:
        return 0
    for _ in range(held[at - 1]):
        if len(held) < at + 2:
            return 0
        at += 2 + held[at + 1]
        if at - start > _LARGEST:
            return -1
    return at - start + _CRC_BYTES


class _Open(NamedTuple, Generic[Token]):
    """The request that is open."""

    token: Token
    unit: int
    exchange: Exchange
    sent: float
    deadline: float


class RtuClientCore(Generic[Token]):
    """The asking side of one connection: a `ClientCore` for RTU frames, with one request open at most."""

    depth = 1

    def __init__(self) -> None:
        self._held = bytearray()
        self._pending: _Open[Token] | None = None

    @property
    def free(self) -> int:
        return int(self._pending is None)

    @property
    def partial(self) -> bool:
        return bool(self._held)

    def request(
        self, what: Exchange, unit: int, now: float, timeout: float, token: Token, patience: float | None = None
    ) -> tuple[int, bytes]:
        """As `ClientCore.request`; what came before it is no answer to it. `patience` is of no use here."""
        if self._pending is not None:
            raise Overload("MB-109", "a request is open, and RTU has one at a time")
        self._held.clear()
        self._pending = _Open(token, unit, what, now, now + timeout)
        return 0, rtu_frame(unit, what.pdu)

    def receive(self, data: bytes, now: float) -> list[ClientEvent[Token]]:
        """What `data` completes."""
        events: list[ClientEvent[Token]] = []
        held = self._held
        held += data
        while (pending := self._pending) is not None:
            found = _next_frame(held, pending)
            if found is None:
                del held[:-_LARGEST]  # a peer that only makes noise can't fill the memory
                return events
            events.append(self._judge(found, pending, now))
        if held:
            held.clear()
            events.append(Unexpected(0, late=True))
        return events

    def next_deadline(self) -> float | None:
        return None if self._pending is None else self._pending.deadline

    def tick(self, now: float) -> list[ClientEvent[Token]]:
        pending = self._pending
        if pending is None or pending.deadline > now:
            return []
        self._pending = None
        self._held.clear()
        return [TimedOut(pending.token)]

    def drain(self) -> list[Token]:
        pending, self._pending = self._pending, None
        return [] if pending is None else [pending.token]

    def _judge(self, item: Frame | PeerError, pending: _Open[Token], now: float) -> ClientEvent[Token]:
        if isinstance(item, PeerError):
            self._pending = None
            self._held.clear()
            return Malformed(pending.token, item)
        _, unit, pdu = item
        if unit != pending.unit:
            return Unexpected(0, late=True)
        self._pending = None
        what = pending.exchange
        if pdu.startswith(what.prefix) and len(pdu) == (what.reply_length or len(pdu)):
            return Reply(pending.token, pdu[len(what.prefix) :], now - pending.sent)
        if pdu[0] == what.function | EXCEPTION_BIT:
            return ExceptionReply(pending.token, pdu[1], now - pending.sent)
        self._held.clear()
        return Malformed(pending.token, what_is_wrong(pending.unit, what, item))


def _next_frame(held: bytearray, pending: _Open[Token]) -> Frame | PeerError | None:
    """The first whole frame in `held`, taken out of it; None while there is none.

    Bytes before the answer's beginning are noise of the line (or the rest of a late answer) and are dropped; an answer
    that begins rightly and whose CRC is wrong is an error.
    """
    foreign = _whole(held, 0)
    start = 0 if foreign is not None else _answer_begins(held, pending)
    if start < 0:
        return None
    size = reply_size(held, start)
    if size <= 0 or len(held) - start < size:
        return None
    frame = bytes(held[start : start + size])
    del held[: start + size]
    if crc(frame[:-_CRC_BYTES]) != frame[-_CRC_BYTES:]:
        return PeerError("MB-116", "the check sum (CRC) of the answer is wrong", "noise, or two masters on the line")
    return 0, frame[0], frame[1:-_CRC_BYTES]


def _whole(held: bytearray, start: int) -> int | None:
    """The size of the frame at `start` if it is all there and right."""
    size = reply_size(held, start)
    if size <= 0 or len(held) - start < size:
        return None
    end = start + size
    return size if crc(held[start : end - _CRC_BYTES]) == held[end - _CRC_BYTES : end] else None


def _answer_begins(held: bytearray, pending: _Open[Token]) -> int:
    """Where the answer to `pending` may begin in `held`, -1 if nowhere."""
    unit, what = bytes((pending.unit,)), pending.exchange
    heads = (unit + what.prefix, unit + bytes((what.function | EXCEPTION_BIT,)))
    found = [at for head in heads if (at := held.find(head)) >= 0]
    # The first bytes of a head may be all that is there yet.
    tail = next((len(held) - n for n in (3, 2, 1) if any(head[:n] == held[-n:] for head in heads if len(head) > n)), -1)
    return min(found, default=tail)
