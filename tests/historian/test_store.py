"""The store against a plain dictionary: sealing, carrying, late samples, reopening, damage, retention."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from plantgate.errors import StorageError
from plantgate.historian import store
from plantgate.historian.hot import Columns
from plantgate.historian.reading import NOTHING, BlockReader, Wanted
from plantgate.historian.schema import Gap
from plantgate.historian.store import Store
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType, Scalar
from plantgate.runtime import sqlite_file

T0 = 1_700_000_000_000_000
SECOND = 1_000_000
EVER = Wanted(-(1 << 60), 1 << 60)
TYPES = [DataType.FLOAT8, DataType.INT4, DataType.BOOLEAN, DataType.STRING, DataType.FLOAT4]


def definition(number: int) -> TagDefinition:
    return TagDefinition(f"[default]Line/T{number}", TYPES[number % len(TYPES)], history=True)


def value_of(number: int, rng: random.Random) -> Scalar:
    if rng.random() < 0.02:
        return None
    values: list[Scalar] = [rng.random(), rng.randrange(1000), rng.random() < 0.5, "state", rng.randrange(99) / 4]
    return values[number % len(values)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Store]:
    found = Store.open(path)
    yield found
    found.discard()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that a few thousand points meet all of them."""
    monkeypatch.setattr(store, "HISTORY_SEAL_POINTS", 60)
    monkeypatch.setattr(store, "HISTORY_BLOCK_POINTS", 50)
    monkeypatch.setattr(store, "HISTORY_HOT_POINTS", 900)
    monkeypatch.setattr(store, "HISTORY_LOG_POINTS", 1_500)
    monkeypatch.setattr(store, "HISTORY_LOG_ROWS", 60)


def all_points(found: Store, tag: int, wanted: Wanted = EVER) -> list[tuple[int, Scalar, int]]:
    connection = sqlite_file.connect_reader(found.path)
    try:
        buffer = found.hot.get(tag)
        hot, newest = (NOTHING, None) if buffer is None else (buffer.points(), buffer.newest_block)
        points = BlockReader(connection, pytest.fail).points(tag, wanted, hot, newest)
    finally:
        connection.close()
    return list(zip(points.times, points.values, points.qualities, strict=True))


def by_time(points: list[tuple[int, Scalar, int]]) -> list[tuple[int, str, int]]:
    return sorted((time, repr(value), code) for time, value, code in points)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_sealed_carried_late_or_reopened_nothing_is_lost_or_doubled(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    found = Store.open(path)
    ids = found.resolve(definition(number) for number in range(12))
    model: dict[int, list[tuple[int, Scalar, int]]] = defaultdict(list)
    for step in range(400):
        points = []
        for number, tag in enumerate(ids):
            # Tag 11 speaks seldom, so that it keeps the log from being cut; 0 and 1 in bursts.
            count = int(rng.random() < 0.02) if number == 11 else rng.choice([0, 0, 40]) if number < 2 else 1
            for part in range(count):
                late = -rng.randrange(5_000) * SECOND if rng.random() < 0.03 else 0
                time = T0 + step * SECOND + part * 1_000 + late
                points.append((tag, time, rng.choice([192, 192, 522]), value_of(number, rng)))
        for tag, time, code, value in points:
            model[tag].append((time, value, code))
        found.commit(Columns(*([point[place] for point in points] for place in range(4))))  # type: ignore[arg-type]
        assert len(found._log) <= 64  # the slow tag does not keep the log from being cut
        if step % 97 == 50:
            if step % 2:
                found.close()
            else:
                found.discard()
            found = Store.open(path)
            assert found.damaged == []
            assert found.resolve(definition(number) for number in range(12)) == ids
    assert found.points == sum(map(len, model.values())) == found.stats().points
    assert found.stats().blocks > 50
    assert found.stats().hot_points < 1_500
    for tag in ids:
        assert by_time(all_points(found, tag)) == by_time(model[tag])
        times = [time for time, _, _ in all_points(found, tag)]
        assert times == sorted(times)
        some = Wanted(T0 + 100 * SECOND, T0 + 130 * SECOND)
        within = [point for point in model[tag] if some.start <= point[0] <= some.end]
        assert by_time(all_points(found, tag, some)) == by_time(within)
    found.close()


def test_what_was_committed_is_there_after_a_crash(path: Path, tmp_path: Path) -> None:
    found = Store.open(path)
    (tag,) = found.resolve([definition(0)])
    copy = tmp_path / "copy"
    for number in range(5):
        found.commit(Columns([tag], [T0 + number], [192], [float(number)]))
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path.parent, copy)  # what a crash at this moment would leave
        again = Store.open(copy / path.name)
        assert [value for _, value, _ in all_points(again, tag)] == [float(known) for known in range(number + 1)]
        again.close()
    found.close()


