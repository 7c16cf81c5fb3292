"""The twelve rude devices: each does what it says, and is healthy again afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from plantgate.errors import Refused, Unavailable, UsageError
from plantgate.protocols.scrdr import (
    Checksum,
    ChecksumLocked,
    HostEvent,
    LineError,
    LineFault,
    ScrdrReceiver,
    TagEvent,
    checksum,
)
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.streams import connect
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.client import ControlClient
from plantgate.simulators.reader.device import ReaderDevice
from plantgate.simulators.reader.options import Personality
from plantgate.simulators.reader.rude import GARBAGE_BYTES, Cut, Rude, rude_named
from plantgate.simulators.reader.setup import changed, configured
from tests.simulators.reader.world import HELLO, READ, UID, Outlet, host, named, receive, running

Eventually = Callable[..., Awaitable[None]]


class Bench:
    """A device with a host that is no socket, under a clock of the test's."""

    def __init__(self, clock: ManualClock, tasks: TaskGroup) -> None:
        self.clock = clock
        self.events: list[dict[str, Any]] = []
        noise = Random(1).randbytes
        self.device = ReaderDevice(Personality(), configured(), clock, tasks, self.events.append, noise)
        self.outlet = Outlet()

    def heard(self) -> list[HostEvent]:
        """What a host makes of everything that was sent."""
        return [event for event in ScrdrReceiver().feed(b"".join(self.outlet.written)) if event]

    def cards(self) -> list[str]:
        return [event.tag_id for event in self.heard() if isinstance(event, TagEvent)]

    def faults(self) -> list[LineFault]:
        return [event.code for event in self.heard() if isinstance(event, LineError)]


@asynccontextmanager
async def bench(rude: Rude | None = None, seconds: float | None = None) -> AsyncIterator[Bench]:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    made = Bench(clock, tasks)
    made.device.attach(made.outlet)
    made.device.manners.become(rude, seconds)
    try:
        yield made
    finally:
        made.device.detach()
        await tasks.stop()


def test_names() -> None:
    assert len(Rude) == 12
    assert rude_named("healthy") is None
    assert rude_named("wrong-id") is Rude.WRONG_ID
    with pytest.raises(UsageError, match="SIM-601"):
        rude_named("grumpy")


@pytest.mark.parametrize(("rude", "why"), [(Rude.DEAD, "the reader is dead"), (Rude.STALLS, "the reader stalls")])
async def test_says_nothing(rude: Rude, why: str) -> None:
    async with bench(rude) as made:
        assert not made.device.tap(Card(UID))
        assert made.outlet.written == [HELLO]
        assert named(made.events, "dropped")[0]["reason"] == why


async def test_wrong_id_is_no_card_that_is_there() -> None:
    async with bench(Rude.WRONG_ID) as made:
        made.device.tap(Card(UID))
        await made.clock.advance(0.1)
        assert made.cards() == ["FB8251FD37BF7F"]
        assert made.faults() == []


@pytest.mark.parametrize(("rude", "seconds"), [(Rude.LATE_REPLY, 3.0), (Rude.SLOW, 10.0)])
async def test_messages_that_come_late(rude: Rude, seconds: float) -> None:
    async with bench(rude) as made:
        assert made.device.tap(Card(UID))
        await made.clock.advance(seconds - 0.1)
        made.device.tap(Card("AA"))
        assert made.cards() == []
        await made.clock.advance(0.2)
        assert made.cards() == [UID]
        await made.clock.advance(seconds)
        assert made.cards() == [UID, "AA"]


async def test_double_reply() -> None:
    async with bench(Rude.DOUBLE_REPLY) as made:
        made.device.tap(Card(UID))
        await made.clock.advance(0.1)
        assert made.cards() == [UID, UID]


async def test_garbage_costs_a_host_no_card() -> None:
    async with bench(Rude.GARBAGE) as made:
        for number in range(5):
            made.device.tap(Card(f"AA{number:02X}"))
        await made.clock.advance(1.0)
        assert sum(map(len, made.outlet.written)) > 5 * GARBAGE_BYTES
        assert made.cards() == [f"AA{number:02X}" for number in range(5)]


