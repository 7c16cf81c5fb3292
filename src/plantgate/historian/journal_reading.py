"""Reading the journal: pages of it, a range as a file, and whether the chain of hashes is whole.

A connection and a thread of its own, in pieces of a few milliseconds: neither an export of a million entries nor a page
that asks without an end holds up what is being stored, or the doors.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from plantgate.historian.journal_schema import COLUMNS, NAMES, entry_of, given_ids, next_hash
from plantgate.model.badge import AccessVerdict, JournalEntry
from plantgate.model.journal import ChainHead, ExportForm, JournalCheck, JournalFilter
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.worker import Worker

T = TypeVar("T")

_AT_ONCE: Final = 500
# After each piece: the event loop's turn.
_PAUSE_SECONDS: Final = 0.002
_MOST: Final = (1 << 63) - 1
_ROWS: Final = f"SELECT {NAMES}, hash FROM decision"  # noqa: S608 - our own words
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FIELDS: Final = ("id", "time", *COLUMNS[1:], "hash")


@dataclass(slots=True)
class _Walk:
    """How far a check of the chain has come."""

    id: int
    hash: bytes
    counted_from: int
    entries: int = 0
    broken: int | None = None
    text: str = ""


class JournalReader:
    """Reads what `path` holds; `upto` says which entry is the last that was told as stored."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._worker = Worker("journal-read")

    async def close(self) -> None:
        await self._worker.close()

    async def newest(self, limit: int, before: int, wanted: JournalFilter) -> Sequence[JournalEntry]:
        """Newest first, with ids below `before`. Raises StorageError."""
        after, upto = await self._worker.run(self._span, wanted, before - 1)
        where, values = _where(wanted)
        sql = f"{_ROWS} WHERE id > ? AND id <= ?{where} ORDER BY id DESC LIMIT ?"
        rows = await self._worker.run(self._rows, sql, [after, upto, *values, max(0, limit)])
        return [entry_of(row[:-1]) for row in rows]

    async def entries(self, upto: int, wanted: JournalFilter) -> AsyncIterator[Sequence[JournalEntry]]:
        """Oldest first, in groups. Raises StorageError."""
        async for rows in self._pieces(upto, wanted):
            yield [entry_of(row[:-1]) for row in rows]

    async def export(self, head: ChainHead, form: ExportForm, wanted: JournalFilter) -> AsyncIterator[bytes]:
        """A file in pieces, oldest first; its last line tells the head and how many entries there are.

        Also what an auditor needs to compute the hashes anew: each entry's own, and the one before the first. JSON
        lines are exact; CSV has a `'` before what a spreadsheet would run as a formula. Raises StorageError.
        """
        count, before = 0, ""
        if form is ExportForm.CSV:
            yield _csv([_FIELDS])
        async for rows in self._pieces(head.id, wanted):
            if not count:
                before = await self._worker.run(self._hash_before, rows[0][0])
            count += len(rows)
            yield _lines(form, rows)
        last = {"head": head.id, "hash": head.hash, "entries": count, "hash_before_first": before}
        if form is ExportForm.CSV:
            yield _csv([("#", *(f"{key}={value}" for key, value in last.items()))])
        else:
            yield msgspec.json.encode(last) + b"\n"

    async def _pieces(self, upto: int, wanted: JournalFilter) -> AsyncIterator[Sequence[Sequence[Any]]]:
        after, upto = await self._worker.run(self._span, wanted, upto)
        where, values = _where(wanted)
        sql = f"{_ROWS} WHERE id > ? AND id <= ?{where} ORDER BY id LIMIT {_AT_ONCE}"
        while rows := await self._worker.run(self._rows, sql, [after, upto, *values]):
            yield rows
            after = rows[-1][0]
            await self._clock.sleep(_PAUSE_SECONDS)

    def _span(self, wanted: JournalFilter, upto: int) -> tuple[int, int]:
        """The ids between which a range of time lies (after, up to): without it the index of times would go unused."""
        if wanted.since is None and wanted.until is None:
            return -1, upto
        since, until = wanted.since or 0, _MOST if wanted.until is None else wanted.until
        sql = "SELECT min(id), max(id) FROM decision WHERE at >= ? AND at < ?"
        ((first, last),) = self._rows(sql, [since, until])
        return (upto, upto) if first is None else (first - 1, min(last, upto))

    def _hash_before(self, number: int) -> str:
        rows = self._rows("SELECT hash FROM decision WHERE id < ? ORDER BY id DESC LIMIT 1", [number])
        ((found,),) = rows or self._rows("SELECT hash FROM chain", [])
        return bytes(found).hex()

    # the chain

    async def verify(self, head: ChainHead) -> JournalCheck:
        """Recompute every hash; `head` is the newest entry that this process knows of. Raises StorageError.

        One view of the file from first to last: what is appended or trimmed meanwhile does not matter.
        """
        connection = await self._worker.run(self._connect)
        try:
            await self._worker.run(self._reading, connection.execute, "BEGIN")
            walk = await self._worker.run(self._reading, _begin, connection)
            while await self._worker.run(self._reading, _step, connection, walk):
                await self._clock.sleep(_PAUSE_SECONDS)
            await self._worker.run(self._reading, _end, connection, walk, head)
        finally:
            await self._worker.run(sqlite_file.discard, connection)
        found = ChainHead(walk.id, walk.hash.hex())
        return JournalCheck(walk.broken is None, walk.entries, found, walk.broken, walk.text)

    # the file

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite_file.connect_reader(self._path)
        connection.text_factory = _decoded
        return connection

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """Each query opens the file: one that was set aside, or made anew, is no longer read."""
        connection = self._connect()
        try:
            return self._reading(connection.execute, sql, values).fetchall()
        finally:
            sqlite_file.discard(connection)

    def _reading(self, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return function(*arguments)
        except sqlite3.Error as error:
            raise sqlite_file.storage_error(self._path, error) from error


def _decoded(raw: bytes) -> str:
    """What somebody has put into the file need not be UTF-8; it is then not what was hashed, and shows as such."""
    return raw.decode("utf-8", "replace")


def _where(wanted: JournalFilter) -> tuple[str, list[Any]]:
    conditions = {
        "at >= ?": wanted.since,
        "at < ?": wanted.until,
        "reader = ?": wanted.reader or None,
        "holder_id = ?": wanted.holder or None,
        "card = ?": wanted.card or None,
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    words = "".join(f" AND {condition}" for condition in asked)
    if wanted.verdict is not None:
        words += f" AND verdict = '{AccessVerdict(wanted.verdict).value}'"  # as text: the index is of these only
    return words, list(asked.values())


def _begin(connection: sqlite3.Connection) -> _Walk:
    return _Walk(*connection.execute("SELECT anchor, hash, counted_from FROM chain").fetchone())


def _step(connection: sqlite3.Connection, walk: _Walk) -> bool:
    """Check the next entries; False when there is nothing left to check."""
    rows = connection.execute(f"{_ROWS} WHERE id > ? ORDER BY id LIMIT {_AT_ONCE}", (walk.id,)).fetchall()
    for *row, stored in rows:
        number = row[0]
        if number != walk.id + 1 and number >= walk.counted_from and walk.id + 1 >= walk.counted_from:
            walk.broken, walk.text = walk.id + 1, f"entries {walk.id + 1} to {number - 1} are missing"
            return False
        expected = next_hash(walk.hash, tuple(row))
        if stored != expected:
            walk.broken = number
            walk.text = f"entry {number} is not as it was written, or one before it is missing"
            return False
        walk.id, walk.hash, walk.entries = number, expected, walk.entries + 1
    return bool(rows)


def _end(connection: sqlite3.Connection, walk: _Walk, head: ChainHead) -> None:
    """The newest entries could have been cut off: the ids that were given, and this process, know of them."""
    if walk.broken is not None:
        return
    given = max(given_ids(connection), head.id)
    if given > max(walk.id, walk.counted_from - 1):
        walk.broken, walk.text = walk.id + 1, f"entries {walk.id + 1} to {given} are missing"
    elif head.id == walk.id and head.hash != walk.hash.hex():
        walk.broken, walk.text = walk.id, f"entry {walk.id} is not the one that was written last"


def _lines(form: ExportForm, rows: Sequence[Sequence[Any]]) -> bytes:
    shown = ([row[0], _time(row[1]), *row[1:-1], bytes(row[-1]).hex()] for row in rows)
    if form is ExportForm.CSV:
        return _csv(shown)
    return b"".join(msgspec.json.encode(dict(zip(_FIELDS, row, strict=True))) + b"\n" for row in shown)


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A spreadsheet runs what looks like a formula, and a card or a name can look like one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="microseconds")
