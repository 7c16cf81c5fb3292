"""Hosts are reported in the order asked for, whatever answers first."""

from __future__ import annotations

import time
from typing import Any

import pytest

from plantgate.ports import reports as reporting
from plantgate.ports.connects import PortState, ScanResult
from plantgate.ports.hosts import parse_hosts
from plantgate.ports.reports import HostReport, Reports, Wanted, sweep
from tests.ports.loopback import closed_port, has_ipv6, open_port, silent_port

_WANTED = [Wanted("http", 80), Wanted("https", 443), Wanted("", 80)]


def _result(host: str, port: int, state: PortState = PortState.CLOSED) -> ScanResult:
    return ScanResult(host, host, port, state, None)


def _reports(**options: Any) -> tuple[Reports, list[str]]:
    told: list[str] = []
    reports = Reports(_WANTED, lambda report: told.append(report.host), **options)
    assert [target.ports for target in reports.targets(parse_hosts(["192.0.2.1-3"]), {})] == [[80, 443]] * 3
    return reports, told


def test_a_host_waits_for_those_before_it() -> None:
    steps: list[int] = []
    reports, told = _reports(done=steps.append)
    for host in ("192.0.2.2", "192.0.2.3"):
        reports.found(_result(host, 80))
        reports.found(_result(host, 443))
    assert told == []
    reports.found(_result("192.0.2.1", 443))
    reports.found(_result("192.0.2.1", 80))
    assert told == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert steps == [2, 2, 2], "a port under two names is one"


def test_who_takes_a_host_says_when_it_is_ready() -> None:
    taken: list[HostReport] = []
    reports, told = _reports(complete=taken.append)
    for host in ("192.0.2.1", "192.0.2.2"):
        reports.found(_result(host, 80))
        reports.found(_result(host, 443))
    assert [mine.host for mine in taken] == ["192.0.2.1", "192.0.2.2"]
    reports.ready(taken[1])
    assert told == []
    reports.ready(taken[0])
    assert told == ["192.0.2.1", "192.0.2.2"]


def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "SCAN_HELD_HOSTS", 5)
    reports = Reports(_WANTED, lambda _: None)
    targets = reports.targets(parse_hosts(["192.0.2.1-20"]), {})
    taken = 0
    while not reports.full():
        next(targets)
        taken += 1
    assert taken == 6


def test_a_slow_host_holds_a_sweep_back_but_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "SCAN_HELD_HOSTS", 2)
    told: list[HostReport] = []
    with silent_port() as port:  # of 127.0.0.1 alone: the others refuse
        sweep(parse_hosts(["127.0.0.1-9"]), [Wanted("", port)], told.append, mono=time.perf_counter, timeout=0.1)
    assert [report.host for report in told] == [f"127.0.0.{number}" for number in range(1, 10)]
    assert [report.answers for report in told] == [False] + [True] * 8
    assert not any(report.open for report in told)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6: enable it on the loopback")
def test_a_sweep_of_both_families() -> None:
    told: list[HostReport] = []
    with open_port("::1") as port, closed_port() as other:
        wanted = [Wanted("", port), Wanted("", other)]
        sweep(parse_hosts(["[::1]", "127.0.0.1"]), wanted, told.append, mono=time.perf_counter)
    assert [(report.host, report.results[port].state, report.results[port].address) for report in told] == [
        ("::1", PortState.OPEN, "::1"),
        ("127.0.0.1", PortState.CLOSED, "127.0.0.1"),
    ]