async def test_dribble() -> None:
    async with bench(Rude.DRIBBLE) as made:
        made.device.tap(Card(UID))
        await made.clock.advance(0.5)
        assert 10 <= len(made.outlet.written) - 1 < len(READ)
        assert made.cards() == []
        await made.clock.advance(5.0)
        assert all(len(piece) == 1 for piece in made.outlet.written[1:])
        assert made.cards() == [UID]


async def test_wrong_lengths() -> None:
    async with bench(Rude.WRONG_LENGTH) as made:
        for _ in range(4):
            made.device.tap(Card(UID))
            await made.clock.advance(0.1)
        few, many, cut, long = made.outlet.written[1:]
        assert few == b"$SCRDR;03;01;01*%02X\r\n" % checksum(b"SCRDR;03;01;01", Checksum.EXCLUSIVE)
        assert many.count(b";") == 13
        assert not cut.endswith(b"\n")
        assert len(long) > 65_536
        made.device.manners.become(None)
        made.device.tap(Card("AA"))
        assert made.cards()[-1] == "AA"
        assert LineFault.TOO_LONG in made.faults()


async def test_endless_errors() -> None:
    async with running(seed=1) as (simulator, _), host(simulator.port) as stream:
        await receive(stream, len(HELLO))
        simulator.device.manners.become(Rude.ENDLESS_ERRORS)
        simulator.device.tap(Card(UID))
        got = await receive(stream, 20 * len(HELLO))
        simulator.device.manners.become(None)
        events = [event for event in ScrdrReceiver().feed(got) if not isinstance(event, ChecksumLocked)]
        assert len(events) >= 19
        assert all(isinstance(event, LineError) for event in events)


