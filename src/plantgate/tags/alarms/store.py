"""The alarms on disk: everything here blocks and runs on one worker thread.

A write is one transaction, fsynced when it returns. One that fails may be on disk or not: the file is then closed, and
the next write opens it anew and makes it what memory says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from plantgate.errors import StorageError
from plantgate.model.alarm import AlarmEvent, AlarmKey, AlarmState, Priority, Shelf
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import private_folder
from plantgate.runtime.log import get_logger
from plantgate.tags.alarms import schema
from plantgate.tags.alarms.alarm import Line

_log = get_logger("alarms")

# Ids of events that were given but not stored when the process was killed are not given again.
EVENTS_AHEAD: Final = 100_000
_WAL_BYTES: Final = 4_194_304
_TRIM_LINES: Final = 1_000
_TRIM_AT_ONCE: Final = 20_000
_TRIM_MICROSECONDS: Final = 3_600_000_000
_PUT_LINE: Final = (
    "INSERT INTO line(event, alarm, priority, change, shelved, at, value, actor, note) VALUES(?,?,?,?,?,?,?,?,?)"
)
_PUT_EVENT: Final = "INSERT OR REPLACE INTO event VALUES(?,?,?,?,?,?,?,?,?,?,?)"
_PUT_SHELF: Final = "INSERT OR REPLACE INTO shelf VALUES(?,?,?,?)"
_PUT_META: Final = "INSERT OR REPLACE INTO meta VALUES(?,?)"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a file holds: live events, the oldest first. `lost` is the name of a damaged predecessor, kept beside it."""

    events: Sequence[AlarmEvent] = ()
    shelves: Sequence[Shelf] = ()
    next_event: int = 1
    lost: str = ""


@dataclass(slots=True)
class Changes:
    """What to write. None: no longer live, no longer shelved. With `everything` the file holds nothing else then."""

    lines: list[Line] = field(default_factory=list)
    events: Mapping[int, AlarmEvent | None] = field(default_factory=dict)
    shelves: Mapping[AlarmKey, Shelf | None] = field(default_factory=dict)
    next_event: int = 1
    everything: bool = False


