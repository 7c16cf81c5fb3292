"""Reading one tag's points: headers where they are enough, blocks where not, and the newest from memory or the log."""

from __future__ import annotations

import difflib
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from plantgate.errors import Overload, StorageError, UsageError
from plantgate.historian.codec import Points, decode
from plantgate.historian.decimate import LEAST, decimate, join
from plantgate.limits import HISTORY_QUERY_POINTS
from plantgate.model.history import Series
from plantgate.model.quality import Quality
from plantgate.runtime.log import printable

_COLUMNS = "t1 - span, t1, id, n, good, vmin, omin, vmax, omax, crc"
_TABLE = "FROM head"
_RANGE = f"{_TABLE} WHERE tag = ? AND t1 >= ? AND t1 - span <= ? AND id <= ?"
_INSIDE = "AND t1 - span >= ? AND t1 <= ?"
_BUCKET = "GROUP BY (t1 - ?) / ?"
_COUNT = f"SELECT count(*), coalesce(sum(n), 0) {_RANGE}"
_SPAN = f"SELECT min(t1 - span), max(t1) {_RANGE}"
_HEADS = f"SELECT {_COLUMNS} {_RANGE} ORDER BY t1, id"
_EDGES = f"SELECT {_COLUMNS} {_RANGE} AND (t1 - span < ? OR t1 > ?) ORDER BY t1, id"
# Beside a single min() or max() SQLite takes the other columns from the row that has it (sqlite.org, lang_select 2.5).
_LEAST = f"SELECT min(vmin), t1 - span + omin {_RANGE} {_INSIDE} AND vmin IS NOT NULL {_BUCKET}"
_GREATEST = f"SELECT max(vmax), t1 - span + omax {_RANGE} {_INSIDE} AND vmax IS NOT NULL {_BUCKET}"
_LATEST = _COLUMNS.replace("t1,", "max(t1),", 1)
_BAD = f"SELECT {_LATEST} {_RANGE} {_INSIDE} AND (good < n OR vmin IS NULL) {_BUCKET}"
_BEFORE = f"SELECT {_COLUMNS} {_TABLE} WHERE tag = ? AND t1 < ? AND id <= ? ORDER BY t1 DESC, id DESC LIMIT 1"
_MANY = 4  # blocks per wanted point
_ANY_BLOCK = (1 << 63) - 1
NOTHING = Points([], [], [], good=True)


