"""UDP sockets that several owners share: one per local port, each owner believes one source.

A `Mailbox` gets the datagrams of its own source and nothing else; what comes from anybody else is counted and dropped.
UDP proves nobody's identity: an address can be forged by whoever is on the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections import deque
from typing import TypeAlias, cast

from plantgate.errors import Unavailable, UsageError
from plantgate.limits import DATAGRAM_WAITING_BYTES
from plantgate.runtime.streams import PortUnavailable, address_text

_LEAST_BYTES = 256  # what a datagram counts at least: an object costs more than its bytes
_RECEIVE_BUFFER_BYTES = 1_048_576

# (address, port) as text and number; the flow and scope of IPv6 are the system's business.
Address: TypeAlias = tuple[str, int]


class Mailbox:
    """One owner's share of a socket: `read` what its source sent, `send` to it. `close` once."""

    def __init__(self, shared: _Shared, source: Address, target: Address) -> None:
        self._shared = shared
        self.source = source
        self._target = target
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._closed = False
        self.dropped = 0

    @property
    def local_port(self) -> int:
        return self._shared.port

    @property
    def strangers(self) -> int:
        """Datagrams of sources that nobody at this port believes, since the socket was opened."""
        return self._shared.strangers

    @property
    def last_stranger(self) -> str:
        """Where the last of them came from; empty if there was none."""
        return self._shared.last_stranger

    def put(self, data: bytes) -> None:
        size = max(len(data), _LEAST_BYTES)
        if self._bytes + size > DATAGRAM_WAITING_BYTES:
            self.dropped += 1
            return
        self._bytes += size
        self._waiting.append(data)
        self._news.set()

    async def read(self) -> bytes:
        """The next datagram. Raises Unavailable if the socket is lost."""
        while not self._waiting:
            self._shared.check()
            self._news.clear()
            await self._news.wait()
        data = self._waiting.popleft()
        self._bytes -= max(len(data), _LEAST_BYTES)
        return data

    def send(self, data: bytes) -> None:
        """Hand `data` to the socket now. Raises Unavailable."""
        self._shared.send(data, self._target)

    def wake(self) -> None:
        self._news.set()

    async def close(self) -> None:
        """The last owner of a socket closes it."""
        if not self._closed:
            self._closed = True
            await self._shared.leave(self)


class _Shared(asyncio.DatagramProtocol):
    """The socket of one local port and family, and who believes whom there."""

    def __init__(self, sockets: DatagramSockets, key: tuple[socket.AddressFamily, int]) -> None:
        self._sockets = sockets
        self._key = key
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost: Exception | None = None
        self._boxes: dict[Address, Mailbox] = {}
        self._by_host: dict[str, list[Mailbox]] = {}
        self.users = 0
        self.strangers = 0
        self.last_stranger = ""
        self.port = key[1]

    def join(self, source: Address, target: Address) -> Mailbox:
        if source in self._boxes:
            raise UsageError(
                "NET-132",
                f"{address_text(source)} is believed by another owner of UDP port {self.port}",
                "two devices of one address need ports of their own",
            )
        box = self._boxes[source] = Mailbox(self, source, target)
        self._by_host.setdefault(source[0], []).append(box)
        return box

    async def leave(self, box: Mailbox) -> None:
        del self._boxes[box.source]
        self._by_host[box.source[0]].remove(box)
        if not self._by_host[box.source[0]]:
            del self._by_host[box.source[0]]
        await self._sockets.left(self._key, self)

    def send(self, data: bytes, target: Address) -> None:
        self.check()
        assert self._transport is not None
        self._transport.sendto(data, target)

    def check(self) -> None:
        if self._transport is None or self._closed.done():
            raise Unavailable("NET-133", f"UDP port {self.port} is closed" + (f" ({self._lost})" if self._lost else ""))

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            await asyncio.shield(self._closed)

    # asyncio.DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: tuple[object, ...]) -> None:
        host, port = str(address[0]).partition("%")[0], cast("int", address[1])
        box = self._boxes.get((host, port))
        if box is None and len(alone := self._by_host.get(host, [])) == 1:
            box = alone[0]  # the only owner of that address: a device may send from another port than it listens on
        if box is None:
            self.strangers += 1
            self.last_stranger = address_text((host, port))
        else:
            box.put(data)

    def error_received(self, error: Exception) -> None:
        """The answer to something that was sent: nobody there, or no route. UDP promised nothing."""

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = error
        if not self._closed.done():
            self._closed.set_result(None)
        for box in self._boxes.values():
            box.wake()


class DatagramSockets:
    """The UDP sockets of a gateway. `open` gives a share of one; it is bound when the first owner comes."""

    def __init__(self) -> None:
        self._open: dict[tuple[socket.AddressFamily, int], _Shared] = {}
        self._opening = asyncio.Lock()

    async def open(self, host: str, port: int, local_port: int) -> Mailbox:
        """Believe `host`:`port` (a name is looked up now), and listen on `local_port` of every interface.

        `local_port` 0 picks a free one. Raises PortUnavailable, or Unavailable NET-134 for a name that is unknown.
        """
        family, source, target = await _resolve(host, port)
        key = (family, local_port)
        async with self._opening:
            shared = self._open.get(key) if local_port else None
            if shared is None:
                shared = _Shared(self, key)
                await _bind(shared, family, local_port)
                if local_port:
                    self._open[key] = shared
            try:
                box = shared.join(source, target)
            except UsageError:
                if not shared.users:
                    self._open.pop(key, None)
                    await shared.close()
                raise
            shared.users += 1
            return box

    async def left(self, key: tuple[socket.AddressFamily, int], shared: _Shared) -> None:
        async with self._opening:
            shared.users -= 1
            if shared.users <= 0:
                if self._open.get(key) is shared:
                    del self._open[key]
                await shared.close()


async def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Address, Address]:
    """Where datagrams come from, and where they go: the same but for the scope of a link-local address."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host.partition("%")[0])
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        return family, (str(address), port), (host, port)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no valid name"
        raise Unavailable(
            "NET-134", f"the name {host} is unknown ({why})", "check the name or use an address"
        ) from None
    family, _, _, _, sockaddr = found[0]
    name = str(sockaddr[0])
    return family, (name.partition("%")[0], port), (name, port)


async def _bind(shared: _Shared, family: socket.AddressFamily, port: int) -> None:
    """On every interface: devices broadcast as delivered, and that reaches only a socket bound to all of them."""
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with contextlib.suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        bound.bind(("" if family == socket.AF_INET else "::", port))
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        taken = error.errno == errno.EADDRINUSE
        what = "is already in use" if taken else f"can't be had ({error.strerror})"
        raise PortUnavailable(
            "NET-131",
            f"UDP port {port} {what}",
            "see which process holds it: plantgate ports list",
            port=port,
            taken=taken,
        ) from None
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: shared, sock=bound)
