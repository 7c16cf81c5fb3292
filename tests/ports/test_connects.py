"""The engine behind scans, with real sockets of the loopback and with sockets that answer what they are told."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plantgate.errors import Overload, UsageError
from plantgate.limits import SCAN_CONCURRENCY, SCAN_SPARE_DESCRIPTORS
from plantgate.ports import connects as engine
from plantgate.ports.connects import Connects, Pace, PortState, ScanResult, Target
from tests.ports.loopback import closed_port, has_ipv6, open_port, silent_port

_LINUX = sys.platform == "linux"


def _run(targets: Iterable[Target], **options: Any) -> list[ScanResult]:
    found: list[ScanResult] = []
    with Connects(targets, found.append, mono=options.pop("mono", time.perf_counter), **options) as connects:
        connects.run()
    return found


def _one(*ports: int, address: str = "127.0.0.1") -> list[Target]:
    return [Target(address, (address,), ports)]


def test_open_closed_and_silent_ports() -> None:
    with open_port() as first, closed_port() as closed, silent_port() as silent, open_port() as second:
        found = {item.port: item for item in _run(_one(first, closed, silent, second), timeout=0.2)}
    assert {port: item.state for port, item in found.items()} == {
        first: PortState.OPEN,
        closed: PortState.CLOSED,
        silent: PortState.FILTERED,
        second: PortState.OPEN,
    }
    assert found[silent].latency is None
    assert all(0 <= (found[port].latency or -1) < 0.2 for port in (first, closed, second))


class _Client(socket.socket):
    """A socket whose connects end as told: `numbers` are what `connect_ex` gives, the last one over and over."""

    numbers: tuple[int, ...] = ()
    error = 0

    def connect_ex(self, _address: Any) -> int:
        number, *rest = self.numbers
        self.numbers = tuple(rest) or self.numbers
        return number

    def getsockopt(self, level: int, option: int, *more: Any) -> Any:
        return self.error if option == socket.SO_ERROR else super().getsockopt(level, option, *more)


def _clients(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Iterator[_Client]]) -> list[_Client]:
    """The engine gets these in place of sockets of its own; gives those that it got."""
    source, made = make(), list[_Client]()

    def new(_six: bool) -> _Client:
        made.append(next(source))
        return made[-1]

    monkeypatch.setattr(engine, "_socket", new)
    return made


_STATES = [
    (errno.ECONNREFUSED, PortState.CLOSED),
    (errno.ECONNRESET, PortState.CLOSED),
    (errno.EHOSTUNREACH, PortState.UNREACHABLE),
    (errno.ENETUNREACH, PortState.UNREACHABLE),
    (errno.EADDRNOTAVAIL, PortState.UNREACHABLE),
    (errno.EAFNOSUPPORT, PortState.UNREACHABLE),
    (errno.ETIMEDOUT, PortState.FILTERED),
    (errno.EACCES, PortState.FILTERED),
    (0, PortState.OPEN),
]


@pytest.mark.parametrize(("number", "state"), _STATES)
@pytest.mark.parametrize("later", [False, True])
def test_what_the_system_says_at_once_and_later(
    monkeypatch: pytest.MonkeyPatch, number: int, state: PortState, *, later: bool
) -> None:
    def make() -> Iterator[_Client]:
        client = _Client()
        client.numbers = (errno.EINPROGRESS,) if later else (number,)
        client.error = number
        yield client

    _clients(monkeypatch, make)
    (found,) = _run(_one(80, address="192.0.2.1"))
    assert found.state is state
    assert (found.latency is None) == (state not in (PortState.OPEN, PortState.CLOSED))


def test_latency_is_from_the_connect_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0

    class Slow(_Client):
        def connect_ex(self, _address: Any) -> int:
            nonlocal now
            now += 0.25
            return errno.ECONNREFUSED

    _clients(monkeypatch, lambda: iter([Slow()]))
    (found,) = _run(_one(80), mono=lambda: now)
    assert found.latency == pytest.approx(0.25)


@pytest.mark.skipif(not _LINUX, reason="elsewhere each connect has a socket of its own")
def test_a_refused_socket_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine._socket
    made: list[socket.socket] = []

    def new(six: bool) -> socket.socket:
        made.append(real(six))
        return made[-1]

    monkeypatch.setattr(engine, "_socket", new)
    with closed_port() as first, closed_port("127.0.0.2") as second, open_port() as last:
        found = _run([*_one(first), *_one(second, address="127.0.0.2"), *_one(last)])
    assert [item.state for item in found] == [PortState.CLOSED, PortState.CLOSED, PortState.OPEN]
    assert len(made) == 1


@pytest.mark.skipif(not _LINUX, reason="elsewhere each connect has a socket of its own")
def test_a_used_socket_that_says_something_odd_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Iterator[_Client]:
        for numbers in ((errno.ECONNREFUSED, errno.ECONNABORTED), (0,)):
            client = _Client()
            client.numbers = numbers
            yield client

    made = _clients(monkeypatch, make)
    assert [item.state for item in _run(_one(80, 81))] == [PortState.CLOSED, PortState.OPEN]
    assert len(made) == 2


def test_every_connect_through_the_selector_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows."""
    monkeypatch.setattr(engine, "_TELLS_AT_ONCE", False)
    with open_port() as port, closed_port() as closed:
        for selector in (selectors.DefaultSelector(), selectors.SelectSelector()):
            found = {item.port: item for item in _run(_one(port, closed), selector=selector)}
            assert {number: item.state for number, item in found.items()} == {
                port: PortState.OPEN,
                closed: PortState.CLOSED,
            }
            assert all(item.latency is not None for item in found.values())


