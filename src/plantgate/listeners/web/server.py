"""An HTTP or HTTPS listener: binds its port, keeps trying while somebody else holds it, says how it is."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp

from plantgate.errors import PlantgateError, Unavailable
from plantgate.listeners.web.embedded import EmbeddedServer
from plantgate.listeners.web.protocol import ListenerConfig
from plantgate.model.status import Health, PartStatus, PortOwner
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.streams import PortUnavailable, bind
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker

_log = get_logger("listeners.web")
RETRY_SECONDS = 5.0
_STOP_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who holds the port and what to do; asked of the port atlas when binding fails."""

    owner: PortOwner | None
    next_step: str


class HttpListener:
    """`name` is the atlas name (http, https). Port 0 means off. `tls` gives the certificate of one that is encrypted.

    `start` returns when the first attempt to bind is over; a port that is taken is tried again every RETRY_SECONDS, so
    that the listener comes up by itself when it is free.
    """

    def __init__(
        self,
        name: str,
        address: str,
        port: int,
        keep_alive: int,
        clock: Clock,
        tasks: TaskGroup,
        explain: Callable[[int], Conflict],
        tls: Callable[[], Awaitable[ssl.SSLContext]] | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self.port = port
        self._keep_alive = keep_alive
        self._clock = clock
        self._tasks = tasks
        self._explain = explain
        self._application: ASGIApp | None = None
        self._certificate = tls
        self._tls: ssl.SSLContext | None = None
        self._config: ListenerConfig | None = None
        self._server: EmbeddedServer | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready: socket.socket | None = None
        self._told = ""
        self._status = self._part(Health.DISABLED, "off")

    def _part(self, health: Health, state: str, reason: str = "", next_step: str = "") -> PartStatus:
        details: dict[str, str | int | float | None] = {"address": self.address, "port": self.port}
        return PartStatus("listener", self.name, health, state, self._clock.wall(), reason, next_step, details)

    async def start(self, application: ASGIApp) -> None:
        self._application = application
        if not self.port:
            return
        try:
            await self._load_certificate()
        except PlantgateError as error:
            self._status = self._part(Health.FAILED, "not started", error.message, error.hint)
            _log.error("a listener can't start", listener=self.name, reason=error.message, next=error.hint)
        else:
            await self._spawn()

    async def _load_certificate(self) -> None:
        """As it is on the disk now: one that was replaced counts from here on. Raises what `tls` does."""
        if self._certificate is not None:
            self._tls = await self._certificate()
            if self._config is not None:
                self._config.ssl = self._tls

    async def _spawn(self) -> None:
        tried = asyncio.Event()
        self._task = self._tasks.spawn(self.name, lambda: self._run(tried), restart=True)
        await tried.wait()

    async def rebind(self, port: int) -> None:
        """Listen on `port` (0: nowhere) instead: the new port is open before the old one closes.

        Requests and WebSockets on the old port go on. Raises Unavailable (PortUnavailable: the new port can't be had)
        or what `tls` raises; the listener is then as it was.
        """
        if self._application is None:
            raise Unavailable(
                "WEB-130",
                f"{self.name} does not run, so its port can't change now",
                "see its tile; restart the gateway",
            )
        if port == self.port and (self._task is not None or not port):
            return
        if port and not (self.port and self._tls):  # it was off: nobody has needed a certificate until now
            await self._load_certificate()
        listener = bind(self.address, port) if port else None
        before, self.port = self.port, port
        if self._server is not None:
            try:
                await self._server.move(listener)
            except BaseException:
                self.port = before
                if listener is not None:
                    listener.close()
                raise
            self._status = self._part(Health.OK, "listening") if port else self._part(Health.DISABLED, "off")
        else:
            await self._cancel()
            self._status, self._ready = self._part(Health.DISABLED, "off"), listener
            if port:
                await self._spawn()
        _log.info("port changed", listener=self.name, address=self.address, port=port, before=before)

    async def _cancel(self) -> None:
        """End the wait for a port."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self, tried: asyncio.Event) -> None:
        assert self._application is not None
        listener = await self._bind(tried)
        self._config = ListenerConfig(self._application, keep_alive=self._keep_alive, tls=self._tls)
        self._server = EmbeddedServer(self._config, self._tasks)
        self._status = self._part(Health.OK, "listening")
        _log.info("listening", listener=self.name, address=self.address, port=self.port)
        # The socket queues connections from `bind` on: whoever connects now is answered when the loop gets there.
        tried.set()
        try:
            await self._server.serve(sockets=[listener])
        finally:
            self._server.close_now()
            self._server = None
            listener.close()
            self._status = self._part(Health.DISABLED, "stopped")

    async def _bind(self, tried: asyncio.Event) -> socket.socket:
        """The port, as soon as it can be had."""
        if self._ready is not None:
            listener, self._ready = self._ready, None
            return listener
        while True:
            try:
                return bind(self.address, self.port)
            except PortUnavailable as error:
                try:
                    await self._refused(error)
                finally:
                    tried.set()
            await self._clock.sleep(RETRY_SECONDS)

    async def _refused(self, error: PortUnavailable) -> None:
        """Say it once, with the process that holds the port; keep saying it on the overview."""
        state = "port taken" if error.taken else "can't bind"
        if self._status.health is not Health.FAILED:
            # Should the look-up itself fail, this much is known.
            self._status = self._part(Health.FAILED, state, error.message, error.hint)
        conflict = Conflict(None, error.hint)
        if error.taken:
            conflict = await self._look_up(self.port)
        holder = f", held by {conflict.owner}" if conflict.owner is not None else ""
        reason = f"{error.message}{holder}"
        if self._told != reason:
            self._told = reason
            self._status = self._part(Health.FAILED, state, reason, conflict.next_step or error.hint)
            _log.error(
                "a port can't be opened, the other listeners go on",
                listener=self.name,
                reason=reason,
                next=self._status.next_step,
            )

    async def _look_up(self, port: int) -> Conflict:
        """Asking the operating system for every process takes too long for the event loop."""
        worker = Worker("port-owner")
        try:
            return await worker.run(self._explain, port)
        finally:
            await worker.close()

    @property
    def connections(self) -> int:
        return self._config.admission.connections if self._config else 0

    @property
    def refused(self) -> int:
        return self._config.admission.refused if self._config else 0

    def status(self) -> list[PartStatus]:
        return [self._status]

    async def stop(self) -> None:
        """Close the port, finish what is being answered within a second, end. Nothing of ours is open afterwards."""
        if self._ready is not None:
            self._ready.close()
        if self._task is None:
            return
        if self._server is None:
            self._task.cancel()  # still waiting for its port
        else:
            self._server.finish()
        await asyncio.wait([self._task], timeout=_STOP_SECONDS)
        self._task.cancel()
