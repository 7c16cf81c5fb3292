"""A history file read by another process: beside a running gateway, or at rest."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from plantgate.errors import StorageError
from plantgate.historian.codec import Kind, Points, kind_of
from plantgate.historian.hot import Buffer, Row, unpack_tags
from plantgate.historian.reading import NOTHING, BlockReader, Wanted, series, unknown_tag
from plantgate.historian.schema import APPLICATION, FILE_NAME, POINTS, SEALED, VERSION, file_bytes
from plantgate.model.history import Series, StoreStats
from plantgate.model.tag import full_path
from plantgate.model.value import DataType
from plantgate.runtime import sqlite_file

_LOG = "SELECT kind, crc, data FROM log ORDER BY seq"
_SLICE_US = 6 * 3_600_000_000


class HistoryFile:
    """Reads only. Each call sees one state of the file, however much the gateway writes meanwhile.

    Raises StorageError (HI-112 to 116) when the file is missing, damaged, or can't be read. Damaged parts are left out
    and described in `damaged`.
    """

    def __init__(self, data: Path) -> None:
        self.path = data / "state" / FILE_NAME
        self.damaged: list[str] = []
        self._db = sqlite_file.connect_reader(self.path)
        try:
            with self._snapshot():
                sqlite_file.identify(self._db, self.path, APPLICATION, VERSION)
                self._read_tags()
        except StorageError:
            self.close()
            raise
        self._blocks = BlockReader(self._db, self.damaged.append)

    def _read_tags(self) -> None:
        self.tags: dict[str, int] = {}
        self._kinds: dict[int, Kind] = {}
        for tag, path, data_type in self._db.execute("SELECT id, path, data_type FROM tag ORDER BY path"):
            self.tags[path] = tag
            self._kinds[tag] = kind_of(DataType(data_type))

    def __enter__(self) -> HistoryFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        sqlite_file.discard(self._db)

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise sqlite_file.storage_error(self.path, error) from error

    def tag(self, path: str) -> int:
        """The id of a tag; raises UsageError HI-201 naming the nearest paths."""
        full = full_path(path)
        if full not in self.tags:
            raise unknown_tag(full, list(self.tags))
        return self.tags[full]

    def query(self, path: str, start: int, end: int, max_points: int | None = None, *, seed: bool = False) -> Series:
        """As `Historian.query`."""
        tag = self.tag(path)
        with self._snapshot():
            hot = self._hot([tag]).get(tag, NOTHING)
            points = self._blocks.points(tag, Wanted(start, end, max_points, seed), hot)
        return series(full_path(path), points)

    def export(self, path: str, start: int, end: int) -> Iterator[Series]:
        """All points between `start` and `end`, six hours at a time, so that years fit in memory."""
        tag = self.tag(path)
        with self._snapshot():
            hot = self._hot([tag]).get(tag, NOTHING)
            row = self._db.execute("SELECT min(t1 - span), max(t1) FROM head WHERE tag = ?", (tag,)).fetchone()
            known = [time for time in (*row, *hot.times[:1], *hot.times[-1:]) if time is not None]
            if not known:
                return
            first, last = max(start, min(known)), min(end, max(known))
            while first <= last:
                wanted = Wanted(first, min(first + _SLICE_US - 1, last))
                yield series(full_path(path), self._blocks.points(tag, wanted, hot))
                first = self._next_time(tag, wanted.end + 1, hot)

    def _next_time(self, tag: int, start: int, hot: Points) -> int:
        """Where the next slice begins: an empty decade is not walked through in steps of six hours."""
        query = "SELECT t1 - span FROM head WHERE tag = ? AND t1 >= ? ORDER BY t1 LIMIT 1"
        row = self._db.execute(query, (tag, start)).fetchone()
        later = [max(start, row[0])] if row else []
        later += [time for time in hot.times if time >= start][:1]
        return min(later, default=1 << 62)

    def _hot(self, tags: Sequence[int] | None) -> Mapping[int, Points]:
        """What is not in blocks yet, of `tags` or of all: one pass over the log."""
        buffers: dict[int, Buffer] = {}
        for kind, crc, data in self._db.execute(_LOG):
            try:
                if kind == SEALED:
                    for tag in unpack_tags(data, crc):
                        buffers.pop(tag, None)
                elif kind == POINTS:
                    self._add(buffers, Row.read(data, crc), tags)
            except StorageError as error:
                self.damaged.append(error.message)
        return {tag: buffer.points() for tag, buffer in buffers.items()}

    def _add(self, buffers: dict[int, Buffer], row: Row, tags: Sequence[int] | None) -> None:
        places = range(len(row.tags)) if tags is None else [at for tag in tags for at in row.positions(tag)]
        if not len(places):
            return
        columns = row.columns()
        for at in places:
            tag = columns.tags[at]
            if tag not in buffers:
                buffers[tag] = Buffer(self._kinds.get(tag, Kind.MIXED), 0, 0)
            buffers[tag].append(columns.times[at], columns.qualities[at], columns.values[at])

    def stats(self) -> StoreStats:
        """What is on disk at this moment."""
        with self._snapshot():
            points, blocks, t0, t1 = self._db.execute("SELECT points, blocks, t0, t1 FROM totals").fetchone()
            hot = self._hot(None).values()
        times = [time for held in hot for time in (held.times[0], held.times[-1])]
        times += [time for time in (t0, t1) if time is not None]
        return StoreStats(
            points=points + sum(map(len, hot)),
            tags=len(self.tags),
            blocks=blocks,
            hot_points=sum(map(len, hot)),
            bytes=file_bytes(self.path),
            oldest=min(times, default=None),
            newest=max(times, default=None),
        )

    def check(self, advance: Callable[[int], None]) -> int:
        """Read every row of the log and every block; gives the number of damaged ones. `advance` as in `blocks`."""
        before = len(self.damaged)
        with self._snapshot():
            self._hot(None)
            self._blocks.check(advance)
        return len(self.damaged) - before
