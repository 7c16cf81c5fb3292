"""Independent clients: pymodbus for every type in both orders, mbpoll for each table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

import plantgate
from plantgate.model.value import Scalar
from tests.listeners.modbus_server.plant import plant

TYPE = AsyncModbusTcpClient.DATATYPE


@asynccontextmanager
async def pymodbus(port: int) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=5, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize(
    ("designator", "kind", "value", "length"),
    [
        ("HR", TYPE.INT16, -12_345, ""),
        ("HRUS", TYPE.UINT16, 54_321, ""),
        ("HRI", TYPE.INT32, -1_234_567_890, ""),
        ("HRUI", TYPE.UINT32, 4_000_000_000, ""),
        ("HRI_64", TYPE.INT64, -(2**62), ""),
        ("HRUI_64", TYPE.UINT64, 2**62 + 1, ""),
        ("HRF", TYPE.FLOAT32, -2.25, ""),
        ("HRD", TYPE.FLOAT64, 0.1, ""),
        ("HRS", TYPE.STRING, "Bottling", ":8"),
    ],
)
@pytest.mark.parametrize("words", ["big", "little"])
async def test_pymodbus_reads_and_writes_every_type(
    designator: str, kind: Any, value: Scalar, length: str, words: Any
) -> None:
    address = f"{designator}11{length}"
    text = kind is TYPE.STRING
    order: Any = "big" if text else words
    async with plant([address], reverse_word_order=words == "little") as it, pymodbus(it.port) as client:
        it.put(address, value)
        count = 4 if text else kind.value[1]
        answer = await client.read_holding_registers(10, count=count, device_id=1)
        assert not answer.isError(), answer
        assert client.convert_from_registers(answer.registers, kind, word_order=order) == value
        other: Any = "Water" if text else 7
        registers = client.convert_to_registers(other, kind, word_order=order)
        registers += [0] * (count - len(registers))
        assert not (await client.write_registers(10, registers, device_id=1)).isError()
        assert it.value(address) == other


async def test_pymodbus_uses_every_function() -> None:
    async with plant(["C1", "C2", "DI1", "HR1", "HR2", "IR1"]) as it, pymodbus(it.port) as client:
        for address, value in (("C1", True), ("C2", False), ("DI1", True), ("HR1", 5), ("HR2", 6), ("IR1", 7)):
            it.put(address, value)
        assert (await client.read_coils(0, count=2)).bits[:2] == [True, False]
        assert (await client.read_discrete_inputs(0, count=1)).bits[0] is True
        assert (await client.read_input_registers(0, count=1)).registers == [7]
        assert not (await client.write_coil(1, True)).isError()
        assert not (await client.write_coils(0, [False, True])).isError()
        assert not (await client.write_register(0, 15)).isError()
        assert not (await client.mask_write_register(address=1, and_mask=0xFFF0, or_mask=0x0009)).isError()
        both = await client.readwrite_registers(read_address=0, read_count=2, write_address=0, values=[99])
        assert both.registers == [99, 9]
        assert [it.value(address) for address in ("C1", "C2", "HR1", "HR2")] == [False, True, 99, 9]
        told: Any = await client.read_device_information(read_code=1)
        assert told.information == {0: b"plantgate", 1: b"plantgate", 2: plantgate.__version__.encode()}
        assert (await client.read_holding_registers(50, count=1)).exception_code == 2
        assert (await client.write_register(50, 1)).exception_code == 2
        it.put("HR1", None, 512)
        assert (await client.read_holding_registers(0, count=2)).exception_code == 4


async def test_mbpoll_reads_and_writes(program: Callable[..., str]) -> None:
    mbpoll = program("mbpoll", package="mbpoll")

    async def run(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(mbpoll, "-m", "tcp", "-1", "-q", "-o", "5", "-p", str(it.port), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0, printed
        return printed.decode()

    async with plant(["C1", "DI1", "HR1", "HRF2", "IR1", "3.HR1"]) as it:
        for address, value in (("C1", True), ("DI1", True), ("HR1", 5), ("HRF2", 1.5), ("IR1", 7), ("3.HR1", 3)):
            it.put(address, value)
        assert "[1]: \t5" in await run("-t", "4", "-r", "1", "127.0.0.1")
        assert "[1]: \t3" in await run("-t", "4", "-r", "1", "-a", "3", "127.0.0.1")
        assert "[2]: \t1.5" in await run("-t", "4:float", "-B", "-r", "2", "127.0.0.1")
        assert "[1]: \t7" in await run("-t", "3", "-r", "1", "127.0.0.1")
        assert "[1]: \t1" in await run("-t", "0", "-r", "1", "127.0.0.1")
        assert "[1]: \t1" in await run("-t", "1", "-r", "1", "127.0.0.1")
        await run("-t", "4", "-r", "1", "127.0.0.1", "42")
        await run("-t", "0", "-r", "1", "127.0.0.1", "0")
        assert (it.value("HR1"), it.value("C1")) == (42, False)
