"""Requests from their bytes, and what is wrong with one as the exception that [AP] 7 prescribes."""

from __future__ import annotations

import struct
from collections.abc import Callable

from plantgate.errors import PeerError, UsageError
from plantgate.protocols.modbus.pdu import (
    ADDRESSES,
    BOTH,
    COIL_OFF,
    COIL_ON,
    IDENTIFY,
    MANY,
    READ_DEVICE_IDENTIFICATION,
    THREE,
    TWO,
    ExceptionCode,
    Function,
    MaskWriteRegister,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Request,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    unpack_bits,
)


class IllegalRequest(PeerError):  # noqa: N818 - named as its exceptions are in [AP] 7
    """A request that has to be answered with `exception`; the connection is still in step."""

    def __init__(self, message: str, exception: ExceptionCode) -> None:
        super().__init__("MB-110", message)
        self.exception = exception


def decode_request(pdu: bytes) -> Request:
    """The request in `pdu`. Raises IllegalRequest with the exception code that [AP] 7 prescribes."""
    decode = _REQUESTS.get(pdu[0]) if pdu else None
    if decode is None:
        raise IllegalRequest("this function code is not served", ExceptionCode.ILLEGAL_FUNCTION)
    try:
        return decode(pdu)
    except struct.error:
        raise IllegalRequest("the request's length is not its function's", ExceptionCode.ILLEGAL_DATA_VALUE) from None
    except UsageError as error:
        raise IllegalRequest(error.message, ExceptionCode.ILLEGAL_DATA_VALUE) from None


def _decode_read(pdu: bytes) -> Request:
    code, start, count = TWO.unpack(pdu)
    if count >= 1 and start + count > ADDRESSES:
        # [AP] 7, code 02: a quantity within bounds whose end lies past the last address.
        raise IllegalRequest("read past the last address", ExceptionCode.ILLEGAL_DATA_ADDRESS)
    return Read(Function(code), start, count)


def _decode_write_coil(pdu: bytes) -> Request:
    _, address, value = TWO.unpack(pdu)
    if value not in {COIL_ON, COIL_OFF}:
        raise IllegalRequest("a coil is FF00 or 0000", ExceptionCode.ILLEGAL_DATA_VALUE)
    return WriteCoil(address, value == COIL_ON)


def _decode_write_register(pdu: bytes) -> Request:
    _, address, value = TWO.unpack(pdu)
    return WriteRegister(address, value)


def _decode_write_coils(pdu: bytes) -> Request:
    _, start, count, size = MANY.unpack_from(pdu)
    data = pdu[MANY.size :]
    if size != len(data) or size != (count + 7) // 8:
        raise IllegalRequest("byte count and quantity of coils differ", ExceptionCode.ILLEGAL_DATA_VALUE)
    return WriteCoils(start, tuple(unpack_bits(data, count)))


def _decode_write_registers(pdu: bytes) -> Request:
    _, start, count, size = MANY.unpack_from(pdu)
    data = pdu[MANY.size :]
    if size != len(data) or size != count * 2:
        raise IllegalRequest("byte count and quantity of registers differ", ExceptionCode.ILLEGAL_DATA_VALUE)
    return WriteRegisters(start, bytes(data))


def _decode_mask_write(pdu: bytes) -> Request:
    _, address, and_mask, or_mask = THREE.unpack(pdu)
    return MaskWriteRegister(address, and_mask, or_mask)


def _decode_read_write(pdu: bytes) -> Request:
    _, start, count, write_start, write_count, size = BOTH.unpack_from(pdu)
    data = pdu[BOTH.size :]
    if size != len(data) or size != write_count * 2:
        raise IllegalRequest("byte count and quantity of registers differ", ExceptionCode.ILLEGAL_DATA_VALUE)
    if (count and start + count > ADDRESSES) or (write_count and write_start + write_count > ADDRESSES):
        raise IllegalRequest("past the last address", ExceptionCode.ILLEGAL_DATA_ADDRESS)
    return ReadWriteRegisters(start, count, write_start, bytes(data))


def _decode_identification(pdu: bytes) -> Request:
    if len(pdu) > 1 and pdu[1] != READ_DEVICE_IDENTIFICATION:
        raise IllegalRequest("this MEI type is not served", ExceptionCode.ILLEGAL_FUNCTION)
    _, _, level, first = IDENTIFY.unpack(pdu)
    return ReadDeviceIdentification(level, first)


_REQUESTS: dict[int, Callable[[bytes], Request]] = {
    Function.READ_COILS: _decode_read,
    Function.READ_DISCRETE_INPUTS: _decode_read,
    Function.READ_HOLDING_REGISTERS: _decode_read,
    Function.READ_INPUT_REGISTERS: _decode_read,
    Function.WRITE_SINGLE_COIL: _decode_write_coil,
    Function.WRITE_SINGLE_REGISTER: _decode_write_register,
    Function.WRITE_MULTIPLE_COILS: _decode_write_coils,
    Function.WRITE_MULTIPLE_REGISTERS: _decode_write_registers,
    Function.MASK_WRITE_REGISTER: _decode_mask_write,
    Function.READ_WRITE_MULTIPLE_REGISTERS: _decode_read_write,
    Function.ENCAPSULATED_INTERFACE: _decode_identification,
}
