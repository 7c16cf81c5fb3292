from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from plantgate.runtime import log
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from tests.conftest import Eventually


async def test_a_crash_is_logged_with_its_stack_and_kept(
    group: TaskGroup, clock: ManualClock, tmp_path: Path, eventually: Eventually
) -> None:
    async def broken() -> None:
        raise ValueError("what a peer sent:\n\x1b[2J" + "x" * 10_000)

    log.configure(tmp_path / "wrapper.log", console=False)
    try:
        group.spawn("poll", broken)
        await eventually(lambda: group.crashes and not len(group))
    finally:
        log.close()
    crash = group.crashes[0]
    assert (crash.task, crash.at) == ("test/poll", clock.wall())
    assert crash.text.startswith("ValueError: what a peer sent:")
    assert crash.text.isprintable()
    assert len(crash.text) < 400
    text = (tmp_path / "wrapper.log").read_text()
    assert "task=test/poll" in text
    assert "in broken" in text


async def test_without_restart_a_crash_ends_the_task(group: TaskGroup, clock: ManualClock) -> None:
    runs: list[float] = []

    async def broken() -> None:
        runs.append(clock.mono())
        raise ValueError

    group.spawn("once", broken)
    await clock.advance(120)
    assert len(runs) == 1
    assert len(group) == 0


async def test_a_crashing_task_is_restarted_with_back_off(group: TaskGroup, clock: ManualClock) -> None:
    begun = clock.mono()
    runs: list[float] = []

    async def broken() -> None:
        runs.append(clock.mono() - begun)
        raise ValueError

    group.spawn("poll", broken, restart=True)
    await clock.advance(100)
    # The group was given no random numbers: 1, 2, 4, 8, 16, then the ceiling of 30 s.
    assert runs == [0, 1, 3, 7, 15, 31, 61, 91]
    assert len(group.crashes) == 8
    await clock.advance(1_000)
    assert len(group.crashes) == 10  # the newest ten, not all


async def test_a_task_that_ran_well_for_long_is_restarted_soon(group: TaskGroup, clock: ManualClock) -> None:
    runs: list[float] = []

    async def weekly() -> None:
        runs.append(clock.mono())
        await clock.sleep(604_800)
        raise ValueError

    group.spawn("weekly", weekly, restart=True)
    await clock.advance(10 * 604_810)
    pauses = [later - earlier - 604_800 for earlier, later in itertools.pairwise(runs)]
    assert len(pauses) == 10
    assert max(pauses) <= 1.0


async def test_a_return_ends_a_restarted_task(group: TaskGroup, clock: ManualClock) -> None:
    runs: list[int] = []

    async def crashes_twice() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ValueError

    group.spawn("poll", crashes_twice, restart=True)
    await clock.advance(100)
    assert (len(runs), len(group)) == (3, 0)


async def test_a_cancellation_from_elsewhere_is_a_crash_and_no_silent_end(group: TaskGroup, clock: ManualClock) -> None:
    """A task that awaits something which others cancel gets CancelledError; nobody meant the task."""
    runs: list[int] = []

    async def waits() -> None:
        runs.append(1)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    group.spawn("waits", waits, restart=True)
    await clock.advance(2)
    assert len(runs) == 2
    assert "CancelledError" in group.crashes[0].text


async def test_an_owner_may_cancel_one_task(group: TaskGroup, clock: ManualClock) -> None:
    task = group.spawn("sleeps", lambda: clock.sleep(1_000), restart=True)
    await clock.advance(1)
    task.cancel()
    await clock.advance(100)
    assert task.cancelled()
    assert (group.crashes, len(group)) == ([], 0)


async def test_stop_while_a_task_waits_for_its_restart(clock: ManualClock) -> None:
    group = TaskGroup("test", clock)

    async def broken() -> None:
        raise ValueError

    group.spawn("poll", broken, restart=True)
    await clock.advance(0.5)
    assert clock.sleepers == 1
    await group.stop()
    assert (len(group), clock.sleepers) == (0, 0)


async def test_stop_ends_tasks_that_tasks_start_while_they_end(clock: ManualClock) -> None:
    group = TaskGroup("test", clock)
    late: list[str] = []

    async def leaf() -> None:
        late.append("started")
        await clock.sleep(1_000)

    async def spawns() -> None:
        try:
            await clock.sleep(1_000)
        finally:
            group.spawn("late", leaf)

    for number in range(5):
        group.spawn(f"parent-{number}", spawns)
    await clock.advance(0)
    await group.stop()
    assert (len(group), clock.sleepers, late) == (0, 0, [])


async def test_what_is_spawned_after_stop_never_begins(clock: ManualClock) -> None:
    group = TaskGroup("test", clock)
    await group.stop()
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    task = group.spawn("late", work)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun == []


async def test_stop_insists_when_a_cancellation_is_swallowed(clock: ManualClock) -> None:
    group = TaskGroup("test", clock)
    swallowed: list[int] = []

    async def stubborn() -> None:
        while True:
            try:
                await clock.sleep(1_000)
            except asyncio.CancelledError:
                swallowed.append(1)
                if len(swallowed) > 1:
                    raise

    group.spawn("stubborn", stubborn)
    await clock.advance(0)
    async with asyncio.timeout(10):
        await group.stop()
    assert (len(swallowed), len(group)) == (2, 0)


async def test_stop_waits_for_what_a_task_does_when_it_ends(clock: ManualClock) -> None:
    group = TaskGroup("test", clock)
    done: list[str] = []

    async def tidy() -> None:
        try:
            await clock.sleep(1_000)
        finally:
            for _ in range(20):
                await asyncio.sleep(0)
            done.append("tidied")

    group.spawn("tidy", tidy)
    await clock.advance(0)
    await group.stop()
    assert done == ["tidied"]