def test_of_several_addresses_the_one_that_tells_most_counts() -> None:
    with open_port() as port, closed_port() as closed:
        # 127.0.0.2 is a loopback address too where there is no listener of ours.
        found = _run([Target("plant", ("127.0.0.2", "127.0.0.1", "127.0.0.3"), (port, closed))])
    assert [(item.host, item.address, item.state) for item in sorted(found, key=lambda item: item.port == closed)] == [
        ("plant", "127.0.0.1", PortState.OPEN),
        ("plant", "127.0.0.2", PortState.CLOSED),
    ]


def test_a_port_that_meets_itself_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting from the port that one connects to succeeds, with nobody there."""
    with engine._socket(False) as client:
        client.bind(("127.0.0.1", 0))
        port = client.getsockname()[1]
        monkeypatch.setattr(engine, "_socket", lambda _six: client)
        (found,) = _run(_one(port))
    assert found.state is PortState.CLOSED


def test_accepted_and_reset_at_once_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer is gone before we ask who it is: somebody accepted all the same."""

    def make() -> Iterator[_Client]:
        client = _Client()
        client.numbers = (0,)
        yield client

    made = _clients(monkeypatch, make)
    (found,) = _run(_one(80))
    assert found.state is PortState.OPEN
    assert made[0].fileno() == -1


def test_concurrency_is_a_bound() -> None:
    with (
        silent_port() as port,
        Connects(
            [Target("a", ("127.0.0.1",), (port,)) for _ in range(40)],
            lambda _: None,
            mono=time.perf_counter,
            concurrency=7,
        ) as connects,
    ):
        for _ in range(5):
            seconds = connects.turn()
            assert connects.under_way == 7
            assert seconds is not None
            assert 0 < seconds <= 1


def test_what_others_have_open_counts_too() -> None:
    with (
        silent_port() as port,
        Connects(
            [Target("a", ("127.0.0.1",), (port,)) for _ in range(40)],
            lambda _: None,
            mono=time.perf_counter,
            concurrency=7,
        ) as connects,
    ):
        connects.elsewhere = 7
        assert connects.turn()
        assert connects.under_way == 0
        connects.elsewhere = 5
        connects.turn()
        assert connects.under_way == 2


