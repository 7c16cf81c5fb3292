"""A write request as values of tags: all of it can be meant, or nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

from plantgate.listeners.modbus_server.cells import Cell, Entry, Unfit
from plantgate.listeners.modbus_server.image import Image, Refusal
from plantgate.model.value import Scalar
from plantgate.protocols.modbus import (
    ExceptionCode,
    Function,
    MaskWriteRegister,
    ReadWriteRegisters,
    Request,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
)

_WORD = 0xFFFF
_REGISTER_BYTES = 2


@dataclass(frozen=True, slots=True)
class TagWrite:
    path: str
    value: Scalar


def tag_writes(request: Request, unit: int, image: Image) -> list[TagWrite]:
    """What `request` writes, in the order of addresses. Raises Refusal:

    02 for an address that is not mapped or can't be written, and for a part of a value whose other registers are not
    written with it ([AP] 7: the combination of reference number and transfer length is invalid); 03 for registers that
    hold no value of their kind (no BCD, not a number); 04 for a mask on a register that can't be read.
    """
    match request:
        case WriteCoil():
            return _bits(image, unit, request.address, (request.value,))
        case WriteCoils():
            return _bits(image, unit, request.start, request.values)
        case WriteRegister():
            return _registers(image, unit, request.address, request.value.to_bytes(_REGISTER_BYTES, "big"))
        case WriteRegisters():
            return _registers(image, unit, request.start, request.data)
        case ReadWriteRegisters():
            return _registers(image, unit, request.write_start, request.data)
        case MaskWriteRegister():
            return _masked(image, unit, request)
        case _:
            raise Refusal(ExceptionCode.ILLEGAL_FUNCTION)


def _bits(image: Image, unit: int, start: int, values: tuple[bool, ...]) -> list[TagWrite]:
    writes = []
    for address, on in enumerate(values, start):
        cell = image.cell(unit, Function.READ_COILS, address)
        if cell is None:
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        writes.append(_write(cell.entries[0], bytes([on])))
    return writes


def _registers(image: Image, unit: int, start: int, data: bytes) -> list[TagWrite]:
    writes: list[TagWrite] = []
    address, stop = start, start + len(data) // _REGISTER_BYTES
    while address < stop:
        cell = image.cell(unit, Function.READ_HOLDING_REGISTERS, address)
        if cell is None or cell.start != address or cell.stop > stop:
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        part = data[(address - start) * _REGISTER_BYTES : (cell.stop - start) * _REGISTER_BYTES]
        writes += (
            _bits_of(cell, int.from_bytes(part, "big"), _WORD) if cell.of_bits else [_write(cell.entries[0], part)]
        )
        address = cell.stop
    return writes


def _masked(image: Image, unit: int, request: MaskWriteRegister) -> list[TagWrite]:
    """[AP] 6.16. Of a register whose bits are tags only those that the mask means are written."""
    cell = image.cell(unit, Function.READ_HOLDING_REGISTERS, request.address)
    if cell is None or cell.stop - cell.start != 1:
        raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
    meant = ~request.and_mask & _WORD
    if cell.of_bits:
        return _bits_of(cell, request.or_mask, meant)
    now = int.from_bytes(image.read(unit, Function.READ_HOLDING_REGISTERS, request.address, 1), "big")
    word = now & request.and_mask | request.or_mask & meant
    return [_write(cell.entries[0], word.to_bytes(_REGISTER_BYTES, "big"))]


def _bits_of(cell: Cell, word: int, meant: int) -> list[TagWrite]:
    """Bits that belong to no tag are nobody's: they are not written and no reason to refuse."""
    return [
        _write(entry, bytes([word >> entry.bit & 1]))
        for entry in cell.entries
        if entry.bit is not None and meant >> entry.bit & 1
    ]


def _write(entry: Entry, data: bytes) -> TagWrite:
    if not entry.writable:
        raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
    try:
        return TagWrite(entry.path, entry.decode(data))
    except Unfit:
        raise Refusal(ExceptionCode.ILLEGAL_DATA_VALUE) from None
