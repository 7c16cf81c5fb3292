"""RTU over TCP, as a serial device server passes it on: one line, several units, noise."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.drivers.modbus.options import Framing
from plantgate.model.command import WriteTag
from plantgate.model.quality import Quality
from plantgate.protocols.modbus import rtu_frame
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup
from tests.drivers.modbus.conftest import Tags, definition

Eventually = Callable[..., Awaitable[None]]


class SerialLine:
    """Units on a line: registers hold their own address. `dead` do not answer; `spoil` changes what is sent."""

    def __init__(self) -> None:
        self.dead: set[int] = set()
        self.asked: list[tuple[int, bytes]] = []
        self.spoil: Callable[[bytes], bytes] = lambda answer: answer
        self.connections = 0
        self._tasks = TaskGroup("serial", SystemClock())
        self._server = StreamServer(bind("127.0.0.1", 0), self._serve, self._tasks)
        self.port = self._server.port

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def _serve(self, stream: Stream) -> None:
        self.connections += 1
        held = b""
        while data := await stream.read():
            held += data
            while len(held) >= 8:
                size = 9 + held[6] if held[1] in {0x0F, 0x10} else 8
                frame, held = held[:size], held[size:]
                unit, pdu = frame[0], frame[1:-2]
                assert rtu_frame(unit, pdu) == frame
                self.asked.append((unit, pdu))
                if unit not in self.dead:
                    stream.write(self.spoil(rtu_frame(unit, self._answer(pdu))))

    def _answer(self, pdu: bytes) -> bytes:
        code, start, count = struct.unpack(">BHH", pdu[:5])
        if code in {3, 4}:
            return struct.pack(f">BB{count}H", code, 2 * count, *range(start, start + count))
        return pdu[:5]


@pytest_asyncio.fixture
async def serial() -> AsyncIterator[SerialLine]:
    device = SerialLine()
    await device.start()
    yield device
    await device.stop()


Run = Callable[..., ModbusDevice]


@pytest_asyncio.fixture
async def run(serial: SerialLine, tags: Tags) -> AsyncIterator[Run]:
    clock = SystemClock()
    group = TaskGroup("test", clock)

    def start(addresses: list[str], rate: float = 0.02, **options: Any) -> ModbusDevice:
        settings = ModbusOptions("127.0.0.1", serial.port, Framing.RTU_OVER_TCP, **{"timeout": 0.1, **options})
        points = [(tag, definition(address), rate) for tag, address in enumerate(addresses)]
        device = ModbusDevice("plc", settings, points, clock, tags, lambda: 0.0)
        group.spawn("plc", device.run)
        return device

    yield start
    await group.stop()
    assert group.crashes == []


async def test_polls_and_writes(serial: SerialLine, run: Run, tags: Tags, eventually: Eventually) -> None:
    device = run(["3.HR11", "3.HR12", "4.IR7"])
    await eventually(lambda: len(tags.qualities) == 3 and tags.all(Quality.GOOD))
    assert tags.values == {0: 10, 1: 11, 2: 6}
    assert (await device.execute(WriteTag("[default]3-HR11", 5))).done
    assert (3, b"\x06\x00\x0a\x00\x05") in serial.asked
    assert device.status()[0].details["malformed"] == 0


async def test_a_dead_unit_on_the_line_does_not_cost_the_others_theirs(
    serial: SerialLine, run: Run, tags: Tags, eventually: Eventually
) -> None:
    """What users of other gateways suffer: one slave's timeout drops the shared socket and all slaves go bad."""
    serial.dead = {5}
    device = run(["5.HR1", "5.HR500", "9.HR1"])
    await eventually(lambda: device.status()[0].details["silent_units"] == "5")
    marked = len(tags.batches)
    asked = sum(unit == 9 for unit, _ in serial.asked)
    await eventually(lambda: sum(unit == 9 for unit, _ in serial.asked) > asked + 30)
    assert serial.connections == 1
    assert all(batch.qualities[0] == Quality.GOOD for batch in tags.batches[marked:] if 2 in batch.tags)
    assert sum(unit == 5 for unit, _ in serial.asked) < 10
    serial.dead.clear()
    await eventually(lambda: tags.all(Quality.GOOD))


async def test_a_wrong_check_sum_is_bad_until_it_is_right(
    serial: SerialLine, run: Run, tags: Tags, eventually: Eventually
) -> None:
    device = run(["1.HR1"])
    await eventually(lambda: tags.all(Quality.GOOD))
    serial.spoil = lambda answer: answer[:-1] + bytes([answer[-1] ^ 1])
    await eventually(lambda: tags.all(Quality.ERROR_IO))
    assert "check sum" in tags.reasons[0]
    serial.spoil = lambda answer: b"\x00\xff" + answer
    await eventually(lambda: tags.all(Quality.GOOD))
    assert serial.connections == 1
    assert device.status()[0].details["malformed"]


async def test_a_late_answer_is_not_taken_for_the_next_one(
    serial: SerialLine, run: Run, tags: Tags, eventually: Eventually
) -> None:
    """Two blocks of one shape and one unit: a late answer would fit the wrong one. It passes in the rest."""
    held: list[bytes] = []

    def one_late(answer: bytes) -> bytes:
        if not held:
            held.append(answer)
            return b""
        serial.spoil = lambda again: again
        return answer

    run(["1.HR1", "1.HR500"], rate=0.01)
    await eventually(lambda: len(tags.qualities) == 2 and tags.all(Quality.GOOD))
    serial.spoil = one_late
    await eventually(lambda: held)
    await eventually(lambda: tags.all(Quality.GOOD))
    assert tags.values == {0: 0, 1: 499}
