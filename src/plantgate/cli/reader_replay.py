"""The reader of a capture: a TCP server that plays the device side of it, one client at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from plantgate.cli.reader_connection import Stopped
from plantgate.errors import ConfigError, Overload, Unavailable
from plantgate.protocols.scrdr.capture import Entry, Kind
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import printable
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup

_PATIENCE_SECONDS = 1.0  # beyond the captured moment, for the host to say what it said then
_HEARD_BYTES = 1_048_576


class Replay:
    """Plays the connections of a capture in turn; ends after the last one unless `loop`.

    What the host said then is waited for, but not for ever: a host that only listens gets everything too.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        clock: Clock,
        report: Callable[[dict[str, Any]], None],
        *,
        speed: float = 1.0,
        loop: bool = False,
    ) -> None:
        self._connections = _connections(entries)
        if not self._connections:
            raise ConfigError("RDR-501", "the capture has no connection", "capture one: plantgate reader capture")
        self._clock = clock
        self._report = report
        self._speed = speed
        self._loop = loop
        self._next = 0
        self._busy = False
        self._over = asyncio.Event()
        self._failure: Exception | None = None

    async def run(self, host: str, port: int) -> None:
        """Serve until the last connection was played. Raises PortUnavailable."""
        tasks = TaskGroup("reader/replay", self._clock)
        server = StreamServer(bind(host, port), self._client, tasks)
        await server.start()
        try:
            self._report({"event": "listening", "host": host, "port": server.port})
            await self._over.wait()
        finally:
            await server.stop()
        if self._failure is not None:
            raise self._failure

    async def _client(self, stream: Stream) -> None:
        """A second client is closed without a byte, as a reader does."""
        if self._busy or self._over.is_set():
            return
        self._busy = True
        number = self._next
        try:
            self._report({"event": "connected", "connection": number + 1, "peer": stream.peer})
            await self._play(stream, self._connections[number])
            self._report({"event": "played", "connection": number + 1})
        except (Unavailable, Overload) as error:
            self._report({"event": "host left", "connection": number + 1, "reason": error.message})
        except (OSError, Stopped) as error:  # standard output is gone, or the person leaves: the owner is told
            self._failure = error
            self._over.set()
        finally:
            self._busy = False
        self._next = (number + 1) % len(self._connections)
        if self._next == 0 and not self._loop:
            self._over.set()

    async def _play(self, stream: Stream, entries: Sequence[Entry]) -> None:
        began = self._clock.mono()
        heard = bytearray()
        for entry in entries:
            due = began + (entry.at - entries[0].at) / 1e6 / self._speed if self._speed else began
            if entry.kind is Kind.HOST:
                await self._hear(stream, heard, due + _PATIENCE_SECONDS, len(entry.data))
                self._compare(entry.data, bytes(heard[: len(entry.data)]))
                del heard[: len(entry.data)]
                continue
            await self._hear(stream, heard, due)
            if entry.kind is Kind.READER:
                stream.write(entry.data)
            elif entry.kind is Kind.RESET:
                stream.abort()

    async def _hear(self, stream: Stream, heard: bytearray, until: float, enough: int | None = None) -> None:
        """Take what the host says until that moment, or until there is enough. Raises Unavailable when it leaves."""
        while enough is None or len(heard) < enough:
            try:
                async with asyncio.timeout(max(0.0, until - self._clock.mono())):
                    data = await stream.read()
            except TimeoutError:
                return
            if not data:
                raise Unavailable("RDR-502", "the host closed the connection")
            if len(heard) + len(data) > _HEARD_BYTES:
                raise Overload("RDR-503", f"the host sent more than {_HEARD_BYTES} bytes that it did not send then")
            heard += data

    def _compare(self, then: bytes, now: bytes) -> None:
        if now != then:
            words = [printable(said.decode("latin-1")) or "nothing" for said in (then, now)]
            self._report({"event": "different", "host said then": words[0], "now": words[1]})


def _connections(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries of each connection, from `open` on."""
    found: list[list[Entry]] = []
    for entry in entries:
        if entry.kind is Kind.OPEN:
            found.append([])
        found[-1].append(entry)
    return found
