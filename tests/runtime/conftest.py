"""Byte streams run on asyncio's own loop and on uvloop, which the gateway uses where it exists: both are tested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio

from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup

_BOTH_LOOPS = ("test_streams.py", "test_stream_server.py")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name in _BOTH_LOOPS:
        try:
            import uvloop
        except ImportError:  # Windows has none
            return factories
        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def group(clock: ManualClock) -> AsyncIterator[TaskGroup]:
    tasks = TaskGroup("test", clock)
    yield tasks
    await tasks.stop()
