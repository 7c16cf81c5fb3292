"""Which ports of a host are open: TCP connects, many at a time, nothing sent.

OPEN         somebody accepted
CLOSED       the host answered that nobody listens
FILTERED     no answer in time, or a firewall said no
UNREACHABLE  there is no way to the host
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from plantgate.errors import Unavailable, UsageError
from plantgate.limits import SCAN_ADDRESSES_PER_NAME
from plantgate.ports.connects import (
    DEFAULT_CONCURRENCY,
    DEFAULT_TIMEOUT,
    Connects,
    Pace,
    PortState,
    ScanResult,
    Target,
)
from plantgate.runtime.clock import Clock, SystemClock

__all__ = ["DEFAULT_CONCURRENCY", "DEFAULT_TIMEOUT", "PortState", "ScanResult", "Target"]

RESOLVE_TIMEOUT = 5.0
# On Windows the event loop can't wait for a selector: a thread does, so long at most, and a cancelled scan ends then.
_THREAD_SECONDS = 0.05


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

    targets = [Target(host, addresses, wanted)]
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
    clock = clock or SystemClock()
    pace = Pace(rate, clock.mono) if rate is not None else None
    with Connects(targets, found, timeout=timeout, concurrency=concurrency, mono=clock.mono, pace=pace) as connects:
        await drive(connects, clock)


async def drive(connects: Connects, clock: Clock) -> None:
    """Run `connects` to its end in this event loop, a few at a time."""
    while (seconds := connects.turn()) is not None:
        if not seconds:
            await asyncio.sleep(0)  # on the loopback every connect is answered at once: others want their turn
        elif connects.under_way:
            await _until_ended(connects, seconds)
        else:
            await clock.sleep(seconds)


async def _until_ended(connects: Connects, seconds: float) -> None:
    """Until a connect has ended, at most `seconds`."""
    loop = asyncio.get_running_loop()
    descriptor = connects.fileno()
    if descriptor is None:
        await _in_a_thread(connects, min(seconds, _THREAD_SECONDS))
        return
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()
    finally:
        loop.remove_reader(descriptor)


async def _in_a_thread(connects: Connects, seconds: float) -> None:
    """The caller may close the sockets only when the thread has left them alone."""
    waiting = asyncio.get_running_loop().run_in_executor(None, connects.wait, seconds)
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await asyncio.wait([waiting])
        raise


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
