"""The simulated reader as hosts see it, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from plantgate.errors import ConfigError, Overload, PeerError, Refused, Unavailable, UsageError
from plantgate.limits import SIMULATOR_CARDS, SIMULATOR_QUEUE_MESSAGES
from plantgate.protocols.scrdr import Checksum, TagEvent
from plantgate.runtime.clock import ManualClock, SystemClock
from plantgate.runtime.streams import PortUnavailable, Stream, connect
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.client import ControlClient, control_address, measure, present
from plantgate.simulators.reader.control import figures
from plantgate.simulators.reader.device import ReaderDevice
from plantgate.simulators.reader.events import as_json, as_text, picture
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions
from plantgate.simulators.reader.options import (
    Dialect,
    Ending,
    HelloKind,
    Personality,
    Removal,
    SecondClient,
    TagId,
    Writes,
    change,
)
from plantgate.simulators.reader.schedule import present_in_turn, read_cards
from plantgate.simulators.reader.setup import configured
from tests.simulators.reader.world import HELLO, READ, UID, Outlet, host, named, receive, running

TRACK = configured(track=True)
Eventually = Callable[..., Awaitable[None]]


async def accept(stream: Stream, size: int) -> bytes:
    """As the vendor's host: take a message of `size` bytes, answer it without a line end."""
    got = await receive(stream, size)
    stream.write(b"$SCCMD;SEQ=60")
    return got


async def test_vendor_sample_host_works_unchanged(eventually: Eventually) -> None:
    """As SpringCard's script: connect, recv(512), answer each chunk without checksum and without line end."""

    def vendor_host(port: int, replies: int) -> list[str]:
        shown = []
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.settimeout(10.0)
            for _ in range(replies):
                data = connection.recv(512)
                shown.append(data.decode("ascii"))
                connection.send(b"$SCCMD;SEQ=60")
            connection.recv(512)  # until the simulator ends
        return shown

    async with running() as (simulator, events):
        script = asyncio.get_running_loop().run_in_executor(None, vendor_host, simulator.port, 3)
        await eventually(lambda: len(named(events, "command")) == 1)
        for count in (2, 3):
            simulator.device.tap(Card(UID))
            await eventually(lambda count=count: len(named(events, "command")) == count)
        commands = named(events, "command")
        assert [(event["seq"], event["name"], event["raw"]) for event in commands] == [
            ("60", "access granted", "$SCCMD;SEQ=60")
        ] * 3
        assert commands[0]["latency_ms"] is None
        assert all(event["latency_ms"] > 0 for event in commands[1:])
        simulator.server.drop(reset=False)
        assert await script == [HELLO.decode(), READ.decode(), READ.decode()]
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_events_of_a_session(eventually: Eventually) -> None:
    async with running(control_port=0) as (simulator, events):
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO
            simulator.device.tap(Card(UID.lower()))
            assert await receive(stream, len(READ)) == READ
            stream.write(b"$SCCMD;SEQ=61\r\nnoise$SCCMD;LEDS=92009200;BUZZ=0064;X=1\r\n")
            await eventually(lambda: len(named(events, "command")) == 2)
        await eventually(lambda: named(events, "disconnected"))
        assert events[0] == {
            "event": "listening",
            "host": "127.0.0.1",
            "port": simulator.port,
            "control_port": simulator.control_port,
        }
        denied, shown = named(events, "command")
        assert (denied["seq"], denied["name"]) == ("61", "access denied")
        assert (shown["seq"], shown["leds"], shown["buzz"]) == (None, "92009200", 100)
        assert shown["skipped"] == ["X=1: unknown field"]
        assert named(events, "ignored")[0]["raw"] == "noise"
        assert named(events, "sent")[1] == {"event": "sent", "line": READ.decode().rstrip(), "uid": UID}
        assert named(events, "disconnected")[0]["reason"] == "closed by the host"
        assert simulator.device.tap(Card(UID)) is False
        assert named(events, "dropped")[0]["uid"] == UID
        for event in events:
            assert json.loads(as_json(event)) == event
            assert "\n" not in as_text(event)


