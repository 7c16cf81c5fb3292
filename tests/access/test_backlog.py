"""One queue for all, that none can fill."""

from __future__ import annotations

from plantgate.access.backlog import SharedBacklog
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup


def fill(backlog: SharedBacklog[int], owner: str) -> int:
    """How many of `owner` were kept."""
    kept = 0
    while backlog.put(owner, kept):
        kept += 1
    return kept


def test_one_that_floods_leaves_half_for_others() -> None:
    backlog = SharedBacklog[int](1_000)
    assert fill(backlog, "flood") == 500
    assert fill(backlog, "second flood") == 250
    assert backlog.put("quiet", 1)
    assert len(backlog) == 751


def test_order_is_that_of_arrival_and_room_comes_back() -> None:
    backlog = SharedBacklog[int](10)
    for number, owner in enumerate(["a", "b", "a", "c"]):
        assert backlog.put(owner, number)
    assert backlog.take(3) == [0, 1, 2]
    assert backlog.take(3) == [3]
    assert backlog.take(3) == []
    assert fill(backlog, "a") == 5


async def test_whoever_waits_is_told(clock: ManualClock) -> None:
    backlog, tasks, told = SharedBacklog[int](4), TaskGroup("test", clock), list[int]()

    async def take() -> None:
        while True:
            await backlog.wait()
            told.extend(backlog.take(1))

    tasks.spawn("take", take)
    await clock.advance(0)
    assert told == []
    backlog.put("a", 1)
    backlog.put("b", 2)
    await clock.advance(0)
    assert told == [1, 2]
    await tasks.stop()
