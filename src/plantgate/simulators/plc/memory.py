"""The line as a Modbus device: four tables of words and bits, made from the map, and writes turned into commands."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plantgate.simulators.plc.line import BottlingLine
from plantgate.simulators.plc.table import EXTRA_FIRST, ROWS, Row

_CODES = {"HRF": "f", "IRF": "f", "IRUI": "I", "HRUS": "H", "IRUS": "H"}
_REFRESH = 0.02  # seconds: several reads of one poll see the same moment


@dataclass(frozen=True, slots=True)
class Write:
    """A command that arrived over the wire: the row, and the value as the line took it."""

    row: Row
    value: bool | int | float | str


class PlcMemory:
    """Images of the four tables at a time; `clock` gives seconds.

    `coils` and `inputs` are bits, `holding` and `input_registers` words, from PDU address 0 on.
    """

    def __init__(self, line: BottlingLine, clock: Callable[[], float], extra: int = 0) -> None:
        self.line = line
        self.extra = extra
        self._clock = clock
        self._read_at = -1.0
        self._coils = [row for row in ROWS if row.designator == "C"]
        self._inputs = [row for row in ROWS if row.designator == "DI"]
        self._holding = [row for row in ROWS if row.designator.startswith("HR")]
        self._measured = [row for row in ROWS if row.designator.startswith("IR")]
        self.refresh()

    def refresh(self) -> None:
        """Bring the images to now."""
        now = self._clock()
        if now - self._read_at < _REFRESH:
            return
        self._read_at = now
        self.line.advance(now)
        self.coils = [bool(row.get(self.line)) for row in self._coils]
        self.inputs = [bool(row.get(self.line)) for row in self._inputs]
        self.holding = self._words(self._holding)
        self.input_registers = self._words(self._measured)

    def _words(self, rows: Sequence[Row]) -> list[int]:
        data = b"".join(_pack(row, row.get(self.line)) for row in rows)
        return list(struct.unpack(f">{len(data) // 2}H", data))

    def extra_words(self, first: int, count: int) -> list[int]:
        """`count` registers for load tests from index `first` on; each counts upwards at its own pace."""
        ticks = int(self._clock() * 10)
        return [(index * 7 + ticks * (1 + index % 5)) & 0xFFFF for index in range(first, first + count)]

    def write_coils(self, start: int, values: Sequence[bool]) -> list[Write]:
        """Command the line. Raises LookupError for a coil that is not there."""
        rows = self._coils[start : start + len(values)]
        if len(rows) != len(values):
            raise LookupError("there is no such coil")
        return [self._command(row, bool(value)) for row, value in zip(rows, values, strict=True)]

    def write_registers(self, start: int, words: Sequence[int]) -> list[Write]:
        """Command the line by whole values. LookupError: not whole values; ValueError: one outside its range."""
        data = struct.pack(f">{len(words)}H", *words)
        writes: list[tuple[Row, bool | int | float | str]] = []
        at = start
        for row in self._holding:
            size = len(_pack(row, row.get(self.line)))
            if row.number - 1 == at and len(data) >= size:
                writes.append((row, _unpack(row, data[:size])))
                data = data[size:]
                at += size // 2
        if data:
            raise LookupError("a write has to cover whole values")
        for row, value in writes:
            _check_range(row, value)
        return [self._command(row, value) for row, value in writes]

    def _command(self, row: Row, value: bool | int | float | str) -> Write:
        assert row.set is not None
        row.set(self.line, value)
        self._read_at = -1.0
        return Write(row, value)


def is_extra(address: int) -> bool:
    """Is this PDU address one of the registers for load tests?"""
    return address >= EXTRA_FIRST - 1


def _pack(row: Row, value: bool | int | float | str) -> bytes:
    if row.length:
        return str(value).encode("utf-8", "replace")[: row.length].ljust(row.length, b"\0")
    return struct.pack(">" + _CODES[row.designator], value)


def _unpack(row: Row, data: bytes) -> bool | int | float | str:
    if row.length:
        return data.split(b"\0", 1)[0].decode("utf-8", "replace")
    value: int | float = struct.unpack(">" + _CODES[row.designator], data)[0]
    return value


def _check_range(row: Row, value: bool | int | float | str) -> None:
    low, high = row.low, row.high
    if isinstance(value, int | float) and low is not None and high is not None and not low <= value <= high:
        raise ValueError(f"{row.name} takes {low:g} to {high:g}")
