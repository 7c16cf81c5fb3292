"""The rows of one commit and the statements that write them. The caller owns the transaction and its failures.

Every function that takes a connection may raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from plantgate.historian.codec import Header
from plantgate.historian.hot import Buffer, Columns, join, pack, pack_tags
from plantgate.historian.schema import POINTS, SEALED, Gap, Totals

LogRow: TypeAlias = tuple[int, int, int, int, bytes]  # seq, kind, n, crc, data
Block: TypeAlias = tuple[int, Header, bytes]  # the tag, then the block
Doomed: TypeAlias = tuple[int, int, int, int]  # tag, t1, id, n


@dataclass(slots=True)
class Plan:
    """What one commit does besides adding points."""

    seal: dict[int, Buffer] = field(default_factory=dict)
    carry: dict[int, Buffer] = field(default_factory=dict)


def joined(buffers: Mapping[int, Buffer]) -> Columns:
    """All points of `buffers`, tag by tag."""
    parts = []
    for tag, buffer in buffers.items():
        points = buffer.points()
        parts.append(Columns([tag] * len(points), points.times, points.qualities, points.values))
    return join(parts) if parts else Columns([], [], [], [])


def log_rows(plan: Plan, columns: Columns, packed: bytes | None, last_seq: int) -> list[LogRow]:
    """The rows a commit adds to the log after row `last_seq`. There is always one: a commit can be told from none."""
    parts: list[tuple[int, int, bytes]] = []
    settled = [*plan.seal, *plan.carry]
    if settled or not len(columns):
        parts.append((SEALED, 0, pack_tags(settled)))
    if plan.carry:
        carried = joined(plan.carry)
        parts.append((POINTS, len(carried), pack(carried)))
    if len(columns):
        parts.append((POINTS, len(columns), pack(columns) if packed is None else packed))
    return [(seq, kind, n, zlib.crc32(data), data) for seq, (kind, n, data) in enumerate(parts, start=last_seq + 1)]


def write_tags(db: sqlite3.Connection, rows: Iterable[tuple[int, str, str]]) -> None:
    """New tags, and new data types of known ones: id, path, data type."""
    db.executemany("INSERT INTO tag VALUES(?, ?, ?) ON CONFLICT(id) DO UPDATE SET data_type = excluded.data_type", rows)


def write_blocks(db: sqlite3.Connection, blocks: Iterable[Block], totals: Totals) -> None:
    """Numbers the blocks from `totals.last_block` on, and counts that up."""
    for tag, head, data in blocks:
        totals.last_block += 1
        db.execute("INSERT INTO body VALUES(?, ?)", (totals.last_block, data))
        offsets = [None if at is None else at - head.t0 for at in (head.tmin, head.tmax)]
        db.execute(
            "INSERT INTO head VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(tag, head.t1, totals.last_block, head.t1 - head.t0, head.n, head.good),
                *(head.vmin, offsets[0], head.vmax, offsets[1], head.vsum, head.crc),
            ),
        )


def write_log(db: sqlite3.Connection, rows: Iterable[LogRow]) -> None:
    db.executemany("INSERT INTO log VALUES(?, ?, ?, ?, ?)", rows)


def write_gaps(db: sqlite3.Connection, gaps: Iterable[Gap]) -> None:
    db.executemany(
        "INSERT INTO gap(t0, t1, points, reason) VALUES(?, ?, ?, ?)",
        [(gap.t0, gap.t1, gap.points, gap.reason) for gap in gaps],
    )


def cut_log(db: sqlite3.Connection, first: int) -> None:
    """Delete the rows of the log before row `first`."""
    db.execute("DELETE FROM log WHERE seq < ?", (first,))


def write_totals(db: sqlite3.Connection, totals: Totals) -> None:
    db.execute(
        "UPDATE totals SET points = ?, blocks = ?, t0 = ?, t1 = ?, last_block = ?, last_seq = ?",
        (totals.points, totals.blocks, totals.t0, totals.t1, totals.last_block, totals.last_seq),
    )


def doomed_blocks(db: sqlite3.Connection, tags: Iterable[int], before: int, most: int) -> list[Doomed]:
    """Up to `most` blocks of `tags` that end before `before` (microseconds UTC), the oldest of each tag first."""
    doomed: list[Doomed] = []
    for tag in tags:
        doomed += db.execute(
            "SELECT tag, t1, id, n FROM head WHERE tag = ? AND t1 < ? ORDER BY t1 LIMIT ?",
            (tag, before, most - len(doomed)),
        ).fetchall()
        if len(doomed) >= most:
            break
    return doomed


def delete_blocks(db: sqlite3.Connection, doomed: Sequence[Doomed]) -> None:
    db.executemany("DELETE FROM head WHERE tag = ? AND t1 = ? AND id = ?", [row[:3] for row in doomed])
    db.executemany("DELETE FROM body WHERE id = ?", [(row[2],) for row in doomed])
