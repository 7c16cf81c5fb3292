"""UDP mode (register 02C0 = 44, or 34 beside TCP): messages to one host as datagrams, commands as datagrams back.

Source: `springcore.md` 1.10 and registers 0294, 0295. A real reader broadcasts as delivered. This one sends to one
host only, 127.0.0.1 unless it is told another, and never asks the system for the right to broadcast.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import cast

from plantgate.errors import Unavailable, UsageError
from plantgate.limits import SIMULATOR_QUEUE_MESSAGES
from plantgate.protocols.scrdr import SccmdReceiver
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import PortUnavailable, address_text
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.device import ReaderDevice
from plantgate.simulators.reader.events import Report
from plantgate.simulators.reader.rude import SLOW_SECONDS, Cut, Rude
from plantgate.simulators.reader.setup import goes_to_many

# Above this a datagram is cut into fragments, if it gets through at all; a longer message goes out all the same.
_DATAGRAM_BYTES = 65_507
_FROM_TARGET, _FROM_PORT = 0x01, 0x02


class UdpPort(asyncio.DatagramProtocol):
    """One bound socket; an Outlet of the device. `open` makes it."""

    def __init__(self, device: ReaderDevice, target: tuple[str, int], clock: Clock, report: Report) -> None:
        self._device = device
        self._target = target
        self._clock = clock
        self._report = report
        self._transport: asyncio.DatagramTransport | None = None
        self._arrived: deque[tuple[bytes, tuple[str, int], int]] = deque(maxlen=SIMULATOR_QUEUE_MESSAGES)
        self._news = asyncio.Event()
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(
        cls,
        device: ReaderDevice,
        where: tuple[str, int],
        target: tuple[str, int],
        clock: Clock,
        tasks: TaskGroup,
        report: Report,
    ) -> UdpPort:
        """Bind `where` and send to `target`, whose port 0 means our own as the vendor has it.

        Raises PortUnavailable, Unavailable for a name that is not known, UsageError for a target that can't be meant.
        """
        loop = asyncio.get_running_loop()
        host, port = where
        try:
            found = await loop.getaddrinfo(*target, family=_family(host), type=socket.SOCK_DGRAM)
        except (socket.gaierror, UnicodeError):
            raise Unavailable(
                "SIM-701", f"{target[0]} is no address that {host} can send to", "register 0294, or --udp-to"
            ) from None
        address = cast("tuple[str, int]", found[0][4][:2])
        if goes_to_many(address[0]):
            raise UsageError("SIM-702", f"{target[0]} is more than one host", "the simulator sends to one host only")
        udp = cls(device, address, clock, report)
        try:
            await loop.create_datagram_endpoint(lambda: udp, local_addr=(host, port))
        except OSError as error:
            raise PortUnavailable(
                "SIM-703",
                f"UDP port {port} of {host} can't be had ({error.strerror or error})",
                "another process may hold it: choose another with --port",
                port=port,
                taken=True,
            ) from None
        udp._target = (address[0], address[1] or udp.port)
        if udp._target == udp._local:
            await udp.close()
            raise UsageError(
                "SIM-702",
                f"the reader would send to itself: {address_text(udp._local)} is its own",
                "host and reader use the same port: on one machine give the host another one, --udp-to 127.0.0.1:PORT",
            )
        tasks.spawn("datagrams", udp._take)
        return udp

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            await asyncio.shield(self._closed)

    @property
    def name(self) -> str:
        return f"udp {address_text(self._target)}"

    @property
    def port(self) -> int:
        return self._local[1]

    @property
    def _local(self) -> tuple[str, int]:
        assert self._transport is not None
        return cast("tuple[str, int]", self._transport.get_extra_info("sockname")[:2])

    # Outlet

    def write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise Unavailable("SIM-704", "the UDP port is closed")
        for start in range(0, len(data), _DATAGRAM_BYTES):
            self._transport.sendto(data[start : start + _DATAGRAM_BYTES], self._target)

    def cut(self, how: Cut) -> None:
        """Datagrams know no connection that could end."""

    # asyncio.DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._arrived.append((data, address, self._clock.mono_ns()))
        self._news.set()

    def error_received(self, error: Exception) -> None:
        """Nobody listens at the other end: as with a real reader, nothing comes of it."""

    def connection_lost(self, error: Exception | None) -> None:
        self._news.set()
        if not self._closed.done():
            self._closed.set_result(None)

    async def _take(self) -> None:
        manners = self._device.manners
        while not self._closed.done():
            await self._news.wait()
            self._news.clear()
            while self._arrived:
                await manners.while_(Rude.STALLS)
                if manners.rude is Rude.SLOW:
                    await manners.pause(SLOW_SECONDS)
                self._command(*self._arrived.popleft())

    def _command(self, data: bytes, address: tuple[str, int], arrived_ns: int) -> None:
        """One datagram: whatever it holds is complete."""
        if self._device.personality.legacy_no_commands:
            return
        if reason := self._unwelcome(address):
            self._report({"event": "refused", "peer": address_text(address), "how": reason})
            return
        receiver = SccmdReceiver(self._device.personality.checksum)
        for event in [*receiver.feed(data, 0.0), *receiver.finish()]:
            self._device.outcome(event, arrived_ns)

    def _unwelcome(self, address: tuple[str, int]) -> str:
        """Register 0295. The wrong port is any but the one that messages are sent to."""
        filters = self._device.registers.get(0x0295)[0]
        if filters & _FROM_TARGET and address[0] != self._target[0]:
            return "not from the destination (0295)"
        if filters & _FROM_PORT and address[1] != self._target[1]:
            return "from another port (0295)"
        return ""


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
