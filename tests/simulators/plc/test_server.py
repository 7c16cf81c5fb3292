"""The simulated PLC as a process: what it prints, what it serves, how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

COMMAND = [sys.executable, "-c", "from plantgate.cli.plc import app; app()", "simulate", "--json", "--port"]


@contextmanager
def simulator(*options: str, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running simulator and its port, which it tells itself."""
    pipe = subprocess.PIPE
    arguments = [*COMMAND, str(port), *options]
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            first = event(process)
            assert first["event"] == "listening"
            yield process, first["port"]
        finally:
            process.kill()


def event(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    found: dict[str, Any] = json.loads(line)
    return found


async def test_an_independent_client_reads_and_commands_the_line() -> None:
    with simulator("--extra-registers", "20") as (process, port):
        client = AsyncModbusTcpClient("127.0.0.1", port=port)
        assert await client.connect()
        assert event(process)["event"] == "connected"
        setpoint = await client.read_holding_registers(0, count=2)
        assert client.convert_from_registers(setpoint.registers, client.DATATYPE.FLOAT32) == 180.0
        assert not (await client.write_coil(0, True)).isError()
        assert event(process) == {"event": "write", "address": "C1", "value": True, "tag": "Door 1/Strike"}
        assert (await client.read_coils(0, count=6)).bits[:6] == [True, False, True, False, False, False]
        assert (await client.read_discrete_inputs(0, count=8)).bits[7]
        assert not (await client.write_register(4, 7)).isError()
        assert event(process) == {"event": "write", "address": "HRUS5", "value": 7, "tag": "Recipe"}
        assert (await client.write_register(4, 99)).exception_code == 3
        assert (await client.write_register(0, 99)).exception_code == 2
        assert len((await client.read_holding_registers(1000, count=20)).registers) == 20
        assert (await client.read_holding_registers(1000, count=21)).exception_code == 2
        assert (await client.read_input_registers(0, count=44)).registers[43] & 1
        client.close()
        for _ in range(5):
            await asyncio.sleep(0)  # the loop closes the socket in its next turns; reading the event blocks it
        assert event(process)["event"] == "disconnected"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: signal.Signals) -> None:
    with simulator() as (process, port):
        process.send_signal(number)
        assert event(process) == {"event": "stopped", "port": port}
        assert process.wait(10) == 0


def test_it_ends_with_its_parent_if_asked() -> None:
    with simulator("--exit-with-parent") as (process, port):
        assert process.stdin is not None
        process.stdin.close()
        assert event(process) == {"event": "stopped", "port": port}
        assert process.wait(10) == 0


def test_a_taken_port_is_named_with_the_next_step() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND[:-2], "--port", str(port)], capture_output=True, text=True, check=False, timeout=30
        )
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert "next:" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_map_can_be_printed() -> None:
    done = subprocess.run([*COMMAND[:-2], "--map"], capture_output=True, text=True, check=True, timeout=30)
    assert "Door 1/Strike" in done.stdout
    done = subprocess.run([*COMMAND[:-1], "--map"], capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout)[0]["address"] == "C1"
