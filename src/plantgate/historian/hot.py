"""Points that are not in blocks yet: on disk a log of commits, in memory one compact buffer per tag.

A row of the log is one commit as columns (`pack`), not one row per point: the whole commit is one step of SQLite.
That matters because the sqlite3 module gives the interpreter lock away at each step: 2,000 single-row inserts took
1.4 ms beside an idle event loop and 391 ms beside a busy one (Python 3.11).
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeAlias

import msgspec

from plantgate.errors import StorageError
from plantgate.historian.codec import CODE_MASK, NULL, Kind, Points, from_little, little, without_nulls
from plantgate.limits import HISTORY_TEXT_CHARS
from plantgate.model.quality import Quality
from plantgate.model.value import Scalar

TEXT_WEIGHT = 16
_COUNT = struct.Struct("<I")
_values_encoder = msgspec.msgpack.Encoder()
_values_decoder = msgspec.msgpack.Decoder(list[bool | int | float | str | None])
_INT64 = 1 << 63
_FAR = 1 << 61  # some 73,000 years: differences of times stay within 63 bits

Column: TypeAlias = "array[int] | array[float] | list[Scalar]"
_EMPTY: dict[Kind, Callable[[], Column]] = {
    Kind.BOOL: lambda: array("b"),
    Kind.INT: lambda: array("q"),
    Kind.FLOAT: lambda: array("d"),
    Kind.TEXT: list,
    Kind.MIXED: list,
}


@dataclass(slots=True)
class Columns:
    """Points of many tags in order of arrival. `tags` are the store's own ids, `qualities` plain codes."""

    tags: Sequence[int]
    times: Sequence[int]
    qualities: Sequence[int]
    values: Sequence[Scalar]

    def __len__(self) -> int:
        return len(self.tags)


def _storable(value: Scalar) -> Scalar:
    """A value as history keeps it: texts cut and free of lone surrogates, whole numbers beyond 64 bits as floats."""
    if isinstance(value, str):
        return value[:HISTORY_TEXT_CHARS].encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return float(value) if abs(value) < 1 << 1023 else None
    return value


def clean(columns: Columns) -> Columns:
    """`columns` with what a row of the log can hold: see `_storable`; times and quality codes within their range."""
    return Columns(
        columns.tags,
        [max(-_FAR, min(time, _FAR)) for time in columns.times],
        [code & CODE_MASK for code in columns.qualities],
        [_storable(value) for value in columns.values],
    )


def join(parts: Sequence[Columns]) -> Columns:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    return Columns(
        list(chain.from_iterable(part.tags for part in parts)),
        list(chain.from_iterable(part.times for part in parts)),
        list(chain.from_iterable(part.qualities for part in parts)),
        list(chain.from_iterable(part.values for part in parts)),
    )


def pack(columns: Columns) -> bytes:
    """A row of the log: count, tag ids (4 bytes), times (8), qualities (2), values as MessagePack."""
    return b"".join(
        (
            _COUNT.pack(len(columns.tags)),
            little(array("i", columns.tags)),
            little(array("q", columns.times)),
            little(array("H", columns.qualities)),
            _values_encoder.encode(columns.values),
        )
    )


def pack_tags(tags: Sequence[int]) -> bytes:
    """A row of the log that says: every earlier point of these tags is in blocks (or repeated in the next row)."""
    return little(array("i", tags))


def _check(data: bytes, crc: int) -> None:
    if zlib.crc32(data) != crc:
        raise StorageError("HI-121", "a row of the history log is damaged: the checksum does not match")


