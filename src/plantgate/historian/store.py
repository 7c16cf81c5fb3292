"""The embedded history store, write side: one SQLite file, used by one thread at a time.

The log is replayed in order when the store opens. A row is either points, or a list of tags whose earlier points are in
blocks by now (written in the transaction that wrote the blocks) or follow once more in the next row (`carry`: the few
points of slow tags, so that the beginning of the log can be cut).

A `Store` whose commit failed is dead: SQLite's fsync is never tried again on that connection (PostgreSQL's lesson: a
second fsync may succeed falsely). The owner discards it and opens the file anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

from plantgate.errors import StorageError
from plantgate.historian import writing
from plantgate.historian.codec import Header, Kind, Points, decode, encode, kind_of
from plantgate.historian.hot import Buffer, Columns, Row, unpack_tags
from plantgate.historian.schema import (
    APPLICATION,
    SCHEMA,
    SEALED,
    VERSION,
    Gap,
    Totals,
    file_bytes,
    span,
)
from plantgate.historian.writing import Block, Doomed, LogRow, Plan, joined
from plantgate.limits import (
    HISTORY_BLOCK_POINTS,
    HISTORY_HOT_POINTS,
    HISTORY_LOG_POINTS,
    HISTORY_LOG_ROWS,
    HISTORY_SEAL_POINTS,
)
from plantgate.model.history import StoreStats
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType
from plantgate.runtime import sqlite_file
from plantgate.runtime.files import private_folder

_WAL_BYTES = 8_388_608  # a checkpoint stalls commits for as long as the disk needs for so much
_SEALS = 64  # blocks per commit, so that sealing many tags at once spreads over several commits
_CARRIES = 1_024
_SLOW_POINTS = 64  # a slow tag with fewer points is carried on rather than sealed
_SLOW_AGE = 6 * 3_600_000_000  # unless its oldest point is older than this (microseconds)
_CHECKED_BLOCKS = 64


class Store:
    """See the module. Every method raises StorageError; after that only `discard` is allowed."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self.tags: dict[str, int] = {}
        self._kinds: dict[int, Kind] = {}
        self._types: dict[int, DataType] = {}
        self._new_tags: list[int] = []
        self.hot: dict[int, Buffer] = {}  # in order of their oldest commit
        self._hot_weight = 0
        self._until_scan = 0
        self._full: deque[int] = deque()
        self._log: deque[tuple[int, int]] = deque()
        self._log_points = 0
        self._cut = 0
        self._last_t1: dict[int, int] = {}
        self._totals = Totals(0, 0, None, None, 0, 0)
        self._appended_t: tuple[int, int] | None = None
        self.damaged: list[str] = []
        self.last_seq = 0

    # --- opening ----------------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: Path, connect: sqlite_file.Connect = sqlite_file.connect, *, settle: bool = False) -> Store:
        """Open or create the store and read what is not in blocks yet.

        With `settle` (after a failure) everything SQLite still has in its log is written into the file once more and
        fsynced first. Raises StorageError; `sqlite_file.DAMAGED` means that the file is no use any more.
        The check is bounded: the whole log and the newest 64 blocks; older blocks are checked whenever they are read.
        """
        try:
            private_folder(path.parent)
            connection = connect(path)
        except (sqlite3.Error, OSError) as error:
            raise sqlite_file.storage_error(path, error) from error
        store = cls(path, connection)
        try:
            sqlite_file.prepare(connection, path, APPLICATION, VERSION, SCHEMA)
            store._settle(must=settle)
            store._load()
        except (sqlite3.Error, OSError) as error:
            sqlite_file.discard(connection)
            raise sqlite_file.storage_error(path, error) from error
        except StorageError:
            sqlite_file.discard(connection)
            raise
        return store

    def _settle(self, *, must: bool) -> None:
        if not sqlite_file.checkpoint(self._db, "TRUNCATE") and must:
            raise StorageError("HI-113", f"{self.path}: another process is reading the file", "wait until it ends")

    def _load(self) -> None:
        for tag, path, data_type in self._db.execute("SELECT id, path, data_type FROM tag"):
            self._remember(tag, path, DataType(data_type))
        row = self._db.execute("SELECT points, blocks, t0, t1, last_block, last_seq FROM totals").fetchone()
        if row is None:
            raise StorageError(sqlite_file.DAMAGED, f"{self.path}: the file is damaged (no totals)")
        self._totals = Totals(*row)
        self.last_seq = self._totals.last_seq
        for seq, kind, n, crc, data in self._db.execute("SELECT seq, kind, n, crc, data FROM log ORDER BY seq"):
            self._replay(seq, kind, n, crc, data)
        newest = "SELECT head.n, head.crc, body.data FROM head JOIN body USING(id) WHERE body.id > ?"
        for n, crc, data in self._db.execute(newest, (self._totals.last_block - _CHECKED_BLOCKS,)):
            with self._noting("a block"):
                decode(data, n, crc)
        self._scan()

    def _replay(self, seq: int, kind: int, n: int, crc: int, data: bytes) -> None:
        self.last_seq = seq
        self._log.append((seq, n))
        self._log_points += n
        with self._noting(f"row {seq} of the log"):
            if kind == SEALED:
                for tag in unpack_tags(data, crc):
                    self.hot.pop(tag, None)
            else:
                self._append(seq, Row.read(data, crc).columns())

    @contextlib.contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        """Damage costs what is damaged, and is said."""
        try:
            yield
        except StorageError as error:
            self.damaged.append(f"{what}: {error.message}")

    def _remember(self, tag: int, path: str, data_type: DataType) -> None:
        self.tags[path] = tag
        self._types[tag] = data_type
        self._kinds[tag] = kind_of(data_type)

    # --- tags -------------------------------------------------------------------------------------------

    def resolve(self, definitions: Iterable[TagDefinition]) -> list[int]:
        """The ids of tags; new ones (and new data types) are written with the next commit."""
        ids = []
        newest = max(self._types, default=0)
        for definition in definitions:
            tag = self.tags.get(definition.path)
            if tag is None or self._types[tag] is not definition.data_type:
                if tag is None:
                    tag = newest = newest + 1
                self._remember(tag, definition.path, definition.data_type)
                self._new_tags.append(tag)
            ids.append(tag)
        return ids

    # --- writing ----------------------------------------------------------------------------------------

    def commit(self, columns: Columns, gaps: Sequence[Gap] = (), packed: bytes | None = None) -> None:
        """Store `columns` durably: they are on disk when this returns, and only then seen by queries.

        Takes along the sealing that is due. `packed` is `pack(columns)` if the caller has it already.
        """
        plan = self._plan()
        blocks = [(tag, *block) for tag, buffer in plan.seal.items() for block in self._blocks(tag, buffer)]
        totals = Totals(**{name: getattr(self._totals, name) for name in Totals.__slots__})
        rows = writing.log_rows(plan, columns, packed, self.last_seq)
        totals.last_seq = rows[-1][0] if rows else self.last_seq
        for _, head, _ in blocks:
            totals.add(head)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            writing.write_tags(self._db, self._new_tag_rows())
            writing.write_blocks(self._db, blocks, totals)
            writing.write_log(self._db, rows)
            writing.write_gaps(self._db, gaps)
            if self._cut_log() or blocks:
                writing.write_totals(self._db, totals)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise sqlite_file.storage_error(self.path, error) from error
        self._apply(plan, blocks, totals, rows, columns)

    def _new_tag_rows(self) -> list[tuple[int, str, str]]:
        paths = {tag: path for path, tag in self.tags.items()} if self._new_tags else {}
        return [(tag, paths[tag], self._types[tag].value) for tag in self._new_tags]

    def _cut_log(self) -> bool:
        """Delete the rows that `_trim` has forgotten. True if there were any."""
        if not self._log or self._log[0][0] <= self._cut:
            return False
        self._cut = self._log[0][0]
        writing.cut_log(self._db, self._cut)
        return True

    def _apply(
        self,
        plan: Plan,
        blocks: Sequence[Block],
        totals: Totals,
        rows: Sequence[LogRow],
        columns: Columns,
    ) -> None:
        """Do in memory what is on disk by now."""
        self._new_tags.clear()
        self._totals = totals
        for tag, buffer in plan.seal.items():
            self._hot_weight -= len(buffer) * buffer.weight
            del self.hot[tag]
        for tag, head, _ in blocks:
            self._last_t1[tag] = max(head.t1, self._last_t1.get(tag, head.t1))
        for tag, buffer in plan.carry.items():
            del self.hot[tag]
            buffer.first_seq = rows[1][0]
            self.hot[tag] = buffer
        self._log.extend((seq, n) for seq, _, n, _, _ in rows)
        self._log_points += sum(row[2] for row in rows)
        self.last_seq = rows[-1][0]
        if len(columns):
            self._append(self.last_seq, columns)
        self._until_scan -= len(columns)
        if self._until_scan <= 0:
            self._scan()
        self._trim()

    def _append(self, seq: int, columns: Columns) -> None:
        hot, newest = self.hot, self._totals.last_block
        for tag, time, quality, value in zip(
            columns.tags, columns.times, columns.qualities, columns.values, strict=True
        ):
            buffer = hot.get(tag)
            if buffer is None:
                buffer = hot[tag] = Buffer(self._kinds.get(tag, Kind.MIXED), seq, newest)
            buffer.append(time, quality, value)
        self._hot_weight += len(columns)

    def _scan(self) -> None:
        """Find the buffers that are ready for a block. Costs O(1) per point: it waits until one can be full again."""
        sizes = [(len(buffer), buffer.weight, tag) for tag, buffer in self.hot.items()]
        self._hot_weight = sum(size * weight for size, weight, _ in sizes)
        self._full = deque(tag for size, _, tag in sizes if size >= HISTORY_SEAL_POINTS)
        largest = max((size for size, _, _ in sizes if size < HISTORY_SEAL_POINTS), default=0)
        self._until_scan = max(HISTORY_SEAL_POINTS - largest, len(sizes))

    def _trim(self) -> None:
        """Forget the rows at the beginning of the log of which every point is in a block (or carried on)."""
        first = next(iter(self.hot.values()), None)
        floor = self.last_seq if first is None else first.first_seq
        while self._log and self._log[0][0] < floor:
            self._log_points -= self._log.popleft()[1]

    # --- sealing ----------------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        plan = Plan()
        while self._full and len(plan.seal) < _SEALS:
            tag = self._full.popleft()
            if tag in self.hot:
                plan.seal[tag] = self.hot[tag]
        self._relieve_memory(plan)
        self._relieve_log(plan)
        return plan

    def _relieve_memory(self, plan: Plan) -> None:
        excess = self._hot_weight - HISTORY_HOT_POINTS
        # Far above the bound (intake is faster than 64 blocks a commit can follow) the limit per commit gives way.
        most = _SEALS if excess < HISTORY_HOT_POINTS // 4 else 4 * _SEALS
        for tag, buffer in self.hot.items():
            if excess <= 0 or len(plan.seal) >= most:
                return
            excess -= len(buffer) * buffer.weight
            plan.seal[tag] = buffer

    def _relieve_log(self, plan: Plan) -> None:
        """When the log is too long: seal or carry on the tags that keep its oldest eighth."""
        if self._log_points <= HISTORY_LOG_POINTS and len(self._log) <= HISTORY_LOG_ROWS:
            return
        boundary = self._log[len(self._log) // 8][0]
        newest = max((buffer.times[-1] for buffer in islice(reversed(self.hot.values()), 1)), default=0)
        for tag, buffer in islice(self.hot.items(), _CARRIES):
            if buffer.first_seq > boundary:
                return
            if tag in plan.seal:
                continue
            slow = len(buffer) < _SLOW_POINTS and newest - buffer.times[0] < _SLOW_AGE
            (plan.carry if slow else plan.seal)[tag] = buffer

    def _blocks(self, tag: int, buffer: Buffer) -> Iterable[tuple[Header, bytes]]:
        """The blocks of one buffer. Late points get blocks of their own, so that the others don't overlap in time."""
        times, values, codes = buffer.raw()
        late = 0
        border = self._newest_block_time(tag)
        if border is not None and times[0] <= border:
            late = sum(1 for time in times if time <= border)
        edges = [*range(0, late, HISTORY_BLOCK_POINTS), *range(late, len(times), HISTORY_BLOCK_POINTS), len(times)]
        for start, end in pairwise(edges):
            chosen = codes[start:end]
            good = max(chosen) < 256
            yield encode(buffer.kind, Points(times[start:end], values[start:end], chosen, good=good))

    def _newest_block_time(self, tag: int) -> int | None:
        if tag not in self._last_t1:
            try:
                row = self._db.execute("SELECT max(t1) FROM head WHERE tag = ?", (tag,)).fetchone()
            except sqlite3.Error as error:
                raise sqlite_file.storage_error(self.path, error) from error
            if row[0] is None:
                return None
            self._last_t1[tag] = row[0]
        return self._last_t1[tag]

    # --- upkeep -----------------------------------------------------------------------------------------

    def adopt(self, other: Store) -> None:
        """Take over what `other`, whose file is damaged, still has in memory: its tags and the points not in blocks.

        Only for an empty store.
        """
        for path, tag in other.tags.items():
            self._remember(tag, path, other._types[tag])
            self._new_tags.append(tag)
        self.commit(joined(other.hot))

    def tidy(self) -> None:
        """Checkpoint when SQLite's log has grown; called between commits."""
        try:
            wal = self.path.with_name(f"{self.path.name}-wal")
            if wal.exists() and wal.stat().st_size > _WAL_BYTES:
                sqlite_file.checkpoint(self._db, "PASSIVE")
        except (sqlite3.Error, OSError) as error:
            raise sqlite_file.storage_error(self.path, error) from error

    def expire(self, before: int, most: int = 500) -> bool:
        """Delete up to `most` blocks that end before `before` (microseconds UTC). True if there may be more.

        Space is reused by later blocks; the file does not shrink. Points that are not in blocks are young and stay.
        """
        try:
            doomed = writing.doomed_blocks(self._db, self._types, before, most)
            if doomed:
                self._delete(doomed, before)
        except sqlite3.Error as error:
            raise sqlite_file.storage_error(self.path, error) from error
        return len(doomed) >= most

    def _delete(self, doomed: Sequence[Doomed], before: int) -> None:
        totals = self._totals
        points, blocks = totals.points - sum(row[3] for row in doomed), totals.blocks - len(doomed)
        t0 = None if totals.t0 is None else max(totals.t0, before)
        self._db.execute("BEGIN IMMEDIATE")
        writing.delete_blocks(self._db, doomed)
        self._db.execute("UPDATE totals SET points = ?, blocks = ?, t0 = ?", (points, blocks, t0))
        self._db.execute("COMMIT")
        totals.points, totals.blocks, totals.t0 = points, blocks, t0

    @property
    def points(self) -> int:
        """Points on disk, in blocks and in the log."""
        return self._totals.points + sum(map(len, list(self.hot.values())))

    def stats(self) -> StoreStats:
        """Figures of the store; may be called from another thread."""
        totals, hot = self._totals, list(self.hot.values())
        t0, t1 = span(totals.t0, totals.t1, hot)
        points = sum(map(len, hot))
        return StoreStats(
            points=totals.points + points,
            tags=len(self.tags),
            blocks=totals.blocks,
            hot_points=points,
            bytes=file_bytes(self.path),
            oldest=t0,
            newest=t1,
        )

    def close(self) -> None:
        """Write SQLite's log into the file and close. What was committed is safe whether or not this succeeds."""
        try:
            sqlite_file.checkpoint(self._db, "TRUNCATE")
            self._db.close()
        except sqlite3.Error as error:
            raise sqlite_file.storage_error(self.path, error) from error

    def discard(self) -> None:
        """Close after a failure."""
        sqlite_file.discard(self._db)