def test_none_is_started_while_it_is_held() -> None:
    held = True
    found: list[ScanResult] = []
    with (
        closed_port() as port,
        Connects(_one(port), found.append, mono=time.perf_counter, hold=lambda: held) as connects,
    ):
        assert connects.turn()
        assert not found
        held = False
        connects.run()
    assert len(found) == 1


def test_when_descriptors_run_out_the_others_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    real, sockets = engine._socket, 0

    def scarce(six: bool) -> socket.socket:
        nonlocal sockets
        sockets += 1
        if sockets == 4:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(six)

    monkeypatch.setattr(engine, "_socket", scarce)
    with silent_port() as port:
        found = _run(_one(*[port] * 12), timeout=0.05)
    assert [item.state for item in found] == [PortState.FILTERED] * 12


def test_no_sockets_at_all_is_an_error_not_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_six: bool) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(engine, "_socket", none)
    with pytest.raises(Overload, match="PORT-107"):
        _run(_one(80))


def test_a_family_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_six: bool) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported")

    monkeypatch.setattr(engine, "_socket", none)
    assert [item.state for item in _run(_one(80, address="2001:db8::1"))] == [PortState.UNREACHABLE]


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such limit")
@pytest.mark.parametrize(("spare", "most"), [(5, 5), (-40, 1), (10_000, 128)])
def test_descriptors_of_the_process_bound_the_concurrency(
    monkeypatch: pytest.MonkeyPatch, spare: int, most: int
) -> None:
    import resource

    used = len(list(Path("/dev/fd").iterdir()))
    limit = max(1, used + SCAN_SPARE_DESCRIPTORS + spare)
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, limit))
    with Connects([], lambda _: None, mono=time.perf_counter) as connects:
        assert abs(connects._most - most) <= 1, "listing them opens one"


def test_a_rate_spreads_connects_evenly_and_saves_none_up() -> None:
    now = 100.0
    pace = Pace(4, lambda: now)
    assert [pace.turn(), pace.turn()] == [0, 0.25]
    now += 0.25
    assert [pace.turn(), pace.turn()] == [0, 0.25]
    now += 60
    assert sum(pace.turn() == 0 for _ in range(10)) <= 2, "after a pause there is no burst"


def test_bounds_that_cannot_be() -> None:
    for options, code in (
        ({"concurrency": 0}, "PORT-104"),
        ({"concurrency": SCAN_CONCURRENCY + 1}, "PORT-104"),
        ({"timeout": 0}, "PORT-105"),
        ({"timeout": -1}, "PORT-105"),
        ({"timeout": 61}, "PORT-105"),
        ({"timeout": float("nan")}, "PORT-105"),
    ):
        with pytest.raises(UsageError, match=code):
            _run(_one(80), **options)
    for rate in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="PORT-109"):
            Pace(rate, time.perf_counter)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6: enable it on the loopback")
def test_both_families_at_once() -> None:
    with open_port("::1") as six, open_port() as four, closed_port("::1") as closed:
        found = _run([Target("::1", ("::1",), (six, closed)), Target("127.0.0.1", ("127.0.0.1",), (four,))])
    assert {(item.address, item.port): item.state for item in found} == {
        ("::1", six): PortState.OPEN,
        ("::1", closed): PortState.CLOSED,
        ("127.0.0.1", four): PortState.OPEN,
    }


def test_a_zone_is_a_number_or_a_name_of_an_interface() -> None:
    name = socket.if_indextoname(1) if hasattr(socket, "if_indextoname") else "1"
    assert engine._ipv6("fe80::1%1", 80) == ("fe80::1", 80, 0, 1)
    assert engine._ipv6(f"fe80::1%{name}", 80) == ("fe80::1", 80, 0, 1)
    assert engine._ipv6("fe80::1", 80) == ("fe80::1", 80, 0, 0)
    for zone in ("no-such-interface", "9" * 400):
        with pytest.raises(UsageError, match="PORT-108"):
            _run(_one(80, address=f"fe80::1%{zone}"))
