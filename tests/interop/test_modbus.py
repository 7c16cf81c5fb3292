"""Driver and simulator against other people's Modbus: libmodbus (C), mbpoll, pymodbus."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as Sim
from pymodbus.simulator import SimData, SimDevice

from bench.libmodbus import compiled
from bench.processes import plantgate
from plantgate.drivers.modbus import ModbusOptions
from plantgate.drivers.modbus.direct import Direct, direct
from plantgate.drivers.modbus.options import Framing
from plantgate.model.quality import Quality
from plantgate.model.value import Scalar
from plantgate.protocols.modbus import Function, Read, ReadWriteRegisters, exchange
from plantgate.protocols.modbus.client import Reply
from plantgate.runtime.clock import SystemClock

Program = Callable[..., str]
Types = ModbusClientMixin.DATATYPE

VALUES: list[tuple[str, Any, Scalar]] = [
    ("HR", Types.INT16, -2),
    ("HRUS", Types.UINT16, 65_535),
    ("HRI", Types.INT32, -70_000),
    ("HRUI", Types.UINT32, 4_000_000_000),
    ("HRI_64", Types.INT64, -(2**40)),
    ("HRUI_64", Types.UINT64, 2**63),
    ("HRF", Types.FLOAT32, -2.25),
    ("HRD", Types.FLOAT64, 0.1),
]


@pytest.fixture
def libmodbus(program: Program, tmp_path: Path) -> Iterator[int]:
    """The port of a libmodbus server."""
    compiler = program("cc", package="gcc")
    if not Path("/usr/include/modbus/modbus.h").exists():
        if os.environ.get("CI"):
            pytest.fail("libmodbus is missing: apt-get install libmodbus-dev")
        pytest.skip("libmodbus is missing: install it, on Debian with `apt-get install libmodbus-dev`")
    server = subprocess.Popen(
        [compiled("modbus_server", tmp_path, compiler)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait(10)
        server.stdout.close()


@asynccontextmanager
async def line(port: int, units: set[int] | None = None, **options: Any) -> AsyncIterator[Direct]:
    async with direct(ModbusOptions("127.0.0.1", port, **options), SystemClock(), units or {1}) as connection:
        yield connection


async def values(connection: Direct, *texts: str) -> list[Scalar]:
    options = ModbusOptions("h")
    readings = await connection.read([options.address(text) for text in texts])
    assert {reading.quality for reading in readings} == {Quality.GOOD}, readings
    return [reading.value for reading in readings]


async def test_every_area_of_libmodbus(libmodbus: int) -> None:
    async with line(libmodbus) as connection:
        assert await values(connection, "HR1", "HR100", "IR7", "C1", "C2", "DI11", "DI12", "HRUI3", "IRUI_641") == [
            *(0, 99, 6, False, True, False, True),
            2 << 16 | 3,
            1 << 32 | 2 << 16 | 3,
        ]


async def test_what_libmodbus_does_not_have_spoils_only_itself(libmodbus: int) -> None:
    texts = [f"HR{number}" for number in range(19_990, 20_011)]
    async with line(libmodbus) as connection:
        readings = await connection.read([ModbusOptions("h").address(text) for text in texts])
    assert [reading.quality == Quality.GOOD for reading in readings] == [
        number <= 20_000 for number in range(19_990, 20_011)
    ]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"force_multiple_registers": True},
        {"write_multiple_registers_allowed": False},
        {"read_write_multiple_registers_allowed": True},
        {"reverse_word_order": True},
    ],
    ids=str,
)
async def test_every_kind_of_write_against_libmodbus(libmodbus: int, options: dict[str, Any]) -> None:
    written: list[tuple[str, Scalar]] = [(f"{name}101", value) for name, _, value in VALUES]
    written += [("C5", True), ("C6", False), ("HR201.3", True), ("HRS301:8", "Grün"), ("HRBCD401", 1234)]
    async with line(libmodbus, **options) as connection:
        for text, value in written:
            verdict, reading = await connection.write(ModbusOptions("h").address(text), value)
            assert verdict.done, (text, verdict)
            assert verdict.code == "", (text, verdict)
            assert reading.value == value, text


async def test_function_17_of_libmodbus(libmodbus: int) -> None:
    async with line(libmodbus) as connection:
        outcome = await connection._ask(1, ReadWriteRegisters(50, 2, 51, b"\x12\x34"))
        assert isinstance(outcome, Reply)
        assert outcome.data == bytes.fromhex("00321234")
        assert exchange(Read(Function.READ_HOLDING_REGISTERS, 0, 1)).reply_length == 4


def _registers(name: str, kind: Any, value: Scalar, order: str) -> list[int]:
    return ModbusClientMixin.convert_to_registers(value, kind, word_order=order)  # type: ignore[arg-type]


@asynccontextmanager
async def pymodbus_server(words: list[int], framer: FramerType = FramerType.SOCKET) -> AsyncIterator[int]:
    """A server that has `words` as holding and input registers and answers every unit."""
    bits = [SimData(0, values=[True, False] * 8, datatype=Sim.BITS)]
    registers = [SimData(0, values=words, datatype=Sim.REGISTERS)]
    device = SimDevice(0, simdata=(bits, bits, registers, [SimData(0, values=words, datatype=Sim.REGISTERS)]))
    server = ModbusTcpServer(device, framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("framing", list(Framing))
async def test_every_type_of_pymodbus_in_both_orders(order: str, framing: Framing) -> None:
    words: list[int] = []
    places = []
    for name, kind, value in VALUES:
        places.append((f"{name}{len(words) + 1}", value))
        words += _registers(name, kind, value, order)
    framer = FramerType.RTU if framing is Framing.RTU_OVER_TCP else FramerType.SOCKET
    async with (
        pymodbus_server(words, framer) as port,
        line(port, framing=framing, reverse_word_order=order == "little") as connection,
    ):
        texts = [text for text, _ in places]
        assert await values(connection, *texts) == [value for _, value in places]
        assert await values(connection, *(text.replace("HR", "IR") for text in texts)) == [v for _, v in places]
        assert await values(connection, "C1", "C2", "DI1") == [True, False, True]
        for text, value in places:
            verdict, reading = await connection.write(ModbusOptions("h").address(text), value)
            assert verdict.done, verdict
            assert reading.value == value
        for text, value in (("HR1.0", True), ("HR1.0", False), ("C2", True)):
            verdict, reading = await connection.write(ModbusOptions("h").address(text), value)
            assert verdict.done, verdict
            assert reading.value is value
    suffix = "CDAB" if order == "little" else "ABCD"
    async with pymodbus_server(words, framer) as port, line(port, framing=framing) as connection:
        marked = [f"{text}@{suffix}" for text, value in places if not text.startswith(("HR1", "HRUS"))]
        assert await values(connection, *marked) == [value for _, value in places[2:]]


async def test_mbpoll_reads_and_writes_our_simulator(program: Program) -> None:
    mbpoll = program("mbpoll", package="mbpoll")
    with plantgate("plc", "simulate", "--port", "0", "--json", "--exit-with-parent") as plc:
        port = plc.event("listening")["port"]

        async def run(*arguments: str) -> str:
            process = await asyncio.create_subprocess_exec(
                *(mbpoll, "-m", "tcp", "-p", str(port), "-1", "-B", *arguments),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            text, _ = await process.communicate()
            assert process.returncode == 0, text.decode()
            return text.decode()

        # Type 4: holding registers; -B: big-endian words; floats from register 1 on, then an integer.
        await run("-t", "4:float", "-r", "1", "127.0.0.1", "99.5")
        assert "99.5" in await run("-t", "4:float", "-r", "1", "-c", "1", "127.0.0.1")
        await run("-t", "4", "-r", "5", "127.0.0.1", "7")
        assert "[5]: \t7" in await run("-t", "4", "-r", "5", "-c", "1", "127.0.0.1")
        await run("-t", "0", "-r", "1", "127.0.0.1", "1")
        assert "[1]: \t1" in await run("-t", "0", "-r", "1", "-c", "1", "127.0.0.1")
        # And what mbpoll wrote is what our driver reads.
        async with line(port) as connection:
            assert await values(connection, "HRF1", "HRUS5", "C1") == [99.5, 7, True]
