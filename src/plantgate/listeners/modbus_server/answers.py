"""One request and its answer: which unit is meant, what may be written, and the exceptions of [AP] 7."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from plantgate.limits import MODBUS_SERVER_WRITE_SECONDS
from plantgate.listeners.modbus_server.image import Image, Refusal
from plantgate.listeners.modbus_server.writing import TagWrite, tag_writes
from plantgate.model.command import Origin, WriteTag
from plantgate.model.seams import CommandGate
from plantgate.protocols.modbus import (
    Asked,
    ExceptionCode,
    Function,
    Illegal,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Request,
    ServerCore,
)

# [TCP] 4.4.1.2: a server that is its own device is asked as unit 255 or 0.
_ITSELF = frozenset({0, 255})
# [AP] 6.21: what is told at each level, and that objects can be asked for one by one (regular, 82).
_LEVEL_STOPS = {1: 3, 2: 7, 3: 7}
_ONE_OBJECT = 4
_CONFORMITY = 0x82


@dataclass(slots=True)
class Figures:
    """Counted since the start."""

    requests: int = 0
    exceptions: int = 0
    writes: int = 0
    writes_refused: int = 0


class Answerer:
    """`identity` are the objects of [AP] 6.21 by number. `unit_id` is what 0 and 255 stand for."""

    def __init__(self, image: Image, gate: CommandGate, unit_id: int, identity: dict[int, bytes]) -> None:
        self._image = image
        self._gate = gate
        self._unit_id = unit_id
        self._identity = identity
        self.figures = Figures()

    def read(self, asked: Asked) -> bytes | None:
        """The answer to a request that changes nothing, None for one that has to be awaited."""
        request, unit = asked.request, self._unit(asked.unit)
        try:
            if isinstance(request, Read):
                return self._right(asked, self._image.read(unit, request.function, request.start, request.count))
            if isinstance(request, ReadDeviceIdentification):
                return self._right(asked, self._identification(unit, request))
        except Refusal as refusal:
            return self.refuse(asked, refusal.exception)
        return None

    async def write(self, asked: Asked, origin: Origin) -> bytes:
        """The answer to a write: what it says is checked whole, then goes through the gate, tag by tag."""
        request, unit = asked.request, self._unit(asked.unit)
        data = b""
        try:
            await self._submit(self._checked(request, unit, origin), origin)
            if isinstance(request, ReadWriteRegisters):  # [AP] 6.17: the write comes before the read
                data = self._image.read(unit, Function.READ_HOLDING_REGISTERS, request.start, request.count)
        except Refusal as refusal:
            self.figures.writes_refused += 1
            return self.refuse(asked, refusal.exception)
        return self._right(asked, data)

    def refuse(self, asked: Asked | Illegal, exception: ExceptionCode) -> bytes:
        self.figures.requests += 1
        self.figures.exceptions += 1
        return ServerCore.refuse(asked, exception)

    def _right(self, asked: Asked, data: bytes) -> bytes:
        self.figures.requests += 1
        return ServerCore.answer(asked, data)

    def _unit(self, unit: int) -> int:
        """The unit that is meant. One that nobody has has no addresses: its exception is 02."""
        return self._unit_id if unit in _ITSELF and unit not in self._image.units else unit

    def _checked(self, request: Request, unit: int, origin: Origin) -> list[TagWrite]:
        """All that `request` writes. Raises Refusal, also for a read that goes with it and can't be."""
        if not origin.may_write:
            raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)
        if isinstance(request, ReadWriteRegisters) and not self._image.is_mapped(
            unit, Function.READ_HOLDING_REGISTERS, request.start, request.count
        ):
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        return tag_writes(request, unit, self._image)

    async def _submit(self, writes: list[TagWrite], origin: Origin) -> None:
        """One command a tag, in the order of addresses, until one is not done. Raises Refusal (04)."""
        try:
            async with asyncio.timeout(MODBUS_SERVER_WRITE_SECONDS):
                for write in writes:
                    verdict = await self._gate.submit(WriteTag(write.path, write.value), origin)
                    if not verdict.done:
                        raise Refusal(ExceptionCode.SERVER_DEVICE_FAILURE)
                    self.figures.writes += 1
        except TimeoutError:
            raise Refusal(ExceptionCode.SERVER_DEVICE_FAILURE) from None

    def _identification(self, unit: int, request: ReadDeviceIdentification) -> bytes:
        """[AP] 6.21: as a stream from object `first` on, or that one alone. Few enough to fit one answer."""
        if unit != self._unit_id and unit not in self._image.units:
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        if request.level == _ONE_OBJECT:
            if request.first not in self._identity:
                raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
            numbers = [request.first]
        else:
            known = [number for number in sorted(self._identity) if number < _LEVEL_STOPS[request.level]]
            # An object that is not known, or not of this level: from the beginning.
            numbers = [number for number in known if number >= request.first] if request.first in known else known
        parts = [bytes((number, len(self._identity[number]))) + self._identity[number] for number in numbers]
        return bytes((request.level, _CONFORMITY, 0, 0, len(parts))) + b"".join(parts)
