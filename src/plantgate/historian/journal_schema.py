"""The journal's file: its tables, the chain of hashes, and how a file of version 1 becomes one of version 2.

Each entry carries SHA-256 over the hash before it (32 bytes, zeros before the first) and the entry's columns from `id`
to `reply_error` as a JSON array without white space, in UTF-8: what `json.dumps(row, ensure_ascii=False,
separators=(",", ":"))` gives in Python. When the oldest entries go, `chain` keeps the hash of the last of them, so that
what is left can still be checked. The chain has no key: it shows a change to whoever knows a later head, which is in
every export and, at start and stop, in the log.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from plantgate.model.badge import AccessDecision, AccessVerdict, JournalEntry

FILE_NAME: Final = "journal.sqlite"
APPLICATION: Final = 0x70674A31  # "pgJ1"
VERSION: Final = 2
# `counted_from`: from this id on, ids have no holes. Version 1 left one where an append had failed.
_TABLES: Final = """
CREATE TABLE decision(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, reader TEXT NOT NULL,
                      card TEXT NOT NULL, last4 TEXT NOT NULL, holder_id TEXT NOT NULL, holder TEXT NOT NULL,
                      verdict TEXT NOT NULL, why TEXT NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL,
                      enters TEXT NOT NULL, leaves TEXT NOT NULL, remark TEXT NOT NULL, door TEXT NOT NULL,
                      latency_us INTEGER, reply_error TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE chain(anchor INTEGER NOT NULL, hash BLOB NOT NULL, counted_from INTEGER NOT NULL);
"""
_INDEXES: Final = """
CREATE INDEX decision_at ON decision(at);
CREATE INDEX decision_reader ON decision(reader);
CREATE INDEX decision_holder ON decision(holder_id);
CREATE INDEX decision_card ON decision(card);
CREATE INDEX decision_denied ON decision(id) WHERE verdict = 'denied';
"""
FIRST_HASH: Final = bytes(32)
SCHEMA: Final = f"{_TABLES} {_INDEXES} INSERT INTO chain VALUES(0, zeroblob(32), 1);"
COLUMNS: Final = (
    *("id", "at", "reader", "card", "last4", "holder_id", "holder", "verdict", "why", "reason", "rule"),
    *("enters", "leaves", "remark", "door", "latency_us", "reply_error"),
)
NAMES: Final = ", ".join(COLUMNS)
INSERT: Final = f"INSERT INTO decision({NAMES}, hash) VALUES({', '.join('?' * (len(COLUMNS) + 1))})"

Row: TypeAlias = tuple[Any, ...]
CardOf: TypeAlias = Callable[[str], tuple[str, str]]
"""From a card's number as version 1 has it to its keyed hash and its last characters."""

_encode = msgspec.json.Encoder().encode
# The sentences of version 1, and the words that they have now.
_WHY: Final = {
    "unknown card": "unknown-card",
    "card is allowed at this reader": "rule",
    "card is not allowed at this reader": "no-rule",
}
_MIGRATED_AT_ONCE: Final = 1_000


def next_hash(before: bytes, row: Row) -> bytes:
    """The hash of `row` (the columns, without the hash) behind an entry whose hash is `before`."""
    return hashlib.sha256(before + _encode(row)).digest()


def chained(before: bytes, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows with their hashes, behind an entry whose hash is `before`."""
    for row in rows:
        before = next_hash(before, row)
        yield (*row, before)


def row_of(number: int, decision: AccessDecision) -> Row:
    return (
        number,
        decision.at,
        _text(decision.reader),
        _text(decision.card),
        _text(decision.last4),
        _text(decision.holder_id),
        _text(decision.holder),
        decision.verdict.value,
        str(decision.why),
        _text(decision.reason),
        _text(decision.rule),
        _text(decision.enters),
        _text(decision.leaves),
        _text(decision.remark),
        _text(decision.door),
        decision.latency_us,
        _text(decision.reply_error),
    )


def entry_of(row: Sequence[Any]) -> JournalEntry:
    number, at, reader, card, last4, holder_id, holder, verdict, *rest = row
    why, reason, rule, enters, leaves, remark, door, latency_us, reply_error = rest
    decision = AccessDecision(
        reader=reader,
        card=card,
        last4=last4,
        at=at,
        verdict=AccessVerdict(verdict),
        why=why,
        reason=reason,
        holder_id=holder_id,
        holder=holder,
        rule=rule,
        enters=enters,
        leaves=leaves,
        remark=remark,
        door=door,
        latency_us=latency_us,
        reply_error=reply_error,
    )
    return JournalEntry(number, decision)


def _text(text: str) -> str:
    """Lone surrogates, which a device could have sent, can't be stored as UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def last_link(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Id and hash of the newest entry; of the anchor if there is none."""
    found: tuple[int, bytes] | None = connection.execute(
        "SELECT id, hash FROM decision ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return found or connection.execute("SELECT anchor, hash FROM chain").fetchone()


def given_ids(connection: sqlite3.Connection) -> int:
    """The highest id that was ever given."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'decision'").fetchone()
    return found[0] if found else 0


def missing_at_the_end(connection: sqlite3.Connection) -> bool:
    """Whether ids were given whose entries are not there, although none can have been trimmed."""
    (counted_from,) = connection.execute("SELECT counted_from FROM chain").fetchone()
    return bool(given_ids(connection) > max(last_link(connection)[0], counted_from - 1))


def forget_ids(connection: sqlite3.Connection, above: int) -> None:
    """Ids above `above` were never told to anybody: they are given again, so that there is no hole."""
    connection.execute("UPDATE sqlite_sequence SET seq = min(seq, ?) WHERE name = 'decision'", (above,))


def trim(connection: sqlite3.Connection, up_to: int) -> None:
    """Delete the entries up to that id; the last of them stays as the chain's anchor."""
    connection.execute(
        "UPDATE chain SET (anchor, hash) = (SELECT id, hash FROM decision WHERE id <= ?1 ORDER BY id DESC LIMIT 1)"
        " WHERE EXISTS (SELECT 1 FROM decision WHERE id <= ?1)",
        (up_to,),
    )
    connection.execute("DELETE FROM decision WHERE id <= ?", (up_to,))


def migrate(connection: sqlite3.Connection, card_of: CardOf) -> None:
    """From version 1 to 2 in one transaction: a process that is killed leaves version 1. Raises sqlite3.Error.

    Version 1 has whole card numbers: they are overwritten in the file, not only given up.
    """
    (before,) = connection.execute("PRAGMA secure_delete").fetchone()
    connection.execute("PRAGMA secure_delete=ON")
    try:
        connection.execute("BEGIN IMMEDIATE")
        highest = given_ids(connection)
        connection.execute("ALTER TABLE decision RENAME TO old")
        _script(connection, _TABLES)
        connection.execute("INSERT INTO chain VALUES(0, ?, ?)", (FIRST_HASH, highest + 1))
        _copy(connection, card_of)
        _script(connection, _INDEXES)
        connection.execute("DROP TABLE old")
        connection.execute("DELETE FROM sqlite_sequence")
        connection.execute("INSERT INTO sqlite_sequence VALUES('decision', ?)", (highest,))
        connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute(f"PRAGMA secure_delete={before}")


def _script(connection: sqlite3.Connection, statements: str) -> None:
    """One by one: `executescript` would commit first."""
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)


def _copy(connection: sqlite3.Connection, card_of: CardOf) -> None:
    card_of = lru_cache(maxsize=10_000)(card_of)
    before = FIRST_HASH
    found = connection.execute(
        "SELECT id, at, reader, uid, holder, verdict, reason, door, latency_us, reply_error FROM old ORDER BY id"
    )
    while old := found.fetchmany(_MIGRATED_AT_ONCE):
        rows = []
        for number, at, reader, uid, holder, verdict, reason, door, latency_us, reply_error in old:
            card, last4 = card_of(uid)
            decision = AccessDecision(
                reader=reader,
                card=card,
                last4=last4,
                at=at,
                verdict=AccessVerdict(verdict),
                why=_WHY.get(reason, ""),
                reason=reason,
                holder=holder,
                door=door,
                latency_us=latency_us,
                reply_error=reply_error,
            )
            rows.append(row_of(number, decision))
        chain = list(chained(before, rows))
        connection.executemany(INSERT, chain)
        before = chain[-1][-1]
