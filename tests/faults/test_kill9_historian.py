"""R25: kill -9 of the writer at random moments. Nothing that was acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plantgate.historian.journal import Journal
from plantgate.historian.offline import HistoryFile
from plantgate.historian.store import Store
from plantgate.runtime.clock import SystemClock

WRITER = Path(__file__).with_name("history_writer.py")
T0 = 1_700_000_000_000_000
EVER = (0, 1 << 61)
SHIFT_EVERY = 400


def run_and_kill(data: Path, rng: random.Random) -> tuple[int, int]:
    """Start the writer, kill it somewhere in its work; gives its last acknowledgements: points per tag, event id."""
    with subprocess.Popen([sys.executable, str(WRITER), str(data)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(rng.randrange(1, 30))]
            threading.Event().wait(rng.random() * 0.004)  # the moment shall not be tied to an acknowledgement
        finally:
            writer.kill()
        lines += writer.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith("\n") and line.strip()]
    points = [int(number) for word, number in whole if word == "H"]
    events = [int(number) for word, number in whole if word == "J"]
    assert events, "the writer said nothing: it did not start"
    return max(points, default=0), max(events)


def verify(data: Path, acknowledged: int) -> int:
    """Every tag holds its points 0, 1, 2 ... once and in order, at least those acknowledged. Gives their number."""
    with HistoryFile(data) as file:
        count = file.query("Count", *EVER)
        level = file.query("Level", *EVER)
        state = file.query("State", *EVER)
        shift = file.query("Shift", *EVER)
        assert file.damaged == []
        total = file.stats().points
    stored = len(count.times)
    assert stored >= acknowledged
    assert count.times == level.times == state.times == [T0 + number for number in range(stored)]
    assert count.values == list(range(stored))
    assert level.values == [number / 4 for number in range(stored)]
    assert state.values == [f"state {number}" for number in range(stored)]
    shifts = -(-stored // SHIFT_EVERY)
    assert shift.times == [T0 + number * SHIFT_EVERY for number in range(shifts)]
    assert total == 3 * stored + shifts
    return stored


async def check_chain(data: Path, entries: int) -> None:
    """No kill leaves a hash that is wrong, or an entry without one."""
    journal = Journal(data, SystemClock(), lambda number: (number, number))
    await journal.start()
    found = await journal.verify()
    await journal.stop()
    assert (found.ok, found.entries) == (True, entries), found.text


def cycle(data: Path, cycles: int, seed: int) -> None:
    rng = random.Random(seed)
    points = events = 0
    for _ in range(cycles):
        acknowledged, event = run_and_kill(data, rng)
        points, events = max(points, acknowledged), max(events, event)
        again = Store.open(data / "state" / "history.sqlite")  # what the next start of the gateway does
        assert again.damaged == []
        again.close()
        assert verify(data, points) >= points
        with sqlite3.connect(data / "state" / "journal.sqlite") as journal:
            ids = [row[0] for row in journal.execute("SELECT id FROM decision ORDER BY id")]
        journal.close()
        assert ids == list(range(1, len(ids) + 1))
        assert len(ids) >= events
        asyncio.run(check_chain(data, len(ids)))
    with sqlite3.connect(data / "state" / "history.sqlite") as history:
        assert history.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        blocks = history.execute("SELECT count(*) FROM head").fetchone()[0]
    history.close()
    assert blocks > cycles  # the kills met sealing, not only appending


@pytest.mark.timeout(180)
def test_sixty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    cycle(tmp_path, 60, seed=25)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_five_hundred_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    for start in range(10):
        cycle(tmp_path / str(start), 50, seed=start)


def test_the_oracle_notices_a_lost_and_a_doubled_row(tmp_path: Path) -> None:
    """The planted fault: a commit taken out of the log, and one put in twice."""
    rng = random.Random(1)
    acknowledged, _ = run_and_kill(tmp_path, rng)
    while acknowledged < 80:
        acknowledged, _ = run_and_kill(tmp_path, rng)
    stored = verify(tmp_path, acknowledged)  # the last commit may be there without having been acknowledged
    file = tmp_path / "state" / "history.sqlite"
    with sqlite3.connect(file) as history:
        row = history.execute("SELECT seq, kind, n, crc, data FROM log WHERE kind = 0 ORDER BY seq DESC").fetchone()
        history.execute("DELETE FROM log WHERE seq = ?", row[:1])
    with pytest.raises(AssertionError):
        verify(tmp_path, stored)
    with history:
        history.execute("INSERT INTO log VALUES(?, ?, ?, ?, ?)", row)
        history.execute("INSERT INTO log VALUES(?, ?, ?, ?, ?)", (row[0] + 1, *row[1:]))
    history.close()
    with pytest.raises(AssertionError):
        verify(tmp_path, stored)