@pytest.mark.parametrize(
    ("personality", "expected"),
    [
        (Personality(checksum=Checksum.INCLUSIVE), HELLO.replace(b"54", b"5A") + READ.replace(b"*57", b"*59")),
        (Personality(hello=HelloKind.SHORT), b"$SCRDR*54\r\n" + READ),
        (Personality(hello=HelloKind.NONE), READ),
        (
            Personality(dialect=Dialect.TEXT),
            HELLO + b"$SCRDR;13.56;NFC-A;1;;047DAE02C84080;;00047DAE02C84080;*6D\r\n",
        ),
        (Personality(writes=Writes.BYTES), HELLO + READ),
        (Personality(writes=Writes.CRLF), HELLO + READ),
        (Personality(writes=Writes.BURST), HELLO + READ),
    ],
)
async def test_what_a_personality_sends(personality: Personality, expected: bytes, eventually: Eventually) -> None:
    async with running(personality) as (simulator, _), host(simulator.port) as stream:
        await eventually(lambda: simulator.device.attached)
        simulator.device.tap(Card(UID))
        assert await receive(stream, len(expected)) == expected


async def test_track_mode(eventually: Eventually) -> None:
    async with (
        running(Personality(hello=HelloKind.NONE), TRACK) as (simulator, _),
        host(simulator.port) as stream,
    ):
        await eventually(lambda: simulator.device.attached)
        simulator.device.hold(Card(UID))
        assert simulator.device.held == [UID]
        assert simulator.device.remove(UID)
        assert not simulator.device.remove(UID)
        simulator.device.tap(Card(UID))
        expected = (
            b"$SCRDR;03;01;01;;047DAE02C84080;I;00047DAE02C84080;*1E\r\n"
            b"$SCRDR;03;01;01;;047DAE02C84080;R;;*03\r\n"
            b"$SCRDR;03;01;01;;047DAE02C84080;IR;00047DAE02C84080;*4C\r\n"
        )
        assert await receive(stream, len(expected)) == expected


async def test_read_mode_repeats_while_held_and_starts_anew_with_a_host() -> None:
    clock = ManualClock()
    events: list[dict[str, Any]] = []
    tasks = TaskGroup("test", clock)
    device = ReaderDevice(Personality(), configured(), clock, tasks, events.append)
    device.hold(Card(UID))
    assert [event["event"] for event in events] == ["dropped"]
    outlet = Outlet()
    device.attach(outlet)
    assert outlet.written == [HELLO, READ]
    await clock.advance(6.5)
    assert outlet.written == [HELLO, READ, READ, READ]
    device.remove(UID)
    await clock.advance(10.0)
    assert len(outlet.written) == 4
    await tasks.stop()


@pytest.mark.parametrize("second", [SecondClient.CLOSE, SecondClient.RESET])
async def test_second_client_gets_nothing(second: SecondClient, eventually: Eventually) -> None:
    async with running(Personality(second_client=second)) as (simulator, events), host(simulator.port) as first:
        assert await receive(first, len(HELLO)) == HELLO
        async with host(simulator.port) as other:
            assert await receive(other, 1) == b""
            assert (other.error is not None) is (second is SecondClient.RESET)
        await eventually(lambda: named(events, "refused"))
        assert named(events, "refused")[0]["how"] == second.value


async def test_second_client_refused_until_the_first_leaves(eventually: Eventually) -> None:
    async with running(Personality(second_client=SecondClient.REFUSE)) as (simulator, _):
        async with host(simulator.port) as first:
            await receive(first, len(HELLO))
            await eventually(lambda: not simulator.server.listening)
            with pytest.raises(Unavailable, match="NET-112"):
                await connect("127.0.0.1", simulator.port, timeout=5.0)
        await eventually(lambda: simulator.server.listening)
        async with host(simulator.port) as again:
            assert await receive(again, len(HELLO)) == HELLO


async def test_second_client_hangs_until_the_first_leaves(eventually: Eventually) -> None:
    async with running(Personality(second_client=SecondClient.HANG)) as (simulator, events):
        async with host(simulator.port) as first:
            await receive(first, len(HELLO))
            waiting = await connect("127.0.0.1", simulator.port, timeout=5.0)
        assert await receive(waiting, len(HELLO)) == HELLO
        waiting.close()
        await waiting.wait_closed()
        assert not named(events, "refused")


