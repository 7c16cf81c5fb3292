"""The Modbus server against pymodbus's in the same run: 125 registers asked for by 1, 10 and 50 clients."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pymodbus

from bench.processes import free_ports, plantgate, wait_for
from bench.table import percentile, table
from plantgate.cli.run import loop_factory

SECONDS = 4.0
CLIENTS = (1, 10, 50)
REGISTERS = 125
_REQUEST = bytes.fromhex("000100000006010300000000")[:-2] + REGISTERS.to_bytes(2, "big")
_ANSWER_BYTES = 9 + 2 * REGISTERS

PYMODBUS = """
import asyncio, sys
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
async def main():
    data = [SimData(0, values=list(range(125)), datatype=DataType.REGISTERS)]
    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    device = SimDevice(0, simdata=(bits, bits, data, data))
    await ModbusTcpServer(device, address=("127.0.0.1", int(sys.argv[1]))).serve_forever()
if sys.argv[2] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


def main() -> None:
    rows: list[list[object]] = []
    for name, server in (
        ("plantgate", _plantgate),
        (f"pymodbus {pymodbus.__version__}", _pymodbus),
        (f"pymodbus {pymodbus.__version__}, uvloop", _pymodbus_uvloop),
    ):
        with server() as (port, pid):
            rows += [[f"{name}, {clients} clients", *_measure(port, pid, clients)] for clients in CLIENTS]
    table(
        f"Modbus server, {REGISTERS} holding registers a request, {SECONDS:g} s each; clients on the same machine",
        ["server", "requests/s", "p50, ms", "p99, ms", "server CPU, us/request", "RSS, MB"],
        rows,
    )


@contextmanager
def _plantgate() -> Iterator[tuple[int, int]]:
    http, port = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        (data / "gateway.xml").write_text(
            f'<properties><entry key="gateway.port">{http}</entry><entry key="gateway.sslport">0</entry></properties>',
            encoding="utf-8",
        )
        text = f"[history]\nenabled = false\n[modbus_server]\nenabled = true\nport = {port}\n"
        text += "max_clients_per_address = 64\n"
        for number in range(1, REGISTERS + 1):
            text += f'[[modbus_server.map]]\naddress = "HR{number}"\ntag = "R{number}"\n'
            text += f'[[tag]]\npath = "R{number}"\ntype = "Int2"\ninitial = {number}\n'
        (data / "plantgate.toml").write_text(text, encoding="utf-8")
        with plantgate("run", "--data", folder) as command:
            wait_for(lambda: _answers(port), "the Modbus server")
            yield port, command.process.pid


@contextmanager
def _pymodbus(loop: str = "asyncio") -> Iterator[tuple[int, int]]:
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-c", PYMODBUS, str(port), loop], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port), "pymodbus's server")
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def _pymodbus_uvloop() -> Iterator[tuple[int, int]]:
    with _pymodbus("uvloop") as found:
        yield found


def _answers(port: int) -> bool:
    import socket

    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as one:
            one.sendall(_REQUEST)
            return len(one.recv(_ANSWER_BYTES)) == _ANSWER_BYTES
    except OSError:
        return False


class _Client(asyncio.Protocol):
    """One request at a time, the next as soon as the answer is whole."""

    def __init__(self, seconds: list[float]) -> None:
        self._seconds = seconds
        self._missing = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.ask()

    def ask(self) -> None:
        self._missing = _ANSWER_BYTES
        self._sent = time.perf_counter()
        self._transport.write(_REQUEST)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0:
            self._seconds.append(time.perf_counter() - self._sent)
            self.ask()


async def _load(port: int, clients: int, seconds: float) -> list[float]:
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    made = [await loop.create_connection(lambda: _Client(taken), "127.0.0.1", port) for _ in range(clients)]
    await asyncio.sleep(0.5)
    taken.clear()
    await asyncio.sleep(seconds)
    result = list(taken)
    for transport, _ in made:
        transport.close()
    await asyncio.sleep(0.1)
    return result


def _measure(port: int, pid: int, clients: int) -> list[object]:
    process = psutil.Process(pid)
    before, begun = process.cpu_times(), time.perf_counter()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        taken = runner.run(_load(port, clients, SECONDS))
    after, spent = process.cpu_times(), time.perf_counter() - begun
    used = after.user + after.system - before.user - before.system
    return [
        len(taken) / SECONDS,
        1e3 * percentile(taken, 0.5),
        1e3 * percentile(taken, 0.99),
        1e6 * used / (len(taken) * spent / SECONDS),
        process.memory_info().rss / 1e6,
    ]


if __name__ == "__main__":
    main()
