"""The file of retained values: `state/tags.sqlite`, a row a tag, fsynced at each commit. Used on a worker thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from plantgate.errors import StorageError
from plantgate.model.value import Scalar
from plantgate.runtime import sqlite_file
from plantgate.runtime.files import private_folder

FILE_NAME: Final = "tags.sqlite"
_APPLICATION = 0x50475447  # "PGTG"
_VERSION = 1
_SCHEMA = "CREATE TABLE value(path TEXT PRIMARY KEY, value TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;"
_CHECKPOINT_COMMITS = 200


class Row(NamedTuple):
    """`time` is microseconds UTC."""

    path: str
    value: Scalar
    time: int


class RetainFile:
    """Raises StorageError from every method but `close`."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "state" / FILE_NAME
        self._connection: sqlite3.Connection | None = None
        self._commits = 0
        self.set_aside = ""

    def open(self, wall: int) -> list[Row]:
        """Open or make the file; gives its rows. A damaged one is set aside (see `set_aside`)."""
        try:
            try:
                return self._opened()
            except StorageError as error:
                if error.code != sqlite_file.DAMAGED:
                    raise
                self.close()
                kept = sqlite_file.set_aside(self._path, wall)
                self.set_aside = f"{error.message}; it is kept as {kept.name}"
                return self._opened()
        except (sqlite3.Error, OSError) as error:
            raise sqlite_file.storage_error(self._path, error) from error

    def _opened(self) -> list[Row]:
        try:
            private_folder(self._path.parent)
            self._connection = connection = sqlite_file.connect(self._path)
            sqlite_file.prepare(connection, self._path, _APPLICATION, _VERSION, _SCHEMA)
            rows = connection.execute("SELECT path, value, time FROM value").fetchall()
            return [Row(path, _decoded(value), time) for path, value, time in rows]
        except (sqlite3.Error, OSError) as error:
            raise sqlite_file.storage_error(self._path, error) from error

    def store(self, rows: Sequence[Row], forgotten: Sequence[str] = ()) -> None:
        """On disk when this returns. The values of `forgotten` paths go before."""
        if self._connection is None:
            raise StorageError("TAG-110", f"{self._path} is not open", "see the reason on the overview")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("DELETE FROM value WHERE path = ?", [(path,) for path in forgotten])
            self._connection.executemany(
                "INSERT OR REPLACE INTO value VALUES(?, ?, ?)",
                [(row.path, json.dumps(row.value), row.time) for row in rows],
            )
            self._connection.execute("COMMIT")
            self._commits += 1
            if self._commits % _CHECKPOINT_COMMITS == 0:
                sqlite_file.checkpoint(self._connection, "PASSIVE")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise sqlite_file.storage_error(self._path, error) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            sqlite_file.discard(connection)


def _decoded(text: str) -> Scalar:
    """None for what nobody wrote so."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, bool | int | float | str) else None
