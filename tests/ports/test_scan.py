"""The async form of a scan, against sockets of our own on the loopback."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable

import pytest

from plantgate.errors import UsageError
from plantgate.limits import SCAN_CONCURRENCY
from plantgate.ports import connects as engine
from plantgate.ports.scan import PortState, ScanResult, Target, resolve, scan, scan_targets
from plantgate.runtime.clock import ManualClock
from tests.ports.loopback import closed_port, has_ipv6, open_port, silent_port


async def test_open_and_closed_in_the_order_asked_for() -> None:
    with open_port() as first, closed_port() as closed, open_port() as second:
        results = await scan("127.0.0.1", [second, closed, first, second])
    assert [(item.port, item.state) for item in results] == [
        (second, PortState.OPEN),
        (closed, PortState.CLOSED),
        (first, PortState.OPEN),
    ]
    assert all(item.latency is not None and item.latency >= 0 for item in results)
    assert {item.address for item in results} == {"127.0.0.1"}


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6: enable it on the loopback")
async def test_ipv6_by_address_and_in_brackets() -> None:
    with open_port("::1") as port:
        for host in ("::1", "[::1]"):
            (result,) = await scan(host, [port])
            assert (result.state, result.address) == (PortState.OPEN, "::1")


async def test_a_name_is_resolved_off_the_loop() -> None:
    with open_port() as port:
        (result,) = await scan("localhost", [port])
    assert result.state is PortState.OPEN
    assert result.host == "localhost"


@pytest.fixture(params=["the system's", "without a descriptor"])
async def selector(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Each connect goes through a selector; one that the event loop can't wait for is what Windows has."""
    monkeypatch.setattr(engine, "_TELLS_AT_ONCE", False)
    if request.param == "without a descriptor":
        monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
    yield
    await asyncio.get_running_loop().shutdown_default_executor()


@pytest.mark.usefixtures("selector")
async def test_through_a_selector_it_is_the_same() -> None:
    with open_port() as port, closed_port() as closed, silent_port() as silent:
        results = await scan("127.0.0.1", [port, closed, silent], timeout=0.2)
    assert [item.state for item in results] == [PortState.OPEN, PortState.CLOSED, PortState.FILTERED]


@pytest.mark.usefixtures("selector")
async def test_a_cancelled_scan_leaves_no_socket() -> None:
    """The leak guard sees what stays open."""
    with silent_port() as port, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await scan("127.0.0.1", [port], timeout=30)


async def test_others_run_while_a_scan_waits_for_nothing() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(other())
    await scan("127.0.0.1", range(1, 1001))
    task.cancel()
    assert turns > 30


async def test_a_rate_spreads_the_connects() -> None:
    clock = ManualClock()
    found: list[float] = []
    with closed_port() as port:
        targets = [Target(f"host {number}", ("127.0.0.1", "127.0.0.2"), [port]) for number in range(5)]
        task = asyncio.get_running_loop().create_task(
            scan_targets(targets, lambda _: found.append(clock.mono()), rate=4, concurrency=3, clock=clock)
        )
        for _ in range(40):
            await clock.advance(0.25)
        await task
    assert len(found) == 5
    assert max(found) == pytest.approx(min(found) + 2.0), "ten connects: each address counts"


async def test_concurrency_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    real: Callable[[engine.Connects], float | None] = engine.Connects.turn

    def turn(self: engine.Connects) -> float | None:
        nonlocal most
        seconds = real(self)
        most = max(most, self.under_way)
        return seconds

    monkeypatch.setattr(engine.Connects, "turn", turn)
    seen: list[int] = []
    found: list[ScanResult] = []
    with silent_port() as port:
        targets = [Target("plant", ("127.0.0.1",), [port] * 20)]
        await scan_targets(targets, found.append, timeout=0.05, concurrency=7)
        await scan("127.0.0.1", range(1, 200), done=seen.append)
    assert most == 7
    assert len(found) == 20
    assert seen == [1] * 199


async def test_unknown_names_are_told() -> None:
    with pytest.raises(UsageError, match="PORT-102"):
        await scan("no..such.host", [80])
    for host in ("", "x" * 300):
        with pytest.raises(UsageError, match="PORT-101"):
            await resolve(host, 1)


@pytest.mark.parametrize("ports", [[0], [65536], [-1]])
async def test_ports_that_cannot_be(ports: list[int]) -> None:
    with pytest.raises(UsageError, match="PORT-106"):
        await scan("127.0.0.1", ports)


async def test_bounds_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="PORT-104"):
        await scan("127.0.0.1", [80], concurrency=SCAN_CONCURRENCY + 1)
    with pytest.raises(UsageError, match="PORT-105"):
        await scan("127.0.0.1", [80], timeout=0)
    with pytest.raises(UsageError, match="PORT-109"):
        await scan_targets([], lambda _: None, rate=0)
