"""Scans against sockets of our own on the loopback."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from plantgate.errors import Overload, UsageError
from plantgate.limits import SCAN_CONCURRENCY
from plantgate.ports import scan as scanning
from plantgate.ports.scan import PortState, ScanResult, Target, resolve, scan, scan_targets
from plantgate.runtime.clock import ManualClock


@contextmanager
def _listener(address: str = "127.0.0.1") -> Iterator[int]:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as server:
        server.bind((address, 0))
        server.listen(16)
        yield server.getsockname()[1]


@contextmanager
def _closed_port() -> Iterator[int]:
    """A port that is taken, so that nobody else gets it, and does not listen."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_open_and_closed_in_the_order_asked_for() -> None:
    with _listener() as first, _closed_port() as closed, _listener() as second:
        results = await scan("127.0.0.1", [second, closed, first, second])
    assert [(item.port, item.state) for item in results] == [
        (second, PortState.OPEN),
        (closed, PortState.CLOSED),
        (first, PortState.OPEN),
    ]
    assert all(item.latency is not None and item.latency >= 0 for item in results)
    assert {item.address for item in results} == {"127.0.0.1"}


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6: enable it on the loopback")
async def test_ipv6_by_address_and_in_brackets() -> None:
    with _listener("::1") as port:
        for host in ("::1", "[::1]"):
            (result,) = await scan(host, [port])
            assert (result.state, result.address) == (PortState.OPEN, "::1")


async def test_of_several_addresses_the_open_one_counts() -> None:
    found: list[ScanResult] = []
    with _listener() as port:
        # 127.0.0.2 is a loopback address too where there is no listener of ours.
        await scan_targets([Target("plant", ("127.0.0.2", "127.0.0.1"), port)], found.append)
    assert [(item.host, item.address, item.state) for item in found] == [("plant", "127.0.0.1", PortState.OPEN)]


async def test_a_name_is_resolved_off_the_loop() -> None:
    with _listener() as port:
        (result,) = await scan("localhost", [port])
    assert result.state is PortState.OPEN
    assert result.host == "localhost"


def _not_at_once(*_: object) -> None:
    """As on Windows: every connect goes through the event loop."""


@pytest.mark.skipif(os.name == "nt", reason="Windows never knows at once")
@pytest.mark.parametrize(("number", "state"), [(0, PortState.OPEN), (errno.ECONNREFUSED, PortState.CLOSED)])
async def test_what_the_system_knows_at_once(monkeypatch: pytest.MonkeyPatch, number: int, state: PortState) -> None:
    with _listener() as port:
        real = scanning._connect_at_once

        def connect(*arguments: Any) -> int | None:
            real(*arguments)
            return number

        monkeypatch.setattr(scanning, "_connect_at_once", connect)
        (result,) = await scan("127.0.0.1", [port])
    assert result.state is state


async def test_through_the_loop_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_connect_at_once", _not_at_once)
    with _listener() as port, _closed_port() as closed:
        results = await scan("127.0.0.1", [port, closed])
    assert [item.state for item in results] == [PortState.OPEN, PortState.CLOSED]


async def test_a_rate_spreads_the_connects() -> None:
    clock = ManualClock()
    found: list[float] = []
    with _closed_port() as port:
        targets = [Target("127.0.0.1", ("127.0.0.1",), port)] * 10
        task = asyncio.get_running_loop().create_task(
            scan_targets(targets, lambda _: found.append(clock.mono()), rate=4, concurrency=3, clock=clock)
        )
        for _ in range(40):
            await clock.advance(0.25)
        await task
    assert len(found) == 10
    assert [round(time - found[0], 3) for time in found] == [0.25 * number for number in range(10)]


async def test_a_rate_that_cannot_be() -> None:
    for rate in (0, -1):
        with pytest.raises(UsageError, match="PORT-109"):
            await scan_targets([], lambda _: None, rate=rate)


@contextmanager
def _silent_port() -> Iterator[int]:
    """A listener that never accepts: once its queue is full the system drops what comes, as a firewall would."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            assert client.connect_ex(server.getsockname()) in {0, errno.EINPROGRESS, errno.EWOULDBLOCK}
        yield server.getsockname()[1]


async def test_silence_is_filtered() -> None:
    with _silent_port() as port:
        (result,) = await scan("127.0.0.1", [port], timeout=0.2)
    assert (result.state, result.latency) == (PortState.FILTERED, None)


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (errno.ECONNREFUSED, PortState.CLOSED),
        (errno.ECONNRESET, PortState.CLOSED),
        (errno.EHOSTUNREACH, PortState.UNREACHABLE),
        (errno.ENETUNREACH, PortState.UNREACHABLE),
        (errno.EADDRNOTAVAIL, PortState.UNREACHABLE),
        (errno.EAFNOSUPPORT, PortState.UNREACHABLE),
        (errno.ETIMEDOUT, PortState.FILTERED),
        (errno.EACCES, PortState.FILTERED),
    ],
)
async def test_what_the_system_says(monkeypatch: pytest.MonkeyPatch, number: int, state: PortState) -> None:
    async def fail(*_: object) -> None:
        raise OSError(number, "as told")

    monkeypatch.setattr(scanning, "_connect_at_once", _not_at_once)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", fail, raising=False)
    (result,) = await scan("192.0.2.1", [80])
    assert result.state is state


async def test_no_sockets_left_is_an_error_not_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(scanning, "_connect_at_once", _not_at_once)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", fail, raising=False)
    with pytest.raises(Overload, match="PORT-107"):
        await scan("192.0.2.1", [80, 81, 82])


async def test_a_port_that_meets_itself_is_closed() -> None:
    """Connecting from the port that one connects to succeeds, with nobody there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.connect(("127.0.0.1", port))
        assert probe.getsockname() == probe.getpeername(), "this system has no simultaneous open"
    loop = asyncio.get_running_loop()
    true_connect = loop.sock_connect

    async def connect_from_the_same_port(client: socket.socket, address: tuple[str, int]) -> None:
        client.bind(address)
        await true_connect(client, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_connect_at_once", _not_at_once)
        patch.setattr(loop, "sock_connect", connect_from_the_same_port, raising=False)
        (result,) = await scan("127.0.0.1", [port])
    assert result.state is PortState.CLOSED


async def test_concurrency_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    now, most = 0, 0

    async def look(target: Target, _timeout: float, _clock: object) -> ScanResult:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return ScanResult(target.host, "", target.port, PortState.CLOSED, None)

    monkeypatch.setattr(scanning, "_look", look)
    seen: list[int] = []
    await scan("192.0.2.1", range(1, 200), concurrency=7, done=seen.append)
    assert most == 7
    assert seen == [1] * 199


async def test_latency_is_of_the_clock_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()

    async def connect(*_: object) -> PortState:
        await clock.advance(0.25)
        return PortState.OPEN

    monkeypatch.setattr(scanning, "_connect", connect)
    (result,) = await scan("192.0.2.1", [80], clock=clock)
    assert result.latency == pytest.approx(0.25)


async def test_a_cancelled_scan_leaves_no_socket() -> None:
    """The leak guard sees what stays open."""
    with _silent_port() as port, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await scan("127.0.0.1", [port], timeout=30)


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
    for concurrency in (0, SCAN_CONCURRENCY + 1):
        with pytest.raises(UsageError, match="PORT-104"):
            await scan("127.0.0.1", [80], concurrency=concurrency)
    for timeout in (0, -1, 61):
        with pytest.raises(UsageError, match="PORT-105"):
            await scan("127.0.0.1", [80], timeout=timeout)
