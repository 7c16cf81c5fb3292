"""A device that is set up otherwise behaves otherwise: what its registers make of the simulated reader."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from plantgate.errors import ConfigError, Unavailable, UsageError
from plantgate.protocols.scrdr import HostEvent, LineError, ScrdrReceiver, TagEvent
from plantgate.protocols.scrdr.registers import RegisterFile
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.streams import PortUnavailable, connect
from plantgate.runtime.tasks import TaskGroup
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.client import ControlClient
from plantgate.simulators.reader.device import ReaderDevice
from plantgate.simulators.reader.options import Personality
from plantgate.simulators.reader.setup import (
    FACTORY,
    adapted,
    changed,
    configured,
    read_registers,
    repeat_seconds,
    silence,
    template_for,
    udp_target,
)
from tests.simulators.reader.world import HELLO, READ, UID, Outlet, host, named, receive, running

Eventually = Callable[..., Awaitable[None]]


def registers(**values: str) -> RegisterFile:
    """`registers(_02C0="44")`: a configured reader with these changes."""
    return changed(configured(), {name.removeprefix("_"): value for name, value in values.items()})


def test_the_checklist_for_plantgate() -> None:
    assert {f"{address:04X}": value.hex() for address, value in configured().values.items()} == {
        "02A0": "0003000100",
        "02C0": "24",
    }
    assert configured(track=True).get(0x02A0).hex() == "1003000100"
    assert adapted(configured(track=True), track=False).get(0x02A0).hex() == "0003000100"
    assert configured(repeat_s=0.5).get(0x02A1).hex() == "0505"
    assert configured(repeat_s=25.4).get(0x02A1).hex() == "0afe"
    with pytest.raises(UsageError, match="SIM-101"):
        configured(repeat_s=25.5)


def test_repeat_interval() -> None:
    assert repeat_seconds(configured()) == 3.0
    assert repeat_seconds(registers(_02A1="0AFF")) is None
    assert repeat_seconds(registers(_02A1="0A00")) == 1.0


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, ""),
        ({"_02C0": "34"}, ""),
        ({"_02C0": "44"}, ""),
        ({"_02C0": "00"}, "register 02C0=00: network off, profile Direct"),
        ({"_02C0": "14"}, "network HTTP client, profile Smart Reader"),
        ({"_02C0": "64"}, "network MQTT client"),
        ({"_02C0": "22"}, "network TCP server, profile CCID (PC/SC)"),
        ({"_02C0": "54"}, "network reserved"),
        ({"_0283": "80"}, "register 0283=80: the network is off"),
    ],
)
def test_who_listens_nowhere(values: dict[str, str], why: str) -> None:
    said = silence(registers(**values))
    assert why in said
    assert bool(said) is bool(why)


@pytest.mark.parametrize("values", [{"_02C0": "14"}, {"_02C0": "64"}, {"_02C0": "22"}, {"_0283": "80"}])
async def test_a_reader_that_is_no_tcp_server_refuses(values: dict[str, str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with running(registers=registers(**values), port=port, control_port=0) as (simulator, events):
        assert events == [
            {"event": "silent", "reason": silence(registers(**values)), "control_port": simulator.control_port}
        ]
        with pytest.raises(Unavailable, match="NET-112"):
            await connect("127.0.0.1", port, timeout=5.0)
        assert not simulator.device.tap(Card(UID))


async def test_factory_then_set_up_through_the_control_socket(eventually: Eventually) -> None:
    """As on a real device: what is written takes effect after a reset."""
    async with running(Personality(reboot_s=0.0), FACTORY, control_port=0) as (simulator, events):
        assert simulator.control_port is not None
        async with ControlClient("127.0.0.1", simulator.control_port) as control:
            assert (await control.request("status"))["silent"] == "register 02C0=00: network off, profile Direct"
            answer = await control.request("registers", set={"02C0": "24", "02A0": "0003000100"})
            assert answer == {"registers": {"02A0": "0003000100", "02C0": "24"}, "pending": True}
            assert not simulator.server.listening
            await control.request("reboot")
            await eventually(lambda: simulator.server.listening)
            assert not (await control.request("registers"))["pending"]
            assert named(events, "listening")[0]["port"] == simulator.port
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO


async def test_the_port_is_that_of_register_0285() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with running(registers=registers(_0285=f"{'00' * 8}{port:04X}{'00' * 4}"), port=None) as (simulator, _):
        assert simulator.port == port
        async with host(port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "02",
            b'{"Interface":"13.56","Protocol":"NFC-A","Template":1,"TagId":"047DAE02C84080",'
            b'"TagData":"00047DAE02C84080","Uptime":"0:',
        ),
        ("00", bytes.fromhex("B028 8104") + b"0301" + bytes.fromhex("820E") + UID.encode()),
        ("03", b"# SPARK/RDR\r\n+00047DAE02C84080\r\n"),
    ],
)
async def test_other_formats_are_plainly_no_scrdr(kind: str, expected: bytes, eventually: Eventually) -> None:
    async with running(registers=registers(_02A0=f"000300{kind}00")) as (simulator, events):
        async with host(simulator.port) as stream:
            await eventually(lambda: simulator.device.attached)
            assert simulator.device.tap(Card(UID))
            got = await receive(stream, len(expected))
            assert got.startswith(expected)
            receiver = ScrdrReceiver()
            heard: list[HostEvent] = receiver.feed(got + b"\r\n")
            assert all(isinstance(event, LineError) for event in heard)
            stream.write(b"$SCCMD;SEQ=60\r\n")
            await eventually(lambda: named(events, "ignored"))
        assert "no $SCCMD is taken in this mode" in named(events, "ignored")[0]["reason"]
        assert named(events, "listening")[0]["mode"].startswith("TCP server, ")


async def test_a_format_without_messages_tells_nothing(eventually: Eventually) -> None:
    async with running(registers=registers(_02A0="0003000700")) as (simulator, events), host(simulator.port):
        await eventually(lambda: simulator.device.attached)
        assert not simulator.device.tap(Card(UID))
        assert "IWM2" in named(events, "dropped")[0]["reason"]


def test_json_of_every_field() -> None:
    outlet = Outlet()
    clock = ManualClock()
    device = ReaderDevice(Personality(), registers(_02A0="1003000200"), clock, TaskGroup("test", clock), lambda _: None)
    device.attach(outlet)
    device.tap(Card("0123456789AB", "bluetooth", "iBeacon", rssi="C4", data="1", details="2"))
    assert json.loads(outlet.written[0]) == {
        "Interface": "bluetooth",
        "Protocol": "iBeacon",
        "Template": 0,
        "RSSI": 0xC4,
        "TagId": "0123456789AB",
        "Move": "Insert,Remove",
        "TagData": "1",
        "TagDetails": "2",
        "Uptime": "0:00.000",
    }


def test_a_long_tlv_field_has_a_long_length() -> None:
    outlet = Outlet()
    clock = ManualClock()
    device = ReaderDevice(Personality(), registers(_02A0="0003000000"), clock, TaskGroup("test", clock), lambda _: None)
    device.attach(outlet)
    device.tap(Card(UID, data="F" * 300))
    assert bytes.fromhex("8382012C") + b"F" * 300 in outlet.written[0]


@pytest.mark.parametrize(
    ("features", "host_there", "told"),
    [("00", False, False), ("00", True, True), ("01", True, True), ("02", True, False), ("03", True, True)],
)
def test_when_it_reads(features: str, host_there: bool, told: bool) -> None:
    """Register 02A0 byte 0: bit 1 waits for a command that `$SCCMD` does not have, bit 0 reads from start-up."""
    clock = ManualClock()
    events: list[dict[str, Any]] = []
    device = ReaderDevice(
        Personality(), registers(_02A0=f"{features}03000100"), clock, TaskGroup("test", clock), events.append
    )
    if host_there:
        device.attach(Outlet())
    assert device.tap(Card(UID)) is told
    assert bool(named(events, "dropped")) is not told


def test_leds_and_buzzer_are_the_firmwares_or_the_hosts() -> None:
    clock = ManualClock()
    for value, name in (("00", "read success"), ("01", "")):
        device = ReaderDevice(Personality(), registers(_02D0=value), clock, TaskGroup("test", clock), lambda _: None)
        device.attach(Outlet())
        device.tap(Card(UID))
        assert device.front.look(clock.mono()).name == name


def test_volume_0_mutes() -> None:
    clock = ManualClock()
    for value, audible in (("01", True), ("00", False)):
        device = ReaderDevice(Personality(), registers(_02D8=value), clock, TaskGroup("test", clock), lambda _: None)
        device.attach(Outlet())
        device.tap(Card(UID))
        assert device.front.look(clock.mono()).buzzer is audible


@pytest.mark.parametrize(
    ("uid", "values", "data"),
    [
        (UID, {}, None),
        (UID, {"_0310": "FF", "_0311": "0200"}, "00047DAE02C84080"),
        (UID, {"_0310": "FF"}, "0046678144"),
        (UID, {"_0310": "FF", "_0311": "0F00", "_0312": "4944"}, "ID047DAE02C84080"),
        (UID, {"_0310": "FF", "_0311": "0500"}, "047DAE02C84080"),
        ("262BA1B0", {"_0310": "FF", "_0311": "0200"}, "00000000262BA1B0"),
        ("262BA1B0", {"_0310": "FF", "_0311": "2200"}, "262BA1B0FFFFFFFF"),
        ("262BA1B0", {"_0310": "FF", "_0311": "8100"}, "B0A12B26"),
        (UID, {"_0310": "FF", "_0311": "8500"}, "047DAE02C84080"),
        (UID, {"_0310": "FF", "_0311": "C500"}, "8040C802AE7D04"),
        ("0102030405", {"_0310": "FF", "_0311": "0C00"}, "004328719365"),
        ("0102030405", {"_0310": "FF", "_0311": "0D00"}, "0004328719365"),
        ("FF", {"_0310": "FF", "_0311": "0E00"}, "255"),
    ],
)
def test_what_the_id_only_template_makes_of_a_card(uid: str, values: dict[str, str], data: str | None) -> None:
    read = template_for(Card(uid), registers(**values))
    assert read is not None
    assert read.data == data


def test_which_template_takes_a_card() -> None:
    both = registers(_0310="01", _0320="08", _0330="00", _0340="80")
    cases = {"NFC-A": "01", "NFC-F": "02", "NFC-V": "04"}
    assert {name: getattr(template_for(Card(UID, protocol=name), both), "template", "") for name in cases} == cases
    assert template_for(Card(UID, protocol="NFC-V"), registers(_0310="01")) is None
    assert template_for(Card(UID, template="03"), both) is None
    assert template_for(Card(UID, template="01", protocol="NFC-F"), both) is None
    assert getattr(template_for(Card(UID, template="04"), both), "template", "") == "04"
    assert template_for(Card(UID, "bluetooth"), both) == Card(UID, "bluetooth")
    assert getattr(template_for(Card(UID, data="x"), both), "data", "") == "x"
    assert template_for(Card(UID, protocol="NFC-V"), registers(_0310="0F")) is not None


def test_a_card_that_no_template_takes_is_not_told() -> None:
    clock = ManualClock()
    events: list[dict[str, Any]] = []
    device = ReaderDevice(Personality(), registers(_0310="01"), clock, TaskGroup("test", clock), events.append)
    outlet = Outlet()
    device.attach(outlet)
    assert not device.tap(Card(UID, protocol="NFC-B"))
    assert named(events, "dropped")[0]["reason"] == "no template takes it"
    assert device.front.look(clock.mono()).name == "read failed"
    assert outlet.written == [HELLO]
    device.attach(outlet)
    device.tap(Card("0123456789AB", "bluetooth", "iBeacon", rssi="C4"))
    assert outlet.written[-1] == b"$SCRDR;84;11;00;C4;0123456789AB;;;*2D\r\n"


class Ear(asyncio.DatagramProtocol):
    """A host that takes datagrams."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.heard.append(data)

    @property
    def address(self) -> tuple[str, int]:
        assert self.transport is not None
        found: tuple[str, int] = self.transport.get_extra_info("sockname")
        return found

    async def close(self) -> None:
        assert self.transport is not None
        self.transport.close()
        await asyncio.sleep(0)


