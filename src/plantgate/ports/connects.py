"""TCP connects, many at a time, driven by whoever calls `turn`: no event loop, no object per connection.

On the loopback the system knows at once that nobody listens: such a connect is two system calls and no more. What
takes a while waits in a selector.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypeAlias

from plantgate.errors import Overload, UsageError
from plantgate.limits import SCAN_CONCURRENCY, SCAN_SPARE_DESCRIPTORS

DEFAULT_TIMEOUT = 1.0
DEFAULT_CONCURRENCY = 128

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
_REFUSED = errno.ECONNREFUSED
_CONNECTED = {0, errno.EISCONN}
_AS_FROM_A_NEW_ONE = {0, errno.EISCONN, _REFUSED, *_UNDER_WAY}
# A port that takes one client is free again at once, and no TIME_WAIT stays behind.
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
# Linux tells by a second call what has become of a connect, and a socket that was refused is as good as new (if it
# says anything but what a new one could say, a new one is asked). POSIX promises neither: elsewhere every connect has a
# socket of its own and goes through the selector.
_TELLS_AT_ONCE = sys.platform == "linux"
# Connects between two looks at those under way: what has answered meanwhile seems that much slower.
_AT_A_TIME = 16
# How soon it is looked whether connects are still held back by others.
_LOOK_AGAIN_SECONDS = 0.02

# A timer rings that much late: so much of a rate may be made up for, or 5,000 a second would be 1,000.
_LATE_SECONDS = 0.01


class PortState(StrEnum):
    """In the order of how much they tell: of several addresses of a host the first of these counts."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    FILTERED = "FILTERED"
    UNREACHABLE = "UNREACHABLE"


_RANK = {state: rank for rank, state in enumerate(PortState)}


class Target(NamedTuple):
    """Ports to look at. `addresses` are the numeric addresses of `host`, each tried in order until one is open."""

    host: str
    addresses: Sequence[str]
    ports: Sequence[int]


class ScanResult(NamedTuple):
    """`address` is the one that the state is of. `latency` is seconds from the connect to the system's word of its
    end, None if there was no answer."""

    host: str
    address: str
    port: int
    state: PortState
    latency: float | None


# The connect to the address at a place of a target, and the best result of the addresses before.
_Job: TypeAlias = tuple[Target, int, int, ScanResult | None]


@dataclass(slots=True)
class _Pending:
    job: _Job
    client: socket.socket
    began: float


class Pace:
    """Spreads connects evenly: at most `rate` a second, whoever asks."""

    def __init__(self, rate: float, mono: Callable[[], float]) -> None:
        if not rate > 0:
            raise UsageError("PORT-109", f"a rate of {rate:g} connects a second is not above 0")
        self._gap = 1.0 / rate
        self._mono = mono
        self._next = mono()

    def turn(self) -> float:
        """Seconds until a connect may be made; 0 if it may be now, and then it counts."""
        now = self._mono()
        if now < self._next:
            return self._next - now
        self._next = max(self._next, now - _LATE_SECONDS) + self._gap
        return 0.0


