"""The tables as clients see them. What changes is noted at once and put into its registers when somebody asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from plantgate.listeners.modbus_server.cells import BIT_TABLES, Cell, Entry, QualityPlace, Unfit, cells_of
from plantgate.model.quality import is_good
from plantgate.model.seams import TagReader
from plantgate.model.value import Batch, TagValue
from plantgate.protocols.modbus import ExceptionCode, Function

# What is known of each address: how a read of it is answered.
_READABLE, _BAD, _GAP = 0, 1, 2
_OFF, _ON = ord("0"), ord("1")
_REGISTER_BYTES = 2


class Refusal(Exception):  # noqa: N818 - an answer of the protocol, not a fault of ours
    """The request is answered with this exception ([AP] 7)."""

    def __init__(self, exception: ExceptionCode) -> None:
        super().__init__(exception.name)
        self.exception = exception


class _Table:
    """One table of one unit, from its first mapped address to its last.

    Registers are their bytes. Bits are a digit each: Python reads a row of digits as one number, which is the packed
    answer, a hundred times as fast as shifting them together.
    """

    def __init__(self, first: int, stop: int, gap: int, *, bits: bool) -> None:
        self.first = first
        self.stop = stop
        self.bits = bits
        self.state = bytearray([gap]) * (stop - first)
        self.data = bytearray(b"0" if bits else b"\0\0") * (stop - first)

    def put(self, start: int, data: bytes, state: int) -> None:
        at, count = start - self.first, len(data) if self.bits else len(data) // _REGISTER_BYTES
        self.state[at : at + count] = bytes([state]) * count
        if self.bits:
            self.data[at] = _ON if data[0] else _OFF
        else:
            self.data[at * _REGISTER_BYTES : (at + count) * _REGISTER_BYTES] = data

    def mark(self, start: int, stop: int, state: int) -> None:
        self.state[start - self.first : stop - self.first] = bytes([state]) * (stop - start)

    def word(self, address: int) -> int:
        at = (address - self.first) * _REGISTER_BYTES
        return int.from_bytes(self.data[at : at + _REGISTER_BYTES], "big")

    def read(self, start: int, count: int) -> bytes:
        """Bits packed ([AP] 6.1) or registers. Raises Refusal."""
        at, end = start - self.first, start - self.first + count
        if at < 0 or start + count > self.stop:
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        state = self.state[at:end]
        if state.count(_READABLE) != count:
            gap = _GAP in state
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS if gap else ExceptionCode.SERVER_DEVICE_FAILURE)
        if self.bits:
            return int(self.data[at:end][::-1], 2).to_bytes((count + 7) // 8, "little")
        return bytes(self.data[at * _REGISTER_BYTES : end * _REGISTER_BYTES])


class Image:
    """A `ChangeSink`. `keep_last`: a tag that is not good is told as its last value, else by exception 04.

    `zero_gaps`: addresses between mapped ones that belong to no entry read as 0, else as exception 02.
    """

    def __init__(self, entries: Sequence[Entry], tags: TagReader, *, keep_last: bool, zero_gaps: bool) -> None:
        self._tags = tags
        self._bad = _READABLE if keep_last else _BAD
        self._gap = _READABLE if zero_gaps else _GAP
        self.use(entries)

    def use(self, entries: Sequence[Entry]) -> None:
        """From now on these: the tags of some have other definitions."""
        self._cells = cells_of(entries)
        self._tables = _tables(self._cells, entries, self._gap)
        self._cell_at = {
            (cell.unit, cell.table, address): cell for cell in self._cells for address in range(cell.start, cell.stop)
        }
        self._cells_of_tag: defaultdict[int, list[Cell]] = defaultdict(list)
        self._qualities: defaultdict[int, list[QualityPlace]] = defaultdict(list)
        for cell in self._cells:
            for entry in cell.entries:
                self._cells_of_tag[entry.tag].append(cell)
                if entry.quality is not None:
                    self._qualities[entry.tag].append(entry.quality)
        self._changed: set[int] = set(self._cells_of_tag)
        self.units = frozenset(unit for unit, _ in self._tables)
        self.entries = len(entries)

    # ChangeSink

    def changed(self, batch: Batch) -> None:
        self._changed.update(self._cells_of_tag.keys() & batch.tags)

    # asked by requests

    def read(self, unit: int, table: Function, start: int, count: int) -> bytes:
        """The data of an answer. Raises Refusal: 02 for what is not mapped, 04 for what is not good."""
        if self._changed:
            self._refresh()
        found = self._tables.get((unit, table))
        if found is None:
            raise Refusal(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        return found.read(start, count)

    def is_mapped(self, unit: int, table: Function, start: int, count: int) -> bool:
        """Whether a read of these could succeed: only a quality may be in its way."""
        try:
            self.read(unit, table, start, count)
        except Refusal as refusal:
            return refusal.exception is not ExceptionCode.ILLEGAL_DATA_ADDRESS
        return True

    def cell(self, unit: int, table: Function, address: int) -> Cell | None:
        """What an address belongs to. The places of qualities belong to nothing: they can't be written."""
        return self._cell_at.get((unit, table, address))

    # from tags to tables

    def _refresh(self) -> None:
        changed, self._changed = self._changed, set()
        done: set[Cell] = set()
        for tag in changed:
            value = self._tags.read(tag)
            for cell in self._cells_of_tag[tag]:
                if cell.of_bits:
                    if cell not in done:
                        done.add(cell)
                        self._put_bits(cell)
                else:
                    self._put(cell, value)
            for place in self._qualities.get(tag, ()):
                self._put_quality(place, value.quality)

    def _put(self, cell: Cell, value: TagValue) -> None:
        table = self._tables[cell.unit, cell.table]
        try:
            data = cell.entries[0].encode(value.value) if value.value is not None else None
        except Unfit:
            data = None
        if data is None:
            table.mark(cell.start, cell.stop, self._bad)
        else:
            table.put(cell.start, data, _READABLE if is_good(value.quality) else self._bad)

    def _put_bits(self, cell: Cell) -> None:
        """One register from the tags of its bits: good only if all of them are."""
        table = self._tables[cell.unit, cell.table]
        word, state = table.word(cell.start), _READABLE
        for entry in cell.entries:
            value = self._tags.read(entry.tag)
            mask = 1 << (entry.bit or 0)
            try:
                on = entry.encode(value.value) != b"\0"
            except Unfit:
                on, state = bool(word & mask), self._bad
            word = word | mask if on else word & ~mask
            if not is_good(value.quality):
                state = self._bad
        table.put(cell.start, word.to_bytes(_REGISTER_BYTES, "big"), state)

    def _put_quality(self, place: QualityPlace, quality: int) -> None:
        table = self._tables[place.unit, place.table]
        data = bytes([is_good(quality)]) if table.bits else quality.to_bytes(_REGISTER_BYTES, "big")
        table.put(place.start, data, _READABLE)


def _tables(cells: Iterable[Cell], entries: Iterable[Entry], gap: int) -> dict[tuple[int, Function], _Table]:
    spans: dict[tuple[int, Function], tuple[int, int]] = {}
    places = [(cell.unit, cell.table, cell.start, cell.stop) for cell in cells]
    places += [(each.unit, each.table, each.start, each.start + 1) for entry in entries if (each := entry.quality)]
    for unit, table, start, stop in places:
        first, last = spans.get((unit, table), (start, stop))
        spans[unit, table] = min(first, start), max(last, stop)
    return {key: _Table(first, stop, gap, bits=key[1] in BIT_TABLES) for key, (first, stop) in spans.items()}
