"""Questions to the alarm journal: filters, pages, indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plantgate.limits import PAGE_ROWS
from plantgate.model.alarm import AlarmChange, AlarmFilter, AlarmKey, AlarmRecord, Priority
from plantgate.model.wildcard import Wildcard
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import ManualClock
from plantgate.tags.alarms import journal, read_records, schema
from plantgate.tags.alarms.alarm import Line
from plantgate.tags.alarms.store import AlarmStore, Changes

LABELS = ("", "too hot", "Zu heiß")
PATHS = tuple(f"[default]Line {line}/M{machine}/Temp" for line in (1, 2) for machine in range(20))
LINES = [
    Line(
        number // 3,
        AlarmKey(PATHS[number * 7 % len(PATHS)], ("High", "Low")[number % 2]),
        Priority(number % 5),
        LABELS[number % 3],
        (AlarmChange.ACTIVE, AlarmChange.CLEAR, AlarmChange.ACK, AlarmChange.SHELVED)[0 if number % 40 else 3],
        1_000 * number,
        number / 2,
        "ada" if number % 4 == 0 else "",
        f"note {number}",
    )
    for number in range(400)
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("journal") / "state" / schema.FILE_NAME
    store = AlarmStore(path, ManualClock(), 1e12, 1_000_000, sqlite_file.connect)
    store.open()
    store.write(Changes(LINES))
    yield path
    store.close()


def expected(wanted: AlarmFilter, before: int | None, limit: int) -> list[int]:
    """Ids, by going through everything."""

    def fits(line: Line) -> bool:
        words = f"{line.key.path} {line.key.name} {line.label}".casefold()
        return (
            (wanted.since is None or line.at >= wanted.since)
            and (wanted.until is None or line.at < wanted.until)
            and (not wanted.paths or any(Wildcard(path).matches(line.key.path) for path in wanted.paths))
            and line.priority >= wanted.lowest
            and (not wanted.changes or line.change in wanted.changes)
            and all(word in words for word in wanted.search.casefold().split())
        )

    numbered = [(number, line) for number, line in enumerate(LINES, 1) if before is None or number < before]
    return [number for number, line in reversed(numbered) if fits(line)][:limit]


times = st.one_of(st.none(), st.integers(-5, 410).map(lambda number: 1_000 * number))
filters = st.builds(
    AlarmFilter,
    since=times,
    until=times,
    paths=st.lists(
        st.sampled_from(["*", "*/M1/Temp", "[default]Line 1/*", "*M1?/*", PATHS[3], "nothing"]), max_size=2
    ).map(tuple),
    lowest=st.sampled_from(list(Priority)),
    changes=st.frozensets(st.sampled_from(list(AlarmChange)), max_size=2),
    search=st.sampled_from(["", "line 1", "HIGH hot", "heiß", "nowhere"]),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=filters, before=st.one_of(st.none(), st.integers(0, 405)), limit=st.integers(0, 50))
def test_every_filter(path: Path, wanted: AlarmFilter, before: int | None, limit: int) -> None:
    assert [each.id for each in read_records(path, limit, before, wanted)] == expected(wanted, before, limit)


def test_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_PIECE", 7)
    wanted = AlarmFilter(paths=("*Line 1*",))
    assert [each.id for each in read_records(path, 30, None, wanted)] == expected(wanted, None, 30)


def test_pages_follow_each_other(path: Path) -> None:
    seen: list[AlarmRecord] = []
    while page := read_records(path, 37, seen[-1].id if seen else None):
        seen += page
    assert [each.id for each in seen] == list(range(400, 0, -1))
    last = seen[0]
    assert last == AlarmRecord(
        400, 133, AlarmKey(PATHS[399 * 7 % 40], "Low"), Priority.CRITICAL, "", AlarmChange.ACTIVE, 399_000, 199.5, "",
        "note 399",
    )  # fmt: skip


def test_a_page_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAGE_ROWS > 1_000
    monkeypatch.setattr(journal, "PAGE_ROWS", 5)
    assert len(read_records(path, 1_000_000)) == 5


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (AlarmFilter(changes=frozenset({AlarmChange.ACK, AlarmChange.SHELVED})), "line_people"),
        (AlarmFilter(paths=(PATHS[0],)), "line_alarm"),
        (AlarmFilter(), "PRIMARY KEY"),
    ],
)
def test_an_index_is_used(path: Path, wanted: AlarmFilter, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []

    class Spy:
        def __init__(self, inner: sqlite3.Connection) -> None:
            self._inner = inner

        def execute(self, sql: str, values: object = ()) -> sqlite3.Cursor:
            if "FROM line" in sql and "ORDER BY" in sql:
                plans.extend(row[3] for row in self._inner.execute(f"EXPLAIN QUERY PLAN {sql}", values))  # type: ignore[arg-type]
            return self._inner.execute(sql, values)  # type: ignore[arg-type]

        def close(self) -> None:
            self._inner.close()

    monkeypatch.setattr(sqlite_file, "connect_reader", lambda given: Spy(sqlite3.connect(given)))
    read_records(path, 10, None, wanted)
    assert plans
    assert all(index in plan for plan in plans), plans
    assert not any("TEMP B-TREE" in plan for plan in plans), plans


def test_nothing_stored_is_an_empty_journal(tmp_path: Path) -> None:
    assert read_records(tmp_path / "alarms.sqlite", 10) == []