def test_a_seed_is_the_newest_point_before_the_start(opened: Store) -> None:
    (tag,) = opened.resolve([definition(1)])
    for number in range(3):
        opened.commit(
            Columns([tag] * 1_000, [T0 + number * 1_000 + part for part in range(1_000)], [192] * 1_000, [7] * 1_000)
        )
    assert opened.stats().blocks > 0
    for start in (T0 + 5, T0 + 1_000, T0 + 1_500, T0 + 2_000, T0 + 2_999, T0 + 9_999):
        seeded = all_points(opened, tag, Wanted(start, start + 10, seed=True))
        assert seeded[0][0] == min(start - 1, T0 + 2_999)
    assert all_points(opened, tag, Wanted(T0 - 5, T0 - 1, seed=True)) == []


def test_late_points_do_not_make_blocks_overlap(opened: Store) -> None:
    (tag,) = opened.resolve([definition(0)])
    for number in range(4):
        times = [T0 + (number * 1_000 + part) * SECOND for part in range(1_000)]
        times[500] = T0 - 86_400 * SECOND + number
        opened.commit(Columns([tag] * 1_000, times, [192] * 1_000, [1.5] * 1_000))
    opened.commit(Columns([tag], [T0 + 10**10], [192], [1.5]))
    spans = opened._db.execute(
        "SELECT t1 - span, t1 FROM head WHERE tag = ? AND n > 500 ORDER BY t1", (tag,)
    ).fetchall()
    assert len(spans) == 4
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans[1:]))
    assert len(all_points(opened, tag, Wanted(T0 - 90_000 * SECOND, T0 - 1))) == 4


def test_a_wide_query_reads_headers_and_keeps_the_peaks(opened: Store) -> None:
    (tag,) = opened.resolve([definition(0)])
    rng = random.Random(5)
    values: list[Scalar] = [round(rng.gauss(0, 1), 3) for _ in range(40_000)]
    values[12_345] = 77.0
    values[23_456] = -77.0
    for start in range(0, 40_000, 1_000):
        times = [T0 + place * SECOND for place in range(start, start + 1_000)]
        opened.commit(Columns([tag] * 1_000, times, [192] * 1_000, values[start : start + 1_000]))
    reads: list[str] = []
    connection = sqlite_file.connect_reader(opened.path)
    connection.set_trace_callback(reads.append)
    points = BlockReader(connection, pytest.fail).points(tag, Wanted(T0, T0 + 40_000 * SECOND, 10))
    connection.close()
    assert len(points) <= 10
    assert 77.0 in points.values
    assert -77.0 in points.values
    assert sum("FROM body" in read for read in reads) <= 2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("text", [False, True])
def test_very_many_blocks_are_answered_by_sqlite_with_peaks_gaps_and_edges(opened: Store, text: bool) -> None:
    (tag,) = opened.resolve([definition(3 if text else 0)])
    rng = random.Random(9)
    count = 20_000
    values: list[Scalar] = ["run" if text else round(rng.gauss(0, 1), 3) for _ in range(count)]
    codes = [192] * count
    if not text:
        values[7_777], values[13_131] = 55.0, -55.0
    values[10_101], codes[10_101] = None, 522
    for start in range(0, count, 50):
        part = slice(start, start + 50)
        times = [T0 + place * SECOND for place in range(start, start + 50)]
        opened.commit(Columns([tag] * 50, times, codes[part], values[part]))
    assert opened.stats().blocks > 200
    wanted = Wanted(T0 + 25 * SECOND, T0 + 19_990 * SECOND, 30)
    connection = sqlite_file.connect_reader(opened.path)
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    buffer = opened.hot[tag]
    points = BlockReader(connection, pytest.fail).points(tag, wanted, buffer.points(), buffer.newest_block)
    connection.close()
    assert sum("GROUP BY" in statement for statement in statements) == 3
    assert sum("FROM body" in statement for statement in statements) < (40 if text else 6)
    assert 10 < len(points) <= 30
    assert list(points.times) == sorted(points.times)
    known = {(T0 + place * SECOND, value) for place, value in enumerate(values)}
    assert set(zip(points.times, points.values, strict=True)) <= known
    assert len(set(points.times)) == len(points)
    assert (points.times[0], points.times[-1]) == (wanted.start, wanted.end) or text
    if not text:
        assert {55.0, -55.0, None} <= set(points.values)
        assert 522 in points.qualities


