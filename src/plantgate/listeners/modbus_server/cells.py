"""What lies where in the four tables ([AP] 4.3): entries of the map, gathered into cells.

A cell is what is only written as a whole: one coil, the registers of one value, or one register whose bits are tags of
their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from plantgate.model.value import Scalar
from plantgate.protocols.modbus import Function

# A table is named by the function that reads it.
BIT_TABLES = frozenset({Function.READ_COILS, Function.READ_DISCRETE_INPUTS})


class Unfit(ValueError):  # noqa: N818 - a state of the value, as in a tag quality
    """A value that a register can't hold, or registers that hold no value."""


@dataclass(frozen=True, slots=True)
class QualityPlace:
    """Where the quality of a tag is told: its code in a register, or one bit that is on while it is good."""

    table: Function
    unit: int
    start: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag at one place. `start` is the address on the wire (from 0), `count` the registers or bits it covers.

    `bit` is that of a register (0 the least significant), else None. `encode` gives the registers' bytes of a value,
    or one byte 0 or 1 for a bit or coil; `decode` is its inverse; both raise Unfit.
    """

    tag: int
    path: str
    table: Function
    unit: int
    start: int
    count: int
    encode: Callable[[Scalar], bytes]
    decode: Callable[[bytes], Scalar]
    bit: int | None = None
    writable: bool = False
    quality: QualityPlace | None = None

    @property
    def stop(self) -> int:
        return self.start + self.count


@dataclass(slots=True, eq=False)
class Cell:
    """`entries` is one, or those of the bits of one register."""

    table: Function
    unit: int
    start: int
    stop: int
    entries: list[Entry] = field(default_factory=list)

    @property
    def of_bits(self) -> bool:
        """A register whose bits are tags."""
        return self.entries[0].bit is not None


def cells_of(entries: Iterable[Entry]) -> list[Cell]:
    """The cells of a map without overlaps (the configuration is checked for these)."""
    cells: dict[tuple[Function, int, int], Cell] = {}
    for entry in entries:
        key = (entry.table, entry.unit, entry.start)
        cell = cells.setdefault(key, Cell(entry.table, entry.unit, entry.start, entry.stop))
        cell.entries.append(entry)
    return list(cells.values())
