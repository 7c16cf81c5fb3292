"""Clients as the network brings them: each costs its own connection, never another's answer."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from structlog.testing import capture_logs

from plantgate.limits import STREAM_READ_BYTES
from plantgate.listeners.modbus_server import session
from plantgate.listeners.modbus_server.clients import ClientAdmission, host_of, is_among, networks
from plantgate.runtime.clock import ManualClock
from tests.conftest import Eventually
from tests.listeners.modbus_server.plant import Plant, client, plant

READ = bytes.fromhex("0300000001")


async def still_serves(it: Plant) -> None:
    async with client(it.port) as other:
        it.put("HR1", 7)
        assert await other.ask("03 0000 0001") == "03 02 00 07"


@pytest.mark.parametrize(
    "data",
    [
        "0001 0001 0006 01 03 0000 0001",  # protocol id 1
        "0001 0000 0001 01",  # nothing after the unit
        "0001 0000 0000",
        "0001 0000 00FF 01 03",  # longer than a frame can be
        "0001 0000 FFFF 01 03",
        "474554202F20485454502F312E310D0A0D0A",  # GET / HTTP/1.1
        "16030100A5010000A103",  # TLS
        "00" * 300,
    ],
)
async def test_what_is_not_modbus_is_hung_up_on(data: str) -> None:
    async with plant(["HR1"]) as it:
        async with client(it.port) as rude:
            rude.send(bytes.fromhex(data))
            assert await rude.is_closed()
        await still_serves(it)


async def test_what_was_asked_before_the_nonsense_is_answered() -> None:
    async with plant(["HR1"]) as it, client(it.port) as rude:
        it.put("HR1", 7)
        rude.request(READ)
        rude.send(b"\xff" * 12)
        assert (await rude.frame())[2] == bytes.fromhex("03020007")
        assert await rude.is_closed()


async def test_a_frame_in_single_bytes_is_understood() -> None:
    async with plant(["HR1"]) as it, client(it.port) as slow:
        it.put("HR1", 7)
        for byte in bytes.fromhex("000100000006010300000001"):
            slow.send(bytes([byte]))
            await slow.writer.drain()
            await asyncio.sleep(0)
        assert (await slow.frame())[2] == bytes.fromhex("03020007")


async def test_a_frame_that_never_ends_costs_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MODBUS_SERVER_FRAME_SECONDS", 0.2)
    async with plant(["HR1"]) as it:
        async with client(it.port) as slow:
            closed = asyncio.ensure_future(slow.reader.read())  # noqa: TID251 - a test may
            for byte in bytes.fromhex("0001 0000 0006 01 03 0000"):
                if closed.done():
                    break
                slow.send(bytes([byte]))
                await asyncio.wait({closed}, timeout=0.05)
            async with asyncio.timeout(10):
                assert await closed == b""
        await still_serves(it)


async def test_who_says_nothing_is_let_go() -> None:
    async with plant(["HR1"], idle_timeout=0.05) as it, client(it.port) as silent:
        assert await silent.is_closed()


async def test_a_half_closed_connection_is_answered_and_ended() -> None:
    async with plant(["HR1"]) as it, client(it.port) as half:
        it.put("HR1", 7)
        half.request(READ)
        half.writer.write_eof()
        assert (await half.frame())[2] == bytes.fromhex("03020007")
        assert await half.is_closed()


async def test_a_thousand_requests_in_one_piece() -> None:
    async with plant(["HR1"]) as it, client(it.port) as eager:
        it.put("HR1", 7)
        sent = [eager.request(READ) for _ in range(1_000)]
        assert [(await eager.frame())[0] for _ in sent] == sent


async def test_who_never_reads_holds_no_memory_and_is_let_go(
    monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(session, "MODBUS_SERVER_STALL_SECONDS", 0.3)
    names = [f"HR{number}" for number in range(1, 126)]
    async with plant(names) as it:
        for name in names:
            it.put(name, 1)
        deaf = socket.create_connection(("127.0.0.1", it.port))
        try:
            deaf.setblocking(False)
            request = bytes.fromhex("000100000006010300 00007D".replace(" ", "")) * 1_000
            sent = 0

            def flood() -> bool:
                nonlocal sent
                try:
                    sent += deaf.send(request)
                except BlockingIOError:
                    pass
                except ConnectionError:
                    return True
                return it.listener.connections == 0

            await eventually(lambda: it.listener.connections == 1)
            await eventually(flood, within=30)
            assert sent > STREAM_READ_BYTES
            assert it.details["requests"] < sent // 24, "what nobody reads is not answered any more"
        finally:
            deaf.close()
        await still_serves(it)


async def test_a_reset_in_the_middle(eventually: Eventually) -> None:
    async with plant(["HR1"]) as it:
        rude = socket.create_connection(("127.0.0.1", it.port))
        rude.send(bytes.fromhex("0001000000060103"))
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        rude.close()
        await eventually(lambda: it.listener.connections == 0)
        await still_serves(it)


async def test_no_more_clients_than_there_are_places(eventually: Eventually) -> None:
    async with plant(["HR1"], max_clients=3, max_clients_per_address=8) as it:
        async with client(it.port) as one, client(it.port) as two, client(it.port) as three:
            it.put("HR1", 7)
            for each in (one, two, three):
                assert await each.ask("03 0000 0001") == "03 02 00 07"
            async with client(it.port) as fourth:
                assert await fourth.is_closed()
            assert (it.details["clients"], it.details["clients_refused"]) == (3, 1)
        await eventually(lambda: it.listener.connections == 0)
        await still_serves(it)


async def test_no_more_of_one_address_than_its_share() -> None:
    async with plant(["HR1"], max_clients=8, max_clients_per_address=1) as it, client(it.port) as one:
        it.put("HR1", 7)
        assert await one.ask("03 0000 0001") == "03 02 00 07"
        async with client(it.port) as second:
            assert await second.is_closed()


async def test_ten_thousand_connects(eventually: Eventually) -> None:
    async with plant(["HR1"], max_clients=8, max_clients_per_address=8) as it:
        async with client(it.port) as steady:
            it.put("HR1", 7)
            for _ in range(100):
                await asyncio.gather(*(knock(it.port) for _ in range(100)))
                assert await steady.ask("03 0000 0001") == "03 02 00 07"
        await eventually(lambda: it.listener.connections == 0)
        assert it.details["clients_refused"] > 0
        await still_serves(it)


async def knock(port: int) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as one:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await loop.sock_connect(one, ("127.0.0.1", port))


async def test_who_is_not_on_the_list_is_turned_away_unheard() -> None:
    async with plant(["HR1"], clients=("10.0.0.0/24",)) as it:
        with capture_logs() as lines:
            for _ in range(3):
                async with client(it.port) as other:
                    other.request(READ)
                    assert await other.is_closed()
        assert (it.details["clients_denied"], it.details["requests"], it.details["clients_refused"]) == (3, 0, 0)
        told = [line for line in lines if "not on the list" in line["event"]]
        assert [line["address"] for line in told] == ["127.0.0.1"], "said once"


def test_who_is_turned_away_is_told_once_a_minute() -> None:
    clock = ManualClock()
    door = ClientAdmission(networks(["10.0.0.0/24"]), 8, 8, clock)
    with capture_logs() as lines:
        assert not any(door.admit("192.168.1.7") for _ in range(50))
        clock._mono += 61
        assert not door.admit("[fe80::1]")
    assert [(line["address"], line["times"]) for line in lines] == [("192.168.1.7", 1), ("fe80::1", 50)]
    assert door.admit("10.0.0.7")
    assert door.connections == 1


@pytest.mark.parametrize(
    ("peer", "known", "among"),
    [
        ("10.0.0.7:4000", ["10.0.0.0/24"], True),
        ("10.0.1.7:4000", ["10.0.0.0/24"], False),
        ("10.0.1.7:4000", ["10.0.0.0/24", "10.0.1.7"], True),
        ("[::1]:4000", ["::1"], True),
        ("[::1]:4000", ["127.0.0.1"], False),
        ("[fe80::1%eth0]:4000", ["fe80::/10"], True),
        ("10.0.1.7:4000", [], True),
        ("", ["0.0.0.0/0", "::/0"], False),
    ],
)
def test_addresses_and_networks(peer: str, known: list[str], *, among: bool) -> None:
    assert is_among(host_of(peer), networks(known)) is among
