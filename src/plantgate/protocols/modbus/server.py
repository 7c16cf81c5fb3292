"""The answering side of one connection ([TCP] 4.4): decoded questions, or the exception a wrong one deserves."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from plantgate.protocols.modbus.framing import Broken, Deframer, frame
from plantgate.protocols.modbus.pdu import (
    EXCEPTION_BIT,
    ExceptionCode,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Request,
    exchange,
)
from plantgate.protocols.modbus.requests import IllegalRequest, decode_request

_WITH_DATA = (ReadWriteRegisters, ReadDeviceIdentification)


class Asked(NamedTuple):
    transaction: int
    unit: int
    request: Request


class Illegal(NamedTuple):
    """A request that only an exception can answer."""

    transaction: int
    unit: int
    function: int
    exception: ExceptionCode


ServerEvent: TypeAlias = Asked | Illegal | Broken


class ServerCore:
    """One client's connection. Answers may be given in any order ([TCP] 4.4)."""

    def __init__(self) -> None:
        self._deframer = Deframer()

    @property
    def partial(self) -> bool:
        """True while an incomplete frame is held."""
        return self._deframer.partial

    def receive(self, data: bytes) -> list[ServerEvent]:
        """Questions completed by `data`, in wire order. `Broken` is the last event there will ever be."""
        frames, broken = self._deframer.receive(data)
        events: list[ServerEvent] = []
        for transaction, unit, pdu in frames:
            try:
                events.append(Asked(transaction, unit, decode_request(pdu)))
            except IllegalRequest as error:
                events.append(Illegal(transaction, unit, pdu[0], error.exception))
        if broken is not None:
            events.append(broken)
        return events

    @staticmethod
    def answer(asked: Asked, data: bytes = b"") -> bytes:
        """The right answer: `data` is the bits, registers or objects that were asked for, nothing for a write."""
        request = asked.request
        if isinstance(request, Read):  # nearly all: its bytes need not be made anew
            pdu = bytes((request.function, len(data))) + data
        else:
            prefix = exchange(request).prefix
            pdu = prefix + data if isinstance(request, _WITH_DATA) else prefix
        return frame(asked.transaction, asked.unit, pdu)

    @staticmethod
    def refuse(asked: Asked | Illegal, exception: ExceptionCode) -> bytes:
        function = asked.request.function if isinstance(asked, Asked) else asked.function
        return frame(asked.transaction, asked.unit, bytes(((function | EXCEPTION_BIT) & 0xFF, exception)))
