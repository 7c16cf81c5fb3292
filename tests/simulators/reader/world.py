"""A simulated reader and a host that talks to it, for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from plantgate.protocols.scrdr.registers import RegisterFile
from plantgate.runtime.clock import Clock, SystemClock
from plantgate.runtime.streams import Stream, connect
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions
from plantgate.simulators.reader.options import Personality
from plantgate.simulators.reader.rude import Cut
from plantgate.simulators.reader.setup import configured

UID = "047DAE02C84080"
HELLO = b"$SCRDR;;;;;;;;*54\r\n"
READ = b"$SCRDR;03;01;01;;047DAE02C84080;;00047DAE02C84080;*57\r\n"
Running = tuple[ReaderSimulator, list[dict[str, Any]]]


@asynccontextmanager
async def running(
    personality: Personality | None = None,
    registers: RegisterFile | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    events: list[dict[str, Any]] = []
    simulator = ReaderSimulator(
        SimulatorOptions(
            personality=personality or Personality(),
            registers=registers or configured(),
            **{"port": 0, **options},
        ),
        clock or SystemClock(),
        events.append,
        random=lambda: 0.5,
    )
    await simulator.start()
    try:
        yield simulator, events
    finally:
        await simulator.stop()


@asynccontextmanager
async def host(port: int) -> AsyncIterator[Stream]:
    stream = await connect("127.0.0.1", port, timeout=5.0)
    try:
        yield stream
    finally:
        stream.close()
        await stream.wait_closed()


async def receive(stream: Stream, size: int) -> bytes:
    """`size` bytes, or fewer if the connection ends before."""
    got = b""
    async with asyncio.timeout(10.0):
        while len(got) < size and (data := await stream.read()):
            got += data
    return got


def named(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


class Outlet:
    """A host that is no socket: what was written to it, and how it was cut off."""

    name = ""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.cuts: list[Cut] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def cut(self, how: Cut) -> None:
        self.cuts.append(how)
