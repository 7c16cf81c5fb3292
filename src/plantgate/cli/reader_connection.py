"""A host's connection to one badge reader, for commands: connect, read, say how it is, come back, leave at once.

The reader has one slot (`springcore.md` 1.9): whoever leaves has to leave with FIN, also on Ctrl+C and SIGTERM, and
also while a full pipe holds up what is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from random import random
from types import FrameType
from typing import Any, Protocol

from plantgate.drivers.springcore.link import (
    CONNECTED,
    CONNECTING,
    HEARD,
    Link,
    LinkState,
    busy,
    listening,
    lost,
    not_connected,
)
from plantgate.errors import StorageError, Unavailable
from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.datagrams import DatagramSockets
from plantgate.runtime.detached import detached
from plantgate.runtime.streams import Stream, address_text, connect

_CONNECT_SECONDS = 5.0
_KEEP_ALIVE = (10, 5, 3)
_FIRST_SECONDS, _CEILING_SECONDS = 1.0, 30.0
_SETTLE_SECONDS = 0.5  # a busy reader closes sooner than this
_BUSY_SECONDS = 10.0  # closed later than this without a byte: it was quiet, not busy
_HANG_UP_SECONDS = 1.0
_GONE = (errno.EPIPE, errno.EINVAL)  # whoever read our output went away; Windows says EINVAL

Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the reader is. UDP: `local_port` is where it sends to, None: its own port."""

    host: str
    port: int
    udp: bool = False
    local_port: int | None = None

    @property
    def where(self) -> str:
        return address_text((self.host, self.port))


class Conversation(Protocol):
    """What a command does with what happens. `received` gives True when that is enough."""

    def state(self, link: Link) -> None:
        """The connection became this; told once per change."""
        ...

    def opened(self) -> None: ...

    def received(self, data: bytes, send: Send) -> bool: ...

    def ended(self, how: str) -> None:
        """`closed` or `reset` by the reader, `left` by us."""
        ...


class Stopped(Exception):  # noqa: N818 - not an error: Ctrl+C or SIGTERM
    """The person wants to leave, and the command was printing."""


class Printing:
    """Prints may block for ever on a full pipe: a signal breaks out of them only while one goes on."""

    def __init__(self) -> None:
        self.active = False

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        self.active = True
        try:
            yield
        finally:
            self.active = False


def run_until_signal(main: Callable[[], Coroutine[Any, Any, None]], printing: Printing) -> None:
    """Run `main()` until it ends, or until Ctrl+C, SIGTERM, or whoever read our output has gone."""
    try:
        asyncio.run(_with_signals(main, printing))
    except Stopped:
        _mute()
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    except OSError as error:  # of printing: what a socket says was turned into an error of ours
        _mute()
        if error.errno not in _GONE:
            text = f"standard output can't be written ({os.strerror(error.errno or 0).lower()})"
            raise StorageError("RDR-103", text, "is the disk full?") from None


def _mute() -> None:
    """What waits in the buffer of standard output would block or fail again when Python flushes it at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _with_signals(main: Callable[[], Coroutine[Any, Any, None]], printing: Printing) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def end(_number: int, _frame: FrameType | None) -> None:
        if printing.active:
            raise Stopped
        loop.call_soon_threadsafe(task.cancel)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        await main()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def follow(
    target: Target,
    conversation: Conversation,
    clock: Clock,
    *,
    reconnect: bool = True,
    random: Callable[[], float] = random,
) -> None:
    """Talk to the reader until the conversation has enough; after a failure again and again, waiting longer each time.

    Without `reconnect` a failure ends it. Leaves with FIN, whatever ends it. Raises PortUnavailable (UDP).
    """
    if target.udp:
        await _hear(target, conversation)
        return
    backoff = Backoff(_FIRST_SECONDS, _CEILING_SECONDS, random)
    conversation.state(CONNECTING)
    before: Link | None = None
    while True:
        try:
            stream = await _open(target)
        except Unavailable as error:
            link = not_connected(error)
        else:
            ended = await _talk(stream, target, conversation, clock, backoff)
            if ended is None:
                return
            link = ended
        if link != before or link.state is LinkState.LOST:
            conversation.state(link)
        before = link
        if not reconnect:
            return
        await clock.sleep(backoff.next())


async def _open(target: Target) -> Stream:
    """Tries each address of the name."""
    failure: Unavailable | None = None
    for address in await _addresses(target):
        try:
            return await connect(address, target.port, timeout=_CONNECT_SECONDS, keepalive=_KEEP_ALIVE)
        except Unavailable as error:
            failure = failure or error
    assert failure is not None
    raise failure


async def _addresses(target: Target) -> list[str]:
    """The addresses of the reader's name. A name server that is silent can't hold up the end of the process."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            found = await detached("resolve", socket.getaddrinfo, target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
        why = "the name server does not answer" if isinstance(error, TimeoutError) else "no such name"
        raise Unavailable(
            "RDR-101", f"the name {target.host} is unknown ({why})", "check it, or give the address"
        ) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _talk(
    stream: Stream, target: Target, conversation: Conversation, clock: Clock, backoff: Backoff
) -> Link | None:
    """One connection. None if the conversation had enough."""
    began = clock.mono()
    settled = spoke = False
    how = "left"
    conversation.opened()
    try:
        while True:
            try:
                async with asyncio.timeout(None if settled else max(0.0, began + _SETTLE_SECONDS - clock.mono())):
                    data = await stream.read()
            except TimeoutError:
                data = None
            if data == b"":
                how = "closed" if stream.error is None else "reset"
                break
            if not settled:
                settled = True
                backoff.reset()
                conversation.state(CONNECTED)
            if data:
                spoke = True
                if conversation.received(data, stream.write):
                    return None
    finally:
        await _hang_up(stream)
        conversation.ended(how)
    quiet = not spoke and clock.mono() - began < _BUSY_SECONDS and not isinstance(stream.error, TimeoutError)
    return busy(target.where) if quiet else lost(target.where, stream.error)


async def _hang_up(stream: Stream) -> None:
    """FIN, or RST if the reader does not take what was written before it."""
    stream.close()
    try:
        async with asyncio.timeout(_HANG_UP_SECONDS):
            await stream.wait_closed()
    except TimeoutError:
        stream.abort()


async def _hear(target: Target, conversation: Conversation) -> None:
    host = (await _addresses(target))[0]
    mailbox = await DatagramSockets().open(host, target.port, target.local_port or target.port)
    try:
        conversation.opened()
        conversation.state(listening(target.where, mailbox.local_port))
        heard = False
        while True:
            data = await mailbox.read()
            if not heard:
                heard = True
                conversation.state(HEARD)
            whole = data if data.endswith(b"\n") else data + b"\n"  # a datagram ends its message
            if conversation.received(whole, mailbox.send):
                return
    finally:
        await mailbox.close()
        conversation.ended("left")