async def ear() -> Ear:
    _, found = await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    return found


async def test_udp_mode(eventually: Eventually) -> None:
    listener = await ear()
    async with running(registers=registers(_02C0="44"), udp_to=listener.address) as (simulator, events):
        assert not simulator.server.listening
        assert simulator.device.tap(Card(UID))
        await eventually(lambda: listener.heard)
        assert listener.heard == [READ]  # and no hello
        assert listener.transport is not None
        listener.transport.sendto(b"$SCCMD;SEQ=60", ("127.0.0.1", simulator.port))
        await eventually(lambda: named(events, "command"))
        assert named(events, "command")[0]["seq"] == "60"
        assert named(events, "command")[0]["latency_ms"] > 0
        assert named(events, "sent")[0]["to"] == f"udp 127.0.0.1:{listener.address[1]}"
        assert named(events, "listening")[0]["udp"] == f"127.0.0.1:{listener.address[1]}"
        simulator.server.reboot()
        await eventually(lambda: simulator.server.udp is None)
    await listener.close()


async def test_tcp_and_udp_together(eventually: Eventually) -> None:
    listener = await ear()
    async with running(registers=registers(_02C0="34"), udp_to=listener.address) as (simulator, events):
        simulator.device.tap(Card(UID))
        async with host(simulator.port) as stream:
            assert await receive(stream, len(HELLO)) == HELLO
            simulator.device.tap(Card(UID))
            assert await receive(stream, len(READ)) == READ
            await eventually(lambda: len(listener.heard) == 2)
        assert [event.get("to", "tcp")[:3] for event in named(events, "sent")] == ["udp", "tcp", "tcp", "udp"]
    await listener.close()


