"""TCP byte streams with deadlines and bounds, as client and as server.

`asyncio.start_server` prints one traceback per open connection at shutdown (3.11) and has no deadline for anything;
this is the small part of it that we need, on `asyncio.Protocol`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from plantgate.errors import Overload, Unavailable, UsageError
from plantgate.limits import STREAM_LINGER_MS, STREAM_READ_BYTES, STREAM_WRITE_BYTES
from plantgate.runtime.admission import Admission
from plantgate.runtime.sockets import is_refusal, keep_alive, reason
from plantgate.runtime.tasks import TaskGroup

_FORBIDDEN = {errno.EACCES, errno.EPERM}


class PortUnavailable(Unavailable):
    """A port of ours can't be bound: `taken` by another process, or forbidden to this user."""

    def __init__(self, code: str, message: str, hint: str, *, port: int, taken: bool) -> None:
        super().__init__(code, message, hint)
        self.port = port
        self.taken = taken


class Stream(asyncio.Protocol):
    """One connection. `read` gives what has arrived (b"" at the end), `write` queues bytes at once.

    `deliver` is the quick way: what arrives goes to a function in the very callback of the event loop, without a task
    in between (twice the requests a second for a client that asks again on each answer).

    Reading pauses when STREAM_READ_BYTES wait unread; writing beyond STREAM_WRITE_BYTES raises Overload.
    """

    def __init__(
        self, opened: Callable[[Stream], None] | None = None, lost: Callable[[Stream], None] | None = None
    ) -> None:
        self._opened = opened
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        # One buffer, not one object per segment: a peer that sends single bytes would hold 40 times the bound.
        self._waiting = bytearray()
        self._paused = False
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._receiver: Callable[[bytes], None] | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taking: asyncio.Future[None] | None = None
        self.peer = ""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are of no common class
        self.peer = address_text(transport.get_extra_info("peername"))
        connected = transport.get_extra_info("socket")
        if connected is not None:
            with contextlib.suppress(OSError):  # the peer may be gone already
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._opened is not None:
            self._opened(self)

    def data_received(self, data: bytes) -> None:
        if self._receiver is not None:
            try:
                self._receiver(data)
            except Exception as error:  # noqa: BLE001 - the owning task raises it
                self._failed(error)
            return
        self._waiting += data
        if len(self._waiting) > STREAM_READ_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return True  # our side stays open: a peer may half-close and still read

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        self._error = error
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()
        self.resume_writing()
        if self._lost is not None:
            self._lost(self)

    def pause_writing(self) -> None:
        self._taking = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        taking, self._taking = self._taking, None
        if taking is not None and not taking.done():
            taking.set_result(None)

    def _failed(self, error: Exception) -> None:
        """The receiver's error belongs to the task that waits in `deliver`."""
        self._receiver = None
        if self._reader is None or self._reader.done():
            raise error
        self._reader.set_exception(error)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # ours

    @property
    def error(self) -> Exception | None:
        """Why the connection was lost (a reset), None if it was closed in order."""
        return self._error

    @property
    def closed(self) -> bool:
        return self._closed.done()

    async def read(self) -> bytes:
        """All bytes that wait, as soon as there are any; b"" when the peer has ended or the connection is lost.

        One reader at a time: UsageError for a second. For a deadline use `asyncio.timeout` around it: nothing is lost
        by a cancelled read.
        """
        self._one_reader()
        while not self._waiting:
            if self._ended:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._take_waiting()

    async def deliver(self, receiver: Callable[[bytes], None]) -> None:
        """Call `receiver` with all bytes as they arrive, until the peer has ended or the connection is lost.

        Raises what `receiver` raises. One reader at a time, and a deadline around it, as for `read`: what arrives
        between two calls waits for the second.
        """
        self._one_reader()
        if self._waiting:
            receiver(self._take_waiting())
        if self._ended:
            return
        self._reader, self._receiver = asyncio.get_running_loop().create_future(), receiver
        try:
            await self._reader
        finally:
            self._reader = self._receiver = None

    def _one_reader(self) -> None:
        if self._reader is not None:
            raise UsageError("NET-103", f"two tasks read from {self.peer}", "give each connection one reader")

    def _take_waiting(self) -> bytes:
        data = bytes(self._waiting)
        self._waiting.clear()
        if self._paused and self._transport is not None:
            self._paused = False
            with contextlib.suppress(RuntimeError):  # the transport may be closing
                self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Hand `data` to the socket now.

        Raises Unavailable if the connection is gone, Overload if the peer does not read.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise Unavailable("NET-101", f"the connection to {self.peer or 'the peer'} is closed")
        if transport.get_write_buffer_size() + len(data) > STREAM_WRITE_BYTES:
            raise Overload("NET-102", f"{self.peer} does not read what is sent to it")
        transport.write(data)

    @property
    def behind(self) -> bool:
        """True while the peer is far behind with reading (some 64 kB)."""
        return self._taking is not None

    async def taken(self) -> None:
        """Wait until the peer is no more `behind`, or the connection is lost."""
        if self._taking is not None:
            await asyncio.shield(self._taking)

    def close(self) -> None:
        """End in order (FIN) after what was written; does not wait."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End at once (RST if bytes are unsent); does not wait."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        await asyncio.shield(self._closed)


def address_text(address: object) -> str:
    """`10.0.0.7:4000` or `[::1]:4000` of a socket address tuple."""
    if not isinstance(address, tuple) or len(address) < 2:
        return ""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


async def connect(
    host: str,
    port: int,
    *,
    timeout: float,
    keepalive: tuple[int, int, int] | None = None,
    local_address: str = "",
) -> Stream:
    """Open a connection within `timeout` seconds, name resolution included.

    `local_address` is the address of this host to connect from, empty: the system's choice. `keepalive` is (idle s,
    interval s, probes) where the system lets them be set. Raises Unavailable with a code that tells apart: NET-111 name
    unknown, NET-112 refused, NET-113 no answer in time, NET-114 no route or other.
    """
    where = address_text((host, port))
    try:
        async with asyncio.timeout(timeout):
            local = (local_address, 0) if local_address else None
            _, stream = await asyncio.get_running_loop().create_connection(Stream, host, port, local_addr=local)
    except TimeoutError:
        raise Unavailable(
            "NET-113",
            f"{where} did not answer within {timeout:g} s",
            "is it powered, and does a firewall drop packets?",
        ) from None
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no valid name"
        raise Unavailable(
            "NET-111", f"the name {host} is unknown ({why})", "check the name or use an address"
        ) from None
    except OSError as error:
        if is_refusal(error):
            raise Unavailable(
                "NET-112",
                f"{where} refused the connection",
                "nothing listens on that port there: check the port and the device's settings",
            ) from None
        raise Unavailable(
            "NET-114", f"{where} can't be reached ({reason(error)})", "check cable, address and route"
        ) from None
    if keepalive is not None and stream._transport is not None:
        keep_alive(stream._transport.get_extra_info("socket"), *keepalive)
    return stream


def bind(address: str, port: int, *, backlog: int = 128) -> socket.socket:
    """A listening TCP socket on `address`:`port` (0 picks a free one). Raises PortUnavailable naming what to do.

    `::` listens on IPv6 only and `0.0.0.0` on IPv4 only, everywhere alike.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts: without it each reply can wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            # Windows: without it a second process may bind the same port and steal connections.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _bind_error(address, port, error) from None
    return listener


