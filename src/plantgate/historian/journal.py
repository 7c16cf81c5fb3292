"""The badge journal: every access decision, on disk before it is reported.

One SQLite file, `DIR/state/journal.sqlite`. Decisions that arrive while a commit runs go into the next one together, so
that a crowd at the doors costs one fsync and not one each. `id` is AUTOINCREMENT: it never comes back, not even after
the oldest entries were deleted.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from plantgate.errors import Overload, StorageError
from plantgate.historian import database
from plantgate.limits import JOURNAL_EVENTS, JOURNAL_WAITING
from plantgate.model.badge import AccessDecision, AccessVerdict, JournalEntry
from plantgate.model.status import Health, PartStatus
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import private_folder
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker

_log = get_logger("journal")

FILE_NAME: Final = "journal.sqlite"
APPLICATION: Final = 0x70674A31  # "pgJ1"
VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE decision(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, reader TEXT NOT NULL,
                      uid TEXT NOT NULL, holder TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
                      door TEXT NOT NULL, latency_us INTEGER, reply_error TEXT NOT NULL);
"""
_INSERT: Final = """
INSERT INTO decision(at, reader, uid, holder, verdict, reason, door, latency_us, reply_error)
VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_NEWEST: Final = """
SELECT id, at, reader, uid, holder, verdict, reason, door, latency_us, reply_error
FROM decision WHERE id < ? ORDER BY id DESC LIMIT ?
"""
_MOST_PER_COMMIT: Final = 1_000
_WAL_BYTES: Final = 1_048_576
_TRIM_EVERY: Final = 1_000


class Journal:
    """DecisionJournal and StatusSource. Every method is called on the event loop."""

    def __init__(
        self,
        data: Path,
        clock: Clock,
        *,
        most: int = JOURNAL_EVENTS,
        connect: database.Connect = database.connect,
    ) -> None:
        self._path = data / "state" / FILE_NAME
        self._clock = clock
        self._most = most
        self._connect = connect
        self._worker = Worker("journal")
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
        self._acknowledged: int | None = None  # None: nothing has failed, or been written, since start
        self._failed = False
        self.stored = 0
        self.failures = 0

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

    def _open(self) -> None:
        if self._db is not None:
            return
        try:
            self._db = self._connected()
        except StorageError as error:
            if error.code != database.DAMAGED:
                raise
            self._replace(error)

    def _connected(self) -> sqlite3.Connection:
        try:
            private_folder(self._path.parent)
            connection = self._connect(self._path)
        except (sqlite3.Error, OSError) as error:
            raise database.storage_error(self._path, error) from error
        try:
            database.prepare(connection, self._path, APPLICATION, VERSION, SCHEMA)
            # What an earlier failure may have left in SQLite's log is written and fsynced anew before it is trusted.
            database.checkpoint(connection, "TRUNCATE")
            if self._failed and self._acknowledged is not None:
                # Appends that were reported as failed may be there all the same; their owners may have tried again.
                connection.execute("DELETE FROM decision WHERE id > ?", (self._acknowledged,))
            elif self._acknowledged is None:
                (self._acknowledged,) = connection.execute("SELECT coalesce(max(id), 0) FROM decision").fetchone()
            self._failed = False
        except sqlite3.Error as error:
            database.discard(connection)
            raise database.storage_error(self._path, error) from error
        except StorageError:
            database.discard(connection)
            raise
        return connection

    def _replace(self, error: StorageError) -> None:
        try:
            kept = database.set_aside(self._path, self._clock.wall())
        except OSError as failure:
            raise database.storage_error(self._path, failure) from failure
        self._set_aside, self._acknowledged = kept.name, None
        _log.error("the badge journal is damaged and was set aside", kept_as=str(kept), error=error.message)
        self._db = self._connected()

    def _close(self) -> None:
        connection, self._db = self._db, None
        if connection is not None:
            database.discard(connection)

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
        try:
            self._db.execute("BEGIN IMMEDIATE")
            ids = [self._insert_one(self._db, decision) for decision in decisions]
            self._trim(self._db, ids)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed = True
            self._close()  # its fsync is not tried again; the next append opens the file anew
            raise database.storage_error(self._path, error) from error
        self._acknowledged = ids[-1]
        self._tidy()
        return [JournalEntry(number, decision) for number, decision in zip(ids, decisions, strict=True)]

    def _insert_one(self, connection: sqlite3.Connection, decision: AccessDecision) -> int:
        cursor = connection.execute(
            _INSERT,
            (
                decision.at,
                *map(_text, (decision.reader, decision.uid, decision.holder)),
                decision.verdict.value,
                *map(_text, (decision.reason, decision.door)),
                decision.latency_us,
                _text(decision.reply_error),
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _trim(self, connection: sqlite3.Connection, added: Sequence[int]) -> None:
        """Keep the newest `most`; looked at every 1,000 entries."""
        self._untrimmed += len(added)
        if self._untrimmed >= min(_TRIM_EVERY, self._most):
            self._untrimmed = 0
            connection.execute("DELETE FROM decision WHERE id <= ?", (added[-1] - self._most,))

    def _tidy(self) -> None:
        assert self._db is not None
        try:
            wal = self._path.with_name(f"{FILE_NAME}-wal")
            if wal.exists() and wal.stat().st_size > _WAL_BYTES:
                database.checkpoint(self._db, "PASSIVE")
        except (sqlite3.Error, OSError) as error:
            # The entries are safe in SQLite's log; the next append opens the file anew and writes the log out first.
            _log.warning("the badge journal's checkpoint failed", error=str(error))
            self._close()

    # --- reading ----------------------------------------------------------------------------------------

    async def newest(self, limit: int, before: int | None = None) -> Sequence[JournalEntry]:
        """Up to `limit` entries, newest first, with ids below `before`. Raises StorageError."""
        return await self._worker.run(self._newest, limit, before)

    def _newest(self, limit: int, before: int | None) -> list[JournalEntry]:
        self._open()
        assert self._db is not None
        try:
            rows = self._db.execute(
                _NEWEST,
                ((1 << 63) - 1 if before is None else before, max(0, limit)),
            ).fetchall()
        except sqlite3.Error as error:
            raise database.storage_error(self._path, error) from error
        return [_entry(*row) for row in rows]

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


def _text(text: str) -> str:
    """Lone surrogates, which a device could have sent, can't be stored as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _entry(
    number: int,
    at: int,
    reader: str,
    uid: str,
    holder: str,
    verdict: str,
    reason: str,
    door: str,
    latency_us: int | None,
    reply_error: str,
) -> JournalEntry:
    decision = AccessDecision(reader, uid, holder, at, AccessVerdict(verdict), reason, door, latency_us, reply_error)
    return JournalEntry(number, decision)