def unpack_tags(data: bytes, crc: int) -> array[int]:
    _check(data, crc)
    return from_little("i", data)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the log, its values still packed: a reader of one tag skips most of them."""

    tags: array[int]
    data: bytes

    @classmethod
    def read(cls, data: bytes, crc: int) -> Row:
        """Raises StorageError HI-121 if the bytes are not those that were written."""
        _check(data, crc)
        try:
            (count,) = _COUNT.unpack_from(data)
            return cls(from_little("i", memoryview(data)[4 : 4 + 4 * count]), data)
        except (struct.error, ValueError) as error:
            raise StorageError("HI-121", f"a row of the history log is damaged: {error}") from error

    def columns(self) -> Columns:
        """Raises StorageError HI-121 if the columns are not of one length."""
        view, count = memoryview(self.data), len(self.tags)
        times, codes, end = 4 + 4 * count, 4 + 12 * count, 4 + 14 * count
        try:
            values = _values_decoder.decode(view[end:])
        except msgspec.MsgspecError as error:
            raise StorageError("HI-121", f"a row of the history log is damaged: {error}") from error
        if len(values) != count:
            raise StorageError("HI-121", "a row of the history log is damaged: columns of different length")
        return Columns(self.tags, from_little("q", view[times:codes]), from_little("H", view[codes:end]), values)

    def positions(self, tag: int) -> list[int]:
        """Where in the row the points of `tag` are."""
        found: list[int] = []
        index = self.tags.index
        start = 0
        while True:
            try:
                start = index(tag, start) + 1
            except ValueError:
                return found
            found.append(start - 1)


class Buffer:
    """The newest points of one tag, in order of arrival.

    One thread appends, others may copy: the quality is appended last, so that `len(qualities)` points are whole.
    A buffer is never emptied: sealing replaces it. `newest_block` is the id of the newest block in the store when the
    buffer began; whoever has copied the buffer must not also read a later block of this tag.
    """

    __slots__ = ("first_seq", "kind", "newest_block", "qualities", "times", "values", "weight")

    def __init__(self, kind: Kind, first_seq: int, newest_block: int) -> None:
        self.kind = kind
        self.first_seq = first_seq
        self.newest_block = newest_block
        self.times: array[int] = array("q")
        self.qualities: array[int] = array("H")
        self.values: Column = _EMPTY[kind]()
        self.weight = TEXT_WEIGHT if kind >= Kind.TEXT else 1

    def __len__(self) -> int:
        return len(self.qualities)

    def append(self, time: int, quality: int, value: Scalar) -> None:
        """Add one point; a value that is not of the tag's type turns the buffer into one of mixed values."""
        if value is None:
            quality |= NULL
            value = "" if self.kind is Kind.TEXT else 0
        try:
            self.values.append(value)  # type: ignore[arg-type]  # the array itself refuses what is not its type
        except (TypeError, OverflowError):
            self._mix()
            self.values.append(value)  # type: ignore[arg-type]
        self.times.append(time)
        self.qualities.append(quality)

    def _mix(self) -> None:
        count = len(self.qualities)
        mixed: list[Scalar] = list(islice(self.values, count))
        if self.kind is Kind.BOOL:
            mixed = list(map(bool, mixed))
        self.kind, self.values, self.weight = Kind.MIXED, mixed, TEXT_WEIGHT

    def raw(self) -> tuple[list[int], list[Scalar], list[int]]:
        """Times, values, qualities (with `NULL` marks) in time order; points of the same time in order of arrival."""
        count = len(self.qualities)
        kind, column = self.kind, self.values
        times, codes = self.times[:count].tolist(), self.qualities[:count].tolist()
        values: list[Scalar] = list(column[:count])
        if kind is Kind.BOOL:
            values = list(map(bool, values))
        ordered = sorted(times)
        if ordered == times:
            return times, values, codes
        order = sorted(range(count), key=times.__getitem__)
        return ordered, [values[place] for place in order], [codes[place] for place in order]

    def points(self) -> Points:
        """The same as plain points, for a query."""
        times, values, flagged = self.raw()
        shown, codes = without_nulls(values, flagged)
        return Points(times, shown, codes, good=max(flagged, default=0) < Quality.UNCERTAIN)
