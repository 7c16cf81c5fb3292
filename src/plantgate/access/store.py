"""Access data on disk: one SQLite file, `DIR/state/access.sqlite`, one JSON document per item.

A change is one transaction: the documents, who changed what, the new revision; fsynced when `write` returns. Everything
here blocks and runs on one worker thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from plantgate.access.edit import STRUCTS, Row, Value, key_of
from plantgate.errors import StorageError
from plantgate.limits import ACCESS_CHANGES_KEPT
from plantgate.model.access import AccessData, AccessItem, AccessKind, Holder, RecordedChange, Rule
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import private_folder
from plantgate.runtime.log import get_logger

_log = get_logger("access.store")

FILE_NAME: Final = "access.sqlite"
APPLICATION: Final = 0x70674131  # "pgA1"
VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE item(kind TEXT NOT NULL, key TEXT NOT NULL, place INTEGER NOT NULL, doc BLOB NOT NULL,
                  PRIMARY KEY(kind, key)) WITHOUT ROWID;
CREATE TABLE change(id INTEGER PRIMARY KEY AUTOINCREMENT, revision INTEGER NOT NULL, at INTEGER NOT NULL,
                    who TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, before BLOB, after BLOB);
CREATE TABLE pardon(holder TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('revision', '0');
"""
_WAL_BYTES: Final = 4_194_304
_READ_AT_ONCE: Final = 5_000
_PUT_META: Final = "INSERT INTO meta VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"
_PUT_PARDON: Final = "INSERT INTO pardon VALUES(?, ?) ON CONFLICT(holder) DO UPDATE SET at = excluded.at"
_PUT_ITEM: Final = """
INSERT INTO item VALUES(?, ?, ?, ?) ON CONFLICT(kind, key) DO UPDATE SET place = excluded.place, doc = excluded.doc
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a file holds. `lost` is the name under which a damaged predecessor is kept, until somebody changes data."""

    data: AccessData
    pardons: Mapping[str, int]
    key_fingerprint: str = ""
    lost: str = ""


