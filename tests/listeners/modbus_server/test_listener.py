"""The listener's life: its port, who holds it, another port while clients are there, its tile."""

from __future__ import annotations

import asyncio
import socket

import pytest

from bench.processes import free_ports
from plantgate.errors import Unavailable
from plantgate.listeners.binding import RETRY_SECONDS
from plantgate.listeners.modbus_server import Image, ModbusListener, ServerSettings
from plantgate.listeners.modbus_server.clients import networks
from plantgate.model.quality import Quality
from plantgate.model.status import Health
from plantgate.runtime.clock import ManualClock, SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree
from tests.conftest import Eventually
from tests.listeners.modbus_server.plant import client, no_conflict, plant


def listener(port: int, clock: ManualClock, tasks: TaskGroup) -> ModbusListener:
    tree = TagTree([], clock)
    settings = ServerSettings("127.0.0.1", port, 1, networks([]), False, networks([]), 8, 8, 60.0, {0: b"plantgate"})
    image = Image([], tree, keep_last=False, zero_gaps=False)
    return ModbusListener(settings, image, Gate(tree, clock), clock, tasks, no_conflict)


async def test_its_tile() -> None:
    async with plant(["HR1"]) as it:
        (part,) = it.listener.status()
        assert (part.kind, part.name, part.health, part.state) == ("listener", "modbus", Health.OK, "listening")
        assert (part.details["port"], part.details["address"]) == (it.port, "127.0.0.1")
        async with client(it.port) as other:
            it.put("HR1", 7)
            await other.ask("03 0000 0001")
            await other.ask("03 0009 0001")
            assert {name: it.details[name] for name in ("clients", "requests", "exceptions", "entries")} == {
                "clients": 1,
                "requests": 2,
                "exceptions": 1,
                "entries": 1,
            }
        await it.listener.stop()
        (part,) = it.listener.status()
        assert (part.health, part.state) == (Health.DISABLED, "stopped")
        with pytest.raises(ConnectionRefusedError):
            async with client(it.port):
                pass


async def test_requests_per_second_are_those_of_the_last_seconds() -> None:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    it = listener(0, clock, tasks)
    assert it._rate(0) == 0.0
    await clock.advance(2)
    assert it._rate(100) == 50.0
    await clock.advance(8)
    assert it._rate(200) == 20.0
    await clock.advance(2)
    assert it._rate(320) == 26.7
    await clock.advance(8)
    assert it._rate(320) == 12.0
    await clock.advance(10)
    assert it._rate(320) == 0.0


async def test_port_0_is_off_and_can_be_turned_on(eventually: Eventually) -> None:
    async with plant(["HR1"], port=0) as it:
        (part,) = it.listener.status()
        assert (part.health, part.state) == (Health.DISABLED, "off")
        (port,) = free_ports(1)
        await it.listener.rebind(port)
        async with client(port) as other:
            it.put("HR1", 7)
            assert await other.ask("03 0000 0001") == "03 02 00 07"
            await it.listener.rebind(0)
            assert await other.is_closed()
        assert it.listener.status()[0].health is Health.DISABLED
        await it.listener.rebind(port)
        async with client(port) as other:
            assert await other.ask("03 0000 0001") == "03 02 00 07"


async def test_a_taken_port_is_explained_and_comes_up_when_it_is_free(eventually: Eventually) -> None:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        it = listener(port, clock, tasks)
        await it.start()
        (part,) = it.status()
        assert (part.health, part.state, part.next_step) == (Health.FAILED, "port taken", f"port {port}")
        assert f"port {port} is taken" in part.reason
    await eventually(lambda: clock.sleepers == 1)
    await clock.advance(RETRY_SECONDS)
    await eventually(lambda: it.status()[0].health is Health.OK)
    async with client(port) as other:
        assert await other.ask("2B 0E 04 00") == "2B 0E 04 82 00 00 01 00 09 70 6C 61 6E 74 67 61 74 65"
    await it.stop()
    await tasks.stop()


async def test_stopping_while_the_port_is_taken() -> None:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        it = listener(holder.getsockname()[1], clock, tasks)
        await it.start()
        await it.stop()
        assert len(tasks) == 0


async def test_another_port_while_it_waits_for_a_taken_one() -> None:
    clock = ManualClock()
    tasks = TaskGroup("test", clock)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        it = listener(holder.getsockname()[1], clock, tasks)
        await it.start()
        (port,) = free_ports(1)
        await it.rebind(port)
        assert it.status()[0].health is Health.OK
        async with client(port) as other:
            assert (await other.ask("2B 0E 04 00")).startswith("2B 0E 04")
        await it.stop()
    await tasks.stop()


async def test_the_new_port_is_open_and_clients_of_the_old_stay() -> None:
    async with plant(["HR1"]) as it:
        it.put("HR1", 7)
        old = it.port
        async with client(old) as before:
            assert await before.ask("03 0000 0001") == "03 02 00 07"
            (new,) = free_ports(1)
            await it.listener.rebind(new)
            assert it.details["port"] == new
            async with client(new) as after:
                assert await after.ask("03 0000 0001") == "03 02 00 07"
                assert await before.ask("03 0000 0001") == "03 02 00 07"
                assert it.listener.connections == 2
        with pytest.raises(ConnectionRefusedError):
            async with client(old):
                pass


async def test_a_new_port_that_is_taken_changes_nothing() -> None:
    async with plant(["HR1"]) as it:
        it.put("HR1", 7)
        old = it.port
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            with pytest.raises(Unavailable, match="NET-121"):
                await it.listener.rebind(holder.getsockname()[1])
        assert it.port == old
        async with client(old) as other:
            assert await other.ask("03 0000 0001") == "03 02 00 07"


async def test_one_that_was_never_started_does_not_move() -> None:
    tasks = TaskGroup("test", SystemClock())
    with pytest.raises(Unavailable, match="MBS-101"):
        await listener(1_502, ManualClock(), tasks).rebind(1_503)


async def test_a_defect_costs_its_client_and_is_told(monkeypatch: pytest.MonkeyPatch, eventually: Eventually) -> None:
    async with plant(["HR1"]) as it:
        monkeypatch.setattr(it.tree, "read", lambda tag: 1 / 0)
        it.put("HR1", 7, Quality.GOOD)
        async with client(it.port) as other:
            other.request(bytes.fromhex("0300000001"))
            assert await other.is_closed()
        await eventually(lambda: it.listener.crashes)
        assert "ZeroDivisionError" in it.listener.crashes[0].text


async def test_many_clients_at_once() -> None:
    async with plant(["HR1"], max_clients=64, max_clients_per_address=64) as it:
        it.put("HR1", 7)

        async def ask() -> None:
            async with client(it.port) as other:
                for _ in range(20):
                    assert await other.ask("03 0000 0001") == "03 02 00 07"

        await asyncio.gather(*(ask() for _ in range(50)))
        assert it.details["requests"] == 1_000
