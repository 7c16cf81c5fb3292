"""The embedded historian: what it takes in, what it costs on disk, how fast it answers and opens.

    python -m bench.historian [--points 5000000] [--directory DIR]

Tables: intake through the store (each commit fsynced; random walk rounded to 0.01, as in reference/libraries.md 4) for
few and for many tags, with plain append-only SQLite rows as the limit; bytes a point by kind of data; one day of one
tag; opening; the journal; and the lag of an event loop beside a historian that takes in all it can.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import shutil
import sqlite3
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from plantgate.historian.codec import Kind, Points, encode
from plantgate.historian.hot import Columns
from plantgate.historian.journal import Journal
from plantgate.historian.reading import NOTHING, BlockReader, Wanted
from plantgate.historian.service import Historian
from plantgate.historian.store import Store
from plantgate.model.badge import AccessDecision, AccessVerdict
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import SystemClock

T0 = 1_700_000_000_000_000
SECOND = 1_000_000
COMMIT = 10_000
STEPS = [-0.02, -0.01, 0.0, 0.01, 0.02]
CONSOLE = Console(width=120)


def commits(tags: list[int], points: int, rng: random.Random) -> Iterator[Columns]:
    """Random walks: each tag once a second, `COMMIT` points a commit."""
    per_commit = max(1, COMMIT // len(tags))
    steps = [rng.choice(STEPS) for _ in range(10_007)]
    values = [50.0] * len(tags)
    second = drawn = 0
    while second * len(tags) < points:
        columns: tuple[list[int], list[int], list[int], list[Scalar]] = ([], [], [], [])
        for _ in range(per_commit):
            for place in range(len(tags)):
                drawn += 1
                values[place] = round(values[place] + steps[drawn % 10_007], 2)
            columns[0].extend(tags)
            columns[1].extend([T0 + second * SECOND] * len(tags))
            columns[2].extend([192] * len(tags))
            columns[3].extend(values)
            second += 1
        yield Columns(*columns)


def timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def ms(seconds: float) -> str:
    return f"{seconds * 1_000:.1f}"


def plain_rows(folder: Path, points: int, tags: int) -> float:
    """The limit: executemany into a table without index, same durability."""
    connection = sqlite_file.connect(folder / "plain.sqlite")
    connection.execute("CREATE TABLE hot(tag, t, q, v)")
    spent = 0.0
    for columns in commits(list(range(1, tags + 1)), points, random.Random(1)):
        began = perf_counter()
        connection.execute("BEGIN")
        rows = zip(columns.tags, columns.times, columns.qualities, columns.values, strict=True)
        connection.executemany("INSERT INTO hot VALUES(?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        sqlite_file.checkpoint(connection, "PASSIVE")
        spent += perf_counter() - began
    connection.close()
    (folder / "plain.sqlite").unlink()
    return points / spent


def one_query(store: Store, tag: int, wanted: Wanted) -> int:
    connection = sqlite_file.connect_reader(store.path)
    buffer = store.hot.get(tag)
    hot, newest = (NOTHING, None) if buffer is None else (buffer.points(), buffer.newest_block)
    found = BlockReader(connection, print).points(tag, wanted, hot, newest)
    connection.close()
    return len(found)


def intake(folder: Path, tags: int, points: int, table: Table) -> None:
    path = folder / str(tags) / "history.sqlite"
    store = Store.open(path)
    ids = store.resolve(TagDefinition(f"[default]T{number}", DataType.FLOAT8) for number in range(tags))
    spent: list[float] = []
    taken = 0
    for columns in commits(ids, points, random.Random(1)):
        began = perf_counter()
        store.commit(columns)
        store.tidy()
        spent.append(perf_counter() - began)
        taken += len(columns)
    stats = store.stats()
    sealed = stats.points - stats.hot_points
    in_blocks = sqlite3.connect(path).execute("SELECT sum(length(data)) + 70 * count(*) FROM body").fetchone()[0]
    day = Wanted(T0, T0 + 86_400 * SECOND, 1_000)
    asked = min(timed(lambda: one_query(store, ids[len(ids) // 2], day)) for _ in range(3))
    store.close()
    opened: list[Store] = []
    reopen = timed(lambda: opened.append(Store.open(path)))
    assert opened[0].points == taken
    opened[0].close()
    ordered = sorted(spent)
    table.add_row(
        f"{tags:,}",
        f"{taken:,}",
        f"{taken / sum(spent):,.0f}",
        ms(ordered[len(ordered) // 2]),
        ms(ordered[-1]),
        f"{in_blocks / sealed:.2f}" if sealed else "-",
        f"{path.stat().st_size / taken:.2f}",
        ms(asked),
        ms(reopen),
    )
    shutil.rmtree(path.parent)


def intake_table(folder: Path, most: int) -> None:
    table = Table(title="Intake by amount and number of tags (commits of 10,000 points, each fsynced)")
    for head in (
        *("tags", "points", "points/s", "commit ms", "worst", "B/point in blocks", "B/point of file"),
        *("day to 1,000: ms", "open ms"),
    ):
        table.add_column(head, justify="right")
    for tags in (50, 10_000):
        for share in (4, 2, 1):
            intake(folder, tags, most // share, table)
    CONSOLE.print(table)
    for tags in (50, 10_000):
        limit = plain_rows(folder, min(most, 2_000_000), tags)
        CONSOLE.print(f"plain rows, {tags:,} tags, no index, no blocks, no query from memory: {limit:,.0f} rows/s")


def sizes_table() -> None:
    rng = random.Random(2)
    regular = [T0 + place * SECOND for place in range(1_000)]
    jitter = [time + rng.randrange(4_000) for time in regular]
    walk: list[float] = [50.0]
    while len(walk) < 1_000:
        walk.append(round(walk[-1] + rng.choice(STEPS), 2))
    noise = [rng.gauss(50, 10) for _ in range(1_000)]
    registers = [struct.unpack("f", struct.pack("f", value))[0] for value in noise]
    counter = [place * 3 + rng.randrange(3) for place in range(1_000)]
    table = Table(title="Bytes a point in blocks of 1,000, and time to pack one")
    for head in ("data", "regular stamps", "stamps with 4 ms of jitter", "us/point"):
        table.add_column(head, justify="right" if head != "data" else "left")
    kinds: list[tuple[str, Kind, list[Scalar]]] = [
        ("walk rounded to 0.01", Kind.FLOAT, list(walk)),
        ("noise, 4-byte registers", Kind.FLOAT, list(registers)),
        ("noise, full doubles", Kind.FLOAT, list(noise)),
        ("counter", Kind.INT, list(counter)),
        ("switch", Kind.BOOL, [place // 37 % 2 == 0 for place in range(1_000)]),
        ("state names", Kind.TEXT, [("idle", "run", "blocked")[place // 50 % 3] for place in range(1_000)]),
    ]
    for name, kind, values in kinds:
        blocks = [Points(times, values, [192] * 1_000, good=True) for times in (regular, jitter)]
        bytes_each = [len(encode(kind, block)[1]) / 1_000 for block in blocks]
        spent = min(timed(lambda block=blocks[1], kind=kind: encode(kind, block)) for _ in range(20))  # type: ignore[misc]
        table.add_row(name, *(f"{size:.2f}" for size in bytes_each), f"{spent * 1_000:.2f}")
    CONSOLE.print(table)


def open_table(folder: Path) -> None:
    """A store of 1 GiB: real blocks, copied under new tags and times."""
    path = folder / "big" / "history.sqlite"
    store = Store.open(path)
    (tag,) = store.resolve([TagDefinition("[default]T", DataType.FLOAT8)])
    rng = random.Random(3)
    for start in range(0, 101_000, 1_000):
        times = [T0 + (start + place) * SECOND for place in range(1_000)]
        store.commit(Columns([tag] * 1_000, times, [192] * 1_000, [rng.gauss(0, 1) for _ in range(1_000)]))
    store.close()
    with sqlite3.connect(path) as copy:
        copy.execute("CREATE TEMP TABLE one AS SELECT head.*, body.data FROM head JOIN body USING(id)")
        copies = 1_400
        copy.execute(
            "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < ?)"
            "INSERT INTO body SELECT k * 100 + one.id, one.data FROM n, one",
            (copies,),
        )
        copy.execute(
            "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < ?)"
            "INSERT INTO head SELECT tag, t1 + k * 100000000000, k * 100 + id, span, one.n, good,"
            " vmin, omin, vmax, omax, vsum, crc FROM n, one",
            (copies,),
        )
        last, blocks = copy.execute("SELECT max(id), count(*) FROM head").fetchone()
        copy.execute("UPDATE totals SET last_block = ?, blocks = ?, points = ?", (last, blocks, blocks * 1_000))
    copy.close()
    store = Store.open(path)
    for start in range(0, 1_000_000, COMMIT):  # the log as full as it gets
        tags = store.resolve(TagDefinition(f"[default]S{number}", DataType.FLOAT8) for number in range(2_000))
        times = [T0 + start * SECOND] * COMMIT
        store.commit(Columns(tags * (COMMIT // 2_000), times, [192] * COMMIT, [float(start)] * COMMIT))
    store.close()
    opened: list[Store] = []
    spent = timed(lambda: opened.append(Store.open(path)))
    hot = opened[0].stats()
    span = Wanted(T0, T0 + (copies + 1) * 100_000 * SECOND, 1_000)
    wide = timed(lambda: one_query(opened[0], tag, span))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    CONSOLE.print(
        f"open: {path.stat().st_size / 2**30:.2f} GiB, {hot.points:,} points, {hot.hot_points:,} of them in the log: "
        f"{spent:.2f} s; {copies * 1.16:.0f} days of one tag to 1,000 points: {ms(wide)} ms; peak memory {memory} MB"
    )
    opened[0].close()


async def loop_lag(folder: Path, rate: int) -> None:
    """How late a 1 ms timer is beside a historian that gets `rate` points/s."""
    clock = SystemClock()
    historian = Historian(folder / f"lag{rate}", clock)
    count = 1_000
    historian.register([(n, TagDefinition(f"[default]T{n}", DataType.FLOAT8, history=True)) for n in range(count)])
    await historian.start()
    late: list[float] = []
    began = perf_counter()
    sent = 0
    rng = random.Random(4)
    while perf_counter() - began < 10:
        asked = perf_counter()
        await asyncio.sleep(0.001)
        late.append(perf_counter() - asked - 0.001)
        while sent < rate * (perf_counter() - began):
            now = clock.wall()
            values: list[Scalar] = [round(rng.random(), 2) for _ in range(count)]
            historian.changed(Batch(range(count), values, [192] * count, [now] * count, now))
            sent += count
    await historian.flush()
    late.sort()
    counters = historian.counters
    CONSOLE.print(
        f"loop beside {rate:,} points/s: timer late p50 {ms(late[len(late) // 2])} "
        f"p99 {ms(late[int(len(late) * 0.99)])} "
        f"worst {ms(late[-1])} ms; stored {counters.stored:,}, lost {counters.lost:,}, commit p99 "
        f"{counters.percentile(0.99) or 0:.1f} ms; stop {ms(await stopping(historian))} ms"
    )


async def stopping(historian: Historian) -> float:
    began = perf_counter()
    await historian.stop()
    return perf_counter() - began


async def journal(folder: Path) -> None:
    found = Journal(folder, SystemClock(), lambda number: (number, number))
    await found.start()
    decision = AccessDecision(
        reader="Gate 1",
        card="04a1b2c3d4e5f60718293a4b5c6d7e8f",
        last4="E580",
        at=T0,
        verdict=AccessVerdict.ACCEPTED,
        why="rule",
        reason="Ada Lovelace may enter Hall 3 (rule Staff)",
        holder_id="P1815",
        holder="Ada Lovelace",
        rule="Staff",
        enters="Hall 3",
    )
    spent: list[float] = []
    for _ in range(3_000):
        began = perf_counter()
        await found.append(decision)
        spent.append(perf_counter() - began)
    began = perf_counter()
    await asyncio.gather(*(found.append(decision) for _ in range(5_000)))
    together = 5_000 / (perf_counter() - began)
    await found.stop()
    spent.sort()
    CONSOLE.print(
        f"journal append, one at a time: p50 {ms(spent[1_500])} p99 {ms(spent[2_970])} worst {ms(spent[-1])} ms; "
        f"5,000 at once: {together:,.0f}/s"
    )


def main(command_line: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=4_000_000)
    parser.add_argument("--directory", type=Path, help="on the disk to be measured")
    arguments = parser.parse_args(command_line)
    folder = Path(tempfile.mkdtemp(prefix="plantgate-bench-", dir=arguments.directory))
    try:
        sizes_table()
        asyncio.run(journal(folder))
        for rate in (5_000, 50_000):
            asyncio.run(loop_lag(folder, rate))
        intake_table(folder, arguments.points)
        open_table(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
