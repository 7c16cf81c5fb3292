"""An address map: names that a plant is used to (`N7:3`, `DB1.17`) for Modbus addresses, as Ignition's driver has them.

A CSV file, a row a range of names, the columns Ignition's:

    prefix,start,end,step,radix,unit,type,address
    N7:,0,99,1,10,,HR,1                  N7:0 is HR1, N7:99 is HR100; N7:3.5 is bit 5 of N7:3
    F8:,0,98,2,10,3,HRF@CDAB,201         F8:0 is 3.HRF201@CDAB, F8:2 is 3.HRF203@CDAB
    B,0,1F,1,16,,C,1                     B0 is C1, B1F is C32

`start`, `end` and the numbers in names are in `radix` (empty: 10); `step` is what the names count by (empty: 1). Each
name takes as many registers as its type. `type` is a designator with what else belongs to it (`HRS:20`, `HRF@CDAB`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from plantgate.config.problems import ConfigErrors
from plantgate.drivers.modbus.address import Address, parse_address
from plantgate.errors import ConfigError
from plantgate.limits import CONFIG_ERRORS, MODBUS_MAP_ROWS

COLUMNS: Final = ("prefix", "start", "end", "step", "radix", "unit", "type", "address")
_NEEDED: Final = {"prefix", "start", "end", "type", "address"}
_TYPE: Final = re.compile(r"(?P<designator>[A-Za-z]+(?:_\d\d)?)(?P<length>:\d+)?(?P<order>@[A-Za-z]+)?\Z")
_NUMBER: Final = re.compile(r"(?P<digits>[0-9A-Za-z]+)(?:\.(?P<bit>\d\d?))?\Z")
_KEPT_FILES: Final = 64


@dataclass(frozen=True, slots=True)
class Row:
    """A range of names, as it is written. `unit` None is the device's; `address` is the first name's, as in a tag."""

    prefix: str
    start: int
    end: int
    step: int
    radix: int
    unit: int | None
    type: str
    address: int

    def at(self, index: int, bit: str = "", *, zero_based: bool = False) -> Address:
        """The address of the name with number `index`. Raises ConfigError."""
        found = _TYPE.match(self.type)
        if found is None:
            raise ConfigError("MB-221", f"type {self.type!r} is no designator", "write HR, HRF, C, HRS:20 or HRF@CDAB")
        unit = "" if self.unit is None else f"{self.unit}."
        designator, length, order = found["designator"], found["length"] or "", found["order"] or ""
        first = parse_address(f"{unit}{designator}{self.address}{length}{order}", zero_based=zero_based)
        number = self.address + (index - self.start) // self.step * first.count
        return parse_address(f"{unit}{designator}{number}{bit}{length}{order}", zero_based=zero_based)

    @property
    def count(self) -> int:
        return (self.end - self.start) // self.step + 1

    def number(self, index: int) -> str:
        """`index` in the row's radix."""
        return {8: f"{index:o}", 16: f"{index:X}"}.get(self.radix, str(index))


@dataclass(frozen=True, slots=True)
class AddressMap:
    """The rows of a file, none for a device without one."""

    rows: tuple[Row, ...] = ()

    def find(self, name: str, *, zero_based: bool = False) -> Address | None:
        """The address that `name` stands for, None if no row has it. Raises ConfigError."""
        for row in self.rows:
            if not name.startswith(row.prefix):
                continue
            found = _NUMBER.match(name[len(row.prefix) :])
            index = None if found is None else _number(found["digits"], row.radix)
            if found is None or index is None or not row.start <= index <= row.end or (index - row.start) % row.step:
                continue
            return row.at(index, f".{found['bit']}" if found["bit"] else "", zero_based=zero_based)
        return None

    def address(self, text: str, *, zero_based: bool = False) -> Address:
        """The address of a name of the map, else of an address as the driver writes it. Raises ConfigError."""
        return self.find(text.strip(), zero_based=zero_based) or parse_address(text, zero_based=zero_based)

    def names(self, *, zero_based: bool = False) -> Iterable[tuple[str, Address]]:
        """Every name with its address."""
        for row in self.rows:
            for index in range(row.start, row.end + 1, row.step):
                yield f"{row.prefix}{row.number(index)}", row.at(index, zero_based=zero_based)


@lru_cache(_KEPT_FILES)
def _read(path: Path, _stamp: tuple[int, int]) -> AddressMap:
    return read_map(path.read_text(encoding="utf-8-sig"), path.name)


def load_map(path: str | Path) -> AddressMap:
    """The map in a file; read anew only when the file has changed. Raises ConfigErrors, file and line of each."""
    path = Path(path)
    try:
        about = path.stat()
        return _read(path, (about.st_mtime_ns, about.st_size))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError("MB-220", f"address map {path}: can't be read ({why})") from None