@pytest.mark.parametrize(("filters", "taken"), [("00", True), ("01", True), ("02", False), ("03", False)])
async def test_udp_source_filter(filters: str, taken: bool, eventually: Eventually) -> None:
    """Register 0295: another port of the same host."""
    listener, other = await ear(), await ear()
    async with running(registers=registers(_02C0="44", _0295=filters), udp_to=listener.address) as (simulator, events):
        assert other.transport is not None
        other.transport.sendto(b"$SCCMD;SEQ=0E", ("127.0.0.1", simulator.port))
        await eventually(lambda: named(events, "command") or named(events, "refused"))
        assert bool(named(events, "command")) is taken
    await listener.close()
    await other.close()


def test_datagrams_never_go_to_many() -> None:
    assert udp_target(configured()) == "127.0.0.1"
    assert udp_target(registers(_0294=b"239.1.2.3".hex())) == "127.0.0.1"
    assert udp_target(registers(_0294=b"10.0.0.7".hex())) == "10.0.0.7"
    assert udp_target(registers(_0294=b"gateway.plant".hex())) == "gateway.plant"


@pytest.mark.parametrize(
    ("target", "code"),
    [(None, "SIM-702"), (("255.255.255.255", 4000), "SIM-702"), (("no such name", 4000), "SIM-701")],
)
async def test_udp_targets_that_can_not_be(target: tuple[str, int] | None, code: str) -> None:
    with pytest.raises((UsageError, Unavailable), match=code):
        async with running(registers=registers(_02C0="44"), udp_to=target):
            pass