class Connects:
    """Connects to all `targets`, `found` is called with the result of each.

    Call `turn` until it gives None; between two of them `wait` as long as it says, or until `fileno` can be read.
    `targets` is read as sockets become free, and not while `hold` says so. `timeout` is seconds per connect,
    `concurrency` the most at a time, fewer where the process has no descriptors for them. Raises UsageError for a bound
    that can't be, Overload if this machine has no sockets left. Close it, in any case.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        found: Callable[[ScanResult], None],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        concurrency: int = DEFAULT_CONCURRENCY,
        mono: Callable[[], float],
        pace: Pace | None = None,
        hold: Callable[[], bool] | None = None,
        selector: selectors.BaseSelector | None = None,
    ) -> None:
        if not 1 <= concurrency <= SCAN_CONCURRENCY:
            raise UsageError("PORT-104", f"concurrency {concurrency} is not from 1 to {SCAN_CONCURRENCY}")
        if not 0 < timeout <= 60:
            raise UsageError("PORT-105", f"a time-out of {timeout:g} s is not above 0 and at most 60")
        self._jobs = _jobs(targets)
        self._again: deque[_Job] = deque()
        self._found = found
        self._timeout = timeout
        self._most = min(concurrency, _free_descriptors(concurrency))
        self._mono = mono
        self._pace = pace
        self._hold = hold
        self._selector = selector or selectors.DefaultSelector()
        self._under_way: dict[int, _Pending] = {}  # by descriptor, the oldest first
        self._spare: list[socket.socket | None] = [None, None]  # of IPv4 and IPv6: refused, and as good as new
        self._over = False
        self.elsewhere = 0  # connections of others that count as well

    @property
    def most(self) -> int:
        """How many connections there may be at a time."""
        return self._most

    @property
    def under_way(self) -> int:
        """How many connects wait for an answer."""
        return len(self._under_way)

    def fileno(self) -> int | None:
        """A descriptor that can be read when a connect has ended, None where the system has no such thing."""
        tell = getattr(self._selector, "fileno", None)
        return tell() if tell is not None else None

    def close(self) -> None:
        """Every socket is gone after this."""
        for pending in self._under_way.values():
            pending.client.close()
        for client in self._spare:
            if client is not None:
                client.close()
        self._under_way.clear()
        self._spare = [None, None]
        self._selector.close()

    def __enter__(self) -> Connects:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self) -> None:
        """To the end, blocking the caller; without a `pace`."""
        while (seconds := self.turn()) is not None:
            if seconds:
                self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Block until a connect has ended, at most `seconds`."""
        self._selector.select(seconds)

    def turn(self) -> float | None:
        """Collect what has ended and start some more: seconds until the next turn makes sense, None at the end."""
        if self._under_way:
            self._collect()
        for _ in range(_AT_A_TIME):
            if len(self._under_way) + self.elsewhere >= self._most:
                return self._until_due(_LOOK_AGAIN_SECONDS if self.elsewhere else self._timeout)
            if not self._again:
                if self._over:
                    return self._until_due(self._timeout) if self._under_way else None
                if self._hold is not None and self._hold():
                    return self._until_due(_LOOK_AGAIN_SECONDS)
            if self._pace is not None and (seconds := self._pace.turn()):
                return self._until_due(seconds)
            job = self._again.popleft() if self._again else next(self._jobs, None)
            if job is None:
                self._over = True
            else:
                self._start(job)
        return 0.0

    def _until_due(self, most: float) -> float:
        """Seconds until the oldest has had its time, `most` at most."""
        for oldest in self._under_way.values():
            return max(0.0, min(most, oldest.began + self._timeout - self._mono()))
        return most

    def _collect(self) -> None:
        now = self._mono()
        for key, _ in self._selector.select(0):
            pending: _Pending = key.data
            self._forget(pending)
            with pending.client as client:
                number = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                self._ended(pending.job, number, now - pending.began, client)
        while self._under_way and not self._until_due(self._timeout):
            pending = next(iter(self._under_way.values()))
            self._forget(pending)
            pending.client.close()
            self._known(pending.job, PortState.FILTERED, None)

    def _forget(self, pending: _Pending) -> None:
        self._selector.unregister(pending.client)
        del self._under_way[pending.client.fileno()]

    def _start(self, job: _Job) -> None:
        target, port, place, _ = job
        address = target.addresses[place]
        six = ":" in address
        where = _ipv6(address, port) if six else (address, port)
        spare, self._spare[six] = self._spare[six], None
        try:
            client = spare or _socket(six)
            began = self._mono()
            number = client.connect_ex(where)
            if _TELLS_AT_ONCE and number in _UNDER_WAY:  # on the loopback the answer is there by now
                number = client.connect_ex(where)
            if spare is not None and number not in _AS_FROM_A_NEW_ONE:
                client.close()
                client = _socket(six)
                began = self._mono()
                number = client.connect_ex(where)
        except OSError as error:
            self._no_socket(job, error)
            return
        if number == _REFUSED and _TELLS_AT_ONCE:
            self._spare[six] = client
            self._known(job, PortState.CLOSED, self._mono() - began)
        elif number in _UNDER_WAY:
            self._selector.register(client, selectors.EVENT_WRITE, pending := _Pending(job, client, began))
            self._under_way[client.fileno()] = pending
        else:
            with client:
                self._ended(job, number, self._mono() - began, client)

    def _no_socket(self, job: _Job, error: OSError) -> None:
        """No socket for this one: the family is not there, or the descriptors have run out while others wait."""
        if error.errno in _OUT_OF_SOCKETS and self._under_way:
            self._most = len(self._under_way)
            self._again.appendleft(job)
            return
        self._known(job, _state_of(error.errno or 0), None)

    def _ended(self, job: _Job, number: int, latency: float, client: socket.socket) -> None:
        if number in _CONNECTED:
            state = PortState.CLOSED if _met_itself(client) else PortState.OPEN
        else:
            state = _state_of(number)
        self._known(job, state, latency if state in (PortState.OPEN, PortState.CLOSED) else None)

    def _known(self, job: _Job, state: PortState, latency: float | None) -> None:
        """The state of one address: the result, unless another address may tell more."""
        target, port, place, best = job
        result = ScanResult(target.host, target.addresses[place], port, state, latency)
        if best is not None and _RANK[state] >= _RANK[best.state]:
            result = best
        if state is PortState.OPEN or place + 1 == len(target.addresses):
            self._found(result)
        else:
            self._again.append((target, port, place + 1, result))


