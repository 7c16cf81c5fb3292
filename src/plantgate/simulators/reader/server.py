"""The reader on its network: a TCP server for one client at a time, what becomes of the others, and UDP.

It has an accept loop of its own, unlike our listeners: a device may leave clients in the backlog, refuse them,
reset them or drop the first for the second, and those are the manners that a driver has to live with.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys

from plantgate.errors import Unavailable, UsageError
from plantgate.protocols.scrdr import SccmdReceiver
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import Stream, address_text, bind
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.device import ReaderDevice
from plantgate.simulators.reader.events import Report
from plantgate.simulators.reader.options import Ending, SecondClient
from plantgate.simulators.reader.rude import ERROR_SECONDS, SLOW_SECONDS, Cut, Rude
from plantgate.simulators.reader.setup import in_words, silence, udp_target
from plantgate.simulators.reader.udp import UdpPort

_BACKLOG = 8
_CLOSE_SECONDS = 1.0
_ACCEPT_PAUSE_SECONDS = 0.1
_BIND_SECONDS = 1.0
# Close with RST: linger on, 0 s. Windows has two shorts where others have two ints.
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Client:
    """One accepted connection; an Outlet of the device."""

    name = ""

    def __init__(self, connection: socket.socket, stream: Stream) -> None:
        self._connection = connection
        self.stream = stream
        self.peer = stream.peer
        self.vanished = asyncio.Event()
        self.half_closed = False
        self.end = ""

    def write(self, data: bytes) -> None:
        """Raises Unavailable, Overload."""
        if self.half_closed:
            raise Unavailable("SIM-801", "the reader has closed its side of the connection")
        self.stream.write(data)

    def cut(self, how: Cut) -> None:
        """End the connection in a rude way."""
        if how is Cut.RESET:
            self.drop(reset=True, reason="reset by the reader")
            return
        self.half_closed = True
        with contextlib.suppress(OSError):  # the connection may be gone already
            self._connection.shutdown(socket.SHUT_WR)

    def drop(self, *, reset: bool, reason: str) -> None:
        """Close from our side, in order or with RST."""
        self.end = self.end or reason
        if reset:
            with contextlib.suppress(OSError):  # the connection may be gone already
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.stream.abort()
        else:
            self.stream.close()


class ReaderServer:
    """Listens on `host` and connects one host to `device`; which ports and protocols, the device's registers say.

    `port` replaces that of register 0285 (0 picks one), `udp_to` the destination of register 0294.
    """

    def __init__(
        self,
        device: ReaderDevice,
        host: str,
        port: int | None,
        clock: Clock,
        tasks: TaskGroup,
        report: Report,
        *,
        udp_to: tuple[str, int] | None = None,
    ) -> None:
        self._device = device
        self._manners = device.manners
        self._manners.on_change = self._manners_changed
        self._host = host
        self._fixed_port = port
        self._udp_to = udp_to
        self._udp: UdpPort | None = None
        self.port = 0
        self._clock = clock
        self._tasks = tasks
        self._report = report
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._free = asyncio.Event()
        self._free.set()
        self._opening = asyncio.Lock()
        self._rebooting = False
        self._stopped = False

    @property
    def peer(self) -> str | None:
        """The host that is connected."""
        return None if self._client is None else self._client.peer

    @property
    def listening(self) -> bool:
        return self._listener is not None

    @property
    def udp(self) -> str | None:
        """Where datagrams go."""
        return None if self._udp is None else self._udp.name.removeprefix("udp ")

    @property
    def silence(self) -> str:
        """Why the registers have it listen nowhere; empty if they do not."""
        return silence(self._device.registers)

    async def start(self) -> None:
        """Bind and accept, as the registers have it. Raises PortUnavailable, with nothing left open."""
        registers = self._device.registers
        self.port = self.port or (registers.scrdr_port if self._fixed_port is None else self._fixed_port)
        if registers.serves_tcp:
            self._listener = bind(self._host, self.port, backlog=_BACKLOG)
            self.port = self._listener.getsockname()[1]
        try:
            if registers.serves_udp:
                await self._open_udp()
        except BaseException:
            await self._close_port()
            raise
        if self._listener is not None:
            self._accepting = self._tasks.spawn("accept", self._accept)

    async def _open_udp(self) -> None:
        target = self._udp_to or (udp_target(self._device.registers), 0)
        where = (self._host, self.port)
        self._udp = await UdpPort.open(self._device, where, target, self._clock, self._tasks, self._report)
        self.port = self._udp.port
        self._device.attach_datagrams(self._udp)

    async def stop(self) -> None:
        """Close the port for good, and the connection with FIN."""
        self._stopped = True
        await self._close_port()
        if self._client is not None:
            self._client.drop(reset=False, reason="the simulator stops")
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    def drop(self, *, reset: bool) -> bool:
        """Close the connection from our side. False if there is none."""
        if self._client is None:
            return False
        self._client.drop(reset=reset, reason="dropped by the reader")
        return True

    def vanish(self) -> bool:
        """From now on nothing comes from or goes to the client, nor is its end seen. False if there is none."""
        if self._client is None:
            return False
        self._client.vanished.set()
        return True

    def reboot(self) -> None:
        """Reset the connection, close the port for the personality's `reboot_s`, then listen again."""
        if not self._rebooting:
            self._rebooting = True
            self._tasks.spawn("reboot", self._reboot)

    async def _reboot(self) -> None:
        personality = self._device.personality
        self._report({"event": "rebooting", "seconds": personality.reboot_s})
        await self._close_port()
        if self._client is not None:
            self._client.drop(reset=personality.reboot is Ending.RESET, reason="the reader reboots")
        await self._clock.sleep(personality.reboot_s)
        await self._free.wait()
        if self._fixed_port is None and self._device.stored != self._device.registers:
            self.port = 0  # register 0285 may have another
        self._device.boot()
        self._rebooting = False
        await self._open_again()

    def _manners_changed(self) -> None:
        """The part of being rude that concerns the port and the connection as a whole."""
        if self._manners.rude is Rude.DEAD:
            self._tasks.spawn("dead", self._be_dead)
        elif self._manners.rude is Rude.ENDLESS_ERRORS:
            self._tasks.spawn("errors", self._err)
        if self._manners.rude is not Rude.HALF_CLOSE and self._client is not None and self._client.half_closed:
            self._client.drop(reset=False, reason="the reader has closed its side")

    async def _be_dead(self) -> None:
        await self._close_port()
        if self._client is not None:
            self._client.drop(reset=True, reason="the reader is dead")
        await self._manners.while_(Rude.DEAD)
        await self._free.wait()
        await self._open_again()

    async def _err(self) -> None:
        while self._manners.rude is Rude.ENDLESS_ERRORS:
            self._device.err()
            await self._manners.pause(ERROR_SECONDS)

    async def _close_port(self) -> None:
        if self._udp is not None:
            self._device.attach_datagrams(None)
            await self._udp.close()
            self._udp = None
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._accepting = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _open_again(self) -> None:
        """Listen on the same port as before; another process may hold it for a moment."""
        async with self._opening:
            while not self._open and not self._off:
                try:
                    await self.start()
                except (Unavailable, UsageError) as error:
                    self._report({"event": "port unavailable", "reason": error.message})
                    await self._clock.sleep(_BIND_SECONDS)
                else:
                    self._report(self.state(None))
                    return

    @property
    def _open(self) -> bool:
        return self._listener is not None or self._udp is not None

    @property
    def _off(self) -> bool:
        return self._rebooting or self._stopped or self._manners.rude is Rude.DEAD

    def state(self, control_port: int | None) -> dict[str, object]:
        """The event `listening`, or `silent` where the registers have it listen nowhere."""
        if self.silence:
            return {"event": "silent", "reason": self.silence, "control_port": control_port}
        event = {"event": "listening", "host": self._host, "port": self.port, "control_port": control_port}
        registers = self._device.registers
        if self.udp is not None or not registers.speaks_scrdr:
            event |= {"mode": in_words(registers), "udp": self.udp}
        return event

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while self._listener is not None:
            if self._device.personality.second_client is SecondClient.HANG:
                await self._free.wait()
            await self._manners.while_(Rude.STALLS)
            try:
                connection, address = await loop.sock_accept(self._listener)
            except OSError:  # out of descriptors, or the client gave up in the backlog
                await self._clock.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            _, stream = await loop.connect_accepted_socket(Stream, connection)
            stream.peer = stream.peer or address_text(address)
            await self._manners.while_(Rude.STALLS)
            await self._admit(Client(connection, stream))

    async def _admit(self, client: Client) -> None:
        second = self._device.personality.second_client
        if self._client is not None and second is SecondClient.TAKE_OVER:
            self._client.drop(reset=False, reason="another host took over")
            await self._free.wait()
        if self._client is not None:
            how = SecondClient.CLOSE if second is not SecondClient.RESET else SecondClient.RESET
            client.drop(reset=how is SecondClient.RESET, reason="busy")
            self._report({"event": "refused", "peer": client.peer, "how": how.value})
            return
        self._client = client
        self._free.clear()
        self._serving = self._tasks.spawn("client", lambda: self._serve(client))
        if second is SecondClient.REFUSE:
            self._tasks.spawn("refuse", self._refuse)

    async def _refuse(self) -> None:
        """No listening socket while a client is served: the operating system refuses the others."""
        await self._close_port()
        await self._free.wait()
        await self._open_again()

    async def _serve(self, client: Client) -> None:
        self._report({"event": "connected", "peer": client.peer})
        self._device.attach(client)
        try:
            gone = self._tasks.spawn("vanish", lambda: _wait(client.vanished))
            reading = self._tasks.spawn("read", lambda: self._read(client))
            try:
                await asyncio.wait([gone, reading], return_when=asyncio.FIRST_COMPLETED)
                if client.vanished.is_set():
                    self._device.detach()
                    await self._half_open(client)
            finally:
                gone.cancel()
                reading.cancel()
        finally:
            self._device.detach()
            client.stream.close()
            self._client = None
            self._free.set()
        reason = client.end or ("reset by the host" if client.stream.error else "closed by the host")
        self._report({"event": "disconnected", "peer": client.peer, "reason": reason})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await client.stream.wait_closed()
        client.stream.abort()

    async def _half_open(self, client: Client) -> None:
        """The slot stays taken although nobody is there."""
        seconds = self._device.personality.half_open_s
        client.end = "the host vanished"
        if seconds is None:
            await asyncio.Event().wait()
        else:
            await self._clock.sleep(seconds)

    async def _read(self, client: Client) -> None:
        receiver = SccmdReceiver(self._device.personality.checksum)
        stream, arrived_ns = client.stream, self._clock.mono_ns()
        while True:
            deadline = receiver.next_deadline
            try:
                async with asyncio.timeout(None if deadline is None else max(0.0, deadline - self._clock.mono())):
                    data = await stream.read()
            except TimeoutError:
                events = receiver.tick(self._clock.mono())
            else:
                await self._manners.while_(Rude.STALLS)
                if not data:
                    break
                if self._manners.rude is Rude.SLOW:
                    await self._manners.pause(SLOW_SECONDS)
                if self._device.personality.legacy_no_commands:
                    continue
                arrived_ns = self._clock.mono_ns()
                events = receiver.feed(data, self._clock.mono())
            for event in events:
                self._device.outcome(event, arrived_ns)
        for event in receiver.finish():
            self._device.outcome(event, arrived_ns)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
