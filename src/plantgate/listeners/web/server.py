"""An HTTP or HTTPS listener: binds its port, keeps trying while somebody else holds it, says how it is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp

from plantgate.errors import PlantgateError, Unavailable
from plantgate.listeners.binding import Binding, Conflict
from plantgate.listeners.web.embedded import EmbeddedServer
from plantgate.listeners.web.protocol import ListenerConfig
from plantgate.model.status import Health, PartStatus
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup

_log = get_logger("listeners.web")
_STOP_SECONDS = 1.5


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
        self._binding = Binding(name, address, port, clock, explain)
        self._keep_alive = keep_alive
        self._tasks = tasks
        self._application: ASGIApp | None = None
        self._certificate = tls
        self._tls: ssl.SSLContext | None = None
        self._config: ListenerConfig | None = None
        self._server: EmbeddedServer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._binding.port

    @port.setter
    def port(self, port: int) -> None:
        self._binding.port = port

    async def start(self, application: ASGIApp) -> None:
        self._application = application
        if not self.port:
            return
        try:
            await self._load_certificate()
        except PlantgateError as error:
            self._binding.say(Health.FAILED, "not started", error.message, error.hint)
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
        listener = self._binding.bind(port)
        before, self.port = self.port, port
        if self._server is not None:
            try:
                await self._server.move(listener)
            except BaseException:
                self.port = before
                if listener is not None:
                    listener.close()
                raise
            self._say_open()
        else:
            await self._cancel()
            self._binding.say(Health.DISABLED, "off")
            self._binding.hold(listener)
            if port:
                await self._spawn()
        _log.info("port changed", listener=self.name, address=self._binding.address, port=port, before=before)

    async def _cancel(self) -> None:
        """End the wait for a port."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self, tried: asyncio.Event) -> None:
        assert self._application is not None
        listener = await self._binding.open(tried)
        self._config = ListenerConfig(self._application, keep_alive=self._keep_alive, tls=self._tls)
        self._server = EmbeddedServer(self._config, self._tasks)
        self._say_open()
        _log.info("listening", listener=self.name, address=self._binding.address, port=self.port)
        # The socket queues connections from `bind` on: whoever connects now is answered when the loop gets there.
        tried.set()
        try:
            await self._server.serve(sockets=[listener])
        finally:
            self._server.close_now()
            self._server = None
            listener.close()
            self._binding.say(Health.DISABLED, "stopped")

    def _say_open(self) -> None:
        if self.port:
            self._binding.say(Health.OK, "listening")
        else:
            self._binding.say(Health.DISABLED, "off")

    @property
    def connections(self) -> int:
        return self._config.admission.connections if self._config else 0

    @property
    def refused(self) -> int:
        return self._config.admission.refused if self._config else 0

    def status(self) -> list[PartStatus]:
        return [self._binding.status]

    async def stop(self) -> None:
        """Close the port, finish what is being answered within a second, end. Nothing of ours is open afterwards."""
        self._binding.close()
        if self._task is None:
            return
        if self._server is None:
            self._task.cancel()  # still waiting for its port
        else:
            self._server.finish()
        await asyncio.wait([self._task], timeout=_STOP_SECONDS)
        self._task.cancel()
