"""UDP: the device sends its messages as datagrams and takes commands as datagrams (`springcore.md` 1.10; 02C0 = 44).

There is no connection, no hello and no heartbeat: a reader is heard or it is not. Host and device use the same port
number; several readers share our socket and are told apart by their address.
"""

from __future__ import annotations

from plantgate.drivers.springcore.condition import Condition
from plantgate.drivers.springcore.figures import Figures
from plantgate.drivers.springcore.intake import Intake
from plantgate.drivers.springcore.link import HEARD, Link, LinkState, listening, stranger
from plantgate.errors import Unavailable, UsageError
from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.datagrams import DatagramSockets, Mailbox
from plantgate.runtime.tasks import TaskGroup

_LOOK_SECONDS = 5.0


class UdpWire:
    """Implements `Wire`. A datagram holds whole messages: its end ends a message, also one without CR LF."""

    def __init__(
        self,
        host: str,
        port: int,
        local_port: int,
        sockets: DatagramSockets,
        condition: Condition,
        intake: Intake,
        backoff: Backoff,
        clock: Clock,
        tasks: TaskGroup,
        figures: Figures,
    ) -> None:
        self._host = host
        self._port = port
        self._local_port = local_port
        self._sockets = sockets
        self._condition = condition
        self._intake = intake
        self._backoff = backoff
        self._clock = clock
        self._tasks = tasks
        self._figures = figures
        self._box: Mailbox | None = None

    def send(self, data: bytes) -> None:
        if self._box is None:
            raise Unavailable("SC-403", f"{self._condition.name} can't be reached: {self._condition.why}")
        self._box.send(data)

    async def run(self) -> None:
        while True:
            try:
                self._box = await self._sockets.open(self._host, self._port, self._local_port)
                await self._serve(self._box)
            except (Unavailable, UsageError) as error:
                self._condition.error(error.message)
                self._condition.become(Link(LinkState.DEAD, error.message, error.hint))
            finally:
                await self.close()
            await self._clock.sleep(self._backoff.next())

    async def close(self) -> None:
        box, self._box = self._box, None
        if box is not None:
            await box.close()

    async def _serve(self, box: Mailbox) -> None:
        """Until the socket is lost, which raises Unavailable."""
        self._backoff.reset()
        self._intake.begin()
        quiet = listening(self._condition.where, box.local_port)
        self._condition.become(HEARD if self._figures.last_heard is not None else quiet)
        look = self._tasks.spawn(f"reader-{self._condition.name}-look", lambda: self._look(box, quiet))
        try:
            while True:
                data = await box.read()
                self._figures.dropped = box.dropped
                if not self._condition.link.up:
                    self._condition.become(HEARD)
                await self._intake.take(data if data.endswith(b"\n") else data + b"\r\n")
        finally:
            look.cancel()
            self._intake.end()

    async def _look(self, box: Mailbox, quiet: Link) -> None:
        """While nothing is heard: say so if others send to this port, for one of them may be the reader."""
        while not self._condition.link.up:
            await self._clock.sleep(_LOOK_SECONDS)
            if box.strangers and not self._condition.link.up:
                self._condition.become(stranger(quiet, box.strangers, box.last_stranger))
