"""R37: the twelve rude devices, all at once, beside a healthy reader; and one that floods."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack
from dataclasses import dataclass

import psutil
from structlog.testing import capture_logs

from plantgate.drivers.springcore import ReaderOptions, SpringCoreReader
from plantgate.errors import Overload
from plantgate.limits import READER_BADGES_AT_ONCE, READER_BADGES_PER_SECOND
from plantgate.model.status import Health
from plantgate.protocols.scrdr import ReaderCommand, encode_hello
from plantgate.runtime.streams import Stream
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.main import ReaderSimulator
from plantgate.simulators.reader.rude import Rude
from tests.drivers.springcore.world import (
    UID,
    Eventually,
    Plant,
    driver,
    forever,
    line,
    peer,
    simulator,
    state,
    status,
)

OTHER, LAST = "04AABBCCDDEE01", "04AABBCCDDEE99"
# What a driver has to say of each while it is rude: states it may be in, and a word of its reason or last error.
EXPECTED: dict[Rude, tuple[set[str], str]] = {
    Rude.DEAD: ({"refused"}, "refused the connection"),
    Rude.STALLS: ({"connected"}, ""),
    Rude.RESET_MID_FRAME: ({"connected", "lost"}, "reset the connection"),
    Rude.HALF_CLOSE: ({"connected", "lost"}, "closed the connection"),
    Rude.WRONG_ID: ({"connected"}, ""),
    Rude.LATE_REPLY: ({"connected"}, ""),
    Rude.DOUBLE_REPLY: ({"connected"}, ""),
    Rude.GARBAGE: ({"connected"}, "SC-10"),
    Rude.DRIBBLE: ({"connected"}, ""),
    Rude.WRONG_LENGTH: ({"connected"}, " "),
    Rude.ENDLESS_ERRORS: ({"connected"}, "wrong checksum"),
    Rude.SLOW: ({"connected"}, ""),
}
# The badges that come through while it is rude, of UID and OTHER shown.
COMES: dict[Rude, list[str]] = {
    Rude.HALF_CLOSE: [UID],
    Rude.WRONG_ID: [bytes(byte ^ 0xFF for byte in bytes.fromhex(uid)).hex().upper() for uid in (UID, OTHER)],
    Rude.LATE_REPLY: [UID, OTHER],
    Rude.DOUBLE_REPLY: [UID, UID, OTHER, OTHER],
    Rude.GARBAGE: [UID, OTHER],
    Rude.DRIBBLE: [UID, OTHER],
    Rude.SLOW: [UID, OTHER],
}


@dataclass
class Pair:
    simulated: ReaderSimulator
    reader: SpringCoreReader
    plant: Plant


async def pair(stack: AsyncExitStack, rude: Rude | None = None) -> Pair:
    simulated, _ = await stack.enter_async_context(simulator(rude=rude))
    plant = Plant()
    reader = await stack.enter_async_context(driver(simulated.port, plant))
    plant.answer = lambda _: reader.send(ReaderCommand(seq=0x60))
    return Pair(simulated, reader, plant)


def said(reader: SpringCoreReader) -> str:
    part = status(reader)
    return f"{part.reason} {part.details['last_error']}"


async def test_twelve_rude_devices_and_a_healthy_one(eventually: Eventually) -> None:
    async with AsyncExitStack() as stack:
        healthy = await pair(stack)
        rude = {each: await pair(stack, each) for each in Rude}
        await eventually(lambda: state(healthy.reader) == "connected")
        for kind, (states, _) in EXPECTED.items():
            await eventually(lambda r=rude[kind].reader, s=states: state(r) in s, what=f"{kind}: one of {states}")
        before = psutil.Process().memory_info().rss
        for each in rude.values():
            each.simulated.device.tap(Card(UID))
        for number in range(8):
            for each in (rude[Rude.WRONG_LENGTH], rude[Rude.ENDLESS_ERRORS]):
                each.simulated.device.tap(Card(f"04AABBCCDD{number:04X}"))
        await _all_are_answered(healthy, 100)
        for kind, each in rude.items():
            if kind is not Rude.HALF_CLOSE:
                each.simulated.device.tap(Card(OTHER))
        for kind, uids in COMES.items():
            await eventually(lambda p=rude[kind].plant, u=uids: p.uids == u, 30.0, f"{kind}: {uids}")
        for kind, (states, word) in EXPECTED.items():
            reader = rude[kind].reader
            await eventually(lambda r=reader, w=word: w in said(r), what=f"{kind}: {word}; is {said(reader)}")
            assert state(reader) in states, kind
            assert all(text.isprintable() and len(text) < 400 for text in (status(reader).reason, said(reader)))
        assert int(status(rude[Rude.WRONG_LENGTH].reader).details["bad_lines"] or 0) >= 2
        assert len(healthy.plant.reads) == 100
        assert (state(healthy.reader), status(healthy.reader).details["errors"]) == ("connected", 0)
        assert psutil.Process().memory_info().rss - before < 48 * 1_048_576
        await _recover(rude, eventually)


async def _all_are_answered(each: Pair, count: int) -> None:
    for number in range(count):
        sent, reply = await each.simulated.device.tap_and_wait(Card(f"04{number:012X}"), 10.0)
        assert sent
        assert reply is not None


async def _recover(rude: dict[Rude, Pair], eventually: Eventually) -> None:
    for each in rude.values():
        each.simulated.device.manners.become(None)
    for kind, each in rude.items():
        await eventually(lambda r=each.reader: state(r) == "connected", what=f"{kind} is well again")
        await eventually(lambda s=each.simulated: s.device.attached, what=f"{kind} has its host")
        each.simulated.device.tap(Card(LAST))
        await eventually(lambda p=each.plant: LAST in p.uids, what=f"{kind} tells a badge again")
        assert status(each.reader).health is Health.OK, (kind, status(each.reader))


async def test_a_flood_of_badges_costs_only_the_reader_that_sends_it(eventually: Eventually) -> None:
    """10,000 distinct cards as fast as they are taken: a bounded share of them is told, and the tile says so."""
    flooding = asyncio.Event()
    flooding.set()

    async def flood(stream: Stream) -> None:
        stream.write(encode_hello())
        reading = asyncio.ensure_future(forever(stream))  # noqa: TID251 - a peer of a test, ended below
        number = 0
        while flooding.is_set() and not stream.closed:
            with contextlib.suppress(Overload):
                stream.write(b"".join(line(f"04{number + n:012X}") for n in range(100)))
                number += 100
            await asyncio.sleep(0.01)
        stream.write(line(LAST))
        await reading

    bad = Plant()
    with capture_logs() as lines:
        async with peer(flood) as port, driver(port, bad) as noisy, simulator() as (simulated, _):
            good = Plant()
            async with driver(simulated.port, good) as reader:
                good.answer = lambda _: reader.send(ReaderCommand(seq=0x60))
                began = asyncio.get_running_loop().time()
                await eventually(lambda: state(reader) == "connected" and status(noisy).details["shed"])
                await _all_are_answered(Pair(simulated, reader, good), 100)
                await eventually(lambda: int(status(noisy).details["shed"] or 0) > 2_000, 20.0)
                part = status(noisy)
                assert (part.state, part.health) == ("connected", Health.FAILED)
                assert f"more than {READER_BADGES_PER_SECOND} badges a second" in part.reason
                assert part.next_step
                seconds = asyncio.get_running_loop().time() - began
                assert len(bad.reads) <= READER_BADGES_AT_ONCE + READER_BADGES_PER_SECOND * (seconds + 1)
                assert len(good.reads) == 100
                flooding.clear()
                await eventually(lambda: status(noisy).health is Health.OK, 20.0, "well again by itself")
                assert status(noisy).details["badges"] == len(bad.reads)
    assert len([entry for entry in lines if "reader gate" in entry["event"] and "127.0.0.1" in entry["event"]]) <= 4


async def test_a_message_about_no_card_is_an_error_and_no_badge(eventually: Eventually) -> None:
    async def speak(stream: Stream) -> None:
        stream.write(encode_hello() + b"$SCRDR;03;01;01*6C\r\n" + line(UID))
        await forever(stream)

    plant = Plant()
    async with peer(speak) as port, driver(port, plant, ReaderOptions()) as reader:
        await eventually(lambda: plant.uids == [UID])
        assert status(reader).details["errors"] == 1
