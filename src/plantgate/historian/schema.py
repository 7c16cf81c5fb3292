"""The tables of the history file and the rows that are more than columns.

`tag`: identity, stable for ever. `log`: commits not yet in blocks, append only, no index. `head` and `body`: blocks;
the headers of one tag lie side by side, so that a year is answered from a few hundred pages. `gap`: what was lost and
why. `totals`: sums over the blocks, so that nothing needs counting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plantgate.historian.codec import Header
from plantgate.historian.hot import Buffer

FILE_NAME: Final = "history.sqlite"
APPLICATION: Final = 0x70674831  # "pgH1" in the file's header
VERSION: Final = 1
POINTS, SEALED = 0, 1

SCHEMA: Final = """
CREATE TABLE tag(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, data_type TEXT NOT NULL);
CREATE TABLE log(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, n INTEGER NOT NULL, crc INTEGER NOT NULL,
                 data BLOB NOT NULL);
CREATE TABLE head(tag INTEGER, t1 INTEGER, id INTEGER, span INTEGER NOT NULL, n INTEGER NOT NULL, good INTEGER NOT NULL,
                  vmin, omin INTEGER, vmax, omax INTEGER, vsum, crc INTEGER NOT NULL,
                  PRIMARY KEY(tag, t1, id)) WITHOUT ROWID;
CREATE TABLE body(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE gap(id INTEGER PRIMARY KEY, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, points INTEGER NOT NULL,
                 reason TEXT NOT NULL);
CREATE TABLE totals(one INTEGER PRIMARY KEY CHECK(one = 1), points INTEGER NOT NULL, blocks INTEGER NOT NULL,
                    t0 INTEGER, t1 INTEGER, last_block INTEGER NOT NULL, last_seq INTEGER NOT NULL);
INSERT INTO totals VALUES(1, 0, 0, NULL, NULL, 0, 0);
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """Points that could not be stored: how many, between which times (microseconds UTC), and why."""

    t0: int
    t1: int
    points: int
    reason: str


@dataclass(slots=True)
class Totals:
    """Over all blocks; the last two are the highest numbers ever given, so that none comes back."""

    points: int
    blocks: int
    t0: int | None
    t1: int | None
    last_block: int
    last_seq: int

    def add(self, head: Header) -> None:
        self.points += head.n
        self.blocks += 1
        self.t0 = head.t0 if self.t0 is None else min(self.t0, head.t0)
        self.t1 = head.t1 if self.t1 is None else max(self.t1, head.t1)


def span(t0: int | None, t1: int | None, hot: Iterable[Buffer]) -> tuple[int | None, int | None]:
    """The oldest and newest time of blocks and buffers together."""
    held = [buffer for buffer in hot if len(buffer)]
    oldest = [t0, *(min(buffer.times) for buffer in held)]
    newest = [t1, *(max(buffer.times) for buffer in held)]
    return (
        min((time for time in oldest if time is not None), default=None),
        max((time for time in newest if time is not None), default=None),
    )


def file_bytes(path: Path) -> int:
    """Size of the file and of SQLite's log beside it."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
