"""An open gateway for each test that asks for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.listeners.web.world import World, open_world, write_page

# What depends on the loop's transports is tried on asyncio's own and on uvloop, which the gateway uses where it exists.
_BOTH_LOOPS = ("test_hostile.py", "test_https.py", "test_listener.py", "test_rebind.py", "test_stream.py")


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


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    write_page(tmp_path)
    async with open_world(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A program on this host, not signed in."""
    async with world.client() as opened:
        yield opened