def read_map(text: str, name: str) -> AddressMap:
    """The map in CSV text; `name` stands for the file in errors. Raises ConfigErrors with all that is wrong."""
    errors: list[ConfigError] = []
    rows: list[tuple[int, Row]] = []
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text))
    header = [cell.strip().lower().replace(" ", "_") for cell in next(reader, [])]
    aliases = {"unit_id": "unit", "modbus_type": "type", "modbus_address": "address"}
    header = [aliases.get(cell, cell) for cell in header]
    missing = sorted(_NEEDED - set(header))
    if missing:
        hint = f"the first line is {','.join(COLUMNS)}"
        raise ConfigErrors([ConfigError("MB-222", f"{name}:1: no column {', '.join(missing)}", hint)])
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) + len(errors) >= MODBUS_MAP_ROWS:
            errors.append(ConfigError("MB-223", f"{name}:{reader.line_num}: {MODBUS_MAP_ROWS} rows are the most"))
            break
        try:
            row = _row({key: cell.strip() for key, cell in zip(header, cells, strict=False)})
        except ConfigError as error:
            errors.append(ConfigError(error.code, f"{name}:{reader.line_num}: {error.message}", error.hint))
        else:
            rows.append((reader.line_num, row))
    errors += _overlaps(rows, name)
    if errors:
        raise ConfigErrors(errors[:CONFIG_ERRORS])
    return AddressMap(tuple(row for _, row in rows))


def write_map(address_map: AddressMap) -> str:
    """The map as CSV; `read_map` gives the same map back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in address_map.rows:
        unit = "" if row.unit is None else row.unit
        start, end = row.number(row.start), row.number(row.end)
        writer.writerow([row.prefix, start, end, row.step, row.radix, unit, row.type, row.address])
    return out.getvalue()


def map_of(addresses: Sequence[tuple[str, Address]], *, zero_based: bool = False) -> AddressMap:
    """The fewest rows for names and their addresses: a run of names that count on by one is one row.

    Raises ConfigError for a name that does not end in a number.
    """
    rows: list[Row] = []
    for name, address in addresses:
        found = re.match(r"(?P<prefix>.*?)(?P<number>\d+)\Z", name)
        if found is None:
            raise ConfigError("MB-224", f"{name!r} does not end in a number", "a map knows numbered names only")
        text = address.text(zero_based=zero_based)
        kind = re.sub(r"(?<=[A-Z_0-9])\d+(?=$|:|@)", "", _without_unit(text), count=1)
        number = address.start + (0 if zero_based else 1)
        row = Row(found["prefix"], int(found["number"]), int(found["number"]), 1, 10, address.unit, kind, number)
        last = rows[-1] if rows else None
        follows = last is not None and (last.prefix, last.unit, last.type, last.end + 1) == (
            row.prefix,
            row.unit,
            row.type,
            row.start,
        )
        if last is not None and follows and last.address + last.count * address.count == row.address:
            rows[-1] = Row(last.prefix, last.start, row.end, 1, 10, last.unit, last.type, last.address)
        else:
            rows.append(row)
    return AddressMap(tuple(rows))


def _without_unit(text: str) -> str:
    return re.sub(r"^\d+\.", "", text)


def _delimiter(text: str) -> str:
    """A spreadsheet of a country with a decimal comma writes semicolons."""
    head = text.partition("\n")[0]
    return ";" if head.count(";") > head.count(",") else ","


def _row(cells: dict[str, str]) -> Row:
    radix = _whole(cells, "radix", 10)
    if radix not in {8, 10, 16}:
        raise ConfigError("MB-225", f"radix {radix} is not possible", "8, 10 or 16")
    start, end = _in_radix(cells, "start", radix), _in_radix(cells, "end", radix)
    step, address = _whole(cells, "step", 1), _whole(cells, "address", None)
    if end < start:
        raise ConfigError("MB-225", f"end {cells['end']} comes before start {cells['start']}")
    if not 1 <= step <= 1_000:
        raise ConfigError("MB-225", f"step {step} is not possible", "1 to 1000")
    unit = _whole(cells, "unit", None) if cells.get("unit") else None
    row = Row(cells.get("prefix", ""), start, end, step, radix, unit, cells.get("type", ""), address)
    if not row.prefix:
        raise ConfigError("MB-225", "a row needs a prefix", "without one every number would be a name")
    # Both ends are addresses: so is what lies between them.
    row.at(row.start, zero_based=True)
    row.at(row.start + (row.count - 1) * row.step, zero_based=True)
    return row


def _whole(cells: dict[str, str], column: str, default: int | None) -> int:
    text = cells.get(column, "")
    if not text and default is not None:
        return default
    if not re.fullmatch(r"\d{1,6}", text):
        raise ConfigError("MB-225", f"{column} {text!r} is no whole number")
    return int(text)


def _in_radix(cells: dict[str, str], column: str, radix: int) -> int:
    number = _number(cells.get(column, ""), radix)
    if number is None:
        raise ConfigError("MB-225", f"{column} {cells.get(column, '')!r} is no number to the base {radix}")
    return number


def _number(digits: str, radix: int) -> int | None:
    try:
        return int(digits, radix) if len(digits) <= 6 and digits.isalnum() else None
    except ValueError:
        return None


def _overlaps(rows: list[tuple[int, Row]], name: str) -> list[ConfigError]:
    """Two rows of one prefix that share a name: which one counts would hang on their order."""
    errors = []
    ordered = sorted(rows, key=lambda item: (item[1].prefix, item[1].start))
    for (line, first), (other, second) in pairwise(ordered):
        if first.prefix == second.prefix and second.start <= first.end:
            both = f"{second.prefix}{second.number(second.start)}"
            errors.append(
                ConfigError("MB-226", f"{name}:{max(line, other)}: {both} is also in line {min(line, other)}")
            )
    return errors