@dataclass(frozen=True, slots=True)
class _Head:
    t0: int
    t1: int
    id: int
    n: int
    good: int
    vmin: float | None
    omin: int | None
    vmax: float | None
    omax: int | None
    crc: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query: points with `start` <= time <= `end` (microseconds UTC), at most `most` of them if that is given.

    With `seed` also the newest point before `start`, so that a chart knows what the value was at its left edge.
    """

    start: int
    end: int
    most: int | None = None
    seed: bool = False

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise UsageError("HI-202", "a history query ends before it begins", "swap start and end")
        if self.most is not None and self.most < LEAST:
            raise UsageError("HI-203", f"a history query for {self.most} points", f"ask for {LEAST} or more")


class BlockReader:
    """Queries on a connection, for one thread. A damaged block is left out and told to `damaged`."""

    def __init__(self, connection: sqlite3.Connection, damaged: Callable[[str], None]) -> None:
        self._db = connection
        self._damaged = damaged

    def points(self, tag: int, wanted: Wanted, hot: Points = NOTHING, newest_block: int | None = None) -> Points:
        """Points of one tag. `hot` are those not in blocks; blocks newer than `newest_block` repeat them: left out.

        Raises Overload HI-204 if more than `HISTORY_QUERY_POINTS` would be given.
        """
        last = _ANY_BLOCK if newest_block is None else newest_block
        asked = (tag, wanted.start, wanted.end, last)
        blocks, stored = self._db.execute(_COUNT, asked).fetchone()
        total = stored + len(hot)
        if wanted.most is None and total > HISTORY_QUERY_POINTS:
            raise Overload(
                "HI-204",
                f"{total} points are more than one query may give ({HISTORY_QUERY_POINTS})",
                "ask for a shorter time or give a number of points",
            )
        before = self._before(tag, wanted.start, last) if wanted.seed else NOTHING
        if wanted.most is not None and blocks > _MANY * wanted.most:
            found = self._from_headers(asked, wanted.most)
        else:
            heads = [_Head(*row) for row in self._db.execute(_HEADS, asked)]
            short = self._shortcut(heads, total, wanted)
            found = [short(head) for head in heads]
        clipped = _clip(_in_order([before, *found, hot]), wanted)
        if not clipped:
            return NOTHING
        return join(clipped) if wanted.most is None else decimate(clipped, wanted.most)

    def _from_headers(self, asked: tuple[int, int, int, int], most: int) -> list[Points]:
        """Very many blocks: SQLite finds each bucket's least and greatest, and its last block that has bad points.

        Texts have no extremes: the last block of each bucket is read.
        """
        (begin, end) = self._db.execute(_SPAN, asked).fetchone()
        grouping = (begin, max(1, (end - begin) // most))
        whole = (*asked, asked[1], asked[2])
        good = sorted(
            {
                (time, value)
                for query in (_LEAST, _GREATEST)
                for value, time in self._db.execute(query, (*whole, *grouping))
            }
        )
        pieces = [Points([pair[0] for pair in good], [pair[1] for pair in good], [Quality.GOOD] * len(good), good=True)]
        pieces += [self._last_bad(_Head(*row)) for row in self._db.execute(_BAD, (*whole, *grouping))]
        pieces += [self._unpack(_Head(*row)) for row in self._db.execute(_EDGES, whole)]
        return pieces

    def _last_bad(self, head: _Head) -> Points:
        points = self._unpack(head)
        for place in range(len(points) - 1, -1, -1):
            if points.qualities[place] >= Quality.UNCERTAIN or points.values[place] is None or head.vmin is None:
                return _part(points, place, place + 1)
        return NOTHING

    def _shortcut(self, heads: Sequence[_Head], total: int, wanted: Wanted) -> Callable[[_Head], Points]:
        """How a block is read: its extremes are enough if it spans less than half a bucket of the result.

        Then a bucket's extremes can only be missed by the two blocks at its edges, and each block's own extremes, so
        all peaks, are in the result.
        """
        if wanted.most is None or total <= wanted.most or not heads:
            return self._unpack
        begin, end = max(wanted.start, heads[0].t0), min(wanted.end, heads[-1].t1)
        limit = (end - begin) // wanted.most  # a bucket has two points of `most`, half of it one

        def short(head: _Head) -> Points:
            whole = wanted.start <= head.t0 and head.t1 <= wanted.end
            if whole and head.t1 - head.t0 < limit and head.good == head.n and head.vmin is not None:
                return _ends(head)
            return self._unpack(head)

        return short

    def _unpack(self, head: _Head) -> Points:
        try:
            row = self._db.execute("SELECT data FROM body WHERE id = ?", (head.id,)).fetchone()
            if row is None:
                raise StorageError("HI-122", "a history block is damaged: it is missing")  # noqa: TRY301
            return decode(row[0], head.n, head.crc)
        except StorageError as error:
            self._damaged(f"block {head.id} ({head.n} points from {head.t0} to {head.t1}): {error.message}")
            return NOTHING

    def _before(self, tag: int, start: int, last: int) -> Points:
        row = self._db.execute(_BEFORE, (tag, start, last)).fetchone()
        return self._unpack(_Head(*row)) if row else NOTHING

    def check(self, advance: Callable[[int], None]) -> int:
        """Unpack every block, oldest first; calls `advance(1)` after each. Gives the number of damaged ones."""
        bad = 0
        for row in self._db.execute(f"SELECT {_COLUMNS} {_TABLE}"):
            bad += len(self._unpack(_Head(*row))) == 0
            advance(1)
        return bad


def _ends(head: _Head) -> Points:
    low = (head.t0 + (head.omin or 0), head.vmin)
    high = (head.t0 + (head.omax or 0), head.vmax)
    ends = [low] if low[0] == high[0] else sorted((low, high), key=lambda pair: pair[0])
    return Points([pair[0] for pair in ends], [pair[1] for pair in ends], [Quality.GOOD] * len(ends), good=True)


def _in_order(pieces: Sequence[Points]) -> list[Points]:
    """Pieces that follow each other in time. Each is in order by itself; late samples make them overlap: then one."""
    full = [piece for piece in pieces if len(piece)]
    if all(piece.times[-1] <= following.times[0] for piece, following in pairwise(full)):
        return full
    whole = join(full)
    order = sorted(range(len(whole)), key=whole.times.__getitem__)
    times, values, codes = (
        [column[place] for place in order] for column in (whole.times, whole.values, whole.qualities)
    )
    return [Points(times, values, codes, good=whole.good)]  # type: ignore[arg-type]


def _clip(pieces: Sequence[Points], wanted: Wanted) -> list[Points]:
    """What of `pieces` is wanted; with `seed` also the newest point before."""
    seed: list[Points] = []
    clipped: list[Points] = []
    for piece in pieces:
        first = bisect_left(piece.times, wanted.start)
        last = bisect_right(piece.times, wanted.end)
        if wanted.seed and first > 0:
            seed = [_part(piece, first - 1, first)]
        if first < last:
            clipped.append(piece if last - first == len(piece) else _part(piece, first, last))
    return seed + clipped


def _part(points: Points, first: int, last: int) -> Points:
    times, values, codes = points.times[first:last], points.values[first:last], points.qualities[first:last]
    return Points(times, values, codes, good=points.good)


def series(path: str, points: Points) -> Series:
    """`points` as the rest of the gateway knows them."""
    return Series(path, list(points.times), list(points.values), list(points.qualities))


def unknown_tag(path: str, known: Sequence[str]) -> UsageError:
    """HI-201, naming the paths that are most like `path`."""
    near = difflib.get_close_matches(path, known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "the tags page shows the paths; is its history on?"
    return UsageError("HI-201", f"no history of a tag {printable(path)}", hint)
