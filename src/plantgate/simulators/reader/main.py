"""A simulated reader as a process: everything started, and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random as random_module
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from plantgate.protocols.scrdr.registers import RegisterFile
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.control import ControlServer
from plantgate.simulators.reader.device import ReaderDevice
from plantgate.simulators.reader.events import Report
from plantgate.simulators.reader.options import Personality
from plantgate.simulators.reader.rude import Rude
from plantgate.simulators.reader.schedule import present_in_turn
from plantgate.simulators.reader.script import Entry, replay, settle
from plantgate.simulators.reader.server import ReaderServer
from plantgate.simulators.reader.setup import configured


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Where a simulated reader listens and what it does by itself.

    `port` None: that of the registers; 0 picks one. `control_port` None: no control. `udp_to`: where datagrams go
    instead of the registers' destination, port 0 there: the reader's own. `cards` are presented in turn every `every`
    seconds. `rude` from the start, for `rude_for` seconds (None: until told otherwise). `script` is replayed `speed`
    times as fast; the same `seed` gives the same day and the same garbage.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    control_port: int | None = None
    udp_to: tuple[str, int] | None = None
    cards: Sequence[Card] = ()
    every: float = 5.0
    personality: Personality = field(default_factory=Personality)
    registers: RegisterFile = field(default_factory=configured)
    rude: Rude | None = None
    rude_for: float | None = None
    script: Sequence[Entry] = ()
    speed: float = 1.0
    seed: int | None = None


class ReaderSimulator:
    """A reader, its server, its control socket and its schedule."""

    def __init__(
        self,
        options: SimulatorOptions,
        clock: Clock,
        report: Report,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._options = options
        self._clock = clock
        self._report = report
        self._random = random
        self._tasks = TaskGroup("simulator/reader", clock)
        noise = random_module.Random(options.seed).randbytes  # noqa: S311 - garbage, not secrets
        self.device = ReaderDevice(options.personality, options.registers, clock, self._tasks, report, noise)
        self.server = ReaderServer(
            self.device, options.host, options.port, clock, self._tasks, report, udp_to=options.udp_to
        )
        self._control: ControlServer | None = None

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def control_port(self) -> int | None:
        return None if self._control is None else self._control.port

    async def start(self) -> None:
        """Raises PortUnavailable naming the port, with nothing left open."""
        options = self._options
        try:
            await self.server.start()
            if options.control_port is not None:
                self._control = ControlServer(self.device, self.server, options.control_port, self._clock)
                await self._control.start()
        except BaseException:
            await self.stop()
            raise
        self._report(self.server.state(self.control_port))
        self.device.manners.become(options.rude, options.rude_for)
        if options.cards:
            self._tasks.spawn("schedule", self._present)
        if options.script:
            self._tasks.spawn("script", self._replay)

    async def _replay(self) -> None:
        options = self._options
        entries = settle(options.script, options.seed)
        await replay(self, entries, self._clock, self._report, speed=options.speed)

    async def _present(self) -> None:
        options = self._options
        await present_in_turn(self.device, options.cards, options.every, self._clock, self._random)

    async def stop(self) -> None:
        """Frees the ports; a connected host sees FIN."""
        if self._control is not None:
            await self._control.stop()
        await self.server.stop()
        await self._tasks.stop()
        await self.server.stop()  # a port that was being opened again meanwhile


async def simulate(
    options: SimulatorOptions,
    clock: Clock,
    report: Report,
    *,
    with_parent: bool = False,
    beside: Callable[[ReaderSimulator], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Run until SIGTERM, SIGINT, or (`with_parent`) the end of standard input. Raises PortUnavailable.

    `beside` runs as long as the simulator does: a picture of it.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: asyncio.run turns Ctrl+C into a cancellation
            loop.add_signal_handler(number, ended.set)
    simulator = ReaderSimulator(options, clock, report)
    await simulator.start()
    others = TaskGroup("simulator/beside", clock)
    if beside is not None:
        others.spawn("beside", lambda: beside(simulator))
    if with_parent:
        watch_parent(loop, ended.set)
    try:
        await ended.wait()
    finally:
        await others.stop()
        await simulator.stop()


def watch_parent(loop: asyncio.AbstractEventLoop, gone: Callable[[], None]) -> None:
    """Call `gone` on the loop when standard input ends: the parent that holds its other end is no more.

    A thread that reads the descriptor is the one way that works everywhere; it is a daemon and reads past
    Python's buffers, so it holds no lock when the interpreter exits.
    """

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(sys.stdin.fileno(), 4_096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended before the parent
            loop.call_soon_threadsafe(gone)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
