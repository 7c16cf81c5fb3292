"""What every test gets: a guard that fails it if anything outlives it, and small helpers for real sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import hypothesis
import psutil
import pytest
import pytest_asyncio

# Time belongs in bench/: an example that is slow on a busy machine is no failure.
hypothesis.settings.register_profile("plantgate", deadline=None)
hypothesis.settings.load_profile("plantgate")

Eventually: TypeAlias = Callable[..., Awaitable[None]]


def _sockets() -> set[tuple[int, str]]:
    """Open sockets of this process, as (descriptor, addresses). Names what leaked in words a person can use."""
    return {
        (connection.fd, f"{connection.type.name} {connection.laddr} -> {connection.raddr} {connection.status}")
        for connection in psutil.Process().net_connections(kind="inet")
        if connection.fd >= 0
    }


def _temporary() -> set[str]:
    return {
        entry.name
        for entry in Path(tempfile.gettempdir()).iterdir()
        if entry.name.startswith((".plantgate", "plantgate"))
    }


@pytest.fixture(scope="session", autouse=True)
def _quick_collections() -> None:
    """The leak guard collects after every test: what was imported need not be looked at 300 times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Threads, sockets, child processes and temporary files of ours must be gone when the test is."""
    threads, sockets, files = set(threading.enumerate()), _sockets(), _temporary()
    children = {child.pid for child in psutil.Process().children()}
    yield
    gc.collect()
    started = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in started:
        thread.join(1.0)  # one that has been told to end may still be on its way
    left = [thread.name for thread in started if thread.is_alive()]
    assert not left, f"threads outlive the test: {left}"
    open_now = _sockets() - sockets
    assert not open_now, f"sockets outlive the test: {sorted(open_now)}"
    born = [child for child in psutil.Process().children() if child.pid not in children]
    assert not born, f"processes outlive the test: {[child.cmdline() for child in born]}"
    made = _temporary() - files
    assert not made, f"temporary files outlive the test: {made}"


@pytest_asyncio.fixture(autouse=True)
async def no_task_leaks(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """No asyncio task outlives a test. Names the tasks."""
    before = asyncio.all_tasks()
    yield
    left = [task.get_name() for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()]
    assert not left, f"tasks outlive the test: {left}"


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(lambda: condition)` waits until it holds; after `within` seconds it fails with `what`."""

    async def wait(condition: Callable[[], object], within: float = 10.0, what: str = "") -> None:
        try:
            async with asyncio.timeout(within):
                while not condition():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            pytest.fail(f"did not happen within {within:g} s: {what or condition}")

    return wait


def find_program(*names: str, package: str) -> str:
    """The path of a system program. In CI it must be there; elsewhere the test is skipped, saying how to get it."""
    for name in names:
        # Debian keeps administrators' programs where a person's PATH does not look.
        if found := shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin"):
            return found
    message = f"{names[0]} is missing: install it, on Debian with `apt-get install {package}`"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def program() -> Callable[..., str]:
    """`program("haproxy", package="haproxy")`: see find_program."""
    return find_program


@pytest.fixture
def chromium() -> str:
    return find_program("chromium", "chromium-browser", "google-chrome", package="chromium")