def _bind_error(address: str, port: int, error: OSError) -> PortUnavailable:
    where = address_text((address, port))
    if error.errno == errno.EADDRINUSE:
        return PortUnavailable(
            "NET-121",
            f"port {port} is taken: {where} is already in use",
            "see which process holds it: plantgate ports list",
            port=port,
            taken=True,
        )
    if error.errno in _FORBIDDEN:
        return PortUnavailable(
            "NET-122",
            f"this user may not listen on {where}",
            "ports below 1024 need a privilege on most systems: use a higher one, or grant it (CAP_NET_BIND_SERVICE)",
            port=port,
            taken=False,
        )
    return PortUnavailable(
        "NET-123",
        f"can't listen on {where} ({reason(error)})",
        "is the address one of this host's?",
        port=port,
        taken=False,
    )


class StreamServer:
    """Accepts connections on `listener` and runs `handler(stream)` for each as a task of its own group.

    A connection over the admission bounds is closed before a byte is read. When its handler returns, a connection has
    STREAM_LINGER_MS to deliver what was written; it counts until its socket is closed. `stop` closes the listener,
    cancels the handlers and waits for them.
    """

    def __init__(
        self,
        listener: socket.socket,
        handler: Callable[[Stream], Awaitable[None]],
        tasks: TaskGroup,
        admission: Admission | None = None,
    ) -> None:
        self._listener = listener
        self._handler = handler
        self._tasks = tasks
        self.admission = admission or Admission()
        self._server: asyncio.Server | None = None
        self._count = 0
        self._open: dict[Stream, str] = {}
        self._stopping = False
        self.port: int = listener.getsockname()[1]

    async def start(self) -> None:
        self._server = await self._accept(self._listener)

    async def _accept(self, listener: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Stream(self._opened, self._lost), sock=listener)

    async def move(self, listener: socket.socket) -> None:
        """Accept on `listener` from now on; the old one closes, and connections that are open go on."""
        before, self._server = self._server, await self._accept(listener)
        if before is not None:
            before.close()
        self._listener, self.port = listener, listener.getsockname()[1]

    def _opened(self, stream: Stream) -> None:
        address = stream.peer.rpartition(":")[0]
        if self._stopping or not self.admission.admit(address):
            stream.abort()
            return
        self._open[stream] = address
        self._count += 1
        self._tasks.spawn(f"connection-{self._count}", lambda: self._serve(stream))

    def _lost(self, stream: Stream) -> None:
        address = self._open.pop(stream, None)
        if address is not None:
            self.admission.release(address)

    async def _serve(self, stream: Stream) -> None:
        try:
            await self._handler(stream)
        finally:
            stream.close()
            try:
                async with asyncio.timeout(STREAM_LINGER_MS / 1_000):
                    await stream.wait_closed()
            except TimeoutError:
                pass  # the peer does not read what was written
            finally:
                stream.abort()

    async def stop(self) -> None:
        self._stopping = True
        if self._server is not None:
            self._server.close()
        else:
            self._listener.close()
        await self._tasks.stop()
        # A handler that was cancelled before its first step could not close its connection.
        for stream in list(self._open):
            stream.abort()
            await stream.wait_closed()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
