"""The badge journal: on disk before it is told, in order, ids that never come back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from plantgate.errors import Overload, StorageError
from plantgate.historian import journal, journal_schema
from plantgate.historian.journal import Journal
from plantgate.model.badge import AccessDecision, AccessVerdict
from plantgate.model.status import Health
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import SystemClock

CARD = "0123456789abcdef0123456789abcdef"
DECISION = AccessDecision(
    reader="Gate 1",
    card=CARD,
    last4="B2C3",
    at=1_700_000_000_000_000,
    verdict=AccessVerdict.DENIED,
    why="card-expired",
    reason="the card has expired on 2023-11-14",
    holder_id="P1815",
    holder="Ada Lovelace",
    rule="Staff",
    enters="Hall",
    leaves="Yard",
    remark="was still in the Hall",
    door="[default]Gate 1/Strike",
    latency_us=None,
    reply_error="connection lost",
)


def opened_at(folder: Path, **settings: Any) -> Journal:
    return Journal(folder, SystemClock(), lambda number: (f"hash of {number}", number[-4:]), **settings)


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Journal]:
    found = opened_at(tmp_path)
    await found.start()
    yield found
    await found.stop()


async def test_an_entry_comes_back_as_it_was(opened: Journal) -> None:
    entry = await opened.append(DECISION)
    assert (entry.id, entry.decision) == (1, DECISION)
    assert list(await opened.newest(10)) == [entry]


async def test_what_append_returned_another_process_sees(opened: Journal, tmp_path: Path) -> None:
    for number in range(1, 4):
        entry = await opened.append(replace(DECISION, latency_us=number, verdict=AccessVerdict.ACCEPTED))
        with sqlite3.connect(tmp_path / "state" / journal_schema.FILE_NAME) as other:
            assert other.execute("SELECT max(id), max(latency_us) FROM decision").fetchone() == (entry.id, number)
        other.close()


async def test_concurrent_appends_share_commits_and_keep_their_order(opened: Journal) -> None:
    commits: list[str] = []
    assert opened._db is not None
    opened._db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    entries = await asyncio.gather(*(opened.append(replace(DECISION, at=number)) for number in range(3_000)))
    assert [entry.decision.at for entry in entries] == list(range(3_000))
    assert [entry.id for entry in entries] == list(range(1, 3_001))
    assert len(commits) < 10


async def test_pages_of_newest_entries(opened: Journal) -> None:
    for number in range(10):
        await opened.append(replace(DECISION, at=number))
    first = await opened.newest(4)
    assert [entry.id for entry in first] == [10, 9, 8, 7]
    assert [entry.id for entry in await opened.newest(4, before=first[-1].id)] == [6, 5, 4, 3]
    assert await opened.newest(0) == []


async def test_ids_never_come_back(tmp_path: Path) -> None:
    found = opened_at(tmp_path, most=5)
    await found.start()
    for _ in range(20):
        await found.append(DECISION)
    kept = [entry.id for entry in await found.newest(100)]
    assert len(kept) <= 10
    assert kept[0] == 20
    await found.stop()
    with sqlite3.connect(tmp_path / "state" / journal_schema.FILE_NAME) as other:
        other.execute("DELETE FROM decision")
    other.close()
    again = opened_at(tmp_path)
    await again.start()
    assert (await again.append(DECISION)).id == 21
    await again.stop()


@pytest.mark.parametrize("landed", [False, True])
async def test_a_failed_fsync_is_told_never_tried_again_and_the_next_append_works(tmp_path: Path, landed: bool) -> None:
    made: list[sqlite3.Connection] = []
    broken: list[str] = []

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and broken:
                broken.clear()
                if landed:
                    super().execute(sql)
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
                raise error
            return super().execute(sql, *arguments)

    def connect(path: Path) -> sqlite3.Connection:
        made.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection))
        made[-1].execute("PRAGMA journal_mode=WAL")
        return made[-1]

    found = opened_at(tmp_path, connect=connect)
    await found.start()
    await found.append(DECISION)
    broken.append("now")
    with pytest.raises(StorageError, match="HI-111"):
        await found.append(replace(DECISION, at=2))
    assert found.status()[0].health is Health.FAILED
    with pytest.raises(sqlite3.ProgrammingError):
        made[0].execute("SELECT 1")
    entry = await found.append(replace(DECISION, at=3))
    assert found.status()[0].health is Health.OK
    assert [one.decision.at for one in await found.newest(10)] == [3, DECISION.at]
    assert entry.id == 2, "the id of what was reported as failed was never told: the chain has no hole"
    assert (await found.verify()).ok
    await found.stop()


async def test_a_caller_that_goes_away_harms_nobody(opened: Journal) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await opened.append(DECISION)
    assert (await opened.append(DECISION)).id in {1, 2}


async def test_a_disk_that_can_t_follow_is_told(opened: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "JOURNAL_WAITING", 3)
    results = await asyncio.gather(*(opened.append(DECISION) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, Overload) for result in results) == 2


async def test_a_damaged_journal_is_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "state" / journal_schema.FILE_NAME
    file.parent.mkdir()
    file.write_bytes(b"damaged" * 1_000)
    found = opened_at(tmp_path)
    await found.start()
    assert (await found.append(DECISION)).id == 1
    (kept,) = file.parent.glob("journal.corrupt.*")
    assert found.status()[0].details["set_aside"] == kept.name
    await found.stop()


async def test_a_journal_that_is_closed_says_so(tmp_path: Path) -> None:
    found = opened_at(tmp_path)
    await found.start()
    await found.stop()
    with pytest.raises(StorageError, match="HI-302"):
        await found.append(DECISION)


async def test_texts_of_any_device_are_kept(opened: Journal) -> None:
    await opened.append(replace(DECISION, last4="\ud800", reader="Tür 1"))
    (entry,) = await opened.newest(1)
    assert (entry.decision.last4, entry.decision.reader) == ("?", "Tür 1")
    assert (await opened.verify()).ok


def test_its_failures_have_the_codes_of_the_store() -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert sqlite_file.storage_error(Path("x"), error).code == "HI-110"
