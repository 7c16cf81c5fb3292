"""Lists of commands: devices side by side, one device in order, each with its verdict and its audit line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from plantgate.errors import Overload
from plantgate.limits import WRITE_LIST_ITEMS, WRITE_LISTS_AT_ONCE
from plantgate.model.command import DONE, Command, Origin, Outcome, Verdict, WriteTag
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import DataType
from plantgate.runtime.clock import SystemClock
from plantgate.tags.derived import DerivedTags
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree
from plantgate.tags.writing import WritePolicy

ADA = Origin("ada", may_write=True)
GUEST = Origin("guest")
COUNT = 3


class Device:
    """Notes who is asked while who else is; `held` makes it wait."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self.running = self.most = 0
        self.held: asyncio.Event | None = None

    async def execute(self, command: Command) -> Verdict:
        assert isinstance(command, WriteTag)
        assert command.value != -13, "a defect"
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.held is not None:
                await self.held.wait()
            await asyncio.sleep(0)
            self.values.append(command.value)
        finally:
            self.running -= 1
        return DONE


class Plant:
    def __init__(self) -> None:
        clock = SystemClock()
        devices = [
            TagDefinition(f"[default]D{number}", DataType.INT4, TagKind.DEVICE, f"plc{number}", "HRI1", writable=True)
            for number in range(COUNT)
        ]
        alias = TagDefinition("[default]Alias", DataType.INT4, TagKind.REFERENCE, source="[default]D0", writable=True)
        twice = TagDefinition(
            "[default]Twice",
            DataType.INT4,
            TagKind.DERIVED,
            source="[default]Memory",
            expression="{value} * 2",
            write_expression="{value} / 2",
            writable=True,
        )
        memory = TagDefinition("[default]Memory", DataType.INT4, writable=True)
        self.tree = TagTree([*devices, alias, twice, memory], clock)
        self.gate = Gate(self.tree, clock)
        self.gate.derived = DerivedTags(self.tree, {}, clock)
        self.devices = [Device() for _ in range(COUNT)]
        for number, device in enumerate(self.devices):
            self.gate.add_device(f"plc{number}", device)

    async def write(self, *writes: tuple[str, int], seconds: float | None = None) -> list[Verdict]:
        return await self.gate.submit_many([WriteTag(path, value) for path, value in writes], ADA, seconds)


def codes(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.code for verdict in verdicts]


async def test_one_device_is_written_in_order_also_by_its_other_names() -> None:
    plant = Plant()
    verdicts = await plant.write(*((("D0", "Alias")[value % 2], value) for value in range(100)))
    assert all(verdict.done for verdict in verdicts)
    assert plant.devices[0].values == list(range(100))
    assert plant.devices[0].most == 1


async def test_a_dead_device_delays_no_other() -> None:
    plant = Plant()
    dead = plant.devices[1]
    dead.held = asyncio.Event()
    writes = [(f"D{value % COUNT}", value) for value in range(30)]
    verdicts = await plant.write(*writes, seconds=0.2)
    for at, (path, _) in enumerate(writes):
        expected = "" if path != "D1" else "CMD-107" if at == 1 else "CMD-115"
        assert verdicts[at].code == expected, "what may have been sent is told from what was not"
    assert [len(device.values) for device in plant.devices] == [10, 0, 10]
    assert sum(plant.gate.commands.values()) == len(writes), "each is in the audit log"
    dead.held = None
    assert (await plant.gate.submit(WriteTag("D1", 1), ADA)).done, "its place is free again"


async def test_each_is_checked_by_itself() -> None:
    plant = Plant()
    verdicts = await plant.write(("D0", 1), ("Nobody", 1), ("D1", 2**40), ("Memory", 5), ("Twice", 8))
    assert codes(verdicts) == ["", "CMD-103", "CMD-105", "", ""]
    assert [verdict.now.value if verdict.now else None for verdict in verdicts] == [None, None, None, 5, 8]
    assert plant.tree.read(plant.tree.find("Memory") or 0).value == 4
    assert await plant.gate.submit_many([], ADA) == []
    refused = await plant.gate.submit_many([WriteTag("D0", 1)], GUEST)
    assert codes(refused) == ["CMD-101"]
    assert plant.devices[0].values == [1]


async def test_what_waits_for_a_confirmation_holds_nobody_up() -> None:
    plant = Plant()
    plant.gate.policies = {"default": WritePolicy(optimistic=True, timeout=60)}
    for number in range(COUNT):
        plant.tree.pending.begin(number, 0, 0, 60)
    task = asyncio.ensure_future(plant.write(*(("D0", value) for value in range(10))))  # noqa: TID251
    while len(plant.devices[0].values) < 10:
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_target_that_crashes_is_told_when_the_others_have_ended() -> None:
    plant = Plant()
    with pytest.raises(AssertionError):
        await plant.gate.submit_many([WriteTag("D1", -13), WriteTag("D0", 1), WriteTag("D2", 2)], ADA)
    assert [len(device.values) for device in plant.devices] == [1, 0, 1]
    assert (await plant.write(("D1", 3)))[0].done


async def test_a_flood_of_lists_is_turned_away() -> None:
    plant = Plant()
    with pytest.raises(Overload) as caught:
        await plant.write(*[("D0", 1)] * (WRITE_LIST_ITEMS + 1))
    assert caught.value.code == "CMD-113"
    plant.devices[0].held = held = asyncio.Event()
    lists = [asyncio.ensure_future(plant.write(("D0", 1))) for _ in range(WRITE_LISTS_AT_ONCE)]  # noqa: TID251
    await asyncio.sleep(0)
    with pytest.raises(Overload) as caught:
        await plant.write(("D1", 1))
    assert caught.value.code == "CMD-114"
    held.set()
    assert all(verdict.done for verdicts in await asyncio.gather(*lists) for verdict in verdicts)
    assert (await plant.write(("D1", 1)))[0].outcome is Outcome.DONE
