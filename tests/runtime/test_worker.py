from __future__ import annotations

import asyncio
import threading

import pytest

from plantgate.errors import UsageError
from plantgate.runtime.worker import Worker


async def test_calls_run_in_order_on_one_named_thread() -> None:
    worker = Worker("disk")
    seen: list[tuple[int, str]] = []

    def note(number: int) -> int:
        seen.append((number, threading.current_thread().name))
        return number * 2

    results = await asyncio.gather(*(worker.run(note, number) for number in range(50)))
    await worker.close()
    assert results == [number * 2 for number in range(50)]
    assert [number for number, _ in seen] == list(range(50))
    assert {name for _, name in seen} == {"disk_0"}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyError("x")])
async def test_what_a_call_raises_is_raised_and_the_worker_goes_on(error: Exception) -> None:
    worker = Worker("disk")

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        await worker.run(fail)
    assert await worker.run(int, "7") == 7
    await worker.close()


async def test_stop_iteration_is_raised_and_does_not_hang() -> None:
    worker = Worker("disk")
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await worker.run(next, iter(()))
    await worker.close()


async def test_close_finishes_what_waits_and_is_final() -> None:
    worker = Worker("disk")
    gate = threading.Event()
    done: list[int] = []
    tasks = [asyncio.get_running_loop().create_task(worker.run(gate.wait, 10))]
    tasks += [asyncio.get_running_loop().create_task(worker.run(done.append, number)) for number in range(5)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    closing = asyncio.get_running_loop().create_task(worker.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gate.set()
    await closing
    await asyncio.wait(tasks)
    assert done == list(range(5))
    await worker.close()
    with pytest.raises(UsageError, match="RUN-102"):
        await worker.run(int)


async def test_cancelling_a_call_that_runs_lets_it_finish() -> None:
    worker = Worker("disk")
    begun, gate = threading.Event(), threading.Event()
    done: list[str] = []

    def slow() -> None:
        begun.set()
        gate.wait(10)
        done.append("finished")

    task = asyncio.get_running_loop().create_task(worker.run(slow))
    while not begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    gate.set()
    await worker.close()
    assert done == ["finished"]
