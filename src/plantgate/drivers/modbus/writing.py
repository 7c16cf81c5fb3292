"""A value for a tag, as the requests that write it; refused in words before anything is sent.

What a device does not know (exception 01) is written another way from then on, as far as its options allow: a bit
without mask write is read, changed and written; a single write goes as a write of one, and the other way round.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from plantgate.drivers.modbus.address import Address, Area
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import Outcome
from plantgate.drivers.modbus.values import Unwritable, as_bool, encode, order_of
from plantgate.model.value import Scalar
from plantgate.protocols.modbus.client import ExceptionReply, Reply
from plantgate.protocols.modbus.pdu import (
    MAX_READ_WRITE_REGISTERS,
    ExceptionCode,
    Exchange,
    Function,
    MaskWriteRegister,
    Read,
    ReadWriteRegisters,
    Request,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    exchange,
)

_ALL_BITS = 0xFFFF
_HALF = 8


class Answer(NamedTuple):
    """The outcome of a request, None if its turn did not come in time; and whether it was sent."""

    outcome: Outcome | None
    sent: bool


Ask: TypeAlias = Callable[[int, Exchange], Awaitable[Answer]]


class Written(NamedTuple):
    """What became of a write: the last answer, whether a part was written before it, what the device gave back."""

    answer: Answer
    partly: bool = False
    data: bytes | None = None

    @property
    def done(self) -> bool:
        return isinstance(self.answer.outcome, Reply)


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be written: the bytes of whole registers, one bit of a register, or a coil."""

    address: Address
    data: bytes = b""
    state: bool = False


def words_of(address: Address, value: Scalar, options: ModbusOptions) -> Words:
    """`value` as it will lie in the device. Raises Unwritable with the reason."""
    if not address.area.writable:
        raise Unwritable(f"{address.area.words} can only be read")
    if address.area is Area.COILS or address.bit is not None:
        return Words(address, state=as_bool(value))
    data = encode(address, value, options)
    most = options.max_holding_registers_per_write_request
    if len(data) // 2 > most and options.write_multiple_registers_allowed:
        raise Unwritable(f"{len(data) // 2} registers do not fit in one write of this device, {most} do")
    return Words(address, data)


@dataclass(slots=True)
class Writer:
    """Writes to one device. It remembers which functions which unit does not know."""

    options: ModbusOptions
    _unknown: set[tuple[int, Function]] = field(default_factory=set)

    async def write(self, ask: Ask, unit: int, words: Words) -> Written:
        """Carry it out. Writes of one unit must not overlap: a bit may have to be read before it is written."""
        if words.address.area is Area.COILS:
            return await self._coil(ask, unit, words)
        if words.address.bit is not None:
            return await self._bit(ask, unit, words)
        return await self._registers(ask, unit, words.address.start, words.data)

    async def _coil(self, ask: Ask, unit: int, words: Words) -> Written:
        start, many = words.address.start, self.options.write_multiple_coils_allowed
        forms: list[Request] = [WriteCoil(start, words.state)]
        if many:
            forms.append(WriteCoils(start, (words.state,)))
        return await self._first_known(ask, unit, forms)

    async def _bit(self, ask: Ask, unit: int, words: Words) -> Written:
        """Mask write; where there is none read, change and write, which can undo what the PLC changes in between."""
        address = words.address
        assert address.bit is not None
        bit = address.bit ^ _HALF if order_of(address, self.options).bytes else address.bit
        mask = 1 << bit
        if (unit, Function.MASK_WRITE_REGISTER) not in self._unknown:
            request = MaskWriteRegister(address.start, _ALL_BITS & ~mask, mask if words.state else 0)
            written = await self._one(ask, unit, request)
            if not _is_unknown(written):
                return written
        read = await self._one(ask, unit, Read(Function.READ_HOLDING_REGISTERS, address.start, 1))
        outcome = read.answer.outcome
        if not isinstance(outcome, Reply):
            return Written(read.answer._replace(sent=False))  # only a question was sent, nothing that writes
        word = int.from_bytes(outcome.data, "big")
        word = word | mask if words.state else word & ~mask
        return await self._registers(ask, unit, address.start, word.to_bytes(2, "big"))

    async def _registers(self, ask: Ask, unit: int, start: int, data: bytes) -> Written:
        options, count = self.options, len(data) // 2
        if count > 1 and not options.write_multiple_registers_allowed:
            return await self._one_by_one(ask, unit, start, data)
        forms: list[Request] = []
        if options.read_write_multiple_registers_allowed and count <= MAX_READ_WRITE_REGISTERS:
            forms.append(ReadWriteRegisters(start, count, start, data))
        single, several = WriteRegister(start, int.from_bytes(data[:2], "big")), WriteRegisters(start, data)
        if count > 1:
            forms.append(several)
        elif options.force_multiple_registers:
            forms += [several, single]
        else:
            forms += [single, several] if options.write_multiple_registers_allowed else [single]
        return await self._first_known(ask, unit, forms)

    async def _one_by_one(self, ask: Ask, unit: int, start: int, data: bytes) -> Written:
        """The device takes one register at a time: in order, and it ends at the first that is not taken."""
        written = Written(Answer(None, False))
        for at in range(0, len(data), 2):
            request = WriteRegister(start + at // 2, int.from_bytes(data[at : at + 2], "big"))
            written = (await self._one(ask, unit, request))._replace(partly=at > 0)
            if not written.done:
                return written
        return written._replace(partly=False)

    async def _first_known(self, ask: Ask, unit: int, forms: list[Request]) -> Written:
        """Write in the first form that the unit knows. If it knows none, the answer to the last is what is told."""
        known = [form for form in forms if (unit, form.function) not in self._unknown] or forms[:1]
        written = await self._one(ask, unit, known[0])
        for form in known[1:]:
            if not _is_unknown(written):
                break
            written = await self._one(ask, unit, form)
        return written

    async def _one(self, ask: Ask, unit: int, request: Request) -> Written:
        answer = await ask(unit, exchange(request))
        written = Written(answer)
        if isinstance(request, ReadWriteRegisters) and isinstance(answer.outcome, Reply):
            return written._replace(data=answer.outcome.data)
        if _is_unknown(written):
            self._unknown.add((unit, request.function))
        return written


def _is_unknown(written: Written) -> bool:
    outcome = written.answer.outcome
    return isinstance(outcome, ExceptionReply) and outcome.code == ExceptionCode.ILLEGAL_FUNCTION
