"""Registers to values and back.

Reading is compiled once per block: one `struct` call per layer of points that do not overlap, then the few values
that need a second look. 125 registers cost about as much as one of them alone.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from plantgate.drivers.modbus.address import WORD_BITS, Address, Kind, Order
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.planner import Block, Point
from plantgate.model.value import DataType, Scalar
from plantgate.protocols.modbus.pdu import unpack_bits

_WORD = 2
_INTEGERS = {DataType.INT1, DataType.INT2, DataType.INT4, DataType.INT8}
_FLOATS = {DataType.FLOAT4, DataType.FLOAT8}
_FLOAT_KINDS = {Kind.FLOAT, Kind.DOUBLE}
_BCD_KINDS = {Kind.BCD16, Kind.BCD32}

Column: TypeAlias = Sequence[Scalar]
_Convert: TypeAlias = Callable[[Any], Scalar]


class Unreadable(ValueError):  # noqa: N818 - a state of the registers, told to whoever looks at the tag
    """Registers that hold no value of the kind asked for."""


class Unwritable(ValueError):  # noqa: N818
    """A value that a register or coil can't take; the text says why, for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """One field of a struct: where it begins (registers from the block's start), its code, how its bytes lie."""

    offset: int
    code: str
    registers: int
    order: Order


class Decoder:
    """Decodes the data of one block into a column of values, in the order of the block's points.

    A value that can't be (no BCD, not a number) is None in the column.
    """

    def __init__(self, block: Block, options: ModbusOptions) -> None:
        self._bits = block.count if block.area.has_bits else 0
        self._block = block
        self._layers: list[tuple[struct.Struct, Order]] = []
        self._fields: Callable[[bytes], Any] = self._unpack
        self._pick: Callable[[Any], Any] | None = None
        self._second_look: list[tuple[int, _Convert]] = []
        self._floats: list[int] = []
        if self._bits:
            self._fields = self._unpack_bits
            offsets = [point.address.start - block.start for point in block.points]
            self._pick_in_order(offsets, block.count)
        else:
            self._compile(block, options)
        for index, point in enumerate(block.points):
            convert = _conversion(point, options)
            if convert is not None:
                self._second_look.append((index, convert))
            elif point.address.kind in _FLOAT_KINDS:
                self._floats.append(index)
        self.may_fail = bool(self._floats or self._second_look)

    def decode(self, data: bytes) -> Column:
        """The column for the data of a reply, which has exactly the block's length (the protocol core checks it)."""
        fields = self._fields(data)
        if self._pick is not None:
            fields = self._pick(fields)
        if self._second_look or (self._floats and not self._finite(fields)):
            fields = list(fields)
            self._look_again(fields)
        return fields  # type: ignore[no-any-return]  # struct knows no types

    def _finite(self, fields: Sequence[Any]) -> bool:
        # The sum is finite if all are: one addition each instead of one call each.
        numbers = fields if len(self._floats) == len(fields) else [fields[index] for index in self._floats]
        return math.isfinite(sum(numbers))

    def _look_again(self, fields: list[Any]) -> None:
        for index in self._floats:
            if not math.isfinite(fields[index]):
                fields[index] = None
        for index, convert in self._second_look:
            try:
                fields[index] = convert(fields[index])
            except (Unreadable, OverflowError):
                fields[index] = None

    def _unpack_bits(self, data: bytes) -> Sequence[Any]:
        return unpack_bits(data, self._bits)

    def _unpack(self, data: bytes) -> Sequence[Any]:
        fields: tuple[Any, ...] = ()
        for layout, order in self._layers:
            part = layout.unpack(_in_order(data, order))
            fields = fields + part if fields else part
        return fields

    def _compile(self, block: Block, options: ModbusOptions) -> None:
        wanted = [_slot(point.address, block.start, options) for point in block.points]
        fields: list[_Slot] = []
        for order in sorted({slot.order for slot in wanted}):
            left = [slot for slot in dict.fromkeys(wanted) if slot.order == order]
            while left:
                layer = _layer(left)
                left = [slot for slot in left if slot not in layer]
                ordered = list(reversed(layer)) if order.words else layer
                self._layers.append((_layout(ordered, block.count, order.words), order))
                fields += ordered
        if len(self._layers) == 1 and not any(self._layers[0][1]):
            self._fields = self._layers[0][0].unpack  # the usual block: one call
        place = {slot: index for index, slot in enumerate(fields)}
        self._pick_in_order([place[slot] for slot in wanted], len(fields))

    def _pick_in_order(self, fields: list[int], total: int) -> None:
        if fields == list(range(total)):
            return
        if len(fields) == 1:
            only = fields[0]
            self._pick = lambda values: (values[only],)
        else:
            self._pick = itemgetter(*fields)


