"""Ignition's Modbus addresses: `[<unit>.]<designator><address>[.<bit>|:<length>][@<order>]` (8.3 manual, Modbus).

    C1  DI7  HR1  IR12  HRUS3  HRF40  IRI_64100  3.HRF40  HRS1024:20  HR1024.3  HRF40@CDAB  HRS1024:20@BA

Addresses count from 1 (`HR1` is PDU address 0) unless the device is `zero_based`. Capital letters are customary,
small ones are accepted. The order is ours: it says for one tag what Ignition says for a whole device.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from plantgate.errors import ConfigError
from plantgate.protocols.modbus.pdu import ADDRESSES, MAX_READ_REGISTERS, Function

WORD_BITS = 16
_MAX_UNIT = 255
_MAX_CHARS = 2 * MAX_READ_REGISTERS


class Area(IntEnum):
    """The four tables of the data model (MODBUS Application Protocol V1.1b3, 4.3), as the function that reads each."""

    COILS = Function.READ_COILS
    DISCRETE_INPUTS = Function.READ_DISCRETE_INPUTS
    HOLDING_REGISTERS = Function.READ_HOLDING_REGISTERS
    INPUT_REGISTERS = Function.READ_INPUT_REGISTERS

    @property
    def has_bits(self) -> bool:
        return self <= Area.DISCRETE_INPUTS

    @property
    def writable(self) -> bool:
        return self in {Area.COILS, Area.HOLDING_REGISTERS}

    @property
    def words(self) -> str:
        return self.name.replace("_", " ").lower()


class Kind(Enum):
    """How registers are read: (suffix of the designator, registers, struct code, what it is called)."""

    BOOL = ("", 1, "?", "bit")
    INT16 = ("", 1, "h", "16-bit integer")
    UINT16 = ("US", 1, "H", "unsigned 16-bit integer")
    INT32 = ("I", 2, "i", "32-bit integer")
    UINT32 = ("UI", 2, "I", "unsigned 32-bit integer")
    INT64 = ("I_64", 4, "q", "64-bit integer")
    UINT64 = ("UI_64", 4, "Q", "unsigned 64-bit integer")
    FLOAT = ("F", 2, "f", "float")
    DOUBLE = ("D", 4, "d", "double")
    BCD16 = ("BCD", 1, "H", "4-digit BCD")
    BCD32 = ("BCD_32", 2, "I", "8-digit BCD")
    STRING = ("S", 0, "s", "string")

    @property
    def suffix(self) -> str:
        return self.value[0]

    @property
    def registers(self) -> int:
        return self.value[1]

    @property
    def code(self) -> str:
        return self.value[2]

    @property
    def words(self) -> str:
        return self.value[3]


class Order(NamedTuple):
    """How the bytes of a value lie in its registers: `words` the low register first, `bytes` the low byte first."""

    words: bool = False
    bytes: bool = False


# The letters are the bytes of a 32-bit value from the most significant one on, in the order in which they are sent; a
# 64-bit value goes by the same pattern.
_ORDERS = {
    "ABCD": Order(False, False),
    "CDAB": Order(True, False),
    "BADC": Order(False, True),
    "DCBA": Order(True, True),
}
_ORDERS_IN_A_REGISTER = {"AB": Order(False, False), "BA": Order(False, True)}
_ORDER_NAMES = {order: name for name, order in _ORDERS.items()}
_REGISTER_PREFIX = {Area.HOLDING_REGISTERS: "HR", Area.INPUT_REGISTERS: "IR"}
DESIGNATORS: dict[str, tuple[Area, Kind]] = {
    "C": (Area.COILS, Kind.BOOL),
    "DI": (Area.DISCRETE_INPUTS, Kind.BOOL),
    **{
        prefix + kind.suffix: (area, kind)
        for area, prefix in _REGISTER_PREFIX.items()
        for kind in Kind
        if kind is not Kind.BOOL
    },
}
_BY_TABLE = {value: key for key, value in DESIGNATORS.items()}
_WITH_BITS = {Kind.INT16, Kind.UINT16}
_PATTERN = re.compile(
    r"(?:(?P<unit>\d{1,4})\.)?(?P<designator>[A-Z]+(?:_(?:64|32))?)(?P<address>\d{1,6})"
    r"(?:\.(?P<bit>\d{1,3})|:(?P<length>\d{1,5}))?(?:@(?P<order>[A-Z]{1,8}))?\Z"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a value lives. `start` is the PDU address (from 0); `unit` is None where the text names none.

    `bit` is the bit of a register, 0 the least significant; `length` the bytes of a string, else 0; `order` None is
    that of the device.
    """

    area: Area
    kind: Kind
    start: int
    unit: int | None = None
    bit: int | None = None
    length: int = 0
    order: Order | None = None

    @property
    def count(self) -> int:
        """Registers or bits that it covers."""
        return self.length // 2 if self.kind is Kind.STRING else self.kind.registers

    @property
    def stop(self) -> int:
        return self.start + self.count

    def text(self, *, zero_based: bool = False) -> str:
        """The address as one writes it; `parse_address` gives the same address back."""
        unit = "" if self.unit is None else f"{self.unit}."
        number = self.start if zero_based else self.start + 1
        bit = "" if self.bit is None else f".{self.bit}"
        length = f":{self.length}" if self.kind is Kind.STRING else ""
        order = ""
        if self.order is not None:
            order = f"@{_ORDER_NAMES[self.order]}" if self.swaps_words else f"@{'BA' if self.order.bytes else 'AB'}"
        return f"{unit}{_BY_TABLE[self.area, self.kind]}{number}{bit}{length}{order}"

    @property
    def swaps_words(self) -> bool:
        """Does the order of words mean anything here? Text is read from its first register on, always."""
        return self.kind is not Kind.STRING and self.kind.registers > 1


