"""kill -9 while access data is changed: every acknowledged change is there, and none by half."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plantgate.access import store

WRITER = Path(__file__).with_name("access_writer.py")
KEPT = 20


def run_and_kill(data: Path, rng: random.Random) -> int:
    """Start the writer, kill it somewhere in its work; gives the last revision that it acknowledged."""
    with subprocess.Popen([sys.executable, str(WRITER), str(data)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(rng.randrange(1, 40))]
            threading.Event().wait(rng.random() * 0.004)  # the moment shall not be tied to an acknowledgement
        finally:
            writer.kill()
        lines += writer.stdout.readlines()
    revisions = [int(line) for line in lines if line.endswith("\n")]
    assert revisions, "the writer said nothing: it did not start"
    return revisions[-1]


def cycle(data: Path, cycles: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged = 0
    for _ in range(cycles):
        last = run_and_kill(data, rng)
        assert last > acknowledged
        acknowledged = last
        found = store.read(data / "state" / store.FILE_NAME)
        revision = found.data.revision
        assert revision in {acknowledged, acknowledged + 1}
        expected = {str(number) for number in range(max(1, revision - KEPT + 1), revision + 1)}
        assert set(found.data.holders) == expected
        assert {card.holder for card in found.data.cards.values()} == expected
        assert (found.lost, bool(found.key_fingerprint)) == ("", True)


def test_a_killed_gateway_finds_its_access_data(tmp_path: Path) -> None:
    cycle(tmp_path, 8, 1)


@pytest.mark.long
def test_a_killed_gateway_finds_its_access_data_every_time(tmp_path: Path) -> None:
    cycle(tmp_path, 150, 2)
