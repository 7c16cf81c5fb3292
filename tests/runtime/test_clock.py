from __future__ import annotations

import asyncio

from plantgate.runtime.clock import ManualClock, SystemClock
from plantgate.runtime.lag import LagMeter
from plantgate.runtime.tasks import TaskGroup


async def test_advance_wakes_sleepers_in_the_order_of_their_times(clock: ManualClock, group: TaskGroup) -> None:
    begun, woken = clock.mono(), list[tuple[str, float]]()

    async def every(name: str, seconds: float) -> None:
        while True:
            await clock.sleep(seconds)
            woken.append((name, clock.mono() - begun))

    group.spawn("a", lambda: every("a", 2))
    group.spawn("b", lambda: every("b", 3))
    await clock.advance(0)
    wall = clock.wall()
    await clock.advance(7)
    assert woken == [("a", 2), ("b", 3), ("a", 4), ("a", 6), ("b", 6)] or woken == [
        ("a", 2),
        ("b", 3),
        ("a", 4),
        ("b", 6),
        ("a", 6),
    ]
    assert clock.wall() - wall == 7_000_000
    assert clock.mono() - begun == 7


async def test_a_time_that_is_over_does_not_wait(clock: ManualClock) -> None:
    async with asyncio.timeout(1):
        await clock.sleep_until(clock.mono() - 1)
        await SystemClock().sleep_until(0)
    assert clock.sleepers == 0


async def test_lag_is_the_worst_of_the_last_ten_seconds(clock: ManualClock, group: TaskGroup) -> None:
    meter = LagMeter(clock)
    group.spawn("lag", meter.run)
    await clock.advance(1)
    assert meter.worst == 0
    clock._move(clock.mono() + 0.9)  # the loop was blocked: time passed and nobody was woken
    await clock.advance(0.1)
    assert 0.39 < meter.worst < 0.51
    await clock.advance(11)
    assert meter.worst == 0
