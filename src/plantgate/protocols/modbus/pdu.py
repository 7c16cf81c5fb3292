"""The messages: function code and data, at most 253 bytes, everything big-endian ([AP] 4.1, 4.2).

A request knows its bytes; `exchange()` adds what its answer has to look like. Addresses are PDU addresses,
counted from 0 ([AP] 4.4: item 1 of the data model is address 0 on the wire).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import NamedTuple, TypeAlias

from plantgate.errors import UsageError

MAX_READ_BITS = 2000  # [AP] 6.1, 6.2: quantity 1 to 0x07D0
MAX_READ_REGISTERS = 125  # [AP] 6.3, 6.4: quantity 1 to 0x007D
MAX_WRITE_BITS = 1968  # [AP] 6.11: quantity 1 to 0x07B0
MAX_WRITE_REGISTERS = 123  # [AP] 6.12: quantity 1 to 0x007B
MAX_READ_WRITE_REGISTERS = 121  # [AP] 6.17: quantity to write 1 to 0x0079
ADDRESSES = 0x10000
READ_DEVICE_IDENTIFICATION = 0x0E  # [AP] 6.21: the MEI type of function 2B
EXCEPTION_BIT = 0x80  # [AP] 4.1: set in the function code of an exception response

COIL_ON, COIL_OFF = 0xFF00, 0x0000  # [AP] 6.5: every other value is illegal
# The bodies of requests, by what follows the function code.
TWO = struct.Struct(">BHH")
THREE = struct.Struct(">BHHH")
MANY = struct.Struct(">BHHB")
BOTH = struct.Struct(">BHHHHB")
IDENTIFY = struct.Struct(">BBBB")

# The eight bits of each byte value: a table is nine times as fast as shifting (2,000 coils in 14 us).
_BITS = [tuple(bool(byte >> index & 1) for index in range(8)) for byte in range(256)]


class Function(IntEnum):
    """Public function codes, named as in [AP] 5.1."""

    READ_COILS = 0x01
    READ_DISCRETE_INPUTS = 0x02
    READ_HOLDING_REGISTERS = 0x03
    READ_INPUT_REGISTERS = 0x04
    WRITE_SINGLE_COIL = 0x05
    WRITE_SINGLE_REGISTER = 0x06
    WRITE_MULTIPLE_COILS = 0x0F
    WRITE_MULTIPLE_REGISTERS = 0x10
    MASK_WRITE_REGISTER = 0x16
    READ_WRITE_MULTIPLE_REGISTERS = 0x17
    ENCAPSULATED_INTERFACE = 0x2B


class ExceptionCode(IntEnum):
    """Exception codes of [AP] 7."""

    ILLEGAL_FUNCTION = 0x01
    ILLEGAL_DATA_ADDRESS = 0x02
    ILLEGAL_DATA_VALUE = 0x03
    SERVER_DEVICE_FAILURE = 0x04
    ACKNOWLEDGE = 0x05
    SERVER_DEVICE_BUSY = 0x06
    MEMORY_PARITY_ERROR = 0x08
    GATEWAY_PATH_UNAVAILABLE = 0x0A
    GATEWAY_TARGET_FAILED = 0x0B


def exception_text(code: int) -> str:
    """`exception 02, illegal data address`; a code outside the specification is shown as its number."""
    try:
        name = ExceptionCode(code).name.replace("_", " ").lower()
    except ValueError:
        return f"exception {code:02X}"
    return f"exception {code:02X}, {name}"


def pack_bits(values: Sequence[bool]) -> bytes:
    """Coils to bytes: the first one is the least significant bit of the first byte, zero padded ([AP] 6.1)."""
    number = 0
    for value in reversed(values):
        number = number << 1 | bool(value)
    return number.to_bytes((len(values) + 7) // 8, "little")


def unpack_bits(data: bytes, count: int) -> list[bool]:
    """The inverse of `pack_bits` for the first `count` bits."""
    bits = list(chain.from_iterable(map(_BITS.__getitem__, data)))
    del bits[count:]
    return bits


def _in_range(start: int, count: int, most: int, what: str) -> None:
    if not (1 <= count <= most and start >= 0 and start + count <= ADDRESSES):
        raise UsageError("MB-101", f"{what} {start} + {count} is outside 0..65535, or more than {most} at once")


def _is_word(value: int, what: str) -> None:
    if not 0 <= value < ADDRESSES:
        raise UsageError("MB-102", f"{what} {value} does not fit in 16 bits")


def _whole_registers(data: bytes) -> None:
    if len(data) % 2:
        raise UsageError("MB-104", "registers are written whole: an even number of bytes is needed")


@dataclass(frozen=True, slots=True)
class Read:
    """[AP] 6.1 to 6.4: read `count` bits or registers from `start`. `function` is one of 01 02 03 04."""

    function: Function
    start: int
    count: int

    def __post_init__(self) -> None:
        if self.function > Function.READ_INPUT_REGISTERS:
            raise UsageError("MB-103", f"{self.function.name} does not read")
        most = MAX_READ_BITS if self.function <= Function.READ_DISCRETE_INPUTS else MAX_READ_REGISTERS
        _in_range(self.start, self.count, most, "read")

    @property
    def reply_bytes(self) -> int:
        """The byte count that the answer must carry."""
        if self.function <= Function.READ_DISCRETE_INPUTS:
            return (self.count + 7) // 8
        return self.count * 2

    def encode(self) -> bytes:
        return TWO.pack(self.function, self.start, self.count)


@dataclass(frozen=True, slots=True)
class WriteCoil:
    """[AP] 6.5, function 05. The answer is an echo."""

    address: int
    value: bool

    def __post_init__(self) -> None:
        _is_word(self.address, "coil")

    @property
    def function(self) -> Function:
        return Function.WRITE_SINGLE_COIL

    def encode(self) -> bytes:
        return TWO.pack(self.function, self.address, COIL_ON if self.value else COIL_OFF)


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """[AP] 6.6, function 06. `value` is the raw word, 0 to 65535. The answer is an echo."""

    address: int
    value: int

    def __post_init__(self) -> None:
        _is_word(self.address, "register")
        _is_word(self.value, "value")

    @property
    def function(self) -> Function:
        return Function.WRITE_SINGLE_REGISTER

    def encode(self) -> bytes:
        return TWO.pack(self.function, self.address, self.value)


@dataclass(frozen=True, slots=True)
class WriteCoils:
    """[AP] 6.11, function 0F. The answer repeats start and count."""

    start: int
    values: tuple[bool, ...]

    def __post_init__(self) -> None:
        _in_range(self.start, len(self.values), MAX_WRITE_BITS, "write")

    @property
    def function(self) -> Function:
        return Function.WRITE_MULTIPLE_COILS

    def encode(self) -> bytes:
        data = pack_bits(self.values)
        return MANY.pack(self.function, self.start, len(self.values), len(data)) + data


@dataclass(frozen=True, slots=True)
class WriteRegisters:
    """[AP] 6.12, function 10. `data` is the registers' bytes, two each. The answer repeats start and count."""

    start: int
    data: bytes

    def __post_init__(self) -> None:
        _whole_registers(self.data)
        _in_range(self.start, len(self.data) // 2, MAX_WRITE_REGISTERS, "write")

    @property
    def function(self) -> Function:
        return Function.WRITE_MULTIPLE_REGISTERS

    def encode(self) -> bytes:
        return MANY.pack(self.function, self.start, len(self.data) // 2, len(self.data)) + self.data


@dataclass(frozen=True, slots=True)
class MaskWriteRegister:
    """[AP] 6.16, function 16: register = (register AND and_mask) OR (or_mask AND NOT and_mask). Answer: echo."""

    address: int
    and_mask: int
    or_mask: int

    def __post_init__(self) -> None:
        _is_word(self.address, "register")
        _is_word(self.and_mask, "AND mask")
        _is_word(self.or_mask, "OR mask")

    @property
    def function(self) -> Function:
        return Function.MASK_WRITE_REGISTER

    def encode(self) -> bytes:
        return THREE.pack(self.function, self.address, self.and_mask, self.or_mask)


@dataclass(frozen=True, slots=True)
class ReadWriteRegisters:
    """[AP] 6.17, function 17: `data` is written from `write_start` on, then `count` registers are read from `start`."""

    start: int
    count: int
    write_start: int
    data: bytes

    def __post_init__(self) -> None:
        _in_range(self.start, self.count, MAX_READ_REGISTERS, "read")
        _whole_registers(self.data)
        _in_range(self.write_start, len(self.data) // 2, MAX_READ_WRITE_REGISTERS, "write")

    @property
    def function(self) -> Function:
        return Function.READ_WRITE_MULTIPLE_REGISTERS

    def encode(self) -> bytes:
        size = len(self.data)
        return BOTH.pack(self.function, self.start, self.count, self.write_start, size // 2, size) + self.data


@dataclass(frozen=True, slots=True)
class ReadDeviceIdentification:
    """[AP] 6.21, function 2B/0E: who the device is. `level` 1 basic, 2 regular, 3 extended, 4 the object `first` alone.

    The answer's length is told by the answer itself; `identification.py` reads it.
    """

    level: int = 1
    first: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.level <= 4 and 0 <= self.first <= 0xFF):
            raise UsageError("MB-108", f"level {self.level}, object {self.first}: 1 to 4 and 0 to 255 are possible")

    @property
    def function(self) -> Function:
        return Function.ENCAPSULATED_INTERFACE

    def encode(self) -> bytes:
        return IDENTIFY.pack(self.function, READ_DEVICE_IDENTIFICATION, self.level, self.first)


Request: TypeAlias = (
    Read
    | WriteCoil
    | WriteRegister
    | WriteCoils
    | WriteRegisters
    | MaskWriteRegister
    | ReadWriteRegisters
    | ReadDeviceIdentification
)


class Exchange(NamedTuple):
    """A request ready to send as often as one likes, with what its answer must be.

    A right answer begins with `prefix` and is `reply_length` bytes long (0: as long as it says itself); what follows
    the prefix is its data.
    """

    pdu: bytes
    function: int
    prefix: bytes
    reply_length: int


def exchange(request: Request) -> Exchange:
    """The bytes of `request` and the shape of its answer."""
    pdu = request.encode()
    match request:
        case Read():
            size = request.reply_bytes
            return Exchange(pdu, pdu[0], bytes((pdu[0], size)), 2 + size)
        case WriteCoils() | WriteRegisters():
            return Exchange(pdu, pdu[0], pdu[:5], 5)
        case ReadWriteRegisters(count=count):
            return Exchange(pdu, pdu[0], bytes((pdu[0], 2 * count)), 2 + 2 * count)
        case ReadDeviceIdentification():
            return Exchange(pdu, pdu[0], pdu[:2], 0)
        case _:
            return Exchange(pdu, pdu[0], pdu, len(pdu))