def order_of(address: Address, options: ModbusOptions) -> Order:
    """The order that the address names, else that of the device; without what means nothing for its kind."""
    text = address.kind is Kind.STRING
    order = address.order or (options.string_order if text else options.order)
    return order if address.swaps_words else Order(bytes=order.bytes)


def _slot(address: Address, start: int, options: ModbusOptions) -> _Slot:
    text = address.kind is Kind.STRING
    code = f"{address.length}s" if text else "H" if address.bit is not None else address.kind.code
    return _Slot(address.start - start, code, address.count, order_of(address, options))


def _layer(slots: list[_Slot]) -> list[_Slot]:
    """As many of the slots as do not overlap, from the first on."""
    layer: list[_Slot] = []
    end = 0
    for slot in sorted(slots, key=lambda slot: slot.offset):
        if slot.offset >= end:
            layer.append(slot)
            end = slot.offset + slot.registers
    return layer


def _layout(slots: list[_Slot], count: int, reverse: bool) -> struct.Struct:
    """The struct of a block of `count` registers; with `reverse` of the block read from its last register on."""
    text, at = [">"], 0
    for slot in slots:
        offset = count - slot.offset - slot.registers if reverse else slot.offset
        text.append(f"{(offset - at) * _WORD}x{slot.code}")
        at = offset + slot.registers
    text.append(f"{(count - at) * _WORD}x")
    return struct.Struct("".join(text))


def _in_order(data: bytes, order: Order) -> bytes:
    """The registers so that each value has its high byte first.

    With `order.words` they come from last to first: a value whose low word comes first then has its high word first.
    """
    if not any(order):
        return data
    if all(order):
        return data[::-1]
    words = array("H", data)
    if order.words:
        words.reverse()
    else:
        words.byteswap()
    return words.tobytes()


def _conversion(point: Point, options: ModbusOptions) -> _Convert | None:
    """What has to happen to a field to become the tag's value, None if nothing."""
    address, wanted = point.address, point.data_type
    if address.bit is not None:
        return _bit_of(address.bit, wanted)
    if address.kind is Kind.STRING:
        return _raw_text if options.read_raw_strings else _right_text if options.right_justify_strings else _text
    read = _from_bcd(address.kind.registers * 4) if address.kind in _BCD_KINDS else None
    have_float, have_bool = address.kind in _FLOAT_KINDS, address.kind is Kind.BOOL
    then: _Convert | None = None
    if wanted is DataType.BOOLEAN:
        then = None if have_bool else bool
    elif wanted is DataType.STRING:
        then = str
    elif wanted in _FLOATS:
        then = None if have_float else float
    elif wanted in _INTEGERS and (have_float or have_bool):
        then = _nearest_integer
    if read is None:
        return _checked(then) if then is not None and have_float else then
    return read if then is None else _chain(read, then)


def _chain(first: _Convert, second: _Convert) -> _Convert:
    return lambda field: second(first(field))


