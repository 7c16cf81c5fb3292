"""UDP mode against the simulator and against sockets of our own: no connection, no hello, no heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from plantgate.drivers.springcore import Credential, ReaderOptions, Transport
from plantgate.model.command import DriveReader, Outcome, ReaderAction, SignalReader
from plantgate.model.status import Health
from plantgate.protocols.scrdr import ReaderCommand
from plantgate.runtime.datagrams import DatagramSockets
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.setup import configured
from tests.drivers.springcore.world import LINE, QUICK, UID, Eventually, Plant, driver, simulator, state, status

CLIENTS = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


def options(local_port: int, credential: Credential = Credential.UID) -> ReaderOptions:
    return ReaderOptions(
        transport=Transport.UDP,
        local_port=local_port,
        credential=credential,
        retry_first_seconds=QUICK.retry_first_seconds,
        retry_ceiling_seconds=QUICK.retry_ceiling_seconds,
    )


def udp(family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1") -> socket.socket:
    bound = socket.socket(family, socket.SOCK_DGRAM)
    bound.bind((host, 0))
    bound.setblocking(False)
    return bound


def free_port() -> int:
    with udp() as probe:
        port: int = probe.getsockname()[1]
        return port


async def receive(device: socket.socket) -> bytes:
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(device, 1_000)


async def test_badge_to_reply_with_the_simulator(eventually: Eventually) -> None:
    """Register 02C0 = 44: the same messages and commands, as datagrams."""
    local, plant = free_port(), Plant()
    registers = configured().with_value(0x02C0, b"\x44")
    async with (
        simulator(registers=registers, udp_to=("127.0.0.1", local)) as (simulated, events),
        driver(simulated.port, plant, options(local)) as reader,
    ):
        plant.answer = lambda _: reader.send(ReaderCommand(seq=0x60))
        await eventually(lambda: state(reader) == "listening")
        for number in range(3):
            simulated.device.tap(Card(f"04{number:012X}"))
        await eventually(lambda: simulated.device.commands == 3)
        assert plant.uids == [f"04{number:012X}" for number in range(3)]
        assert {event["seq"] for event in events if event["event"] == "command"} == {"60"}


@pytest.mark.parametrize(("family", "host"), CLIENTS)
async def test_a_reader_is_heard_or_it_is_not(family: socket.AddressFamily, host: str, eventually: Eventually) -> None:
    local, plant = free_port(), Plant()
    with udp(family, host) as device:
        async with driver(device.getsockname()[1], plant, options(local), host) as reader:
            await eventually(lambda: state(reader) == "listening")
            before = status(reader)
            assert (before.health, before.details["last_heard"], before.details["transport"]) == (
                Health.STARTING,
                None,
                "udp",
            )
            assert "nothing was heard" in before.reason
            assert "02C0 = 44" in before.next_step
            assert str(local) in before.next_step
            # A command needs no connection: it goes to where the reader should be.
            assert (await reader.execute(SignalReader("gate", ReaderAction.WINK))).done
            assert await receive(device) == b"$SCCMD;SEQ=0E\r\n"
            device.sendto(LINE, (host, local))
            await eventually(lambda: plant.uids == [UID])
            after = status(reader)
            assert (after.state, after.health, after.reason) == ("listening", Health.OK, "")
            assert after.details["last_heard"] is not None
            await eventually(lambda: plant.values.get("Connected") is True)
            assert (await reader.execute(DriveReader("gate", leds=b"\x92" * 4))).done
            assert await receive(device) == b"$SCCMD;LEDS=92929292\r\n"


async def test_the_end_of_a_datagram_ends_a_message(eventually: Eventually) -> None:
    """Without CR LF, several in one, half of one: nothing joins what another datagram began."""
    local, plant = free_port(), Plant()
    other = LINE.replace(b"*57", b"*58")
    with udp() as device:
        async with driver(device.getsockname()[1], plant, options(local, Credential.DATA)) as reader:
            await eventually(lambda: state(reader) == "listening")
            for data in (LINE[:-2], LINE[:20], LINE + LINE, other, b"", b"\r\n", LINE):
                device.sendto(data, ("127.0.0.1", local))
            await eventually(lambda: plant.uids == [UID] * 4)
            assert {read.credential for read in plant.reads} == {f"00{UID}"}
            assert status(reader).details["bad_lines"] == 2


async def test_two_readers_share_a_port_and_a_stranger_is_named(eventually: Eventually) -> None:
    local, sockets, first, second = free_port(), DatagramSockets(), Plant(), Plant()
    with udp() as north, udp() as south, udp() as stranger:
        async with (
            driver(north.getsockname()[1], first, options(local), sockets=sockets) as one,
            driver(south.getsockname()[1], second, options(local), sockets=sockets) as two,
        ):
            await eventually(lambda: state(one) == state(two) == "listening")
            stranger.sendto(LINE, ("127.0.0.1", local))
            north.sendto(LINE, ("127.0.0.1", local))
            await eventually(lambda: first.uids == [UID])
            assert second.uids == []
            # Who is silent is told of the stranger: it may be the reader, with another address than was configured.
            await eventually(lambda: f"127.0.0.1:{stranger.getsockname()[1]}" in status(two).reason, 15.0)
            assert status(one).reason == ""


async def test_a_port_that_is_taken_is_said_and_tried_again(eventually: Eventually) -> None:
    plant = Plant()
    with udp() as device:
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("", 0))
        local = taken.getsockname()[1]
        try:
            async with driver(device.getsockname()[1], plant, options(local)) as reader:
                await eventually(lambda: state(reader) == "dead")
                assert f"UDP port {local} is already in use" in status(reader).reason
                verdict = reader.send(ReaderCommand(seq=0x60))
                assert (verdict.outcome, verdict.code) == (Outcome.FAILED, "SC-403")
                taken.close()
                await eventually(lambda: state(reader) == "listening")
        finally:
            taken.close()


async def test_a_flood_of_datagrams_is_dropped_and_counted(eventually: Eventually) -> None:
    local, plant = free_port(), Plant()
    with udp() as device:
        async with driver(device.getsockname()[1], plant, options(local)) as reader:
            await eventually(lambda: state(reader) == "listening")

            async def flood() -> bool:
                with contextlib.suppress(BlockingIOError):
                    for _ in range(4):
                        device.sendto(b"x" * 30_000 + b"\n", ("127.0.0.1", local))
                await asyncio.sleep(0)
                return bool(status(reader).details["dropped"])

            async with asyncio.timeout(20):
                while not await flood():
                    pass
            await asyncio.sleep(0)
            await eventually(lambda: not reader._wire._box._waiting, 20.0)  # type: ignore[attr-defined]
            device.sendto(LINE, ("127.0.0.1", local))
            await eventually(lambda: plant.uids == [UID])
