"""A scan with probes: what is asked for bounds them together, and hosts keep their order."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from plantgate.ports.findings import Finding
from plantgate.ports.hosts import parse_hosts
from plantgate.ports.survey import HostReport, ProbeOptions, Wanted, survey
from tests.ports import peers
from tests.ports.loopback import has_ipv6


class _Counted:
    """Connections that a peer had at a time, and when they came."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.times: list[float] = []
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.times.append(time.perf_counter())
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1


def _hears(counted: _Counted) -> peers.Answer:
    """A server that says nothing and waits for the end."""

    def answer(client: socket.socket) -> None:
        with counted(), suppress(OSError):
            while client.recv(4096):
                pass

    return answer


async def test_the_connections_of_probes_are_bounded_with_those_of_the_scan() -> None:
    told: list[HostReport] = []
    counted = _Counted()
    with ExitStack() as stack:
        ports = [stack.enter_context(peers.server(_hears(counted))) for _ in range(6)]
        await survey(
            parse_hosts(["127.0.0.1"]),
            [Wanted(name, port) for name, port in zip(["https", "http", "mssql", "", "", ""], ports, strict=True)],
            told.append,
            concurrency=2,
            probing=ProbeOptions(0.05),
        )
    assert [probe.finding for probe in told[0].probes.values()] == [Finding.UNPROVED] * 6
    assert len(counted.times) > 12
    assert counted.most <= 2 + 1, "one may be gone that its server has not noticed"


async def test_a_rate_counts_the_connections_of_probes() -> None:
    told: list[HostReport] = []
    counted = _Counted()
    with peers.server(_hears(counted)) as port:
        await survey(
            parse_hosts(["127.0.0.1"]), [Wanted("https", port)], told.append, rate=50, probing=ProbeOptions(0.05)
        )
    assert [probe.finding for probe in told[0].probes.values()] == [Finding.UNPROVED]
    count = len(counted.times)
    assert count > 4
    assert counted.times[-1] - counted.times[0] > (count - 1) / 50 * 0.8


async def test_a_slow_probe_keeps_its_place() -> None:
    told: list[HostReport] = []
    with peers.server(peers.says(b""), "127.0.14.1") as port:
        await survey(parse_hosts(["127.0.14.1-5"]), [Wanted("http", port)], told.append, probing=ProbeOptions(0.05))
    assert [report.host for report in told] == [f"127.0.14.{number}" for number in range(1, 6)]
    assert [bool(report.probes) for report in told] == [True, False, False, False, False]


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6: enable it on the loopback")
async def test_a_probe_over_ipv6() -> None:
    told: list[HostReport] = []
    with peers.server(peers.ignition(), "::1") as port:
        await survey(parse_hosts(["[::1]", "::2/127"]), [Wanted("http", port)], told.append, probing=ProbeOptions(0.5))
    assert [report.host for report in told] == ["::1", "::2", "::3"]
    assert [(probe.finding, probe.product) for probe in told[0].probes.values()] == [(Finding.EXPECTED, "Ignition")]
