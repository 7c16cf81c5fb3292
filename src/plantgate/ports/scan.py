"""Which ports of a host are open: TCP connects, many at a time, nothing sent.

OPEN         somebody accepted
CLOSED       the host answered that nobody listens
FILTERED     no answer in time, or a firewall said no
UNREACHABLE  there is no way to the host
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from plantgate.errors import Overload, Unavailable, UsageError
from plantgate.limits import SCAN_ADDRESSES_PER_NAME, SCAN_CONCURRENCY
from plantgate.runtime.clock import Clock, SystemClock

DEFAULT_TIMEOUT = 1.0
DEFAULT_CONCURRENCY = 128
RESOLVE_TIMEOUT = 5.0

# EADDRNOTAVAIL: what ::1 answers where IPv6 is off, as in many containers.
_UNREACHABLE = {
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
}
_FIREWALL = {errno.ETIMEDOUT, errno.EACCES, errno.EPERM}
_OUT_OF_SOCKETS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS}
_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, errno.EALREADY, errno.EINTR}
# A port that takes one client is free again at once, and no TIME_WAIT stays behind.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class PortState(StrEnum):
    """In the order of how much they tell: of several addresses of a host the first of these counts."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    FILTERED = "FILTERED"
    UNREACHABLE = "UNREACHABLE"


_RANK = {state: rank for rank, state in enumerate(PortState)}


@dataclass(frozen=True, slots=True)
class Target:
    """A port to look at. `addresses` are the numeric addresses of `host`, tried in order until one is open."""

    host: str
    addresses: Sequence[str]
    port: int


@dataclass(frozen=True, slots=True)
class ScanResult:
    """`address` is the one that the state is of. `latency` is seconds to the answer, None if there was none."""

    host: str
    address: str
    port: int
    state: PortState
    latency: float | None