async def test_second_client_takes_over() -> None:
    async with (
        running(Personality(second_client=SecondClient.TAKE_OVER)) as (simulator, _),
        host(simulator.port) as first,
    ):
        await receive(first, len(HELLO))
        async with host(simulator.port) as other:
            assert await receive(other, len(HELLO)) == HELLO
            assert await receive(first, 1) == b""


async def test_what_a_removal_carries() -> None:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    card = Card(UID, details="d")
    for removal, line in (
        (Removal.USUAL, "$SCRDR;03;01;01;;047DAE02C84080;R;;*03"),
        (Removal.FULL, "$SCRDR;03;01;01;;047DAE02C84080;R;00047DAE02C84080;d*61"),
        (Removal.BARE, "$SCRDR;;;;;;R;;*06"),
    ):
        device = ReaderDevice(Personality(removal=removal), TRACK, clock, tasks, lambda _: None)
        outlet = Outlet()
        device.attach(outlet)
        device.hold(card)
        device.remove(UID)
        assert outlet.written[-1].decode().rstrip() == line


def test_tag_id_of_the_template() -> None:
    event = Card("AABB").event("", Personality(tag_id=TagId.TEMPLATE))
    assert (event.tag_id, event.tag_data) == ("000000000000AABB", "000000000000AABB")
    assert Card("AABB", "bluetooth").event("", Personality(tag_id=TagId.TEMPLATE)).tag_id == "AABB"


@pytest.mark.parametrize("half_open", [0.0, None])
async def test_vanished_client_keeps_the_slot_not_at_all_or_for_ever(
    half_open: float | None, eventually: Eventually
) -> None:
    clock = ManualClock()
    async with running(Personality(half_open_s=half_open), clock=clock) as (simulator, _):
        async with host(simulator.port) as first:
            await receive(first, len(HELLO))
            simulator.server.vanish()
            await eventually(lambda: not simulator.device.attached)
            await clock.advance(1e6)
        async with host(simulator.port) as second:
            assert await receive(second, len(HELLO)) == (b"" if half_open is None else HELLO)


async def test_vanished_client_keeps_the_slot(eventually: Eventually) -> None:
    async with running(Personality(half_open_s=0.3)) as (simulator, events):
        async with host(simulator.port) as first:
            await receive(first, len(HELLO))
            assert simulator.server.vanish()
            await eventually(lambda: not simulator.device.attached)
        async with host(simulator.port) as second:
            assert await receive(second, 1) == b""
        await eventually(lambda: named(events, "disconnected"))
        assert named(events, "disconnected")[0]["reason"] == "the host vanished"
        async with host(simulator.port) as third:
            assert await receive(third, len(HELLO)) == HELLO


@pytest.mark.parametrize("ending", list(Ending))
async def test_reboot_closes_the_port_and_says_hello_again(ending: Ending, eventually: Eventually) -> None:
    async with running(Personality(reboot_s=0.2, reboot=ending)) as (simulator, events):
        async with host(simulator.port) as stream:
            await receive(stream, len(HELLO))
            simulator.server.reboot()
            assert await receive(stream, 1) == b""
            assert (stream.error is not None) is (ending is Ending.RESET)
            assert not simulator.server.listening
        await eventually(lambda: len(named(events, "listening")) == 2)
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO


async def test_legacy_firmware_reads_no_commands(eventually: Eventually) -> None:
    async with running(Personality(legacy_no_commands=True)) as (simulator, events):
        async with host(simulator.port) as stream:
            await receive(stream, len(HELLO))
            stream.write(b"$SCCMD;SEQ=60\r\n")
        await eventually(lambda: named(events, "disconnected"))
        assert not named(events, "command")


