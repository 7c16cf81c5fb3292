"""Alarms: what they cost where nothing is wrong, and what it costs when everything is at once.

    python -m bench.alarms [--alarms 0 1000 10000 100000]

Changes come in batches of one Modbus answer, from a tree with three consumers as in bench/tags.py, on one core. A flood
is every alarm becoming active in one moment: seconds until all are live, and until all are on disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

import psutil

from bench.table import table
from bench.tags import BATCH, CHANGES, Count, History, Pages, definitions, publish_all
from plantgate.model.alarm import AlarmDefinition, AlarmMode
from plantgate.model.seams import ChangeSink
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.alarms import Alarms, alarm_tag_definitions
from plantgate.tags.tree import TagTree

TAGS = 100_000
COUNTS = (0, 1_000, 10_000, 100_000)
FLOODS = (1_000, 10_000, 100_000)
# Far above what the values of publish_all reach: judged with each change, never active.
QUIET = AlarmDefinition("High", AlarmMode.ABOVE, setpoint=1e9, deadband=2)
LOUD = replace(QUIET, setpoint=80.0)
CHATTERING = 100


def with_alarms(count: int, alarmed: int, alarm: AlarmDefinition) -> list[TagDefinition]:
    return [
        replace(each, alarms=(alarm,)) if number < alarmed else each for number, each in enumerate(definitions(count))
    ]


def quiet(counts: list[int]) -> None:
    found: list[list[object]] = []
    for alarmed in counts:
        with tempfile.TemporaryDirectory() as name:
            clock = SystemClock()
            tree = TagTree(with_alarms(TAGS, alarmed, QUIET), clock)
            sinks: list[ChangeSink] = [History(tree), Pages(), Count()]
            alarms = Alarms(tree, Path(name), clock, TaskGroup("bench", clock))
            if alarms:
                sinks.append(Settling(alarms))
            for sink in sinks:
                tree.add_sink(sink)
            spent = publish_all(tree, TAGS)
            found.append([alarmed, round(CHANGES / spent), spent / CHANGES * 1e6, alarms.engine.looked_at])
    table(
        f"Changes of {TAGS:,} tags to history, pages, a count and the alarms, none of which is active",
        ["alarmed tags", "changes/s", "us a change", "looked at"],
        found,
    )


class Settling:
    """The alarms, and their task's turn after each hundred batches."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._batches = 0

    def changed(self, batch: Batch) -> None:
        self._alarms.changed(batch)
        self._batches += 1
        if self._batches % 100 == 0:
            self._alarms.engine.settle()


async def flooded(count: int, data: Path) -> list[object]:
    """One process: megabytes are those of a fresh one."""
    clock = SystemClock()
    tasks = TaskGroup("bench", clock)
    given = with_alarms(count, count, LOUD)
    before = _megabytes()
    began = perf_counter()
    tree = TagTree([*given, *alarm_tag_definitions(given)], clock)
    alarms = Alarms(tree, data, clock, tasks)
    tree.add_sink(alarms)
    await alarms.start()
    told = asyncio.Event()
    alarms.watch(lambda _: told.set())
    ready, ready_at = _megabytes(), perf_counter() - began
    began = perf_counter()
    for start in range(0, count, BATCH):
        tags = range(start, min(count, start + BATCH))
        tree.publish(Batch(tags, [81.0] * len(tags), [192] * len(tags), [5] * len(tags), clock.wall()))
    while alarms.counts().active < count:
        await told.wait()
        told.clear()
    live = perf_counter() - began
    await alarms.keeper.written()
    stored, after = perf_counter() - began, _megabytes()
    commits = alarms.keeper.commits
    await tasks.stop()
    await alarms.stop()
    size = sum(file.stat().st_size for file in (data / "state").iterdir()) / 1e6
    began = perf_counter()
    again = Alarms(TagTree(given, clock), data, clock, TaskGroup("bench", clock))
    await again.start()
    opened = perf_counter() - began
    assert again.counts().active == count
    await again._tasks.stop()
    await again.stop()
    return [count, ready_at, ready - before, live, stored, commits, after - ready, size, opened]


def _megabytes() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def flood(counts: list[int]) -> None:
    found: list[list[object]] = []
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            command = [sys.executable, "-m", "bench.alarms", "--flood", str(count), name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
    table(
        "All alarms active at once",
        [
            "alarms", "ready s", "MB ready", "live s", "stored s", "commits", "MB more", "MB of file", "restart s",
        ],
        found,
    )  # fmt: skip


async def chattered(data: Path) -> list[object]:
    """A hundred alarms that come and go 500 times a second each, for ten seconds."""
    clock = SystemClock()
    tasks = TaskGroup("bench", clock)
    tree = TagTree(with_alarms(CHATTERING, CHATTERING, LOUD), clock)
    alarms = Alarms(tree, data, clock, tasks)
    tree.add_sink(alarms)
    await alarms.start()
    began, spent, turns = perf_counter(), process_time(), 0
    while perf_counter() - began < 10:
        for value in (81.0, 1.0):
            tags = range(CHATTERING)
            tree.publish(Batch(tags, [value] * CHATTERING, [192] * CHATTERING, [5] * CHATTERING, clock.wall()))
        turns += 1
        await asyncio.sleep(0.002)
    await alarms.keeper.written()
    spent = process_time() - spent
    lines, live = alarms.keeper.stored, len(alarms.live())
    await tasks.stop()
    await alarms.stop()
    size = sum(file.stat().st_size for file in (data / "state").iterdir()) / 1e6
    return [CHATTERING, turns * CHATTERING, lines, lines / 10, live, spent * 10, size]


def chatter() -> None:
    with tempfile.TemporaryDirectory() as name:
        row = asyncio.run(chattered(Path(name)))
    table(
        "Alarms that flicker, 10 s",
        ["alarms", "times active", "lines stored", "lines/s", "live events", "% of a core", "MB of file"],
        [row],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.alarms")
    parser.add_argument("--alarms", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--flood", nargs=2, metavar=("ALARMS", "DIR"), help=argparse.SUPPRESS)
    given = parser.parse_known_args()[0]
    if given.flood:
        count, folder = given.flood
        print(json.dumps(asyncio.run(flooded(int(count), Path(folder)))))
        return
    quiet(given.alarms)
    print()
    flood(list(FLOODS))
    print()
    chatter()


if __name__ == "__main__":
    main()
