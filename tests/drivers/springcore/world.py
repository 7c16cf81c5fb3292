"""What the tests of this folder share: a driver with its sinks, simulated readers, and peers of our own making."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from plantgate.drivers.springcore import ReaderOptions, Shared, SpringCoreReader, reader_tag_definitions
from plantgate.drivers.springcore.budget import ConnectPace
from plantgate.model.badge import BadgeRead
from plantgate.model.status import PartStatus
from plantgate.model.value import Batch, Scalar
from plantgate.protocols.scrdr import TagEvent, encode_event
from plantgate.protocols.scrdr.registers import RegisterFile
from plantgate.runtime.clock import Clock, SystemClock
from plantgate.runtime.datagrams import DatagramSockets
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions
from plantgate.simulators.reader.options import Personality
from plantgate.simulators.reader.rude import Rude
from plantgate.simulators.reader.setup import configured

UID = "047DAE02C84080"
LINE = encode_event(TagEvent("03", "01", "01", "", UID, "", f"00{UID}", ""))
QUICK = ReaderOptions(retry_first_seconds=0.02, retry_ceiling_seconds=0.05)
PATHS = [definition.path for definition in reader_tag_definitions("gate")]
Eventually = Callable[..., Awaitable[None]]


def line(uid: str, move: str = "") -> bytes:
    return encode_event(TagEvent("03", "01", "01", "", uid, move, f"00{uid}", ""))


@dataclass
class Plant:
    """Both sinks of a driver: what it published and which badges it told."""

    reads: list[BadgeRead] = field(default_factory=list)
    values: dict[str, Scalar] = field(default_factory=dict)
    answer: Callable[[BadgeRead], Any] | None = None

    def badge(self, read: BadgeRead) -> None:
        self.reads.append(read)
        if self.answer is not None:
            self.answer(read)

    def publish(self, batch: Batch) -> None:
        assert len(batch.tags) == len(batch.values) == len(batch.qualities) == len(batch.times)
        for tag, value in zip(batch.tags, batch.values, strict=True):
            self.values[PATHS[tag].rpartition("/")[2]] = value

    @property
    def uids(self) -> list[str]:
        return [read.uid for read in self.reads]


def make(
    port: int,
    plant: Plant,
    tasks: TaskGroup,
    clock: Clock,
    options: ReaderOptions = QUICK,
    host: str = "127.0.0.1",
    shared: Shared | None = None,
    random: Callable[[], float] = lambda: 0.5,
) -> SpringCoreReader:
    return SpringCoreReader(
        "gate",
        host,
        port,
        clock=clock,
        tasks=tasks,
        badges=plant,
        shared=shared or Shared(clock, tasks, plant),
        tag_ids={path: number for number, path in enumerate(PATHS)},
        options=options,
        random=random,
    )


@asynccontextmanager
async def driver(
    port: int,
    plant: Plant,
    options: ReaderOptions = QUICK,
    host: str = "127.0.0.1",
    sockets: DatagramSockets | None = None,
) -> AsyncIterator[SpringCoreReader]:
    clock = SystemClock()
    tasks = TaskGroup("test", clock)
    shared = Shared(clock, tasks, plant)
    shared.pace = ConnectPace(clock, 1_000)  # several connections in one second are what these tests are about
    shared.sockets = sockets or shared.sockets
    reader = make(port, plant, tasks, clock, options, host, shared)
    reader.start()
    try:
        yield reader
    finally:
        await reader.stop()
        await tasks.stop()
        assert tasks.crashes == []


@asynccontextmanager
async def simulator(
    personality: Personality | None = None,
    registers: RegisterFile | None = None,
    rude: Rude | None = None,
    **more: Any,
) -> AsyncIterator[tuple[ReaderSimulator, list[dict[str, Any]]]]:
    events: list[dict[str, Any]] = []
    options = SimulatorOptions(
        **({"port": 0} | more),
        personality=personality or Personality(),
        registers=registers or configured(),
        rude=rude,
        seed=1,
    )
    simulated = ReaderSimulator(options, SystemClock(), events.append)
    await simulated.start()
    try:
        yield simulated, events
    finally:
        await simulated.stop()


@asynccontextmanager
async def peer(*sessions: Callable[[Stream], Awaitable[None]]) -> AsyncIterator[int]:
    """A server whose n-th connection is handled by the n-th session, all later ones by the last."""
    clock = SystemClock()
    count = 0

    async def handle(stream: Stream) -> None:
        nonlocal count
        session = sessions[min(count, len(sessions) - 1)]
        count += 1
        await session(stream)

    server = StreamServer(bind("127.0.0.1", 0), handle, TaskGroup("peer", clock))
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


def status(reader: SpringCoreReader) -> PartStatus:
    [part] = reader.status()
    return part


def state(reader: SpringCoreReader) -> str:
    return status(reader).state


async def forever(stream: Stream) -> None:
    while await stream.read():
        await asyncio.sleep(0)
