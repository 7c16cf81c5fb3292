from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plantgate.access.door import Door, DoorSettings
from plantgate.model.command import DONE, Command, Origin, Outcome, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from tests.access.conftest import FakeGate

NO_PLC = Verdict(Outcome.FAILED, "MB-101", "PLC1 does not answer")
NOT_SENT = Verdict(Outcome.REFUSED, "CMD-106", "PLC1 is not running")


@pytest_asyncio.fixture
async def door(gate: FakeGate, clock: ManualClock) -> AsyncIterator[Door]:
    door = Door(DoorSettings("Main", "[default]Strike", 3.0), gate, clock)
    group = TaskGroup("access", clock)
    group.spawn("door", door.run)
    await clock.advance(0)
    yield door
    await group.stop()


def _fails_to_release(command: Command) -> Verdict:
    return NO_PLC if isinstance(command, WriteTag) and command.value is False else DONE


async def test_it_opens_for_its_pulse(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    assert (await door.open("entrance")).done
    assert door.is_open
    await clock.advance(2.9)
    assert gate.writes() == [(0, True)]
    await clock.advance(10)
    assert gate.writes() == [(0, True), (3, False)]
    assert not door.is_open
    assert [origin.actor for origin in gate.origins] == ["access:entrance", "access:release"]


async def test_a_second_request_extends_the_time(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    await door.open("entrance")
    await clock.advance(2)
    await door.open("entrance")
    await clock.advance(10)
    assert gate.writes() == [(0, True), (2, True), (5, False)]


async def test_it_opens_again_after_it_closed(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    for _ in range(3):
        await door.open("entrance")
        await clock.advance(10)
    assert gate.writes() == [(0, True), (3, False), (10, True), (13, False), (20, True), (23, False)]


async def test_a_request_while_the_release_is_on_its_way_keeps_the_door(
    door: Door, gate: FakeGate, clock: ManualClock
) -> None:
    answered = asyncio.Event()
    gate.hold = lambda command: answered if isinstance(command, WriteTag) and command.value is False else None
    await door.open("entrance")
    await clock.advance(4)
    assert gate.writes()[-1] == (3, False)
    await door.open("entrance")
    answered.set()
    await clock.advance(0)
    assert door.is_open
    await clock.advance(10)
    assert gate.writes() == [(0, True), (3, False), (4, True), (7, False)]


async def test_a_failed_release_is_retried_until_it_works(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    gate.answer = _fails_to_release
    await door.open("entrance")
    await clock.advance(5.5)
    assert gate.writes() == [(0, True), (3, False), (4, False), (5, False)]
    assert door.stuck == "PLC1 does not answer"
    assert door.is_open
    gate.answer = lambda _: DONE
    await clock.advance(10)
    assert gate.writes()[4:] == [(6, False)]
    assert (door.stuck, door.is_open) == ("", False)


async def test_a_lost_answer_to_the_opening_write_is_released_all_the_same(
    door: Door, gate: FakeGate, clock: ManualClock
) -> None:
    gate.answer = lambda command: NO_PLC if isinstance(command, WriteTag) and command.value is True else DONE
    assert await door.open("entrance") == NO_PLC
    await clock.advance(10)
    assert gate.writes() == [(0, True), (3, False)]


async def test_a_slow_answer_does_not_lengthen_the_pulse(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    answered = asyncio.Event()
    gate.hold = lambda command: answered if isinstance(command, WriteTag) and command.value is True else None
    opening = asyncio.get_running_loop().create_task(door.open("entrance"))
    await clock.advance(5)
    assert gate.writes() == [(0, True), (3, False)]
    answered.set()
    await opening


async def test_a_refused_opening_leaves_nothing_to_release(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    gate.answer = lambda _: NOT_SENT
    assert await door.open("entrance") == NOT_SENT
    assert not door.is_open
    await clock.advance(10)
    assert gate.writes() == [(0, True)]
    assert door.stuck == ""
    gate.answer = lambda _: DONE
    await door.open("entrance")
    await clock.advance(10)
    assert gate.writes()[1:] == [(10, True), (13, False)]


async def test_a_strike_left_on_by_an_earlier_run_is_released_at_the_first_good_value(
    door: Door, gate: FakeGate, clock: ManualClock
) -> None:
    door.observe(True, Quality.UNCERTAIN_INITIAL_VALUE)
    door.observe(True, Quality.BAD_STALE)
    await clock.advance(5)
    assert gate.writes() == []
    door.observe(True, Quality.GOOD)
    await clock.advance(5)
    assert gate.writes() == [(5, False)]
    door.observe(True, Quality.GOOD)  # somebody else's write later is theirs
    await clock.advance(5)
    assert len(gate.writes()) == 1


@pytest.mark.parametrize("opened_first", [True, False])
async def test_our_own_opening_is_not_taken_for_an_earlier_run(
    door: Door, gate: FakeGate, clock: ManualClock, opened_first: bool
) -> None:
    if not opened_first:
        door.observe(False, Quality.GOOD)
    await door.open("entrance")
    door.observe(True, Quality.GOOD)
    await clock.advance(1)
    assert gate.writes() == [(0, True)]
    await clock.advance(10)
    assert gate.writes() == [(0, True), (3, False)]


async def test_closing_releases_now_and_the_door_rests(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    await door.open("entrance")
    await clock.advance(1)
    await door.close()
    await clock.advance(100)
    assert gate.writes() == [(0, True), (1, False)]
    await door.close()
    assert len(gate.writes()) == 2


async def test_closing_while_the_release_fails_does_not_spin(door: Door, gate: FakeGate, clock: ManualClock) -> None:
    gate.answer = _fails_to_release
    await door.open("entrance")
    await clock.advance(3.5)
    await door.close()
    await clock.advance(60)
    assert gate.writes() == [(0, True), (3, False), (3.5, False)]


async def test_people_in_a_queue_share_one_write() -> None:
    """Writes take longer than people: without sharing, replies would wait for a hundred writes to a slow PLC."""
    gate = SlowGate()
    clock = ManualClock()
    door = Door(DoorSettings("main", "[default]Strike", 3.0), gate, clock)
    first = asyncio.gather(*(door.open(f"person {number}") for number in range(100)))
    await clock.advance(0)
    assert gate.writes == 1
    gate.answer.set()
    assert all(verdict.done for verdict in await first)
    assert (await door.open("late")).done
    assert gate.writes == 2, "a write that is over is not shared"


class SlowGate:
    """A gate whose writes are answered when the test says so."""

    def __init__(self) -> None:
        self.writes = 0
        self.answer = asyncio.Event()

    async def submit(self, command: Command, origin: Origin) -> Verdict:
        self.writes += 1
        await self.answer.wait()
        return DONE