async def resolve(host: str, timeout: float) -> tuple[str, ...]:
    """The numeric addresses of `host`, both families, in the system's order of preference.

    The system's resolver works in a thread: the loop goes on. Raises UsageError for an unknown name, Unavailable if
    the resolver does not answer.
    """
    bare = host.strip("[]")
    if _is_address(bare):
        return (bare,)
    if not host or len(host) > 253:
        raise UsageError("PORT-101", f"{host[:60]!r} is not a host name", "give a name or an address")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise Unavailable(
            "PORT-103", f"the name {host} was not resolved within {timeout:g} s", "does the name server answer?"
        ) from None
    except (socket.gaierror, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a valid name"
        raise UsageError(
            "PORT-102", f"the name {host} is unknown ({reason})", "check the name or use an address"
        ) from None
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(addresses)[:SCAN_ADDRESSES_PER_NAME]


async def scan(
    host: str,
    ports: Iterable[int],
    *,
    timeout: float = DEFAULT_TIMEOUT,
    concurrency: int = DEFAULT_CONCURRENCY,
    clock: Clock | None = None,
    done: Callable[[int], None] | None = None,
) -> list[ScanResult]:
    """The state of each of `ports` (1-65535) of one host, in the order given, a port given twice once.

    `timeout` is seconds per connect, `done(1)` is called as each is known. Raises UsageError for an unknown name and
    a port or bound that can't be, Overload if this machine has no sockets left.
    """
    wanted = list(dict.fromkeys(ports))
    for port in wanted:
        if not 1 <= port <= 65_535:
            raise UsageError("PORT-106", f"{port} is not a port from 1 to 65535")
    addresses = await resolve(host, max(timeout, RESOLVE_TIMEOUT))
    results: dict[int, ScanResult] = {}

    def found(result: ScanResult) -> None:
        results[result.port] = result
        if done is not None:
            done(1)

    targets = (Target(host, addresses, port) for port in wanted)
    await scan_targets(targets, found, timeout=timeout, concurrency=concurrency, clock=clock)
    return [results[port] for port in wanted]


async def scan_targets(
    targets: Iterable[Target],
    found: Callable[[ScanResult], None],
    *,
    timeout: float = DEFAULT_TIMEOUT,
    concurrency: int = DEFAULT_CONCURRENCY,
    rate: float | None = None,
    clock: Clock | None = None,
) -> None:
    """Call `found` with each result as it becomes known.

    `targets` is read as sockets become free, so it may be as long as a subnet. `rate` is the most connects a second.
    Raises as `scan` does.
    """
    if not 1 <= concurrency <= SCAN_CONCURRENCY:
        raise UsageError("PORT-104", f"concurrency {concurrency} is not from 1 to {SCAN_CONCURRENCY}")
    if not 0 < timeout <= 60:
        raise UsageError("PORT-105", f"a time-out of {timeout:g} s is not above 0 and at most 60")
    if rate is not None and not rate > 0:
        raise UsageError("PORT-109", f"a rate of {rate:g} connects a second is not above 0")
    clock = clock or SystemClock()
    source = iter(targets)
    pace = Pace(rate, clock) if rate is not None else None
    others = Breath()

    async def work() -> None:
        for target in source:
            if pace is not None:
                await pace.turn()
            found(await _look(target, timeout, clock))
            await others.turn()

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(concurrency):
                workers.create_task(work())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


class Pace:
    """Spreads connects evenly: at most `rate` a second, whoever asks."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._gap = 1.0 / rate
        self._clock = clock
        self._next = clock.mono()

    async def turn(self) -> None:
        mine = max(self._next, self._clock.mono())
        self._next = mine + self._gap
        await self._clock.sleep_until(mine)


class Breath:
    """Lets others run now and then: on the loopback every connect is answered at once and nobody ever waits."""

    _EVERY = 64

    def __init__(self) -> None:
        self._turns = 0

    async def turn(self) -> None:
        self._turns += 1
        if self._turns % self._EVERY == 0:
            await asyncio.sleep(0)


async def _look(target: Target, timeout: float, clock: Clock) -> ScanResult:
    """The best state over the addresses of a target."""
    best: ScanResult | None = None
    for address in target.addresses:
        started = clock.mono()
        state = await _connect(address, target.port, timeout)
        answered = state in (PortState.OPEN, PortState.CLOSED)
        latency = clock.mono() - started if answered else None
        result = ScanResult(target.host, address, target.port, state, latency)
        if best is None or _RANK[state] < _RANK[best.state]:
            best = result
        if state is PortState.OPEN:
            break
    assert best is not None
    return best


async def _connect(address: str, port: int, timeout: float) -> PortState:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            number = _connect_at_once(client, _socket_address(address, port))
            if number not in (0, None):
                return _state_of(OSError(number, os.strerror(number)))
            if number is None:
                async with asyncio.timeout(timeout):
                    await loop.sock_connect(client, _socket_address(address, port))
            # A connect to a free port of the ephemeral range can meet itself (simultaneous open).
            return PortState.CLOSED if client.getsockname() == client.getpeername() else PortState.OPEN
    except TimeoutError:  # ours, or the system's ETIMEDOUT
        return PortState.FILTERED
    except OSError as error:
        return _state_of(error)


def _connect_at_once(client: socket.socket, address: tuple[str, int] | tuple[str, int, int, int]) -> int | None:
    """0 or an error number if the system knows at once, as on the loopback; None if it takes a while, or on Windows.

    Such a connect costs a tenth of one that goes through the event loop.
    """
    if os.name == "nt":  # its event loop makes the connect itself
        return None
    number = client.connect_ex(address)
    if number in _UNDER_WAY:  # on the loopback the answer is often there by now: the second call tells
        number = client.connect_ex(address)
    if number == errno.EISCONN:
        return 0
    return None if number in _UNDER_WAY else number


def _state_of(error: OSError) -> PortState:
    if error.errno == errno.EISCONN:  # it came through between our first try and the loop's
        return PortState.OPEN
    if error.errno in _OUT_OF_SOCKETS:
        raise Overload(
            "PORT-107",
            f"this machine has no sockets left ({(error.strerror or str(error)).lower()})",
            "lower --concurrency, or raise the limit of open files (ulimit -n)",
        ) from None
    if error.errno in _UNREACHABLE:
        return PortState.UNREACHABLE
    return PortState.FILTERED if error.errno in _FIREWALL else PortState.CLOSED


def _socket_address(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """The tuple that the socket wants; a link-local IPv6 address carries its interface behind a %."""
    if ":" not in address:
        return (address, port)
    bare, _, zone = address.partition("%")
    if not zone:
        return (bare, port, 0, 0)
    try:
        return (bare, port, 0, int(zone) if zone.isdigit() else socket.if_nametoindex(zone))
    except OSError:
        raise UsageError("PORT-108", f"there is no network interface {zone!r} here") from None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