@pytest.mark.parametrize(
    ("rude", "cut", "sent"),
    [(Rude.RESET_MID_FRAME, Cut.RESET, READ[: len(READ) // 2]), (Rude.HALF_CLOSE, Cut.HALF_CLOSE, READ)],
)
async def test_how_a_connection_is_cut(rude: Rude, cut: Cut, sent: bytes) -> None:
    async with bench(rude) as made:
        made.device.tap(Card(UID))
        await made.clock.advance(0.2)
        assert made.outlet.written == [HELLO, sent]
        assert made.outlet.cuts == [cut]


@pytest.mark.parametrize("rude", list(Rude))
async def test_healthy_again_after_its_time(rude: Rude) -> None:
    async with bench(rude, seconds=60.0) as made:
        await made.clock.advance(59.0)
        assert made.device.manners.rude is rude
        await made.clock.advance(1.5)
        assert made.device.manners.rude is None
        assert named(made.events, "rude") == [{"event": "rude", "name": rude.value, "seconds": 60.0}]
        assert named(made.events, "healthy") == [{"event": "healthy"}]
        made.device.tap(Card("AA"))
        assert made.cards() == ["AA"]


async def test_what_was_held_back_is_told_as_soon_as_it_is_healthy() -> None:
    async with bench(Rude.SLOW) as made:
        made.device.tap(Card(UID))
        await made.clock.advance(1.0)
        made.device.manners.become(None)
        await made.clock.advance(0.1)
        assert made.cards() == [UID]


async def test_one_rude_device_after_another() -> None:
    """The second one's time counts, not what was left of the first one's."""
    async with bench(Rude.SLOW, seconds=5.0) as made:
        made.device.manners.become(Rude.DOUBLE_REPLY, 60.0)
        await made.clock.advance(10.0)
        assert made.device.manners.rude is Rude.DOUBLE_REPLY


# over real sockets


async def test_dead_and_alive_again(eventually: Eventually) -> None:
    async with running() as (simulator, events):
        async with host(simulator.port) as stream:
            await receive(stream, len(HELLO))
            simulator.device.manners.become(Rude.DEAD, 0.3)
            assert await receive(stream, 1) == b""
            with pytest.raises(Unavailable, match="NET-112"):
                await connect("127.0.0.1", simulator.port, timeout=5.0)
        await eventually(lambda: simulator.server.listening)
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO
        assert named(events, "disconnected")[0]["reason"] == "the reader is dead"


async def test_dead_from_the_start_and_through_a_reboot(eventually: Eventually) -> None:
    async with running(Personality(reboot_s=0.0), rude=Rude.DEAD) as (simulator, events):
        await eventually(lambda: not simulator.server.listening)
        simulator.server.reboot()
        await eventually(lambda: named(events, "rebooting"))
        simulator.device.manners.become(None)
        await eventually(lambda: simulator.server.listening)
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO


async def test_stalls_takes_connections_and_says_nothing(eventually: Eventually) -> None:
    async with running() as (simulator, events), host(simulator.port) as stream:
        await receive(stream, len(HELLO))
        simulator.device.manners.become(Rude.STALLS)
        stream.write(b"$SCCMD;SEQ=60\r\n")
        assert not simulator.device.tap(Card(UID))
        second = await connect("127.0.0.1", simulator.port, timeout=5.0)
        assert not named(events, "command")
        assert not named(events, "refused")
        simulator.device.manners.become(None)
        await eventually(lambda: named(events, "command"))
        assert await receive(second, 1) == b""  # busy: the first one is still there
        second.close()
        await second.wait_closed()
        simulator.device.tap(Card(UID))
        assert await receive(stream, len(READ)) == READ


async def test_reset_mid_frame_as_a_host_sees_it(eventually: Eventually) -> None:
    async with running(rude=Rude.RESET_MID_FRAME) as (simulator, events):
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO
            simulator.device.tap(Card(UID))
            assert await receive(stream, len(READ)) == READ[: len(READ) // 2]
            assert stream.error is not None
        await eventually(lambda: named(events, "disconnected"))
        assert named(events, "disconnected")[0]["reason"] == "reset by the reader"


async def test_half_close_still_takes_commands(eventually: Eventually) -> None:
    async with running(rude=Rude.HALF_CLOSE) as (simulator, events):
        async with host(simulator.port) as stream:
            await receive(stream, len(HELLO))
            simulator.device.tap(Card(UID))
            assert await receive(stream, len(READ) + 1) == READ
            stream.write(b"$SCCMD;SEQ=61\r\n")
            await eventually(lambda: named(events, "command"))
            simulator.device.tap(Card(UID))
            await eventually(lambda: named(events, "dropped"))
            simulator.device.manners.become(None)
            await eventually(lambda: named(events, "disconnected"))
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO


async def test_slow_takes_commands_late(eventually: Eventually) -> None:
    clock = ManualClock()
    async with running(clock=clock) as (simulator, events), host(simulator.port) as stream:
        await receive(stream, len(HELLO))
        simulator.device.manners.become(Rude.SLOW)
        stream.write(b"$SCCMD;SEQ=61\r\n")
        await eventually(lambda: clock.sleepers)
        await clock.advance(9.9)
        assert not named(events, "command")
        await clock.advance(0.2)
        await eventually(lambda: named(events, "command"))


async def test_datagrams_of_a_rude_reader() -> None:
    """UDP: nothing is closed, the rest is the same."""
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    device = ReaderDevice(Personality(), changed(configured(), {"02C0": "44"}), clock, tasks, lambda _: None)
    outlet = Outlet()
    device.attach_datagrams(outlet)
    device.manners.become(Rude.DOUBLE_REPLY)
    device.tap(Card(UID))
    await clock.advance(0.1)
    assert outlet.written == [READ, READ]
    device.attach_datagrams(None)
    await tasks.stop()


async def test_switched_through_the_control_socket(eventually: Eventually) -> None:
    async with running(control_port=0) as (simulator, events):
        assert simulator.control_port is not None
        async with ControlClient("127.0.0.1", simulator.control_port) as control:
            assert await control.request("rude", name="garbage") == {"rude": "garbage"}
            assert (await control.request("status"))["rude"] == "garbage"
            assert await control.request("rude", name="healthy") == {"rude": None}
            assert await control.request("rude", name="slow", seconds=0.01) == {"rude": "slow"}
            await eventually(lambda: len(named(events, "healthy")) == 2)
            for wrong in ({"name": "grumpy"}, {}, {"name": "slow", "seconds": -1}, {"name": "slow", "seconds": "1"}):
                with pytest.raises(Refused):
                    await control.request("rude", **wrong)