async def test_a_taken_udp_port_is_named() -> None:
    listener = await ear()
    port = listener.address[1]
    with pytest.raises(PortUnavailable, match=f"UDP port {port}"):
        async with running(registers=registers(_02C0="44"), port=port, udp_to=("127.0.0.1", 9)):
            pass
    await listener.close()


async def test_udp_that_can_not_be_leaves_no_tcp_port_open() -> None:
    with pytest.raises(Unavailable, match="SIM-701"):
        async with running(registers=registers(_02C0="34"), udp_to=("no such name", 4000)):
            pass


def test_registers_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "reader.registers"
    file.write_text(configured(track=True).to_text(), encoding="utf-8")
    assert read_registers(file) == configured(track=True)
    file.write_text("02C0=2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"reader\.registers:1"):
        read_registers(file)
    with pytest.raises(ConfigError, match="SIM-104"):
        read_registers(tmp_path / "missing")


def test_registers_as_they_come_in_json() -> None:
    assert changed(FACTORY, {"02c0": "24"}).get(0x02C0) == b"\x24"
    for values in ({"02C0": "2"}, {"x": "24"}, {"02C0": 24}, {"02C0": "2424"}, {"FFFFFF": "00"}):
        with pytest.raises(UsageError):
            changed(FACTORY, values)


def test_cards_of_other_kinds() -> None:
    card = Card("0123456789ab", "bluetooth", "iBeacon", rssi="c4")
    assert card.event("", Personality()) == TagEvent("84", "11", "00", "C4", "0123456789AB")
    assert Card("E200", "900").event("", Personality())[:3] == ("06", "03", "07")
    for wrong in ({"interface": "x"}, {"protocol": "iBeacon"}, {"template": "1"}, {"rssi": "-60"}):
        with pytest.raises(UsageError, match="SIM-203"):
            Card(UID, **wrong)