async def test_control_socket(eventually: Eventually) -> None:
    async with running(control_port=0) as (simulator, events):
        assert simulator.control_port is not None
        address = ("127.0.0.1", simulator.control_port)
        assert await present(*address, UID) == {
            "sent": False,
            "seq": None,
            "name": None,
            "latency_ms": None,
            "reason": "no host is connected",
        }
        async with host(simulator.port) as stream, ControlClient(*address) as control:
            await receive(stream, len(HELLO))
            answer, line = await asyncio.gather(present(*address, UID), accept(stream, len(READ)))
            assert line == READ
            assert (answer["sent"], answer["seq"], answer["name"]) == (True, "60", "access granted")
            assert answer["latency_ms"] > 0
            status = await control.request("status")
            assert (status["port"], status["commands"], status["held"]) == (simulator.port, 1, [])
            assert status["host"] == named(events, "connected")[0]["peer"]
            assert (await control.request("hold", uid=UID))["sent"]
            assert (await control.request("status"))["held"] == [UID]
            assert (await control.request("remove", uid=UID))["removed"]
            assert (await control.request("raw", hex="FF00"))["sent"]
            assert await receive(stream, len(READ) + 2) == READ + b"\xff\x00"
            changed = await control.request("personality", set={"checksum": "inclusive", "half_open_s": None})
            assert changed["personality"]["checksum"] == "inclusive"
            assert simulator.device.personality.half_open_s is None
            assert (await control.request("drop", reset=True))["dropped"]
            await eventually(lambda: named(events, "disconnected"))
            assert not (await control.request("drop"))["dropped"]
            assert not (await control.request("vanish"))["vanished"]


async def test_control_of_several_cards(eventually: Eventually) -> None:
    async with running(control_port=0) as (simulator, events):
        assert simulator.control_port is not None
        two = [{"uid": "AA"}, {"uid": "BB", "interface": "bluetooth", "rssi": "C4", "data": "x", "details": "y"}]
        async with ControlClient("127.0.0.1", simulator.control_port) as control:
            nobody = {"sent": False, "told": 0, "reason": "no host is connected"}
            assert await control.request("present", cards=two) == nobody
            async with host(simulator.port) as stream:
                await receive(stream, len(HELLO))
                assert await control.request("present", cards=two) == {"sent": True, "told": 2}
                assert await control.request("hold", cards=two, seconds=0.05) == {"sent": True, "told": 2}
                assert (await control.request("status"))["last_card"] == "BB"
                await eventually(lambda: not simulator.device.held)
                assert await control.request("hold", cards=two) == {"sent": True, "told": 2}
                assert (await control.request("status"))["held"] == ["AA", "BB"]
                assert await control.request("remove", all=True) == {"removed": 2}
                assert await control.request("remove", uid="AA") == {"removed": False}
                lines = [event["line"] for event in named(events, "sent")]
                assert "$SCRDR;84;10;00;C4;BB;;x;y*" in lines[2]


async def test_a_reader_holds_so_many_cards_and_no_more() -> None:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    device = ReaderDevice(Personality(), TRACK, clock, tasks, lambda _: None)
    for number in range(SIMULATOR_CARDS):
        device.hold(Card(f"{number:04X}"))
    device.hold(Card("0000"))
    with pytest.raises(Overload, match="SIM-204"):
        device.hold(Card("FFFF"))
    assert device.remove_all() == SIMULATOR_CARDS
    await tasks.stop()


async def test_a_card_that_stays_for_a_time_is_repeated_and_removed() -> None:
    clock = ManualClock()
    for registers, count in ((configured(), 3), (TRACK, 2), (configured(repeat_s=25.4), 1)):
        tasks = TaskGroup("test", clock)
        device = ReaderDevice(Personality(hello=HelloKind.NONE), registers, clock, tasks, lambda _: None)
        outlet = Outlet()
        device.attach(outlet)
        device.hold(Card(UID), 7.0)
        await clock.advance(20.0)
        assert len(outlet.written) == count
        assert device.held == []
        await tasks.stop()