def test_a_damaged_block_costs_itself_only(path: Path) -> None:
    found = Store.open(path)
    (tag,) = found.resolve([definition(1)])
    for start in range(0, 5_000, 1_000):
        found.commit(Columns([tag] * 1_000, list(range(start, start + 1_000)), [192] * 1_000, [1] * 1_000))
    found.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE body SET data = zeroblob(100) WHERE id = 2")
    connection.close()
    again = Store.open(path)
    assert len(again.damaged) == 1
    told: list[str] = []
    reader = sqlite_file.connect_reader(path)
    buffer = again.hot[tag]
    points = BlockReader(reader, told.append).points(tag, EVER, buffer.points(), buffer.newest_block)
    reader.close()
    assert len(points) == 4_000
    assert "block 2" in told[0]
    again.close()


def test_a_damaged_row_of_the_log_costs_itself_only(path: Path) -> None:
    found = Store.open(path)
    (tag,) = found.resolve([definition(1)])
    for number in range(3):
        found.commit(Columns([tag], [T0 + number], [192], [number]))
    found.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE log SET data = zeroblob(30) WHERE seq = 2")
    connection.close()
    again = Store.open(path)
    assert [value for _, value, _ in all_points(again, tag)] == [0, 2]
    assert "row 2" in again.damaged[0]
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"not a database at all" * 100,
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:100] + b"\xff" * 4_000 + raw[4_100:],
        lambda raw: b"",
    ],
    ids=["garbage", "truncated", "first page overwritten", "empty"],
)
def test_a_damaged_file_is_said_to_be_damaged_or_is_new(path: Path, damage: object) -> None:
    found = Store.open(path)
    (tag,) = found.resolve([definition(0)])
    for _ in range(30):
        found.commit(Columns([tag] * 1_000, [T0] * 1_000, [192] * 1_000, [0.5] * 1_000))
    found.close()
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    if path.stat().st_size == 0:
        again = Store.open(path)
        assert again.points == 0
        again.close()
        return
    with pytest.raises(StorageError) as caught:
        Store.open(path)
    assert caught.value.code == sqlite_file.DAMAGED


def test_another_application_s_or_a_newer_file_is_not_touched(path: Path) -> None:
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StorageError, match="HI-115"):
        Store.open(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id=5")
    connection.close()
    with pytest.raises(StorageError, match=sqlite_file.DAMAGED):
        Store.open(path)


def test_old_blocks_expire_in_portions(opened: Store) -> None:
    ids = opened.resolve([definition(0), definition(1)])
    for number in range(10):
        for tag in ids:
            times = [T0 + (number * 1_000 + part) * SECOND for part in range(1_000)]
            opened.commit(Columns([tag] * 1_000, times, [192] * 1_000, [1] * 1_000))
    before = opened.points
    cutoff = T0 + 5_000 * SECOND
    assert opened.expire(cutoff, most=3)
    while opened.expire(cutoff, most=3):
        pass
    assert opened.points == before - 10_000
    assert opened.stats().oldest == cutoff
    for tag in ids:
        assert all_points(opened, tag)[0][0] == cutoff


def test_gaps_are_written_down(opened: Store) -> None:
    opened.commit(Columns([], [], [], []), [Gap(1, 2, 3, "the disk is full")])
    assert opened._db.execute("SELECT t0, t1, points, reason FROM gap").fetchall() == [(1, 2, 3, "the disk is full")]


def test_a_tag_whose_type_changes_keeps_its_identity(opened: Store) -> None:
    (tag,) = opened.resolve([TagDefinition("[default]A", DataType.INT4)])
    opened.commit(Columns([tag], [T0], [192], [1]))
    assert opened.resolve([TagDefinition("[default]A", DataType.STRING)]) == [tag]
    opened.commit(Columns([tag], [T0 + 1], [192], ["one"]))
    assert [value for _, value, _ in all_points(opened, tag)] == [1, "one"]
    assert opened._db.execute("SELECT data_type FROM tag").fetchall() == [("String",)]
