from __future__ import annotations

import asyncio
import math

from hypothesis import given
from hypothesis import strategies as st

from plantgate.runtime.backoff import Backoff
from plantgate.runtime.queues import Backlog, Latest


async def test_latest_keeps_one_value_per_key() -> None:
    latest: Latest[int, str] = Latest()
    for number in range(1_000):
        latest.put(number % 3, str(number))
    assert len(latest) == 3
    assert latest.take() == {0: "999", 1: "997", 2: "998"}
    assert latest.take() == {}


async def test_latest_wakes_for_each_new_value_and_only_then() -> None:
    latest: Latest[int, int] = Latest()
    waiting = asyncio.get_running_loop().create_task(latest.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    latest.put(1, 1)
    await waiting
    latest.take()
    again = asyncio.get_running_loop().create_task(latest.wait())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
    await asyncio.wait([again])


async def test_backlog_keeps_order_up_to_its_bound() -> None:
    backlog: Backlog[int] = Backlog(3)
    assert [backlog.put(number) for number in range(5)] == [True, True, True, False, False]
    assert backlog.take(2) == [0, 1]
    async with asyncio.timeout(1):
        await backlog.wait()  # one is left
    assert backlog.put(9)
    assert backlog.take() == [2, 9]
    assert backlog.take() == []
    waiting = asyncio.get_running_loop().create_task(backlog.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])


@given(
    st.floats(0.001, 60),
    st.floats(0.001, 3_600),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=100),
)
def test_back_off_doubles_within_half_and_whole_of_its_step(first: float, ceiling: float, jitter: list[float]) -> None:
    numbers = iter(jitter)
    backoff = Backoff(first, ceiling, lambda: next(numbers))
    for failures in range(len(jitter)):
        step = min(ceiling, first * 2.0**failures)
        wait = backoff.next()
        assert step / 2 <= wait <= step
    assert backoff.failures == len(jitter)


def test_back_off_survives_years_of_failures_and_starts_anew() -> None:
    backoff = Backoff(1.0, 30.0, lambda: 0.0)
    waits = [backoff.next() for _ in range(10_000)]
    assert waits[:6] == [0.5, 1, 2, 4, 8, 15]
    assert set(waits[5:]) == {15.0}
    assert math.isfinite(waits[-1])
    backoff.reset()
    assert backoff.next() == 0.5