class AlarmStore:
    """The open file."""

    def __init__(self, path: Path, clock: Clock, keep_seconds: float, most: int, connect: sqlite_file.Connect) -> None:
        """Lines of the journal stay for `keep_seconds` and up to `most`."""
        self.path = path
        self._clock = clock
        self._keep = round(keep_seconds * 1e6)
        self._most = most
        self._connect = connect
        self._db: sqlite3.Connection | None = None
        self._alarms: dict[tuple[str, str, str], int] = {}
        self._last_line: int | None = None
        self._failed = False
        self._untrimmed = 0
        self._trimmed_at = 0

    # opening

    def open(self) -> Stored:
        """Open or make the file and read what lives; a damaged one is set aside. Raises StorageError."""
        try:
            return self._read()
        except StorageError as error:
            self.close()
            if error.code != sqlite_file.DAMAGED:
                raise
        lost = self._put_aside()
        found = self._read()
        return Stored(next_event=found.next_event, lost=lost)

    def close(self, next_event: int | None = None) -> None:
        """With `next_event` ids go on from there; without it some are left out."""
        connection, self._db = self._db, None
        if connection is None:
            return
        if next_event is not None and not self._failed:
            try:
                connection.execute(_PUT_META, (schema.NEXT_EVENT, next_event))
                sqlite_file.checkpoint(connection, "TRUNCATE")
            except sqlite3.Error:
                _log.warning("the alarm journal was not closed properly: some ids of events are left out")
        sqlite_file.discard(connection)

    def _read(self) -> Stored:
        db = self._connected()
        try:
            found = _stored(db)
            db.execute(_PUT_META, (schema.NEXT_EVENT, found.next_event + EVENTS_AHEAD))
            self._trim(db, self._clock.wall())
        except (sqlite3.Error, ValueError) as error:
            raise self._damage(error) from error
        self._db = db
        return found

    def _damage(self, error: sqlite3.Error | ValueError) -> StorageError:
        if isinstance(error, sqlite3.Error):
            return sqlite_file.storage_error(self.path, error)
        return StorageError(
            sqlite_file.DAMAGED, f"{self.path}: the file is damaged ({error})", "it is kept under another name"
        )

    def _connected(self) -> sqlite3.Connection:
        try:
            private_folder(self.path.parent)
            connection = self._connect(self.path)
        except (sqlite3.Error, OSError) as error:
            raise sqlite_file.storage_error(self.path, error) from error
        try:
            sqlite_file.prepare(connection, self.path, schema.APPLICATION, schema.VERSION, schema.SCHEMA)
            # What an earlier failure may have left in SQLite's log is written and fsynced anew before it is trusted.
            sqlite_file.checkpoint(connection, "TRUNCATE")
            self._alarms = {}
            if self._failed and self._last_line is not None:
                # Lines of a write that was told as failed may be there all the same; they are written again.
                connection.execute("DELETE FROM line WHERE id > ?", (self._last_line,))
                connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'line'", (self._last_line,))
            else:
                (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM line").fetchone()
                self._last_line = newest
            self._failed = False
        except sqlite3.Error as error:
            sqlite_file.discard(connection)
            raise sqlite_file.storage_error(self.path, error) from error
        except StorageError:
            sqlite_file.discard(connection)
            raise
        return connection

    def _put_aside(self) -> str:
        try:
            kept = sqlite_file.set_aside(self.path, self._clock.wall()).name
        except OSError as error:
            raise sqlite_file.storage_error(self.path, error) from error
        self._last_line, self._failed = None, False
        _log.error("the alarm journal is damaged and was set aside", kept_as=kept)
        return kept

    # writing

    def write(self, changes: Changes) -> str:
        """Durable when it returns; gives the name of a damaged file that was set aside. Raises StorageError."""
        lost = ""
        try:
            if self._db is None:
                try:
                    self._db = self._connected()
                except StorageError as error:
                    if error.code != sqlite_file.DAMAGED:
                        raise
                    lost = self._put_aside()
                    self._db = self._connected()
            self._commit(self._db, changes)
        except StorageError:
            self._give_up()
            raise
        except sqlite3.Error as error:
            self._give_up()
            raise sqlite_file.storage_error(self.path, error) from error
        return lost

    def _give_up(self) -> None:
        self._failed = True
        self.close()

    def _commit(self, db: sqlite3.Connection, changes: Changes) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            if changes.everything:
                db.execute("DELETE FROM event")
                db.execute("DELETE FROM shelf")
            self._write_lines(db, changes.lines)
            self._write_events(db, changes.events)
            self._write_shelves(db, changes.shelves)
            db.execute(_PUT_META, (schema.NEXT_EVENT, changes.next_event + EVENTS_AHEAD))
            (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'line'").fetchone()
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                self._alarms = {}
                db.execute("ROLLBACK")
        self._last_line = last
        self._tidy(db, len(changes.lines))

    def _write_lines(self, db: sqlite3.Connection, lines: Iterable[Line]) -> None:
        db.executemany(
            _PUT_LINE,
            [
                (
                    line.event,
                    self._alarm(db, line.key, line.label),
                    line.priority,
                    line.change,
                    line.shelved,
                    line.at,
                    schema.encoded(line.value),
                    schema.stored_text(line.actor),
                    schema.stored_text(line.note),
                )
                for line in lines
            ],
        )

    def _write_events(self, db: sqlite3.Connection, events: Mapping[int, AlarmEvent | None]) -> None:
        db.executemany("DELETE FROM event WHERE id = ?", [(number,) for number, event in events.items() if not event])
        db.executemany(
            _PUT_EVENT,
            [
                (
                    event.id,
                    self._alarm(db, event.key, event.label),
                    event.priority,
                    event.state.value,
                    schema.encoded(event.value),
                    event.active_at,
                    event.cleared_at,
                    schema.encoded(event.cleared_value),
                    event.acked_at,
                    schema.stored_text(event.acked_by),
                    schema.stored_text(event.ack_note),
                )
                for event in events.values()
                if event is not None
            ],
        )

    def _write_shelves(self, db: sqlite3.Connection, shelves: Mapping[AlarmKey, Shelf | None]) -> None:
        for key, shelf in shelves.items():
            number = self._alarm(db, key, "")
            if shelf is None:
                db.execute("DELETE FROM shelf WHERE alarm = ?", (number,))
            else:
                row = (number, shelf.until, schema.stored_text(shelf.by), schema.stored_text(shelf.reason))
                db.execute(_PUT_SHELF, row)

    def _alarm(self, db: sqlite3.Connection, key: AlarmKey, label: str) -> int:
        """The number of an alarm; one whose label changed gets another."""
        words = (schema.stored_text(key.path), schema.stored_text(key.name), schema.stored_text(label))
        number = self._alarms.get(words)
        if number is None:
            row = db.execute("SELECT id FROM alarm WHERE path = ? AND name = ? AND label = ?", words).fetchone()
            if row is None:
                number = db.execute("INSERT INTO alarm(path, name, label) VALUES(?,?,?)", words).lastrowid or 0
            else:
                number = int(row[0])
            self._alarms[words] = number
        return number

    # keeping it small

    def _tidy(self, db: sqlite3.Connection, lines: int) -> None:
        self._untrimmed += lines
        wall = self._clock.wall()
        try:
            if self._untrimmed >= min(_TRIM_LINES, self._most) or wall - self._trimmed_at > _TRIM_MICROSECONDS:
                self._trim(db, wall)
            wal = self.path.with_name(f"{self.path.name}-wal")
            if wal.exists() and wal.stat().st_size > _WAL_BYTES:
                sqlite_file.checkpoint(db, "PASSIVE")
        except (sqlite3.Error, OSError) as error:
            # What was written is safe in SQLite's log; the next write opens the file anew and writes that out first.
            _log.warning("the alarm journal could not be tidied", error=str(error))
            self.close()

    def _trim(self, db: sqlite3.Connection, wall: int) -> None:
        """Delete what is too old or too much, in steps that hold up nobody."""
        self._untrimmed, self._trimmed_at = 0, wall
        (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM line").fetchone()
        for column, bound in (("id", newest - self._most + 1), ("at", wall - self._keep)):
            some = f"SELECT id FROM line WHERE {column} < ? ORDER BY {column} LIMIT {_TRIM_AT_ONCE}"  # noqa: S608 - our own words
            db.execute(f"DELETE FROM line WHERE id IN ({some})", (bound,))  # noqa: S608


def _stored(db: sqlite3.Connection) -> Stored:
    """Raises sqlite3.Error, and ValueError for rows that are none."""
    db.execute(
        "DELETE FROM alarm WHERE NOT EXISTS (SELECT 1 FROM line WHERE line.alarm = alarm.id)"
        " AND id NOT IN (SELECT alarm FROM event) AND id NOT IN (SELECT alarm FROM shelf)"
    )
    meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
    rows = db.execute(
        "SELECT event.id, path, name, label, priority, state, value, active_at, cleared_at, cleared_value, acked_at,"
        " acked_by, ack_note FROM event JOIN alarm ON alarm.id = event.alarm ORDER BY event.id"
    ).fetchall()
    events = [
        AlarmEvent(
            number,
            AlarmKey(path, name),
            Priority(priority),
            label,
            AlarmState(state),
            schema.decoded(value),
            active_at,
            cleared_at,
            schema.decoded(cleared_value),
            acked_at,
            acked_by,
            ack_note,
        )
        for number, path, name, label, priority, state, value, active_at, cleared_at, cleared_value, acked_at, acked_by, ack_note in rows  # noqa: E501
    ]
    shelves = [
        Shelf(AlarmKey(path, name), until, who, reason)
        for path, name, until, who, reason in db.execute(
            "SELECT path, name, until, who, reason FROM shelf JOIN alarm ON alarm.id = shelf.alarm"
        )
    ]
    highest = max((event.id for event in events), default=0)
    return Stored(events, shelves, max(int(meta.get(schema.NEXT_EVENT, 1)), highest + 1))