def _jobs(targets: Iterable[Target]) -> Iterator[_Job]:
    for target in targets:
        for port in target.ports:
            yield target, port, 0, None


def _socket(six: bool) -> socket.socket:
    client = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    client.setblocking(False)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    return client


def _met_itself(client: socket.socket) -> bool:
    """A connect to a free port of the ephemeral range can meet itself (simultaneous open): nobody is there."""
    try:
        return bool(client.getsockname() == client.getpeername())
    except OSError:  # it was accepted, and reset since
        return False


def _state_of(number: int) -> PortState:
    """What an error number of a connect says of the port. Raises Overload if it says something of us."""
    if number in _OUT_OF_SOCKETS:
        raise Overload(
            "PORT-107",
            f"this machine has no sockets left ({os.strerror(number).lower()})",
            "lower --concurrency, or raise the limit of open files (ulimit -n)",
        )
    if number in _UNREACHABLE:
        return PortState.UNREACHABLE
    return PortState.FILTERED if number in _FIREWALL else PortState.CLOSED


def _ipv6(address: str, port: int) -> tuple[str, int, int, int]:
    """What the socket wants of an IPv6 address; a link-local one carries its interface behind a %."""
    bare, _, zone = address.partition("%")
    if not zone:
        return (bare, port, 0, 0)
    try:
        number = int(zone) if zone.isascii() and zone.isdigit() else socket.if_nametoindex(zone)
    except (OSError, ValueError):
        number = 0
    if not 0 < number < 1 << 32:
        raise UsageError("PORT-108", f"there is no network interface {zone[:40]!r} here", "name one of this machine")
    return (bare, port, 0, number)


def _free_descriptors(wanted: int) -> int:
    """How many sockets this process may open and still have a few descriptors for other things; at least 1."""
    try:
        import resource  # noqa: PLC0415 - POSIX only

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY or limit > 64 * wanted:
            return wanted
        used = sum(1 for _ in Path("/dev/fd").iterdir())
    except (ImportError, OSError):
        return wanted
    return max(1, limit - used - SCAN_SPARE_DESCRIPTORS)