async def test_what_a_slow_host_is_not_told_in_time_is_dropped() -> None:
    """Cards faster than their bytes: the queue has an end, and each card beyond it is reported."""
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    events: list[dict[str, Any]] = []
    device = ReaderDevice(Personality(writes=Writes.BYTES), configured(), clock, tasks, events.append)
    device.attach(Outlet())
    told = [device.tap(Card(f"{number:04X}")) for number in range(SIMULATOR_QUEUE_MESSAGES + 10)]
    assert told.count(False) == len(named(events, "dropped")) == 11
    device.detach()
    await tasks.stop()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"op": "fly"}, "SIM-402"),
        ({"op": "present"}, "SIM-404"),
        ({"op": "present", "uid": "xyz"}, "SIM-201"),
        ({"op": "present", "uid": UID, "colour": "red"}, "SIM-404"),
        ({"op": "present", "uid": UID, "wait": -1}, "SIM-403"),
        ({"op": "present", "uid": UID, "rssi": "strong"}, "SIM-203"),
        ({"op": "present", "cards": []}, "SIM-404"),
        ({"op": "present", "cards": [{"uid": UID}] * 257}, "SIM-404"),
        ({"op": "present", "cards": [UID]}, "SIM-404"),
        ({"op": "present", "cards": [{"uid": UID}], "wait": 1}, "SIM-403"),
        ({"op": "hold", "uid": UID, "seconds": "long"}, "SIM-403"),
        ({"op": "remove"}, "SIM-403"),
        ({"op": "registers", "set": {"02C0": "2"}}, "SIM-101"),
        ({"op": "registers", "set": {"02C0": "2424"}}, "SC-503"),
        ({"op": "registers", "set": []}, "SIM-403"),
        ({"op": "rude", "name": "grumpy"}, "SIM-601"),
        ({"op": "personality", "set": {"mood": "bad"}}, "SIM-102"),
        ({"op": "personality", "set": {"writes": "never"}}, "SIM-103"),
        ({"op": "personality", "set": {"raw": 1}}, "SIM-103"),
        ({"op": "personality", "set": {"reboot_s": -1}}, "SIM-103"),
        ({"op": "raw", "hex": "0"}, "SIM-403"),
        ({"op": "measure", "count": 0.5, "uids": "AA"}, "SIM-403"),
    ],
)
async def test_control_refuses(request_: dict[str, Any], code: str) -> None:
    async with running(control_port=0) as (simulator, _):
        assert simulator.control_port is not None
        async with ControlClient("127.0.0.1", simulator.control_port) as control:
            operation = request_.pop("op")
            with pytest.raises(Refused) as refused:
                await control.request(operation, **request_)
            assert refused.value.code == code
            assert (await control.request("status"))["port"] == simulator.port


async def test_control_survives_what_is_not_json() -> None:
    async with running(control_port=0) as (simulator, _):
        assert simulator.control_port is not None
        async with host(simulator.control_port) as stream:
            stream.write(b"\xff\n[" + b"[" * 100_000 + b'\n[]\n{"op":"status"}\n')
            got = b""
            while got.count(b"\n") < 4:
                got += await receive(stream, 1)
            assert [json.loads(line)["ok"] for line in got.splitlines()] == [False, False, False, True]


async def test_measure(eventually: Eventually) -> None:
    async def answer(stream: Stream, count: int) -> None:
        while count:
            data = await stream.read()
            for _ in range(data.count(b"\n")):
                stream.write(b"$SCCMD;SEQ=61\r\n")
                count -= 1

    async with running(control_port=0) as (simulator, events), host(simulator.port) as stream:
        assert simulator.control_port is not None
        await receive(stream, len(HELLO))
        result, _ = await asyncio.gather(measure("127.0.0.1", simulator.control_port, 50), answer(stream, 50))
        assert (result["count"], result["replied"], result["lost"]) == (50, 50, 0)
        assert 0 < result["p50_ms"] <= result["p99_ms"] <= result["max_ms"]
        assert len({event["uid"] for event in named(events, "sent")}) == 51
        await asyncio.gather(
            measure("127.0.0.1", simulator.control_port, 4, ["AA", "BB"]),
            answer(stream, 4),
        )
        assert [event["uid"] for event in named(events, "sent")][-4:] == ["AA", "BB", "AA", "BB"]