def _checked(convert: _Convert) -> _Convert:
    """`convert` for a float that is a number; infinities and NaN have no place in any other type."""

    def convert_number(field: float) -> Scalar:
        if not math.isfinite(field):
            raise Unreadable("not a number")
        return convert(field)

    return convert_number


def _nearest_integer(field: float) -> int:
    return round(field)


def _bit_of(bit: int, wanted: DataType) -> _Convert:
    if wanted is DataType.BOOLEAN:
        return lambda word: bool(word >> bit & 1)
    return lambda word: word >> bit & 1


def _text(field: bytes) -> str:
    """A string ends at its first NUL or is filled with spaces; bytes that are no UTF-8 are shown as such."""
    return field.split(b"\0", 1)[0].decode("utf-8", "replace").rstrip(" ")


def _right_text(field: bytes) -> str:
    """A string that ends where its registers do and is filled in front."""
    return field.lstrip(b"\0 ").decode("utf-8", "replace")


def _raw_text(field: bytes) -> str:
    """All of it, fillers too."""
    return field.decode("utf-8", "replace")


def _from_bcd(digits: int) -> _Convert:
    def from_bcd(number: int) -> int:
        try:
            return int(f"{number:0{digits}x}")
        except ValueError:
            raise Unreadable(f"{number:0{digits}x} is no BCD") from None

    return from_bcd


# Writing: one value at a time, checked before a byte is made of it.


def encode(address: Address, value: Scalar, options: ModbusOptions) -> bytes:
    """The registers' bytes for `value` at `address` (no bit or coil). Raises Unwritable, in words, if it can't be."""
    kind = address.kind
    if kind is Kind.STRING:
        data = _string(value, address.length, right=options.right_justify_strings)
    elif kind in _FLOAT_KINDS:
        data = _float(value, kind)
    else:
        data = _integer(value, kind)
    return _in_order(data, order_of(address, options))


def as_bool(value: Scalar) -> bool:
    """`value` for a coil or bit: a truth value, or a number that is 0 or 1. Raises Unwritable."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    raise Unwritable(f"{_shown(value)} is neither on nor off: write true, false, 1 or 0")


def _string(value: Scalar, length: int, *, right: bool) -> bytes:
    if not isinstance(value, str):
        raise Unwritable(f"{_shown(value)} is not text")
    data = value.encode("utf-8", "replace")
    if len(data) > length:
        raise Unwritable(f"the text has {len(data)} bytes, {length} fit")
    return data.rjust(length, b"\0") if right else data.ljust(length, b"\0")


def _float(value: Scalar, kind: Kind) -> bytes:
    if not isinstance(value, int | float):
        raise Unwritable(f"{_shown(value)} is not a number")
    try:
        data = struct.pack(">" + kind.code, value)
        fits = math.isfinite(value)
    except (OverflowError, struct.error):
        fits, data = False, b""
    if not fits:
        raise Unwritable(f"{_shown(value)} does not fit in a {kind.words}")
    return data


def _integer(value: Scalar, kind: Kind) -> bytes:
    if not isinstance(value, int | float):
        raise Unwritable(f"{_shown(value)} is not a number")
    if not math.isfinite(value) or value != int(value):
        raise Unwritable(f"{_shown(value)} is not a whole number, and {kind.words} takes no other")
    number = int(value)
    least, most = bounds(kind)
    if not least <= number <= most:
        raise Unwritable(f"{_shown(number)} is not between {least} and {most} ({kind.words})")
    if kind in _BCD_KINDS:
        number = int(str(number), 16)
    return struct.pack(">" + kind.code, number)


def bounds(kind: Kind) -> tuple[int, int]:
    """The least and greatest whole number that `kind` can hold."""
    width = kind.registers * WORD_BITS
    if kind in _BCD_KINDS:
        return 0, 10 ** (width // 4) - 1
    if kind.code.isupper():
        return 0, (1 << width) - 1
    return -(1 << width - 1), (1 << width - 1) - 1


def _shown(value: object) -> str:
    """A value in a message: short, whatever it is."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
