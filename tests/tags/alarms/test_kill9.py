"""kill -9 while alarms come and go and people acknowledge: what they were told is there, and no id comes twice."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from plantgate.model.alarm import AlarmChange
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import SystemClock
from plantgate.tags.alarms import read_records, schema
from plantgate.tags.alarms.store import AlarmStore

WRITER = Path(__file__).with_name("alarm_writer.py")


def run_and_kill(data: Path, rng: random.Random) -> list[str]:
    """Start the writer, kill it somewhere in its work; gives the lines that it printed whole."""
    with subprocess.Popen([sys.executable, str(WRITER), str(data)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(rng.randrange(1, 60))]
            threading.Event().wait(rng.random() * 0.01)  # the moment shall not be tied to an acknowledgement
        finally:
            writer.kill()
        lines += writer.stdout.readlines()
    whole = [line.strip() for line in lines if line.endswith("\n")]
    assert whole, "the writer said nothing: it did not start"
    return whole


def cycle(data: Path, cycles: int, seed: int) -> None:
    rng = random.Random(seed)
    path = data / "state" / schema.FILE_NAME
    acknowledged: set[int] = set()
    for _ in range(cycles):
        told = [line.split() for line in run_and_kill(data, rng)]
        now = [int(number) for what, number in told if what == "ack"]
        assert acknowledged.isdisjoint(now), "an id was given twice"
        acknowledged.update(now)
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
        records, before = [], None
        while page := read_records(path, 5_000, before):
            records += page
            before = page[-1].id
        acks = {record.event: record.note for record in records if record.change is AlarmChange.ACK and record.note}
        assert {event: acks.get(event) for event in now} == {event: str(event) for event in now}
        begun = Counter(record.event for record in records if record.change is AlarmChange.ACTIVE)
        assert max(begun.values()) == 1
        store = AlarmStore(path, SystemClock(), 1e9, 1_000_000_000, sqlite_file.connect)
        stored = store.open()
        store.close()
        waiting = {event.id for event in stored.events if event.acked_at is None}
        assert waiting.isdisjoint(now), "whoever was told that it is acknowledged sees it so"
        shelved = {shelf.reason for shelf in stored.shelves}
        assert shelved >= {number for what, number in told if what == "shelf"}
        assert not list((data / "state").glob("*.corrupt.*"))


def test_a_killed_gateway_finds_its_alarms(tmp_path: Path) -> None:
    cycle(tmp_path, 5, 1)


@pytest.mark.long
def test_a_killed_gateway_finds_its_alarms_every_time(tmp_path: Path) -> None:
    cycle(tmp_path, 100, 2)
