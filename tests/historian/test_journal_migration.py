"""A journal of version 1 becomes one of version 2: whole or not at all, and no card number is left in the file."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from plantgate.errors import StorageError
from plantgate.historian import journal_schema
from plantgate.model.badge import AccessVerdict
from plantgate.model.status import Health
from plantgate.runtime import sqlite_file
from tests.historian.test_journal import DECISION, opened_at

VERSION_1 = """
CREATE TABLE decision(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, reader TEXT NOT NULL,
                      uid TEXT NOT NULL, holder TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
                      door TEXT NOT NULL, latency_us INTEGER, reply_error TEXT NOT NULL);
"""
NUMBER = "047DAE02C84080"


def write_version_1(folder: Path, count: int) -> Path:
    """With a hole at id 2, as a failed append left it, and ids that were given to entries that are gone."""
    path = folder / "state" / journal_schema.FILE_NAME
    path.parent.mkdir(parents=True)
    connection = sqlite_file.connect(path)
    sqlite_file.prepare(connection, path, journal_schema.APPLICATION, 1, VERSION_1)
    rows = [
        (number, 1_000 + number, "entrance", f"{NUMBER}{number:06X}", "Ada", "denied", "unknown card", "", 5, "")
        for number in range(1, count + 2)
        if number != 2
    ]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO decision VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("UPDATE sqlite_sequence SET seq = seq + 3")
    connection.execute("COMMIT")
    connection.close()
    return path


async def test_every_entry_is_kept_and_chained(tmp_path: Path) -> None:
    write_version_1(tmp_path, 2_500)
    journal = opened_at(tmp_path)
    await journal.start()
    assert journal.status()[0].health is Health.OK
    entries = await journal.newest(3_000)
    assert [entry.id for entry in entries] == [*range(2_501, 2, -1), 1]
    oldest = entries[-1].decision
    assert (oldest.card, oldest.last4) == (f"hash of {NUMBER}000001", "0001")
    assert (oldest.reader, oldest.holder, oldest.at, oldest.latency_us) == ("entrance", "Ada", 1_001, 5)
    assert (oldest.verdict, oldest.why, oldest.reason) == (AccessVerdict.DENIED, "unknown-card", "unknown card")
    assert (await journal.append(DECISION)).id == 2_505, "ids that were given are not given again"
    await journal.stop()


async def test_the_hole_that_version_1_left_is_none_of_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_version_1(tmp_path, 10)
    journal = opened_at(tmp_path)
    await journal.start()
    assert (await journal.verify()).ok
    assert "missing" not in caplog.text
    await journal.append(DECISION)
    await journal.append(DECISION)
    found = await journal.verify()
    assert (found.ok, found.entries) == (True, 12), found.text
    await journal.stop()


async def test_no_card_number_is_left_in_any_file(tmp_path: Path) -> None:
    path = write_version_1(tmp_path, 2_500)
    assert any(NUMBER.encode() in file.read_bytes() for file in path.parent.iterdir()), "the oracle sees them"
    journal = opened_at(tmp_path)
    journal._card_of = lambda number: ("0" * 32, number[-4:])
    await journal.start()
    for file in path.parent.iterdir():
        assert NUMBER.encode() not in file.read_bytes(), file
    await journal.stop()
    for file in path.parent.iterdir():
        assert NUMBER.encode() not in file.read_bytes(), file


async def test_an_empty_journal_and_one_of_ours_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / journal_schema.FILE_NAME
    path.parent.mkdir()
    connection = sqlite_file.connect(path)
    sqlite_file.prepare(connection, path, journal_schema.APPLICATION, 1, VERSION_1)
    connection.close()
    for expected in (1, 2):
        journal = opened_at(tmp_path)
        await journal.start()
        assert (await journal.append(DECISION)).id == expected
        assert (await journal.verify()).ok
        await journal.stop()


async def test_a_migration_that_fails_leaves_version_1_and_is_tried_again(tmp_path: Path) -> None:
    path = write_version_1(tmp_path, 10)
    journal = opened_at(tmp_path)

    def no_key(_: str) -> tuple[str, str]:
        raise StorageError("ACC-113", "the key of the cards is not there", "restore it")

    journal._card_of = no_key
    await journal.start()
    assert journal.status()[0].reason == "the key of the cards is not there"
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
        assert other.execute("SELECT count(*) FROM decision").fetchone() == (10,)
        assert other.execute("SELECT uid FROM decision WHERE id = 1").fetchone() == (f"{NUMBER}000001",)
    other.close()
    journal._card_of = lambda number: (number, number)
    await journal.append(DECISION)
    assert journal.status()[0].health is Health.OK
    assert len(await journal.newest(100)) == 11
    await journal.stop()


_KILLED = """
import os, sys
from pathlib import Path
from plantgate.historian import journal_schema
from plantgate.runtime import sqlite_file
seen = 0
def card_of(number):
    global seen
    seen += 1
    if seen > int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    return number, number
journal_schema.migrate(sqlite_file.connect(Path(sys.argv[1])), card_of)
"""


@pytest.mark.parametrize("after", [0, 1_500, 2_499])
def test_a_migration_that_is_killed_leaves_version_1(tmp_path: Path, after: int) -> None:
    path = write_version_1(tmp_path, 2_500)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path), str(after)], check=False, timeout=60)
    assert done.returncode != 0
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
        assert other.execute("SELECT count(*), max(uid) FROM decision").fetchone() == (2_500, f"{NUMBER}0009C5")
    other.close()
    asyncio.run(reopened(tmp_path))


async def reopened(folder: Path) -> None:
    journal = opened_at(folder)
    await journal.start()
    assert len(await journal.newest(3_000)) == 2_500
    await journal.stop()
