"""Our client against an independent server: pymodbus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import pytest_asyncio
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as Sim
from pymodbus.simulator import SimData, SimDevice

from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.model.command import WriteTag
from plantgate.model.quality import Quality
from plantgate.model.value import DataType
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from tests.drivers.modbus.conftest import definition

if TYPE_CHECKING:
    from tests.drivers.modbus.conftest import Tags

Eventually = Callable[..., Awaitable[None]]


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """A device with coils and discrete inputs 1-16, floats at HR1, numbers at HR11, text at HR31, input registers."""
    device = SimDevice(
        0,
        simdata=(
            [SimData(0, values=[True, False] * 8, datatype=Sim.BITS)],
            [SimData(0, values=[False, True] * 8, datatype=Sim.BITS)],
            [
                SimData(0, values=[1.5, -2.25], datatype=Sim.FLOAT32),
                SimData(10, values=[-70_000], datatype=Sim.INT32),
                SimData(12, values=[2**63], datatype=Sim.UINT64),
                SimData(20, values=[0.1], datatype=Sim.FLOAT64),
                SimData(30, values="Bottling", datatype=Sim.STRING),
                SimData(40, values=[0x00F0], datatype=Sim.REGISTERS),
            ],
            [SimData(0, values=[65_535, 1], datatype=Sim.REGISTERS)],
        ),
    )
    server = ModbusTcpServer(device, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    await server.shutdown()  # type: ignore[no-untyped-call]


EXPECTED = {
    "HRF1": 1.5,
    "HRF3": -2.25,
    "HRI11": -70_000,
    "HRUI_6413": 2**63,
    "HRD21": 0.1,
    "HRS31:8": "Bottling",
    "HR41": 0xF0,
    "IRUS1": 65_535,
    "IR1": -1,
    "C1": True,
    "C2": False,
    "DI1": False,
    "DI2": True,
}
TYPES = {"F": DataType.FLOAT4, "D": DataType.FLOAT8, "S": DataType.STRING, "U": DataType.INT8}


def _type(address: str) -> DataType:
    if address.startswith(("C", "DI")):
        return DataType.BOOLEAN
    return TYPES.get(address[2], DataType.INT8)


async def test_reads_and_writes_against_pymodbus(port: int, tags: Tags, eventually: Eventually) -> None:
    clock = SystemClock()
    points = [(tag, definition(text, _type(text)), 0.05) for tag, text in enumerate(EXPECTED)]
    device = ModbusDevice("plc", ModbusOptions("127.0.0.1", port), points, clock, tags)
    group = TaskGroup("test", clock)
    group.spawn("plc", device.run)
    try:
        await eventually(lambda: len(tags.qualities) == len(EXPECTED) and tags.all(Quality.GOOD))
        assert dict(zip(EXPECTED, (tags.values[tag] for tag in range(len(EXPECTED))), strict=True)) == EXPECTED
        new: dict[str, bool | int | float | str] = {
            "HRF1": -0.5,
            "HRI11": 5,
            "HRUI_6413": 1,
            "HRD21": 1e300,
            "HRS31:8": "Water",
            "HR41": -1,
            "C2": True,
        }
        for address, value in new.items():
            verdict = await device.execute(WriteTag(f"[default]{address}", value, read_back=True))
            assert verdict.done, verdict
        assert {address: tags.values[list(EXPECTED).index(address)] for address in new} == new
        assert device.status()[0].details["malformed"] == 0
    finally:
        await group.stop()


async def test_a_device_that_loses_requests_in_a_burst_is_asked_one_at_a_time(
    port: int, tags: Tags, eventually: Eventually
) -> None:
    """pymodbus answers the first request of a segment and drops the others, as some devices do."""
    clock = SystemClock()
    points = [(tag, definition(text, _type(text)), 0.05) for tag, text in enumerate(EXPECTED)]
    options = ModbusOptions("127.0.0.1", port, timeout=0.2, concurrent_requests=4)
    device = ModbusDevice("plc", options, points, clock, tags)
    group = TaskGroup("test", clock)
    group.spawn("device", device.run)
    try:
        await eventually(lambda: len(tags.qualities) == len(EXPECTED) and tags.all(Quality.GOOD))
        assert device.status()[0].details["concurrent_requests"] == 1
    finally:
        await group.stop()
