"""The badge journal: every access decision, on disk before it is reported.

One SQLite file, `DIR/state/journal.sqlite`: see journal_schema.py. Decisions that arrive while a commit runs go into
the next one together, so that a crowd at the doors costs one fsync and not one each. An id that was told never comes
back, not even after the oldest entries were deleted.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from plantgate.errors import Overload, StorageError
from plantgate.historian import journal_schema as schema
from plantgate.historian.journal_reading import JournalReader
from plantgate.limits import JOURNAL_EVENTS, JOURNAL_WAITING
from plantgate.model.badge import AccessDecision, JournalEntry
from plantgate.model.journal import EVERY_ENTRY, ChainHead, ExportForm, JournalCheck, JournalFilter
from plantgate.model.status import Health, PartStatus
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import private_folder
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker

_log = get_logger("journal")

_MOST_PER_COMMIT: Final = 1_000
_WAL_BYTES: Final = 1_048_576
_TRIM_EVERY: Final = 1_000


class Journal:
    """DecisionJournal and StatusSource. Every method is called on the event loop."""

    def __init__(
        self,
        data: Path,
        clock: Clock,
        card_of: schema.CardOf,
        *,
        most: int = JOURNAL_EVENTS,
        connect: sqlite_file.Connect = sqlite_file.connect,
    ) -> None:
        """`card_of` hides the card numbers of a file of version 1: number -> (keyed hash, last characters)."""
        self._path = data / "state" / schema.FILE_NAME
        self._clock = clock
        self._card_of = card_of
        self._most = most
        self._connect = connect
        self._worker = Worker("journal")
        self._reader = JournalReader(self._path, clock)
        self._db: sqlite3.Connection | None = None
        self._waiting: deque[tuple[AccessDecision, asyncio.Future[JournalEntry]]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks = TaskGroup("journal", clock)
        self._running = False
        self._problem: StorageError | None = None
        self._since = clock.wall()
        self._set_aside = ""
        self._untrimmed = 0
        self._last: tuple[int, bytes] | None = None  # id and hash of what was told last; None: not opened yet
        self._failed = False
        self.stored = 0
        self.failures = 0

    @property
    def waiting(self) -> int:
        """Decisions that wait for the disk."""
        return len(self._waiting)

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the journal. A file that can't be opened is a problem to show and is tried again at each append."""
        self._running = True
        self._tasks.spawn("write", self._write, restart=True)
        try:
            await self._worker.run(self._open)
        except StorageError as error:
            self._show(error)

    async def stop(self) -> None:
        """Wait for the appends that run, close the file, end the threads."""
        self._running = False
        await self._idle.wait()
        await self._tasks.stop()
        await self._worker.run(self._close)
        await self._worker.close()
        await self._reader.close()
        if self._last is not None:
            _log.info("the badge journal is closed", head=self._last[0], hash=self._last[1].hex())

    def _open(self) -> None:
        if self._db is not None:
            return
        try:
            self._db = self._connected()
        except StorageError as error:
            if error.code != sqlite_file.DAMAGED:
                raise
            self._replace(error)

    def _connected(self) -> sqlite3.Connection:
        try:
            private_folder(self._path.parent)
            connection = self._connect(self._path)
        except (sqlite3.Error, OSError) as error:
            raise sqlite_file.storage_error(self._path, error) from error
        try:
            self._prepare(connection)
            # What an earlier failure may have left in SQLite's log is written and fsynced anew before it is trusted.
            sqlite_file.checkpoint(connection, "TRUNCATE")
            if self._failed and self._last is not None:
                # Appends that were reported as failed may be there all the same; their owners may have tried again.
                connection.execute("DELETE FROM decision WHERE id > ?", (self._last[0],))
                schema.forget_ids(connection, self._last[0])
            elif self._last is None:
                self._last = schema.last_link(connection)
                self._say_head(connection, *self._last)
            self._failed = False
        except sqlite3.Error as error:
            sqlite_file.discard(connection)
            raise sqlite_file.storage_error(self._path, error) from error
        except StorageError:
            sqlite_file.discard(connection)
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        sqlite_file.prepare(connection, self._path, schema.APPLICATION, schema.VERSION, schema.SCHEMA)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < schema.VERSION:
            _log.info("the badge journal gets its new format: cards as keyed hashes, a chain of hashes")
            schema.migrate(connection, self._card_of)

    def _say_head(self, connection: sqlite3.Connection, number: int, last: bytes) -> None:
        """In the log the head vouches for what is in the file, whoever may write that file."""
        _log.info("the badge journal is open", head=number, hash=last.hex())
        if schema.missing_at_the_end(connection):
            _log.error("entries are missing at the end of the badge journal", after=number)

    def _replace(self, error: StorageError) -> None:
        try:
            kept = sqlite_file.set_aside(self._path, self._clock.wall())
        except OSError as failure:
            raise sqlite_file.storage_error(self._path, failure) from failure
        self._set_aside, self._last = kept.name, None
        _log.error("the badge journal is damaged and was set aside", kept_as=str(kept), error=error.message)
        self._db = self._connected()

    def _close(self) -> None:
        connection, self._db = self._db, None
        if connection is not None:
            sqlite_file.discard(connection)

    # --- appending --------------------------------------------------------------------------------------

    async def append(self, decision: AccessDecision) -> JournalEntry:
        """Returns after fsync.

        Raises StorageError if the decision is not on disk, Overload HI-301 if too many wait.
        """
        if not self._running:
            raise StorageError("HI-302", "the badge journal is closed", "the gateway is stopping")
        if len(self._waiting) >= JOURNAL_WAITING:
            raise Overload("HI-301", "the badge journal can't follow: its disk is too slow", "check the disk")
        mine: asyncio.Future[JournalEntry] = asyncio.get_running_loop().create_future()
        self._waiting.append((decision, mine))
        self._idle.clear()
        self._wake.set()
        return await mine

    async def _write(self) -> None:
        while True:
            while self._waiting:
                await self._write_group()
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()

    async def _write_group(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(_MOST_PER_COMMIT, len(self._waiting)))]
        error = StorageError("HI-303", "the badge journal's writer was stopped", "see the log")
        entries: list[JournalEntry] = []
        try:
            entries = await self._worker.run(self._insert, [decision for decision, _ in group])
            self._show(None)
            self.stored += len(entries)
        except StorageError as failure:
            error = failure
            self.failures += 1
            self._show(failure)
        finally:
            for place, (_, future) in enumerate(group):
                if future.done():  # its caller went away
                    continue
                if entries:
                    future.set_result(entries[place])
                else:
                    future.set_exception(error)

    def _insert(self, decisions: Sequence[AccessDecision]) -> list[JournalEntry]:
        self._open()
        assert self._db is not None
        assert self._last is not None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            first = schema.given_ids(self._db) + 1
            rows = (schema.row_of(number, decision) for number, decision in enumerate(decisions, first))
            chain = list(schema.chained(self._last[1], rows))
            self._db.executemany(schema.INSERT, chain)
            self._trim(self._db, first, len(chain))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed = True
            self._close()  # its fsync is not tried again; the next append opens the file anew
            raise sqlite_file.storage_error(self._path, error) from error
        self._last = (chain[-1][0], chain[-1][-1])
        self._tidy()
        return [JournalEntry(number, decision) for number, decision in enumerate(decisions, first)]

    def _trim(self, connection: sqlite3.Connection, first: int, count: int) -> None:
        """Keep the newest `most`; looked at every 1,000 entries."""
        self._untrimmed += count
        if self._untrimmed >= min(_TRIM_EVERY, self._most):
            self._untrimmed = 0
            schema.trim(connection, first + count - 1 - self._most)

    def _tidy(self) -> None:
        assert self._db is not None
        try:
            wal = self._path.with_name(f"{schema.FILE_NAME}-wal")
            if wal.exists() and wal.stat().st_size > _WAL_BYTES:
                sqlite_file.checkpoint(self._db, "PASSIVE")
        except (sqlite3.Error, OSError) as error:
            # The entries are safe in SQLite's log; the next append opens the file anew and writes the log out first.
            _log.warning("the badge journal's checkpoint failed", error=str(error))
            self._close()

    # --- reading ----------------------------------------------------------------------------------------

    async def newest(
        self, limit: int, before: int | None = None, wanted: JournalFilter = EVERY_ENTRY
    ) -> Sequence[JournalEntry]:
        """Up to `limit` entries, newest first, with ids below `before`. Raises StorageError."""
        last = (await self.head()).id + 1
        return await self._reader.newest(limit, last if before is None else min(before, last), wanted)

    async def entries(self, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[Sequence[JournalEntry]]:
        """All that are stored now, oldest first, in groups. Raises StorageError."""
        async for group in self._reader.entries((await self.head()).id, wanted):
            yield group

    async def export(self, form: ExportForm, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[bytes]:
        """The same as a file, for an audit: see `JournalReader.export`. Raises StorageError."""
        async for piece in self._reader.export(await self.head(), form, wanted):
            yield piece

    async def head(self) -> ChainHead:
        """The newest entry that was told as stored, and its hash. Raises StorageError."""
        if self._db is None:
            await self._worker.run(self._open)
        assert self._last is not None
        return ChainHead(self._last[0], self._last[1].hex())

    async def verify(self) -> JournalCheck:
        """Whether every entry is as it was written. Raises StorageError."""
        return await self._reader.verify(await self.head())

    def _show(self, problem: StorageError | None) -> None:
        if (self._problem is None) == (problem is None):
            return
        self._problem, self._since = problem, self._clock.wall()
        if problem is not None:
            _log.error("badge events can't be stored", error=problem.message, next=problem.hint)

    def status(self) -> Sequence[PartStatus]:
        """One tile."""
        problem = self._problem
        details: dict[str, str | int | float | None] = {
            "stored": self.stored,
            "waiting": len(self._waiting),
            "failures": self.failures,
            "set_aside": self._set_aside or None,
        }
        return [
            PartStatus(
                kind="store",
                name="badge journal",
                health=Health.FAILED if problem else Health.OK,
                state="waiting for the disk" if problem else "storing",
                since=self._since,
                reason=problem.message if problem else "",
                next_step=problem.hint if problem else "",
                details=details,
            )
        ]
