"""Optimistic writes: what a page sees, what a sink that stores or judges sees, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from plantgate.errors import Unavailable
from plantgate.model.command import DONE, Command, Origin, Outcome, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.range import Bounds
from plantgate.model.tag import ScaleMode, Scaling, TagDefinition, TagKind
from plantgate.model.value import Batch, DataType, Scalar, TagValue
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree
from plantgate.tags.writing import WritePolicy

ADA = Origin("ada", may_write=True)
DEVICE = TagKind.DEVICE
HALF = Scaling(ScaleMode.LINEAR, 0, 1_000, 0, 100)


class Seen:
    def __init__(self) -> None:
        self.rows: list[tuple[int, Scalar, int]] = []

    def changed(self, batch: Batch) -> None:
        self.rows += zip(batch.tags, batch.values, batch.qualities, strict=True)


class Device:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.answers: asyncio.Queue[Verdict | BaseException] = asyncio.Queue()

    async def execute(self, command: Command) -> Verdict:
        self.asked.append(command)
        answer = await self.answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Plant:
    """A tag for each need, a page that sees everything, a store that sees what devices have said."""

    def __init__(self, tasks: TaskGroup, clock: ManualClock) -> None:
        self.clock = clock
        self.tree = TagTree(
            [
                TagDefinition("[default]Setpoint", DataType.FLOAT4, DEVICE, "PLC", "HRF1", writable=True),
                TagDefinition("[default]Share", DataType.FLOAT8, DEVICE, "PLC", "HR3", writable=True, scaling=HALF),
                TagDefinition("[default]Text", DataType.STRING, DEVICE, "PLC", "HRS5:8", writable=True),
                TagDefinition(
                    "[default]Slow",
                    DataType.FLOAT8,
                    DEVICE,
                    "PLC",
                    "HRF9",
                    writable=True,
                    scaling=Scaling(ScaleMode.EXPONENTIAL_FILTER, factor=0.1),
                ),
                TagDefinition(
                    "[default]Narrow",
                    DataType.FLOAT8,
                    DEVICE,
                    "PLC",
                    "HRF11",
                    writable=True,
                    low=0,
                    high=10,
                    limit=Bounds.BOTH,
                    deadband=2,
                ),
            ],
            clock,
        )
        self.page, self.store = Seen(), Seen()
        self.tree.add_sink(self.page, pending=True)
        self.tree.add_sink(self.store)
        self.gate = Gate(self.tree, clock)
        self.device = Device()
        self.gate.add_device("PLC", self.device)
        self.gate.policies = {"default": WritePolicy(optimistic=True, timeout=5.0)}
        self._tasks = tasks
        tasks.spawn("pending", self.tree.pending.run)

    def poll(self, tag: int, value: Scalar, quality: int = Quality.GOOD, reason: str = "") -> None:
        wall = self.clock.wall()
        self.tree.publish(Batch([tag], [value], [quality], [wall], wall, reason))

    def now(self, tag: int) -> tuple[Scalar, int]:
        found = self.tree.read(tag)
        return found.value, found.quality

    async def write(self, path: str, value: Scalar) -> asyncio.Future[Verdict]:
        """Begin it: the verdict comes later."""
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

        async def submit() -> None:
            verdict.set_result(await self.gate.submit(WriteTag(path, value), ADA))

        self._tasks.spawn("write", submit)
        asked = len(self.device.asked)
        while len(self.device.asked) == asked and not verdict.done():
            await asyncio.sleep(0)
        return verdict

    async def answer(self, verdict: Verdict | BaseException = DONE) -> None:
        self.device.answers.put_nowait(verdict)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def plant() -> AsyncIterator[Plant]:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    plant = Plant(tasks, clock)
    first: tuple[Scalar, ...] = (1.5, 100, "old", 5.0, 5.0)
    for tag, value in enumerate(first):
        plant.poll(tag, value)
    plant.page.rows.clear()
    plant.store.rows.clear()
    yield plant
    await tasks.stop()
    assert tasks.crashes == []


def read_back(value: Scalar, code: str = "") -> Verdict:
    return Verdict(Outcome.DONE, code, "it holds something" if code else "", TagValue(value, Quality.GOOD, 1))


PENDING = Quality.GOOD_WRITE_PENDING


async def test_it_is_shown_at_once_and_confirmed_by_a_poll(plant: Plant) -> None:
    verdict = await plant.write("Setpoint", 0.1)
    assert plant.now(0) == (0.1, PENDING)
    plant.poll(0, 1.5)  # a poll that was on its way
    await plant.answer()
    plant.poll(0, 1.5)  # a device that needs a cycle
    assert plant.now(0) == (0.1, PENDING)
    assert not verdict.done()
    assert plant.store.rows == []
    plant.poll(0, 0.10000000149011612)  # as two registers hold 0.1
    assert (await verdict) == Verdict(Outcome.DONE, now=TagValue(0.10000000149011612, Quality.GOOD, plant.clock.wall()))
    assert plant.page.rows == [(0, 0.1, PENDING), (0, 0.10000000149011612, 192)]
    assert plant.store.rows == [(0, 0.10000000149011612, 192)]
    assert len(plant.tree.pending) == 0


async def test_when_the_time_is_over_the_device_is_right(plant: Plant) -> None:
    verdict = await plant.write("Setpoint", 7)
    await plant.answer()
    await plant.clock.advance(4.8)
    assert plant.now(0) == (7.0, PENDING)
    plant.poll(0, 2.5)  # what the device says meanwhile is not lost
    await plant.clock.advance(0.4)
    found = await verdict
    assert (found.outcome, found.code) == (Outcome.FAILED, "CMD-117")
    assert found.now is not None
    assert (found.now.value, found.now.quality) == (2.5, 192)
    assert plant.now(0) == (2.5, 192)
    assert plant.store.rows == [(0, 2.5, 192)]


async def test_a_device_that_says_nothing_more_has_its_old_value_back(plant: Plant) -> None:
    verdict = await plant.write("Share", 33.3)
    assert plant.now(1) == (33.3, PENDING)
    await plant.answer()
    await plant.clock.advance(5.2)
    assert (await verdict).code == "CMD-117"
    assert plant.now(1) == (10.0, 192)


@pytest.mark.parametrize(
    "answer",
    [
        Verdict(Outcome.FAILED, "MB-407", "no"),
        Verdict(Outcome.REFUSED, "MB-403", "no"),
        Unavailable("X-1", "gone"),
    ],
)
async def test_a_device_that_refuses_has_its_value_back_at_once(plant: Plant, answer: Verdict | BaseException) -> None:
    verdict = await plant.write("Setpoint", 7)
    await plant.answer(answer)
    assert not (await verdict).done
    assert plant.now(0) == (1.5, 192)
    assert plant.page.rows == [(0, 7.0, PENDING), (0, 1.5, 192)]
    assert all(value == 1.5 for _, value, _ in plant.store.rows)


async def test_what_was_read_back_confirms(plant: Plant) -> None:
    verdict = await plant.write("Setpoint", 7)
    plant.poll(0, 7.0)
    await plant.answer(read_back(7.0))
    assert (await verdict).done
    assert plant.now(0) == (7.0, 192)


async def test_what_the_device_made_of_it_is_told_at_once(plant: Plant) -> None:
    """A PLC that limits a setpoint: there is nothing to wait for."""
    verdict = await plant.write("Setpoint", 700)
    plant.poll(0, 90.0)
    await plant.answer(read_back(90.0, "MB-410"))
    found = await verdict
    assert (found.outcome, found.code) == (Outcome.DONE, "MB-410")
    assert found.now is not None
    assert found.now.value == 90.0
    assert plant.now(0) == (90.0, 192)


async def test_a_device_that_answers_and_changes_nothing(plant: Plant) -> None:
    """It may need a cycle: it has its time, and the verdict is that it did not do it."""
    verdict = await plant.write("Setpoint", 7)
    plant.poll(0, 1.5)
    await plant.answer(read_back(1.5, "MB-410"))
    assert plant.now(0) == (7.0, PENDING)
    await plant.clock.advance(5.2)
    assert (await verdict).code == "CMD-117"
    assert plant.now(0) == (1.5, 192)


async def test_a_device_that_goes_away_ends_it(plant: Plant) -> None:
    verdict = await plant.write("Setpoint", 7)
    await plant.answer()
    plant.poll(0, 1.5, Quality.BAD_NOT_CONNECTED, "connection reset")
    found = await verdict
    assert (found.outcome, found.code) == (Outcome.FAILED, "CMD-118")
    assert "connection reset" in found.message
    assert plant.now(0) == (1.5, Quality.BAD_NOT_CONNECTED), "the last value is the device's, not ours"
    assert [value for _, value, _ in plant.store.rows] == [1.5, 1.5]


async def test_a_tag_that_went_stale_meanwhile_keeps_the_value_of_its_device(plant: Plant) -> None:
    verdict = await plant.write("Setpoint", 7)
    await plant.answer()
    await plant.clock.advance(3)
    plant.tree.mark_stale([(0, 2.0)])
    assert plant.now(0)[1] == Quality.BAD_STALE
    await plant.clock.advance(2.2)
    assert (await verdict).code == "CMD-117"
    assert plant.now(0) == (1.5, Quality.BAD_STALE)


async def test_polls_keep_a_pending_tag_from_becoming_stale(plant: Plant) -> None:
    await plant.write("Setpoint", 7)
    for _ in range(4):
        await plant.clock.advance(1)
        plant.poll(0, 1.5)
    assert plant.tree.mark_stale([(0, 2.0)]) == 0


async def test_a_bad_tag_says_why_it_is_bad_and_shows_nothing_else(plant: Plant) -> None:
    plant.poll(0, None, Quality.BAD_NOT_CONNECTED, "cable")
    verdict = await plant.write("Setpoint", 7)
    assert plant.now(0) == (1.5, Quality.BAD_NOT_CONNECTED)
    await plant.answer(Verdict(Outcome.FAILED, "MB-404", "not sent"))
    assert (await verdict).code == "MB-404"


async def test_the_second_write_follows_the_first(plant: Plant) -> None:
    first = await plant.write("Setpoint", 7)
    await plant.answer()
    second = await plant.write("Setpoint", 8)
    assert plant.now(0) == (8.0, PENDING)
    found = await first
    assert (found.outcome, found.code) == (Outcome.DONE, "CMD-116")
    plant.poll(0, 7.0)  # not what is awaited any more
    assert plant.now(0) == (8.0, PENDING)
    await plant.answer(Verdict(Outcome.FAILED, "MB-407", "no"))
    assert not (await second).done
    assert plant.now(0) == (7.0, 192)


async def test_a_value_between_two_counts_is_confirmed_as_the_nearest(plant: Plant) -> None:
    verdict = await plant.write("Share", 33.33)
    await plant.answer(Verdict(Outcome.REFUSED, "MB-403", "whole numbers only"))
    await plant.answer()
    assert plant.device.asked[1:] == [WriteTag("[default]Share", 333)]
    plant.poll(1, 333)
    assert (await verdict).done
    value, quality = plant.now(1)
    assert value == pytest.approx(33.3)
    assert quality == 192


async def test_a_text_is_filled_up_in_its_registers(plant: Plant) -> None:
    verdict = await plant.write("Text", "new ")
    await plant.answer()
    plant.poll(2, "new")
    assert (await verdict).done


async def test_a_filter_begins_anew_with_what_was_written(plant: Plant) -> None:
    verdict = await plant.write("Slow", 100)
    assert plant.now(3) == (100.0, PENDING)
    await plant.answer()
    plant.poll(3, 100.0)
    assert (await verdict).done
    assert plant.now(3) == (100.0, 192)


async def test_a_deadband_does_not_confirm_what_is_only_near(plant: Plant) -> None:
    verdict = await plant.write("Narrow", 6)
    await plant.answer()
    plant.poll(4, 5.0)
    assert plant.now(4) == (6.0, PENDING)
    plant.poll(4, 6.0)
    assert (await verdict).done
    assert plant.now(4) == (6.0, 192)


async def test_nothing_is_shown_that_is_never_sent(plant: Plant) -> None:
    writes: list[tuple[str, Scalar]] = [("Narrow", 11), ("Setpoint", "x"), ("Setpoint", 1e39), ("Text", 5)]
    for path, value in writes:
        assert (await (await plant.write(path, value))).outcome is Outcome.REFUSED
    assert plant.device.asked == []
    assert plant.page.rows == []


async def test_whoever_gives_up_leaves_no_lie_behind(plant: Plant) -> None:
    task: Any = asyncio.ensure_future(plant.gate.submit(WriteTag("Setpoint", 7), ADA))  # noqa: TID251
    await asyncio.sleep(0)
    assert plant.now(0) == (7.0, PENDING)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await plant.clock.advance(5.2)
    assert plant.now(0) == (1.5, 192)


async def test_a_group_without_it_shows_what_the_device_says(plant: Plant) -> None:
    plant.gate.policies = {"default": WritePolicy(read_back=True)}
    verdict = await plant.write("Setpoint", 7)
    assert plant.device.asked == [WriteTag("[default]Setpoint", 7.0, read_back=True)]
    assert plant.now(0) == (1.5, 192)
    plant.poll(0, 7.0)
    await plant.answer(read_back(7.0))
    now = (await verdict).now
    assert now is not None
    assert (now.value, now.quality) == (7.0, 192)
