"""The driver against the simulator and against peers with worse manners, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from structlog.testing import capture_logs

from plantgate.drivers.springcore import Credential, ReaderOptions
from plantgate.errors import Overload
from plantgate.model.badge import AccessDecision, AccessVerdict, Move
from plantgate.model.command import DriveReader, Outcome, ReaderAction, SignalReader, WriteTag
from plantgate.model.status import Health
from plantgate.protocols.scrdr import Checksum, ReaderCommand, TagEvent, encode_event, encode_hello
from plantgate.runtime.streams import Stream
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.options import HelloKind, Personality, SecondClient, Writes
from plantgate.simulators.reader.setup import configured
from tests.drivers.springcore.world import (
    LINE,
    PATHS,
    UID,
    Eventually,
    Plant,
    driver,
    forever,
    peer,
    simulator,
    state,
    status,
)


def test_tag_definitions() -> None:
    assert PATHS[0] == "[default]Readers/gate/Connected"
    assert [path.rpartition("/")[2] for path in PATHS] == [
        "Connected",
        "LastCard",
        "LastVerdict",
        "Badges",
        "Accepted",
        "Denied",
        "Errors",
        "Reconnects",
    ]


@pytest.mark.parametrize("checksum", [Checksum.EXCLUSIVE, Checksum.INCLUSIVE])
@pytest.mark.parametrize("writes", list(Writes))
async def test_badge_to_reply(checksum: Checksum, writes: Writes, eventually: Eventually) -> None:
    plant = Plant()
    async with (
        simulator(Personality(checksum=checksum, writes=writes)) as (simulated, events),
        driver(simulated.port, plant) as reader,
    ):
        plant.answer = lambda read: reader.send(ReaderCommand(seq=0x60))
        await eventually(lambda: state(reader) == "connected")
        for number in range(3):
            simulated.device.tap(Card(f"04{number:012X}"))
        await eventually(lambda: simulated.device.commands == 3)
        assert plant.uids == [f"04{number:012X}" for number in range(3)]
        assert {event["seq"] for event in events if event["event"] == "command"} == {"60"}
        part = status(reader)
        assert part.health is Health.OK
        assert part.details["checksum"] == checksum.value
        assert part.details["bad_lines"] == 0
        await eventually(lambda: plant.values.get("Badges") == 3)
        assert plant.values["LastCard"] == f"\u2026{plant.uids[-1][-4:]}"
        assert plant.values["Connected"] is True


async def test_badge_fields(eventually: Eventually) -> None:
    plant = Plant()
    async with simulator() as (simulated, _), driver(simulated.port, plant) as reader:
        await eventually(lambda: state(reader) == "connected")
        simulated.device.tap(Card(UID.lower()))
        await eventually(lambda: plant.reads)
        [read] = plant.reads
        assert (read.reader, read.uid, read.data, read.credential) == ("gate", UID, f"00{UID}", UID)
        assert (read.interface, read.protocol, read.move) == ("13.56", "NFC-A", Move.READ)


async def test_track_mode(eventually: Eventually) -> None:
    plant = Plant()
    async with (
        simulator(registers=configured(track=True)) as (simulated, _),
        driver(simulated.port, plant) as reader,
    ):
        await eventually(lambda: state(reader) == "connected")
        simulated.device.hold(Card(UID))
        simulated.device.remove(UID)
        simulated.device.tap(Card(UID))
        await eventually(lambda: len(plant.reads) == 3)
        assert [read.move for read in plant.reads] == [Move.INSERTED, Move.REMOVED, Move.PASSED]
        await eventually(lambda: plant.values.get("Badges") == 2)


async def test_repeats_of_a_held_card_are_one_badge(eventually: Eventually) -> None:
    plant = Plant()
    options = ReaderOptions(repeat_seconds=0.1, repeat_tolerance_seconds=1.4)
    async with (
        simulator(registers=configured(repeat_s=0.1)) as (simulated, _),
        driver(simulated.port, plant, options) as reader,
    ):
        await eventually(lambda: state(reader) == "connected")
        simulated.device.hold(Card(UID))
        await eventually(lambda: status(reader).details["repeats"] == 3)
        assert plant.uids == [UID]


async def test_no_hello_is_needed(eventually: Eventually) -> None:
    plant = Plant()
    async with (
        simulator(Personality(hello=HelloKind.NONE)) as (simulated, _),
        driver(simulated.port, plant) as reader,
    ):
        await eventually(lambda: state(reader) == "connected")


async def test_commands_on_the_wire(eventually: Eventually) -> None:
    got = bytearray()

    async def record(stream: Stream) -> None:
        stream.write(encode_hello())
        while data := await stream.read():
            got.extend(data)

    async with peer(record) as port, driver(port, Plant()) as reader:
        early = await reader.execute(SignalReader("gate", ReaderAction.ACCEPT))
        assert (early.outcome, early.code) == (Outcome.FAILED, "SC-402")
        await eventually(lambda: state(reader) == "connected")
        for action in ReaderAction:
            assert (await reader.execute(SignalReader("gate", action))).done
        assert (await reader.execute(DriveReader("gate", leds=b"\x92" * 4, buzz=100))).done
        assert (await reader.execute(DriveReader("gate", seq=0x22))).done
        for wrong, code in (
            (DriveReader("gate"), "SC-205"),
            (DriveReader("gate", seq=0x22, buzz=1), "SC-205"),
            (DriveReader("gate", seq=0x22, leds=bytes(4)), "SC-205"),
            (DriveReader("gate", seq=256), "SC-204"),
            (DriveReader("gate", leds=bytes(3)), "SC-204"),
            (DriveReader("gate", buzz=65_536), "SC-204"),
        ):
            verdict = await reader.execute(wrong)
            assert (verdict.outcome, verdict.code) == (Outcome.REFUSED, code)
        assert (await reader.execute(WriteTag("[default]x", 1))).outcome is Outcome.REFUSED
        wanted = b"$SCCMD;SEQ=60\r\n$SCCMD;SEQ=61\r\n$SCCMD;SEQ=0E\r\n"
        wanted += b"$SCCMD;LEDS=92929292;BUZZ=0064\r\n$SCCMD;SEQ=22\r\n"
        await eventually(lambda: bytes(got) == wanted, what=repr(got))


async def test_execute_writes_before_it_awaits() -> None:
    """The coroutine ends at its first step: nothing stands between a decision and the socket."""
    async with peer(forever) as port, driver(port, Plant()) as reader:
        async with asyncio.timeout(10):
            while reader.send(ReaderCommand(seq=0x0E)).outcome is not Outcome.DONE:
                await asyncio.sleep(0.005)
        step = reader.execute(SignalReader("gate", ReaderAction.DENY))
        with pytest.raises(StopIteration) as ended:
            step.send(None)
        assert ended.value.value.done


async def test_busy_is_told_apart_and_recovers(eventually: Eventually) -> None:
    plant = Plant()
    async with simulator() as (simulated, events):
        other = socket.create_connection(("127.0.0.1", simulated.port))
        try:
            await eventually(lambda: any(event["event"] == "connected" for event in events))
            async with driver(simulated.port, plant) as reader:
                await eventually(lambda: state(reader) == "busy")
                part = status(reader)
                assert part.health is Health.FAILED
                assert "another host" in part.reason
                assert part.next_step
                other.close()
                await eventually(lambda: state(reader) == "connected")
                assert status(reader).reason == ""
        finally:
            other.close()


@pytest.mark.parametrize(
    ("second", "expected"),
    [(SecondClient.CLOSE, "busy"), (SecondClient.RESET, "busy"), (SecondClient.REFUSE, "refused")],
)
async def test_second_client(second: SecondClient, expected: str, eventually: Eventually) -> None:
    async with simulator(Personality(second_client=second)) as (simulated, _):
        first_plant, second_plant = Plant(), Plant()
        async with driver(simulated.port, first_plant) as first:
            await eventually(lambda: state(first) == "connected")
            async with driver(simulated.port, second_plant) as reader:
                await eventually(lambda: state(reader) == expected)
            assert state(first) == "connected"


async def test_take_over_loses_the_first(eventually: Eventually) -> None:
    slow = ReaderOptions(retry_first_seconds=30.0)
    async with (
        simulator(Personality(second_client=SecondClient.TAKE_OVER)) as (simulated, _),
        driver(simulated.port, Plant(), slow) as first,
    ):
        await eventually(lambda: state(first) == "connected")
        async with driver(simulated.port, Plant(), slow) as second:
            await eventually(lambda: state(second) == "connected" and state(first) == "lost")


async def test_refused_and_unknown_name(eventually: Eventually) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with driver(unused.getsockname()[1], Plant()) as reader:
            await eventually(lambda: state(reader) == "refused")
            assert "02C0" in status(reader).next_step
    async with driver(4000, Plant(), host="reader.invalid") as reader:
        await eventually(lambda: state(reader) == "dead")
        assert "reader.invalid" in status(reader).reason


async def test_drop_in_mid_message_costs_one_line_and_reconnects(eventually: Eventually) -> None:
    async def half(stream: Stream) -> None:
        stream.write(encode_hello() + LINE[:20])

    async def good(stream: Stream) -> None:
        stream.write(encode_hello() + LINE)
        await forever(stream)

    plant = Plant()
    async with peer(half, good) as port, driver(port, plant) as reader:
        await eventually(lambda: plant.uids == [UID])
        part = status(reader)
        assert part.state == "connected"
        assert (part.details["bad_lines"], part.details["reconnects"]) == (1, 1)
        await eventually(lambda: plant.values.get("Reconnects") == 1)
        assert plant.values["Errors"] == part.details["errors"]


async def test_garbage_is_counted_shown_and_logged_once(eventually: Eventually) -> None:
    async def rude(stream: Stream) -> None:
        stream.write(encode_hello() + b"\x1b[2Jgarbage\n" * 500 + b"x" * 200_000 + b"\n" + LINE)
        await forever(stream)

    plant = Plant()
    with capture_logs() as lines:
        async with peer(rude) as port, driver(port, plant) as reader:
            await eventually(lambda: plant.uids == [UID])
            part = status(reader)
            assert part.health is Health.OK
            assert part.details["bad_lines"] == 501
            assert "\x1b" not in str(part.details["last_error"])
    assert len([line for line in lines if "good message" in line["event"]]) == 1


async def test_a_device_that_speaks_json_is_named(eventually: Eventually) -> None:
    async def json_reader(stream: Stream) -> None:
        stream.write(b'{"Tag":{"TagId":"047DAE02C84080"}}\r\n')
        await forever(stream)

    plant = Plant()
    async with peer(json_reader) as port, driver(port, plant) as reader:
        await eventually(lambda: status(reader).health is Health.FAILED and state(reader) == "connected")
        assert "02A0" in status(reader).next_step
        assert plant.reads == []


async def test_one_flooding_reader_costs_only_itself(eventually: Eventually) -> None:
    async def flood(stream: Stream) -> None:
        stream.write(encode_hello())
        while True:
            with contextlib.suppress(Overload):
                stream.write(b"garbage\n" * 512)
            await asyncio.sleep(0)

    bad, good = Plant(), Plant()
    async with (
        peer(flood) as rude,
        simulator() as (simulated, _),
        driver(rude, bad) as noisy,
        driver(simulated.port, good) as reader,
    ):
        good.answer = lambda read: reader.send(ReaderCommand(seq=0x60))
        await eventually(lambda: state(reader) == "connected" and status(noisy).details["bad_lines"])
        for number in range(20):
            sent, reply = await simulated.device.tap_and_wait(Card(f"04{number:012X}"), 5.0)
            assert sent
            assert reply is not None
        assert len(good.reads) == 20


async def test_reboot_is_survived(eventually: Eventually) -> None:
    plant = Plant()
    async with simulator(Personality(reboot_s=0.1)) as (simulated, _), driver(simulated.port, plant) as reader:
        await eventually(lambda: state(reader) == "connected")
        simulated.server.reboot()
        await eventually(lambda: status(reader).details["reconnects"] == 1 and state(reader) == "connected")
        simulated.device.tap(Card(UID))
        await eventually(lambda: plant.uids == [UID])


async def test_stop_frees_the_slot_with_fin(eventually: Eventually) -> None:
    async with simulator() as (simulated, events):
        async with driver(simulated.port, Plant()) as reader:
            await eventually(lambda: state(reader) == "connected")
        await eventually(lambda: events[-1]["event"] == "disconnected")
        assert events[-1]["reason"] == "closed by the host"


async def test_decisions_are_shown(eventually: Eventually) -> None:
    plant = Plant()

    def decision(verdict: AccessVerdict) -> AccessDecision:
        return AccessDecision(reader="gate", card="0" * 32, last4="4080", at=0, verdict=verdict, why="rule", reason="r")

    async with simulator() as (simulated, _), driver(simulated.port, plant) as reader:
        reader.decided(decision(AccessVerdict.ACCEPTED))
        reader.decided(decision(AccessVerdict.DENIED))
        details = status(reader).details
        assert (details["accepted"], details["denied"], details["last_verdict"]) == (1, 1, "denied")
        await eventually(lambda: plant.values.get("LastVerdict") == "denied")
        assert (plant.values["Accepted"], plant.values["Denied"]) == (1, 1)


async def test_the_template_decides_where_it_is_set_up_so(eventually: Eventually) -> None:
    """TagData is the credential as it is; where it can't be one, nothing is: never the card's id instead."""
    texts = [f"00{UID}", "", "https://x.example/" + "a" * 300, "caf\xe9\x07"]
    lines = [encode_event(TagEvent("03", "01", "01", "", f"0{n}", "", text), raw=True) for n, text in enumerate(texts)]

    async def speak(stream: Stream) -> None:
        stream.write(encode_hello() + b"".join(lines))
        await forever(stream)

    plant = Plant()
    options = ReaderOptions(credential=Credential.DATA)
    async with peer(speak) as port, driver(port, plant, options) as reader:
        await eventually(lambda: len(plant.reads) == 4)
        assert [read.credential for read in plant.reads] == [f"00{UID}", "", "", ""]
        assert plant.uids == ["00", "01", "02", "03"]
        details = status(reader).details
        assert (details["errors"], details["last_error"]) == (3, "a card whose TagData is no credential")
        assert details["doubtful"] == 1


async def test_no_card_number_is_shown(eventually: Eventually) -> None:
    """Neither the last card nor the sample of a refused line: four digits are what people see."""

    async def speak(stream: Stream) -> None:
        stream.write(encode_hello() + LINE + LINE.replace(b"*57", b"*58"))
        await forever(stream)

    plant = Plant()
    with capture_logs() as lines:
        async with peer(speak) as port, driver(port, plant) as reader:
            await eventually(lambda: status(reader).details["bad_lines"] == 1)
            shown = f"{status(reader)} {plant.values} {lines}"
    assert UID not in shown
    assert "\u20264080" in shown
