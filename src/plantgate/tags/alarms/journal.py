"""Reading the alarm journal: a connection and a thread of its own, so that no question holds up what is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from plantgate.errors import StorageError
from plantgate.limits import PAGE_ROWS
from plantgate.model.alarm import EVERY_RECORD, AlarmChange, AlarmFilter, AlarmKey, AlarmRecord, Priority
from plantgate.model.wildcard import Wildcard
from plantgate.runtime import sqlite_file
from plantgate.runtime.worker import Worker
from plantgate.tags.alarms import schema

_NEWEST: Final = (1 << 63) - 1
# Of so few alarms each is looked up by its own index; of more the lines are gone through.
_FEW: Final = 20
_PIECE: Final = 50_000
# Up to so many whole paths are found by their index.
_EXACT: Final = 100
_COLUMNS: Final = "id, event, alarm, priority, change, at, value, actor, note"


class AlarmJournal:
    """The journal in `path`, beside a running gateway or at rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker: Worker | None = None

    async def records(
        self, limit: int, before: int | None = None, wanted: AlarmFilter = EVERY_RECORD
    ) -> Sequence[AlarmRecord]:
        """Up to `limit` (at most PAGE_ROWS), newest first, with ids below `before`. Raises StorageError."""
        if self._worker is None:
            self._worker = Worker("alarm-journal")
        return await self._worker.run(read_records, self._path, limit, before, wanted)

    async def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()


def read_records(
    path: Path, limit: int, before: int | None = None, wanted: AlarmFilter = EVERY_RECORD
) -> list[AlarmRecord]:
    """The same, on this thread: for commands while no gateway runs. Raises StorageError."""
    try:
        connection = sqlite_file.connect_reader(path)
    except StorageError as error:
        if error.code == "HI-116":  # nothing was stored yet
            return []
        raise
    try:
        sqlite_file.identify(connection, path, schema.APPLICATION, schema.VERSION)
        return _read(connection, min(limit, PAGE_ROWS), _NEWEST if before is None else before, wanted)
    except sqlite3.Error as error:
        raise sqlite_file.storage_error(path, error) from error
    finally:
        sqlite_file.discard(connection)


def _read(db: sqlite3.Connection, limit: int, before: int, wanted: AlarmFilter) -> list[AlarmRecord]:
    db.execute("BEGIN")  # one view of the file, whatever is written or trimmed meanwhile
    only = _alarms(db, wanted) if wanted.paths or wanted.search.strip() else None
    if limit <= 0 or only == []:
        return []
    conditions, values = _conditions(wanted)
    if only is not None and len(only) <= _FEW:
        rows = _of_few(db, only, conditions, values, before, limit)
    else:
        rows = _through(db, None if only is None else frozenset(only), conditions, values, (before, limit), wanted)
    return _records(db, rows)


def _alarms(db: sqlite3.Connection, wanted: AlarmFilter) -> list[int]:
    """The numbers of the alarms that fit paths and words."""
    patterns = [Wildcard(path) for path in wanted.paths]
    words = wanted.search.casefold().split()
    found = []
    sql, exact = "SELECT id, path, name, label FROM alarm", tuple(wanted.paths[:_EXACT])
    if exact and exact == wanted.paths and not any("*" in path or "?" in path for path in exact):
        sql = f"{sql} WHERE path IN ({', '.join('?' * len(exact))})"
    else:
        exact = ()
    for number, path, name, label in db.execute(sql, exact):
        if patterns and not any(pattern.matches(path) for pattern in patterns):
            continue
        if words:
            text = f"{path}\n{name}\n{label}".casefold()
            if not all(word in text for word in words):
                continue
        found.append(number)
    return found


def _conditions(wanted: AlarmFilter) -> tuple[str, list[Any]]:
    conditions, values = "", list[Any]()
    if wanted.since is not None:
        conditions, values = f"{conditions} AND at >= ?", [*values, wanted.since]
    if wanted.until is not None:
        conditions, values = f"{conditions} AND at < ?", [*values, wanted.until]
    if wanted.lowest > Priority.DIAGNOSTIC:
        conditions, values = f"{conditions} AND priority >= ?", [*values, int(wanted.lowest)]
    if wanted.changes:
        numbers = ", ".join(str(int(change)) for change in sorted(wanted.changes))  # as text: an index is of some only
        conditions = f"{conditions} AND change IN ({numbers})"
        if min(wanted.changes) > AlarmChange.CLEAR:
            conditions = f"{conditions} AND change > 1"
    return conditions, values


def _of_few(
    db: sqlite3.Connection, alarms: Iterable[int], conditions: str, values: Sequence[Any], before: int, limit: int
) -> list[Any]:
    rows: list[Any] = []
    for alarm in alarms:
        sql = f"SELECT {_COLUMNS} FROM line WHERE alarm = ? AND id < ?{conditions} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own words
        rows += db.execute(sql, (alarm, before, *values, limit)).fetchall()
    rows.sort(reverse=True)
    return rows[:limit]


def _through(
    db: sqlite3.Connection,
    only: frozenset[int] | None,
    conditions: str,
    values: Sequence[Any],
    page: tuple[int, int],
    wanted: AlarmFilter,
) -> list[Any]:
    """Newest first, in pieces; `only` these alarms."""
    before, limit = page
    first, last = _ids_between(db, wanted)
    rows: list[Any] = []
    sql = f"SELECT {_COLUMNS} FROM line WHERE id < ? AND id >= ?{conditions} ORDER BY id DESC LIMIT ?"  # noqa: S608
    if only is None:
        return db.execute(sql, (min(before, last + 1), first, *values, limit)).fetchall()
    end = min(before, last + 1)
    while end > first and len(rows) < limit:
        begin = max(first, end - _PIECE)
        for row in db.execute(sql, (end, begin, *values, _PIECE)):
            if row[2] in only:
                rows.append(row)
                if len(rows) >= limit:
                    break
        end = begin
    return rows


def _ids_between(db: sqlite3.Connection, wanted: AlarmFilter) -> tuple[int, int]:
    """The ids (first, last) between which a range of time lies: without it the index of times would go unused."""
    if wanted.since is None and wanted.until is None:
        first, last = db.execute("SELECT (SELECT min(id) FROM line), (SELECT max(id) FROM line)").fetchone()
    else:
        since, until = wanted.since or 0, _NEWEST if wanted.until is None else wanted.until
        sql = "SELECT min(id), max(id) FROM line WHERE at >= ? AND at < ?"
        first, last = db.execute(sql, (since, until)).fetchone()
    return (0, -1) if first is None else (first, last)


def _records(db: sqlite3.Connection, rows: Sequence[Any]) -> list[AlarmRecord]:
    alarms: dict[int, tuple[AlarmKey, str]] = {}
    found = []
    for number, event, alarm, priority, change, at, value, actor, note in rows:
        if alarm not in alarms:
            row = db.execute("SELECT path, name, label FROM alarm WHERE id = ?", (alarm,)).fetchone()
            path, name, label = row or ("", "", "")
            alarms[alarm] = AlarmKey(path, name), label
        key, label = alarms[alarm]
        found.append(
            AlarmRecord(
                number,
                event,
                key,
                Priority(priority),
                label,
                AlarmChange(change),
                at,
                schema.decoded(value),
                actor,
                note,
            )
        )
    return found
