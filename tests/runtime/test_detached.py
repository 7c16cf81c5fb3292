"""A blocking call with a deadline: what it gives, what it raises, and that nobody waits for one that hangs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from plantgate.runtime.detached import detached
from tests.conftest import Eventually


async def test_the_result_and_the_error_arrive() -> None:
    assert await detached("sum", max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        await detached("division", lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await detached("iterator", next, iter(()))
    assert await detached("name", lambda: threading.current_thread().name) == "name"
    assert await detached("daemon", lambda: threading.current_thread().daemon)


async def test_a_deadline_does_not_wait_for_the_call(eventually: Eventually) -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await detached("hangs", release.wait, 30)
    assert any(thread.name == "hangs" for thread in threading.enumerate())
    release.set()
    await eventually(lambda: not any(thread.name == "hangs" for thread in threading.enumerate()))