def parse_address(text: str, *, zero_based: bool = False) -> Address:
    """The address in `text`. Raises ConfigError that says what is wrong and what would be right."""
    match = _PATTERN.match(text.strip().upper())
    if match is None:
        raise ConfigError("MB-201", f"{text!r} is no Modbus address", _shape_hint(text))
    area, kind = _designator(match["designator"], text)
    start = int(match["address"]) - (0 if zero_based else 1)
    unit = _within(match["unit"], _MAX_UNIT, "MB-203", text, "unit ids are 0 to 255")
    bit = _within(match["bit"], WORD_BITS - 1, "MB-204", text, "the bits of a register are 0 to 15")
    if bit is not None and kind not in _WITH_BITS:
        raise ConfigError("MB-205", f"{text!r}: {kind.words} has no bits", "only HR, IR, HRUS and IRUS take a bit")
    length = _length(match["length"], kind, text)
    address = Address(area, kind, start, unit, bit, length, _order(match["order"], kind, text))
    if start < 0:
        raise ConfigError("MB-206", f"{text!r}: addresses count from 1", "or set zero_based for this device")
    if address.stop > ADDRESSES:
        last = ADDRESSES - address.count + (0 if zero_based else 1)
        raise ConfigError("MB-207", f"{text!r} ends past the last address", f"the highest here is {last}")
    return address


def address_problem(text: str, *, zero_based: bool = False) -> str | None:
    """What is wrong with an address, in words, or None: for those who collect errors rather than raise them."""
    try:
        parse_address(text, zero_based=zero_based)
    except ConfigError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return None


def _designator(name: str, text: str) -> tuple[Area, Kind]:
    found = DESIGNATORS.get(name)
    if found is None:
        raise ConfigError("MB-202", f"{text!r}: there is no designator {name}", _nearest(name))
    return found


def _within(digits: str | None, most: int, code: str, text: str, hint: str) -> int | None:
    if digits is None:
        return None
    if int(digits) > most:
        raise ConfigError(code, f"{text!r}: {digits} is too high", hint)
    return int(digits)


def _length(digits: str | None, kind: Kind, text: str) -> int:
    if kind is not Kind.STRING:
        if digits is not None:
            raise ConfigError("MB-208", f"{text!r}: only a string has a length", "for a bit write HR1024.3")
        return 0
    if digits is None:
        raise ConfigError("MB-209", f"{text!r}: a string needs its length", f"for 20 characters: {text}:20")
    length = int(digits)
    if length % 2 or not 2 <= length <= _MAX_CHARS:
        hint = f"two characters fill a register: an even number from 2 to {_MAX_CHARS}"
        raise ConfigError("MB-209", f"{text!r}: length {length} is not possible", hint)
    return length


def _order(name: str | None, kind: Kind, text: str) -> Order | None:
    if name is None:
        return None
    known = _ORDERS if kind.registers > 1 else _ORDERS_IN_A_REGISTER
    if kind is Kind.BOOL or name not in known:
        hint = "coils and inputs have none" if kind is Kind.BOOL else f"{' or '.join(known)}"
        raise ConfigError("MB-212", f"{text!r}: @{name} is no byte order of a {kind.words}", hint)
    return known[name]


def _nearest(name: str) -> str:
    """The designators that somebody who wrote `name` may have meant."""
    close = difflib.get_close_matches(name, DESIGNATORS, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(DESIGNATORS)}"


def _shape_hint(text: str) -> str:
    letters = re.search(r"[A-Za-z]+(?:_\d\d)?", text)
    if letters is None:
        return "a designator comes before the number: HR40, HRF40, C12, 3.HR40"
    name = letters[0].upper()
    if name in DESIGNATORS:
        example = f"{name}1:20" if DESIGNATORS[name][1] is Kind.STRING else f"{name}1"
        return f"write it like {example} or, for unit 3, 3.{example}"
    return _nearest(name)