class AccessStore:
    """The open file. A write that fails closes it; the next one opens it anew and makes it what memory says."""

    def __init__(self, path: Path, clock: Clock, connect: sqlite_file.Connect = sqlite_file.connect) -> None:
        self.path = path
        self._clock = clock
        self._connect = connect
        self._db: sqlite3.Connection | None = None
        self._fingerprint = ""
        self.doubtful = False
        """A write failed, so that the file may hold other data than memory: `rewrite` ends that."""
        self.set_aside = ""

    def open(self) -> Stored:
        """Open the file and read all of it; a damaged one is set aside. Raises StorageError."""
        self._db = self._opened()
        try:
            return _read(self._db, self.path)
        except sqlite3.Error as error:
            failure = sqlite_file.storage_error(self.path, error)
        except StorageError as error:
            failure = error
        self.close()
        if failure.code != sqlite_file.DAMAGED:
            raise failure
        self._put_aside()
        return self.open()

    def close(self) -> None:
        connection, self._db = self._db, None
        if connection is not None:
            sqlite_file.discard(connection)

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except StorageError as error:
            if error.code != sqlite_file.DAMAGED:
                raise
        self._put_aside()
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        try:
            private_folder(self.path.parent)
            connection = self._connect(self.path)
        except (sqlite3.Error, OSError) as error:
            raise sqlite_file.storage_error(self.path, error) from error
        try:
            sqlite_file.prepare(connection, self.path, APPLICATION, VERSION, SCHEMA)
            sqlite_file.checkpoint(connection, "TRUNCATE")
            if self.set_aside:
                connection.execute(_PUT_META, ("lost", self.set_aside))
        except sqlite3.Error as error:
            sqlite_file.discard(connection)
            raise sqlite_file.storage_error(self.path, error) from error
        except StorageError:
            sqlite_file.discard(connection)
            raise
        return connection

    def _put_aside(self) -> None:
        try:
            self.set_aside = sqlite_file.set_aside(self.path, self._clock.wall()).name
        except OSError as error:
            raise sqlite_file.storage_error(self.path, error) from error
        _log.error("the access data are damaged and were set aside", kept_as=self.set_aside)

    # --- writing ----------------------------------------------------------------------------------------

    def write(self, before: AccessData, after: AccessData, rows: Sequence[Row], at: int, who: str) -> None:
        """Make `after` of `before` durable: `rows` are what differs. Raises StorageError: it may be on disk or not."""

        def work(db: sqlite3.Connection) -> None:
            if self.doubtful:
                self._write_all(db, before)
            _write_rows(db, after, rows)
            db.executemany(
                "INSERT INTO change(revision, at, who, kind, key, before, after) VALUES(?, ?, ?, ?, ?, ?, ?)",
                ((after.revision, at, who, row.kind, row.key, _doc(row.before), _doc(row.after)) for row in rows),
            )
            (newest,) = db.execute("SELECT max(id) FROM change").fetchone()
            db.execute("DELETE FROM change WHERE id <= ?", (newest - ACCESS_CHANGES_KEPT,))
            self._settle(db, after)

        self._commit(work)
        self.doubtful = False

    def rewrite(self, data: AccessData) -> None:
        """Make the file what memory says, all of it. Raises StorageError."""

        def work(db: sqlite3.Connection) -> None:
            self._write_all(db, data)
            self._settle(db, data)

        self._commit(work)
        self.doubtful = False

    def keep_fingerprint(self, fingerprint: str) -> None:
        """Note which key the cards are hashed with. Raises StorageError."""
        self._fingerprint = fingerprint
        self._commit(lambda db: db.execute(_PUT_META, ("key", fingerprint)))

    def pardon(self, holder_id: str, at: int, since: int) -> None:
        """Note that `holder_id` was forgiven at `at`; pardons before `since` are of no use any more."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM pardon WHERE at < ?", (since,))
            db.execute(_PUT_PARDON, (holder_id, at))

        self._commit(work)

    def _write_all(self, db: sqlite3.Connection, data: AccessData) -> None:
        db.execute("DELETE FROM item")
        for kind in STRUCTS:
            items = getattr(data, kind.value)
            _write_items(db, kind, items if kind is AccessKind.RULES else items.values())
        db.execute(_PUT_META, ("key", self._fingerprint))

    def _settle(self, db: sqlite3.Connection, data: AccessData) -> None:
        """The revision; and what was lost is lost no more, somebody has taken charge of the new file."""
        db.execute(_PUT_META, ("revision", str(data.revision)))
        db.execute("DELETE FROM meta WHERE name = 'lost'")
        self.set_aside = ""

    def _commit(self, work: Callable[[sqlite3.Connection], object]) -> None:
        failure: StorageError
        try:
            db = self._db = self._db or self._opened()
            db.execute("BEGIN IMMEDIATE")
            try:
                work(db)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except sqlite3.Error as error:
            failure = sqlite_file.storage_error(self.path, error)
        except StorageError as error:
            failure = error
        else:
            self._tidy(db)
            return
        # Whether it is on disk is not known. Its fsync is not tried again: a new connection writes all that memory has.
        self.doubtful = True
        self.close()
        raise failure

    def _tidy(self, db: sqlite3.Connection) -> None:
        try:
            wal = self.path.with_name(f"{FILE_NAME}-wal")
            if wal.exists() and wal.stat().st_size > _WAL_BYTES:
                sqlite_file.checkpoint(db, "PASSIVE")
        except (sqlite3.Error, OSError):
            self.close()  # what was committed is safe in the log; the next write opens the file anew

    # --- reading ----------------------------------------------------------------------------------------

    def changes(self, limit: int, before: int | None = None) -> list[RecordedChange]:
        """Up to `limit` changes, newest first, with ids below `before`. Raises StorageError."""
        if self._db is None:
            self._db = self._opened()
        try:
            rows = self._db.execute(
                "SELECT id, revision, at, who, kind, key, before, after FROM change WHERE id < ? "
                "ORDER BY id DESC LIMIT ?",
                ((1 << 63) - 1 if before is None else before, max(0, limit)),
            ).fetchall()
        except sqlite3.Error as error:
            raise sqlite_file.storage_error(self.path, error) from error
        return [
            RecordedChange(
                number, revision, at, who, AccessKind(kind), key, _value(kind, key, old), _value(kind, key, new)
            )
            for number, revision, at, who, kind, key, old, new in rows
        ]


def read(path: Path) -> Stored:
    """What a file holds, beside a running gateway or at rest. Raises StorageError."""
    connection = sqlite_file.connect_reader(path)
    try:
        sqlite_file.identify(connection, path, APPLICATION, VERSION)
        return _read(connection, path)
    except sqlite3.Error as error:
        raise sqlite_file.storage_error(path, error) from error
    finally:
        sqlite_file.discard(connection)


def _read(db: sqlite3.Connection, path: Path) -> Stored:
    """Raises sqlite3.Error, and StorageError for documents that are none."""
    meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
    pardons = dict(db.execute("SELECT holder, at FROM pardon").fetchall())
    kinds: dict[str, Any] = {}
    try:
        for kind, struct in STRUCTS.items():
            items = kinds[kind.value] = []
            decoder = msgspec.json.Decoder(list[struct])  # type: ignore[valid-type]
            rows = db.execute("SELECT doc FROM item WHERE kind = ? ORDER BY place, key", (kind.value,))
            # Many at once: 100,000 calls of a decoder cost more than the decoding.
            while some := rows.fetchmany(_READ_AT_ONCE):
                items += decoder.decode(b"[" + b",".join(doc for (doc,) in some) + b"]")
        revision = int(meta["revision"])
    except (msgspec.DecodeError, KeyError, ValueError, TypeError) as error:
        raise StorageError(
            sqlite_file.DAMAGED, f"{path}: the file is damaged ({error})", "it is kept under another name"
        ) from error
    kinds["holders"] = _shared(kinds["holders"])
    data = AccessData(
        revision=revision,
        rules=tuple(kinds.pop("rules")),
        **{kind: {key_of(item): item for item in items} for kind, items in kinds.items()},
    )
    return Stored(data, pardons, meta.get("key", ""), meta.get("lost", ""))


def _shared(holders: Iterable[Holder]) -> list[Holder]:
    """Holders of the same groups share one tuple: memory, and the collector has less to walk through."""
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    return [
        msgspec.structs.replace(holder, groups=known.setdefault(holder.groups, holder.groups)) for holder in holders
    ]


def _write_rows(db: sqlite3.Connection, after: AccessData, rows: Sequence[Row]) -> None:
    items = [row for row in rows if row.kind is not AccessKind.RULES]
    gone = ((row.kind, row.key) for row in items if row.after is None)
    db.executemany("DELETE FROM item WHERE kind = ? AND key = ?", gone)
    db.executemany(_PUT_ITEM, ((row.kind, row.key, 0, _doc(row.after)) for row in items if row.after is not None))
    if len(items) < len(rows):
        db.execute("DELETE FROM item WHERE kind = ?", (AccessKind.RULES,))
        _write_items(db, AccessKind.RULES, after.rules)


def _write_items(db: sqlite3.Connection, kind: AccessKind, items: Iterable[AccessItem | Rule]) -> None:
    ordered = kind is AccessKind.RULES
    db.executemany(
        _PUT_ITEM, ((kind, key_of(item), place if ordered else 0, _doc(item)) for place, item in enumerate(items))
    )


def _doc(value: Value) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _value(kind: str, key: str, doc: bytes | None) -> Value:
    if doc is None:
        return None
    if kind == AccessKind.RULES and not key:
        return msgspec.json.decode(doc, type=tuple[str, ...])
    return msgspec.json.decode(doc, type=STRUCTS[AccessKind(kind)])
