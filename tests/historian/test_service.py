"""The historian on an event loop: intake, acknowledgement, failing disks, damaged files, queries."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from plantgate.errors import Overload, StorageError, UsageError
from plantgate.historian import reading
from plantgate.historian.codec import Points
from plantgate.historian.hot import Buffer
from plantgate.historian.offline import HistoryFile
from plantgate.historian.service import Historian, HistoryOptions, state_file
from plantgate.model.status import Health
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import SystemClock

T0 = 1_700_000_000_000_000
EVER = (-(1 << 60), 1 << 60)
TAGS = [
    (0, TagDefinition("[default]Line/Speed", DataType.FLOAT8, history=True)),
    (1, TagDefinition("[default]Line/Count", DataType.INT4, history=True)),
    (2, TagDefinition("[default]Line/State", DataType.STRING, history=True)),
    (3, TagDefinition("[default]Line/Scratch", DataType.INT4, history=False)),
]


class Disk:
    """Connections whose writes can be made to fail, in the ways a disk does."""

    def __init__(self) -> None:
        self.fault: Callable[[str], None] | None = None
        self.pages: int | None = None
        self.opened = 0

    def connect(self, path: Path) -> sqlite3.Connection:
        self.opened += 1
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
                if disk.fault is not None:
                    disk.fault(sql)
                return super().execute(sql, *arguments)

        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
            connection.execute(f"PRAGMA {pragma}")
        if self.pages is not None:
            connection.execute(f"PRAGMA max_page_count={self.pages}")
        return connection


def io_error(text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    return error


def batch(start: int, count: int, tag: int = 0, value: Callable[[int], Scalar] = float) -> Batch:
    places = range(start, start + count)
    return Batch([tag] * count, [value(p) for p in places], [192] * count, [T0 + p for p in places], T0)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest_asyncio.fixture
async def historian(tmp_path: Path, disk: Disk) -> AsyncIterator[Historian]:
    found = Historian(tmp_path, SystemClock(), HistoryOptions(commit_ms=5), connect=disk.connect)
    found.register(TAGS)
    await found.start()
    yield found
    await found.stop()


async def test_only_tags_with_history_are_stored(historian: Historian) -> None:
    historian.changed(Batch([0, 1, 2, 3, 99], [1.5, 7, "run", 4, 5], [192, 192, 522, 192, 192], [T0] * 5, T0))
    historian.changed(Batch([3, 99], [1, 2], [192, 192], [T0, T0], T0))
    await historian.flush()
    assert historian.counters.stored == 3
    assert (await historian.stats()).points == 3
    assert (await historian.query("Line/Speed", *EVER)).values == [1.5]
    state = await historian.query("[default]Line/State", *EVER)
    assert (state.times, state.values, state.qualities) == ([T0], ["run"], [522])


async def test_what_is_not_on_disk_is_not_shown(historian: Historian, disk: Disk) -> None:
    def refuse(sql: str) -> None:
        if sql == "COMMIT":
            raise io_error("disk I/O error")

    disk.fault = refuse
    historian.changed(batch(0, 10))
    assert (await historian.query("Line/Speed", *EVER)).values == []
    assert historian.counters.stored == 0
    disk.fault = None
    await historian.flush()
    assert len((await historian.query("Line/Speed", *EVER)).values) == 10


async def test_flush_means_that_another_process_sees_it(historian: Historian, tmp_path: Path) -> None:
    for start in range(0, 3_000, 100):
        historian.changed(batch(start, 100))
    await historian.flush()
    with HistoryFile(tmp_path) as file:
        assert file.query("Line/Speed", *EVER).values == [float(place) for place in range(3_000)]
        assert file.stats() == await historian.stats()


async def test_stopping_stores_what_waits(tmp_path: Path) -> None:
    found = Historian(tmp_path, SystemClock(), HistoryOptions(commit_ms=250))
    found.register(TAGS)
    await found.start()
    for start in range(0, 60_000, 1_000):
        found.changed(batch(start, 1_000))
    await found.stop()
    assert found.counters.stored == 60_000
    with HistoryFile(tmp_path) as file:
        assert file.stats().points == 60_000


@pytest.mark.parametrize("landed", [False, True], ids=["nothing written", "written all the same"])
async def test_a_failed_fsync_is_never_tried_again_and_nothing_is_doubled(
    historian: Historian, disk: Disk, landed: bool, eventually: Any
) -> None:
    historian.changed(batch(0, 10))
    await historian.flush()
    opened = disk.opened
    after: list[str] = []
    target = historian._store
    assert target is not None
    broken = target._db

    def fail_once(sql: str) -> None:
        if sql == "COMMIT" and not after:
            after.append(sql)
            if landed:
                sqlite3.Connection.execute(broken, sql)
            raise io_error("disk I/O error")

    disk.fault = fail_once
    historian.changed(batch(10, 10))
    await eventually(lambda: historian.counters.failures == 1)
    (tile,) = historian.status()
    assert tile.health is Health.FAILED
    assert "disk reports an error" in tile.reason
    assert tile.next_step
    with pytest.raises(sqlite3.ProgrammingError):  # closed: nobody can repeat its fsync
        broken.execute("SELECT 1")
    await historian.flush()
    assert disk.opened == opened + 1
    assert (await historian.query("Line/Speed", *EVER)).values == [float(place) for place in range(20)]
    assert (await historian.stats()).points == 20
    assert historian.counters.stored == 20
    assert historian.status()[0].health is Health.OK


async def test_a_full_disk_costs_no_live_value_and_heals_by_itself(tmp_path: Path, disk: Disk, eventually: Any) -> None:
    disk.pages = 13
    options = HistoryOptions(commit_ms=5, queue_points=4_000)
    found = Historian(tmp_path, SystemClock(), options, connect=disk.connect)
    found.register(TAGS)
    await found.start()
    sent = 0
    while found.counters.failures == 0:
        found.changed(batch(sent, 500))
        sent += 500
        await eventually(lambda upto=sent: found.counters.stored == upto or found.counters.failures)
    assert "the disk is full" in found.status()[0].reason
    while found.counters.lost == 0:
        found.changed(batch(sent, 500))
        sent += 500
    lost_at = sent - 500
    stored = found.counters.stored
    assert len((await found.query("Line/Speed", *EVER)).values) == stored  # reading goes on
    disk.pages = 100_000
    await found.flush()
    await eventually(lambda: found._queue.gap is None)
    assert found.counters.stored == sent - 500
    assert found.counters.lost == 500
    assert found.status()[0].health is Health.OK
    await found.stop()
    with sqlite3.connect(state_file(tmp_path)) as connection:
        rows = connection.execute("SELECT t0, t1, points, reason FROM gap").fetchall()
    connection.close()
    assert [row[:3] for row in rows] == [(T0 + lost_at, T0 + lost_at + 499, 500)]
    assert "disk is full" in rows[0][3]


async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    file = state_file(tmp_path)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"damaged beyond repair" * 1_000)
    found = Historian(tmp_path, SystemClock())
    found.register(TAGS)
    await found.start()
    found.changed(batch(0, 5))
    await found.flush()
    assert found.counters.stored == 5
    (kept,) = file.parent.glob("history.corrupt.*")
    assert kept.read_bytes() == b"damaged beyond repair" * 1_000
    assert found.status()[0].details["set_aside"] == kept.name
    await found.stop()


async def test_damage_found_while_writing_keeps_what_is_in_memory(
    historian: Historian, disk: Disk, tmp_path: Path
) -> None:
    historian.changed(batch(0, 50))
    historian.changed(batch(0, 50, tag=1, value=int))
    await historian.flush()

    def damaged(sql: str) -> None:
        if sql == "COMMIT" and disk.opened == 1:
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    disk.fault = damaged
    historian.changed(batch(50, 50))
    await historian.flush()
    assert len(list(state_file(tmp_path).parent.glob("history.corrupt.*"))) >= 1
    assert (await historian.query("Line/Speed", *EVER)).values == [float(place) for place in range(100)]
    assert (await historian.query("Line/Count", *EVER)).values == list(range(50))
    with HistoryFile(tmp_path) as file:
        assert file.stats().points == 150


async def test_a_store_that_can_t_be_opened_does_not_stop_the_gateway(tmp_path: Path, eventually: Any) -> None:
    (tmp_path / "state").write_text("a file where a directory should be")
    found = Historian(tmp_path, SystemClock())
    found.register(TAGS)
    await found.start()
    assert found.status()[0].health is Health.FAILED
    found.changed(batch(0, 5))
    assert (await found.query("Line/Speed", *EVER)).times == []
    (tmp_path / "state").unlink()
    await found.flush()
    assert found.counters.stored == 5
    await found.stop()


async def test_a_value_that_no_history_can_hold_is_a_gap_and_the_rest_is_stored(historian: Historian) -> None:
    historian.changed(batch(0, 3))
    historian.changed(Batch([0], [object()], [192], [T0], T0))  # type: ignore[list-item]
    historian.changed(Batch([0, 1], [1e300, 1 << 90], [192, 192], [T0 + 9, T0 + 9], T0))
    await historian.flush()
    assert historian.counters.stored == 5
    assert historian.counters.lost == 1
    assert (await historian.query("Line/Count", *EVER)).values == [float(1 << 90)]


async def test_a_changed_configuration_keeps_the_tags(historian: Historian) -> None:
    historian.changed(batch(0, 5))
    historian.register([(7, TAGS[0][1]), (0, TAGS[1][1])])
    historian.changed(batch(5, 5, tag=7))
    historian.changed(batch(0, 4, tag=0, value=int))
    await historian.flush()
    assert (await historian.query("Line/Speed", *EVER)).values == [float(place) for place in range(10)]
    assert (await historian.query("Line/Count", *EVER)).values == [0, 1, 2, 3]


async def test_queries_that_can_t_be_meant_are_refused_with_the_next_step(
    historian: Historian, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"HI-201[\s\S]*Line/Speed"):
        await historian.query("Line/Sped", *EVER)
    with pytest.raises(UsageError, match="HI-202"):
        await historian.query("Line/Speed", 5, 4)
    with pytest.raises(UsageError, match="HI-203"):
        await historian.query("Line/Speed", 4, 5, 2)
    historian.changed(batch(0, 100))
    await historian.flush()
    monkeypatch.setattr(reading, "HISTORY_QUERY_POINTS", 99)
    with pytest.raises(Overload, match="HI-204"):
        await historian.query("Line/Speed", *EVER)
    assert len((await historian.query("Line/Speed", *EVER, 50)).times) <= 50


async def test_queries_see_each_point_once_while_blocks_are_made(historian: Historian) -> None:
    sent = 0
    for _ in range(120):
        historian.changed(batch(sent, 173))
        sent += 173
        shown = (await historian.query("Line/Speed", *EVER)).values
        assert shown == [float(place) for place in range(len(shown))]
    await historian.flush()
    assert (await historian.stats()).blocks > 5
    assert len((await historian.query("Line/Speed", *EVER)).values) == sent


async def test_a_block_made_while_a_query_runs_is_not_counted_twice(
    historian: Historian, monkeypatch: pytest.MonkeyPatch, eventually: Any
) -> None:
    copied, sealed = threading.Event(), threading.Event()
    points = Buffer.points

    def copy_and_wait(buffer: Buffer) -> Points:
        taken = points(buffer)
        copied.set()
        assert sealed.wait(10)
        return taken

    historian.changed(batch(0, 1_200))
    await historian.flush()
    monkeypatch.setattr(Buffer, "points", copy_and_wait)

    async def seal() -> None:
        await eventually(copied.is_set)
        historian.changed(batch(1_200, 1))
        await historian.flush()
        view = historian._view
        assert view is not None
        assert view.stats().blocks == 1
        sealed.set()

    series, _ = await asyncio.gather(historian.query("Line/Speed", *EVER), seal())
    assert series.values == [float(place) for place in range(1_200)]


async def test_stopping_in_the_middle_of_a_commit_stores_it_once(tmp_path: Path, disk: Disk, eventually: Any) -> None:
    found = Historian(tmp_path, SystemClock(), HistoryOptions(commit_ms=1), connect=disk.connect)
    found.register(TAGS)
    await found.start()
    begun, released = threading.Event(), threading.Event()

    def hold(sql: str) -> None:
        if sql == "COMMIT":
            begun.set()
            assert released.wait(10)

    disk.fault = hold
    found.changed(batch(0, 10))
    await eventually(begun.is_set)

    async def release() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        released.set()

    await asyncio.gather(found.stop(), release())
    with HistoryFile(tmp_path) as file:
        assert file.query("Line/Speed", *EVER).values == [float(place) for place in range(10)]


async def test_old_points_are_deleted(tmp_path: Path, eventually: Any) -> None:
    clock = SystemClock()
    found = Historian(tmp_path, clock, HistoryOptions(keep_days=1.0, commit_ms=1))
    found.register(TAGS)
    await found.start()
    day = 86_400_000_000
    for age in (3 * day, 0):
        times = [clock.wall() - age + place for place in range(2_000)]
        found.changed(Batch([0] * 2_000, [1.0] * 2_000, [192] * 2_000, times, clock.wall()))
        found.changed(Batch([0], [1.0], [192], [times[-1] + 1], clock.wall()))
        await found.flush()
    assert (await found.stats()).points == 4_002
    found._upkeep_at = 0.0
    found.changed(Batch([0], [1.0], [192], [clock.wall()], clock.wall()))
    await found.flush()
    await eventually(lambda: found._view is not None and found._view.points < 2_100)
    assert (await found.query("Line/Speed", 0, clock.wall() - day)).times == []
    await found.stop()


def test_reading_a_directory_without_history_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="HI-116"):
        HistoryFile(tmp_path)
