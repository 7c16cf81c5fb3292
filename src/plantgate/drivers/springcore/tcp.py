"""TCP: the device is the server and takes one client (`springcore.md` 1.1, 1.9; register 02C0 = 24).

It has no heartbeat and acknowledges nothing. So: one connection with one owner, TCP keep-alive for liveness, no probing
by commands (a wink is visible to people), FIN at the end so that the single slot is free.
"""

from __future__ import annotations

import asyncio

from plantgate.drivers.springcore import tags as tag
from plantgate.drivers.springcore.budget import ConnectPace
from plantgate.drivers.springcore.condition import Condition
from plantgate.drivers.springcore.figures import Figures
from plantgate.drivers.springcore.intake import Intake
from plantgate.drivers.springcore.link import CONNECTED, busy, lost, no_hello, not_connected
from plantgate.drivers.springcore.tags import ReaderTags
from plantgate.errors import Unavailable
from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import Stream, connect
from plantgate.runtime.tasks import TaskGroup

_CONNECT_SECONDS = 5.0
_KEEP_ALIVE = (10, 5, 3)  # idle s, interval s, probes: a reader that vanished is noticed within 25 s
_SETTLE_SECONDS = 0.5  # a busy reader closes sooner than this; one that sends no hello is taken as connected after it
_HELLO_SECONDS = 4.5  # after that: what a reader that greeted before may need for it
_BUSY_SECONDS = 10.0  # closed later than this without a byte: it was quiet, not busy
_HANG_UP_SECONDS = 1.0


class TcpWire:
    """Implements `Wire`."""

    def __init__(
        self,
        host: str,
        port: int,
        condition: Condition,
        intake: Intake,
        backoff: Backoff,
        pace: ConnectPace,
        clock: Clock,
        tasks: TaskGroup,
        tags: ReaderTags,
        figures: Figures,
    ) -> None:
        self._host = host
        self._port = port
        self._condition = condition
        self._intake = intake
        self._backoff = backoff
        self._pace = pace
        self._clock = clock
        self._tasks = tasks
        self._tags = tags
        self._figures = figures
        self._stream: Stream | None = None
        self._leaving: Stream | None = None
        self._connections = 0
        self._greets = False  # it spoke within the first moment of an earlier connection

    def send(self, data: bytes) -> None:
        if self._stream is None:
            raise Unavailable("SC-402", f"{self._condition.name} is not connected: {self._condition.why}")
        self._stream.write(data)

    async def run(self) -> None:
        while True:
            await self._pace.turn()
            try:
                stream = await connect(self._host, self._port, timeout=_CONNECT_SECONDS, keepalive=_KEEP_ALIVE)
            except Unavailable as error:
                self._condition.error(error.message)
                self._condition.become(not_connected(error))
            else:
                await self._serve(stream)
            await self._clock.sleep(self._backoff.next())

    async def close(self) -> None:
        stream, self._leaving = self._leaving, None
        if stream is not None:
            await _hang_up(stream)

    async def _serve(self, stream: Stream) -> None:
        """One connection from its first to its last byte."""
        began = self._clock.mono()
        self._stream = self._leaving = stream
        self._intake.begin()
        settle = self._tasks.spawn(f"reader-{self._condition.name}-settle", self._settle)
        spoke = False
        try:
            while data := await stream.read():
                if not spoke:
                    spoke = True
                    settle.cancel()
                    self._greets = self._greets or self._clock.mono() - began < _SETTLE_SECONDS
                    self._connected()
                await self._intake.take(data)
        finally:
            settle.cancel()
            self._stream = None
            stream.close()
        self._ended(stream, spoke=spoke, after=self._clock.mono() - began)
        await _hang_up(stream)
        self._leaving = None

    async def _settle(self) -> None:
        await self._clock.sleep(_SETTLE_SECONDS)
        self._connected()
        if self._greets:
            await self._clock.sleep(_HELLO_SECONDS)
            self._condition.become(no_hello(self._condition.where))

    def _connected(self) -> None:
        if self._condition.link.up:
            self._condition.become(CONNECTED)
            return
        if self._connections:
            self._figures.reconnects += 1
            self._tags.set(tag.RECONNECTS, self._figures.reconnects)
        self._connections += 1
        self._backoff.reset()
        self._condition.become(CONNECTED)

    def _ended(self, stream: Stream, *, spoke: bool, after: float) -> None:
        self._intake.end()
        silent = not spoke and after < _BUSY_SECONDS and not isinstance(stream.error, TimeoutError)
        link = busy(self._condition.where) if silent else lost(self._condition.where, stream.error)
        self._condition.error(link.reason)
        self._condition.become(link)


async def _hang_up(stream: Stream) -> None:
    """FIN, or RST if the peer does not take what was written before it."""
    stream.close()
    try:
        async with asyncio.timeout(_HANG_UP_SECONDS):
            await stream.wait_closed()
    except TimeoutError:
        stream.abort()
