"""Memory tags that outlive a restart."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plantgate.model.command import Origin, Outcome, WriteTag
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.gate import Gate
from plantgate.tags.retained import RetainedValues
from plantgate.tags.retainfile import FILE_NAME, RetainFile
from plantgate.tags.tree import TagTree

WRITER = Path(__file__).with_name("retain_writer.py")
ADA = Origin("ada", may_write=True)


def definition(path: str, data_type: DataType, initial: Scalar, *, persist: bool = True) -> TagDefinition:
    return TagDefinition(f"[default]{path}", data_type, initial=initial, writable=True, persist=persist)


DEFINITIONS = (
    definition("number", DataType.FLOAT8, 1.0),
    definition("text", DataType.STRING, "a"),
    definition("list", DataType.INT4_ARRAY, (1, 2)),
    definition("forgotten", DataType.INT4, 1, persist=False),
)


class World:
    def __init__(self, data: Path, *definitions: TagDefinition) -> None:
        self.clock = ManualClock()
        self.tree = TagTree(definitions or DEFINITIONS, self.clock)
        self.retained = RetainedValues(data, self.tree, self.clock)
        self.tree.add_sink(self.retained)
        self.gate = Gate(self.tree, self.clock)
        self.gate.retained = self.retained
        self.tasks = TaskGroup("tags", self.clock)

    async def start(self) -> World:
        await self.retained.start()
        return self

    async def stop(self) -> None:
        await self.tasks.stop()
        await self.retained.stop()

    def put(self, **values: Scalar) -> None:
        for path, value in values.items():
            tag = self.tree.find(path)
            assert tag is not None
            self.tree.publish(Batch([tag], [value], [192], [7], 8))

    def values(self) -> list[Scalar]:
        return [self.tree.read(tag).value for tag in range(len(self.tree.definitions()))]


async def pass_time(clock: ManualClock) -> None:
    while True:
        await clock.advance(0.1)
        await asyncio.sleep(0)


async def test_values_are_there_after_a_restart(tmp_path: Path) -> None:
    first = await World(tmp_path).start()
    first.put(number=2.5, text="b\u00fcrste", list=(3, 4, 5), forgotten=9)
    await first.stop()
    second = await World(tmp_path).start()
    assert second.values() == [2.5, "b\u00fcrste", (3, 4, 5), 1]
    assert second.tree.read(0).timestamp == 7, "it is as old as it is"
    await second.stop()


async def test_nothing_is_opened_for_nobody(tmp_path: Path) -> None:
    world = await World(tmp_path, DEFINITIONS[3]).start()
    world.put(forgotten=2)
    await world.stop()
    assert not (tmp_path / "state").exists()


async def test_a_tag_that_changed_its_type_or_went_keeps_its_initial_value(tmp_path: Path) -> None:
    first = await World(tmp_path).start()
    first.put(number=2.5, text="b")
    await first.stop()
    second = await World(tmp_path, definition("number", DataType.BOOLEAN, True)).start()
    assert second.values() == [True]
    await second.stop()


async def test_many_writes_are_few_commits(tmp_path: Path) -> None:
    world = await World(tmp_path).start()
    world.tasks.spawn("run", world.retained.run)
    for number in range(100):
        world.put(number=float(number))
    await world.retained.stored()
    assert world.retained.commits == 1
    world.put(number=-1.0)
    await world.stop()
    again = await World(tmp_path).start()
    assert again.values()[0] == -1.0
    await again.stop()


async def test_a_verdict_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await World(tmp_path).start()
    world.tasks.spawn("run", world.retained.run)
    assert (await world.gate.submit(WriteTag("number", 4.0), ADA)).done
    rows = sqlite3.connect(tmp_path / "state" / FILE_NAME)
    assert rows.execute("SELECT value FROM value WHERE path = '[default]number'").fetchone() == ("4.0",)
    rows.close()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("plantgate.tags.retainfile.json.dumps", full)
    await world.clock.advance(1)
    failed = await world.gate.submit(WriteTag("number", 5.0), ADA)
    assert (failed.outcome, failed.code) == (Outcome.FAILED, "TAG-112")
    assert world.tree.read(0).value == 5.0
    assert [part.state for part in world.retained.status()] == ["not stored"]
    monkeypatch.undo()
    world.tasks.spawn("time", lambda: pass_time(world.clock))
    assert (await world.gate.submit(WriteTag("number", 6.0), ADA)).done
    assert world.retained.status() == []
    await world.stop()


async def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE_NAME).write_bytes(b"no database " * 400)
    world = await World(tmp_path).start()
    world.put(number=3.0)
    await world.stop()
    assert len(list((tmp_path / "state").glob("tags.corrupt.*"))) == 1
    again = await World(tmp_path).start()
    assert again.values()[0] == 3.0
    await again.stop()


def acknowledged(data: Path, rng: random.Random) -> int:
    with subprocess.Popen([sys.executable, str(WRITER), str(data)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(rng.randrange(1, 6))]
            threading.Event().wait(rng.random() * 0.15)  # the moment shall not be tied to an acknowledgement
        finally:
            writer.kill()
        lines += writer.stdout.readlines()
    numbers = [int(line) for line in lines if line.endswith("\n")]
    assert numbers, "the writer said nothing: it did not start"
    return numbers[-1]


def test_a_killed_gateway_finds_what_it_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(3)
    for _ in range(3):
        last = acknowledged(tmp_path, rng)
        file = RetainFile(tmp_path)
        (row,) = file.open(0)
        file.close()
        assert row.value in {last, last + 1}
