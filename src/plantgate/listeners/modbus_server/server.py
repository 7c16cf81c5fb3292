"""The Modbus listener: its port, its clients, its tile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from plantgate.errors import Unavailable
from plantgate.listeners.binding import Binding, Conflict
from plantgate.listeners.modbus_server.answers import Answerer
from plantgate.listeners.modbus_server.clients import ClientAdmission, Networks, host_of, is_among
from plantgate.listeners.modbus_server.image import Image
from plantgate.listeners.modbus_server.session import Session
from plantgate.model.command import Origin
from plantgate.model.seams import CommandGate
from plantgate.model.status import Health, PartStatus
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.streams import Stream, StreamServer
from plantgate.runtime.tasks import Crash, TaskGroup

_log = get_logger("listeners.modbus_server")
NAME = "modbus"
# The tile's requests/s are over at least so long.
_RATE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`clients` may connect, `writers` may write too if `writable`; none named is everybody.

    `identity` are the objects of Read Device Identification by number; `idle_seconds` is how long a client may say
    nothing.
    """

    address: str
    port: int
    unit_id: int
    clients: Networks
    writable: bool
    writers: Networks
    max_clients: int
    max_clients_per_address: int
    idle_seconds: float
    identity: dict[int, bytes]


class ModbusListener:
    """`start` returns when the first attempt to bind is over; a port that is taken is tried again until it is free.

    `tasks` owns the wait for the port. Implements `Rebindable` and `StatusSource`.
    """

    def __init__(
        self,
        settings: ServerSettings,
        image: Image,
        gate: CommandGate,
        clock: Clock,
        tasks: TaskGroup,
        explain: Callable[[int], Conflict],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self._sessions = TaskGroup(NAME, clock)
        self._image = image
        self._answerer = Answerer(image, gate, settings.unit_id, settings.identity)
        self._admission = ClientAdmission(
            settings.clients, settings.max_clients, settings.max_clients_per_address, clock
        )
        self._binding = Binding(NAME, settings.address, settings.port, clock, explain)
        self._server: StreamServer | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._marks = ((clock.mono(), 0), (clock.mono(), 0))

    @property
    def port(self) -> int:
        return self._binding.port

    @port.setter
    def port(self, port: int) -> None:
        self._binding.port = port

    # life

    async def start(self) -> None:
        self._started = True
        if self.port:
            await self._spawn()

    async def _spawn(self) -> None:
        tried = asyncio.Event()
        self._task = self._tasks.spawn(NAME, lambda: self._open(tried), restart=True)
        await tried.wait()

    async def _open(self, tried: asyncio.Event) -> None:
        try:
            await self._serve(await self._binding.open(tried))
        finally:
            tried.set()

    async def _serve(self, listener: socket.socket) -> None:
        self._sessions = TaskGroup(NAME, self._clock)
        self._server = StreamServer(listener, self._client, self._sessions, self._admission)
        await self._server.start()
        self._binding.say(Health.OK, "listening")
        _log.info("listening", listener=NAME, address=self._settings.address, port=self.port)

    async def rebind(self, port: int) -> None:
        """Listen on `port` (0: nowhere, and clients are let go) instead: the new port is open before the old closes.

        Clients that are connected stay. Raises Unavailable (PortUnavailable: the port can't be had); the listener is
        then as it was.
        """
        if not self._started:
            raise Unavailable("MBS-101", "the Modbus server does not run, so its port can't change now", "see its tile")
        if port == self.port and (self._task is not None or not port):
            return
        listener = self._binding.bind(port)
        before, self.port = self.port, port
        if self._server is not None and listener is not None:
            try:
                await self._server.move(listener)
            except BaseException:
                self.port = before
                listener.close()
                raise
            self._binding.say(Health.OK, "listening")
        else:
            await self._close()
            self._binding.say(Health.DISABLED, "off")
            if listener is not None:
                self._binding.hold(listener)
                await self._spawn()
        _log.info("port changed", listener=NAME, address=self._settings.address, port=port, before=before)

    async def stop(self) -> None:
        """Close the port and every connection; a write that is under way is given up. Nothing is open afterwards."""
        self._started = False
        self._binding.close()
        await self._close()
        if self._binding.status.health is Health.OK:
            self._binding.say(Health.DISABLED, "stopped")

    async def _close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    # clients

    async def _client(self, stream: Stream) -> None:
        settings, host = self._settings, host_of(stream.peer)
        may_write = settings.writable and is_among(host, settings.writers)
        origin = Origin(f"modbus:{host}", host, may_write)
        await Session(stream, self._answerer, origin, settings.idle_seconds, self._clock).run()

    # what others ask

    @property
    def image(self) -> Image:
        return self._image

    @property
    def connections(self) -> int:
        return self._admission.connections

    @property
    def refused(self) -> int:
        return self._admission.refused

    @property
    def crashes(self) -> list[Crash]:
        return self._sessions.crashes

    def status(self) -> list[PartStatus]:
        figures = self._answerer.figures
        details: dict[str, str | int | float | None] = {
            **self._binding.status.details,
            "clients": self.connections,
            "requests_per_s": self._rate(figures.requests),
            "requests": figures.requests,
            "exceptions": figures.exceptions,
            "writes": figures.writes,
            "writes_refused": figures.writes_refused,
            "clients_refused": self.refused,
            "clients_denied": self._admission.denied,
            "entries": self._image.entries,
        }
        return [replace(self._binding.status, details=details)]

    def _rate(self, requests: int) -> float:
        """Requests/s since the older of two marks, which whoever looks moves on."""
        now = self._clock.mono()
        older, newer = self._marks
        if now - newer[0] >= _RATE_SECONDS:
            older, newer = self._marks = newer, (now, requests)
        seconds = now - older[0]
        return round((requests - older[1]) / seconds, 1) if seconds > 0 else 0.0