def test_figures() -> None:
    assert figures(200, [float(number) for number in range(1, 101)]) == {
        "replied": 100,
        "lost": 100,
        "p50_ms": 51.0,
        "p99_ms": 100.0,
        "max_ms": 100.0,
    }
    assert figures(1, [])["p99_ms"] is None


async def test_no_simulator_behind_the_control_port() -> None:
    async def talk(stream: Stream) -> None:
        await stream.read()
        stream.write(b"HTTP/1.1 400 Bad Request\r\n")
        await stream.read()

    from plantgate.runtime.streams import StreamServer, bind

    server = StreamServer(bind("127.0.0.1", 0), talk, TaskGroup("test", SystemClock()))
    await server.start()
    with pytest.raises(PeerError, match="SIM-503"):
        await present("127.0.0.1", server.port, UID)
    await server.stop()
    with pytest.raises(Unavailable):
        await present("127.0.0.1", server.port, UID)


async def test_taken_port_is_named_and_leaves_nothing_open() -> None:
    async with running(control_port=0) as (simulator, _):
        for options in (
            SimulatorOptions(port=simulator.port),
            SimulatorOptions(port=0, control_port=simulator.control_port),
        ):
            second = ReaderSimulator(options, SystemClock(), lambda _: None)
            with pytest.raises(PortUnavailable, match=str(options.control_port or options.port)):
                await second.start()


async def test_schedule_shows_cards_in_turn() -> None:
    clock = ManualClock()
    events: list[dict[str, Any]] = []
    tasks = TaskGroup("test", clock)
    device = ReaderDevice(Personality(), configured(), clock, tasks, events.append)
    tasks.spawn("schedule", lambda: present_in_turn(device, [Card("AA"), Card("BB")], 10.0, clock, lambda: 0.5))
    await clock.advance(30.5)
    assert [event["uid"] for event in events] == ["AA", "BB", "AA"]
    await tasks.stop()


def test_cards_from_a_list_and_a_file(tmp_path: Path) -> None:
    assert read_cards("047DAE02C84080, AABB,") == [Card(UID), Card("AABB")]
    file = tmp_path / "cards.txt"
    file.write_text("# staff\n047DAE02C84080  # Ada\n\nAABB\n", encoding="utf-8")
    assert read_cards(str(file)) == [Card(UID), Card("AABB")]
    with pytest.raises(UsageError, match="SIM-201"):
        read_cards("047D,nonsense")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="SIM-301"):
        read_cards(str(file))


def test_card_data_and_registers() -> None:
    assert Card("AA", data="x", details="y", rssi="C4").event("", Personality()) == TagEvent(
        "03", "01", "01", "C4", "AA", "", "x", "y"
    )
    assert change(Personality(), {"half_open_s": 1}).half_open_s == 1.0


def test_picture() -> None:
    shown = {"seq": None, "name": None, "leds": "92000000", "buzz": 100}
    assert "LED 1 flashing" in picture(shown)
    assert "beep of 100 ms" in picture(shown)
    assert "green" in picture({"seq": "60", "name": "access granted"})
    assert "nothing" in picture({"seq": "FE", "name": None})


def test_control_address() -> None:
    assert control_address("10.0.0.1:14000") == ("10.0.0.1", 14000)
    assert control_address("[::1]:14000") == ("::1", 14000)
    assert control_address("14000") == ("127.0.0.1", 14000)
    for text in ("", "host", "host:", "host:0", "host:70000"):
        with pytest.raises(UsageError, match="SIM-505"):
            control_address(text)


async def test_process_ends_with_its_parent_and_frees_the_port() -> None:
    """The command itself: JSON lines on standard output, gone when standard input ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from plantgate.cli.reader import app; app()",
        "simulate",
        "--port=0",
        "--control-port=0",
        "--json",
        "--exit-with-parent",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    listening = json.loads(await process.stdout.readline())
    async with host(listening["port"]) as stream:
        assert await receive(stream, len(HELLO)) == HELLO
        process.stdin.close()
        assert await receive(stream, 1) == b""
    output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert [json.loads(line)["event"] for line in output.splitlines()][:2] == ["connected", "sent"]
