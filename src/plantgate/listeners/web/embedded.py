"""uvicorn in our event loop: signals belong to the process, sockets are ours, TLS begins after admission."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass

import uvicorn

from plantgate.limits import TLS_HANDSHAKE_SECONDS
from plantgate.listeners.web.protocol import GatewayHttp, ListenerConfig
from plantgate.runtime.tasks import TaskGroup

_TLS_SHUTDOWN_SECONDS = 2.0
_OUT_OF_DESCRIPTORS_SECONDS = 1.0
# More than a listening socket's backlog: what is taken over when a port is left, and an end to it under a flood.
_LAST_CONNECTIONS = 512


@dataclass(frozen=True, slots=True)
class _Door:
    """A listening socket and who accepts on it: asyncio's server, or for TLS a task of ours."""

    listener: socket.socket
    server: asyncio.base_events.Server | None = None
    task: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
        if self.task is not None:
            self.task.cancel()


class EmbeddedServer(uvicorn.Server):
    """One listener's server. `serve` runs until `finish`; `close_now` leaves nothing open, whatever happened."""

    config: ListenerConfig

    def __init__(self, config: ListenerConfig, tasks: TaskGroup) -> None:
        super().__init__(config)
        self._doors: list[_Door] = []
        self._tasks = tasks
        self._accepting: set[asyncio.Task[None]] = set()
        self._opened, self._finish = asyncio.Event(), asyncio.Event()

    def finish(self) -> None:
        """Stop accepting, let `serve` end when what is being answered is out, within a second."""
        self.should_exit = True
        self._finish.set()

    def capture_signals(self) -> contextlib.nullcontext[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        for each in sockets or []:
            self._doors.append(await self._open(each))
        self.started = True
        self._opened.set()

    async def _open(self, listener: socket.socket) -> _Door:
        if self.config.ssl:
            return _Door(listener, task=self._own("tls-accept", listener))
        server = await asyncio.get_running_loop().create_server(self._http, sock=listener)
        return _Door(listener, server=server)

    async def move(self, listener: socket.socket | None) -> None:
        """Accept on `listener` (None: nowhere) and then no longer on what was open before.

        Connections through the old port go on, those too that nobody has accepted yet.
        """
        await self._opened.wait()
        before = self._doors
        self._doors = [await self._open(listener)] if listener is not None else []
        for door in before:
            for connected, address in await _leave(door):
                await self._take(connected, address)

    async def _take(self, connected: socket.socket, address: str) -> None:
        if not self.config.ssl:
            await asyncio.get_running_loop().connect_accepted_socket(self._http, connected)
        elif self.config.admission.admit(address):
            self._own("tls-handshake", connected, address)
        else:
            connected.close()

    def _http(self) -> GatewayHttp:
        return GatewayHttp(self.config, self.server_state, {}, asyncio.get_running_loop())

    # TLS: `create_server(ssl=...)` would show us a connection only after its handshake, and handshakes that never end
    # would take no place. So we accept by ourselves and count first.

    def _own(self, name: str, connected: socket.socket, address: str | None = None) -> asyncio.Task[None]:
        if address is None:
            task = self._tasks.spawn(name, lambda: self._accept(connected))
        else:
            task = self._tasks.spawn(name, lambda: self._secure(connected, address))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)
        return task

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connected, peer = await asyncio.get_running_loop().sock_accept(listener)
            except ConnectionError:
                continue  # it left while it waited
            except OSError:
                await asyncio.sleep(_OUT_OF_DESCRIPTORS_SECONDS)
                continue
            address = str(peer[0])
            if self.config.admission.admit(address):
                self._own("tls-handshake", connected, address)
            else:
                connected.close()

    async def _secure(self, connected: socket.socket, address: str) -> None:
        http = self._http()
        http.place = address
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: http,
                connected,
                ssl=self.config.ssl,
                ssl_handshake_timeout=TLS_HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS,
            )
        except OSError:
            return  # the peer left, speaks no TLS or an old one, or took too long
        finally:
            if http.place is not None:  # the protocol has not begun: the place is still ours to give back
                self.config.admission.release(address)
                connected.close()

    # until the end

    async def main_loop(self) -> None:
        """A tick a second, for the date header (uvicorn's own wakes ten times as often)."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._finish.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stop_accepting()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await self._all_answered()
        unfinished = list(self.server_state.tasks)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _stop_accepting(self) -> None:
        for door in self._doors:
            door.close()
        accepting = list(self._accepting)
        for task in accepting:
            task.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)

    async def _all_answered(self) -> None:
        # uvicorn's sets tell nobody when they are empty
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def close_now(self) -> None:
        """Close the ports and cut every connection that is left."""
        for door in self._doors:
            door.close()
            door.listener.close()
        for task in list(self._accepting):
            task.cancel()
        for transport in list(self.config.held):
            transport.abort()


async def _leave(door: _Door) -> list[tuple[socket.socket, str]]:
    """Close the port of `door`; gives the connections that waited to be accepted, with their addresses.

    The system resets them when the last handle of the socket goes: ours stays until they are taken out.
    """
    last = door.listener.dup()
    last.setblocking(False)
    try:
        loop = asyncio.get_running_loop()
        if door.server is not None and isinstance(loop, asyncio.SelectorEventLoop):
            # asyncio makes the transports of what it has accepted one turn later, and loses them if its server is
            # closed by then: accept no more, let that turn pass, close.
            loop.remove_reader(door.listener)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        door.close()
        if door.task is not None:
            await asyncio.gather(door.task, return_exceptions=True)
        door.listener.close()
        return _waiting(last)
    finally:
        last.close()


def _waiting(listener: socket.socket) -> list[tuple[socket.socket, str]]:
    found: list[tuple[socket.socket, str]] = []
    while len(found) < _LAST_CONNECTIONS:
        try:
            connected, peer = listener.accept()
        except ConnectionError:
            continue  # it left while it waited
        except OSError:  # nobody waits, or there are no descriptors left
            break
        connected.setblocking(False)
        found.append((connected, str(peer[0])))
    return found
