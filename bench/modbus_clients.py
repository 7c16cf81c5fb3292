"""Requests a second of 125 registers, ten devices at once: our driver, pymodbus's client, libmodbus; same servers.

The clients take turns, each in every round, so that what else the machine does meets all of them. The devices are a
process of their own; what they cost is shown, to tell whether they or the client are the limit.
"""

from __future__ import annotations

import asyncio
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias, cast

from bench.libmodbus import compiled
from bench.modbus_devices import devices
from bench.table import table
from plantgate.cli.run import loop_factory
from plantgate.drivers.modbus.address import parse_address
from plantgate.drivers.modbus.blocks import Segment
from plantgate.drivers.modbus.jobs import Counters, Job
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import Outcome
from plantgate.drivers.modbus.planner import Point, plan
from plantgate.drivers.modbus.session import Session
from plantgate.model.value import Batch, DataType
from plantgate.protocols.modbus import Function, Read, Reply, exchange, frame
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import connect
from plantgate.runtime.tasks import TaskGroup

DEVICES, REGISTERS, SECONDS, ROUNDS = 10, 125, 2.0, 5
PYMODBUS = "pymodbus, asyncio"

Cost: TypeAlias = tuple[int, float]  # answers, and the processor seconds of the client


class _Sink:
    values = 0

    def publish(self, batch: Batch) -> None:
        self.values += len(batch.values)


async def _ours(ports: Sequence[int], seconds: float, depth: int = 1) -> int:
    """The driver's session, decoder and batches, each device asked again as soon as it has answered."""
    clock, sink, counters = SystemClock(), _Sink(), Counters()
    tasks = TaskGroup("bench", clock)
    points = [Point(tag, 1, parse_address(f"HRUS{tag + 1}"), DataType.INT4) for tag in range(REGISTERS)]
    for port in ports:
        options = ModbusOptions("127.0.0.1", port, concurrent_requests=depth)
        [block] = plan(points, options)
        segment = Segment(block, options)
        stream = await connect("127.0.0.1", port, timeout=5)
        session = Session(stream, options, clock, counters, {1}, lambda: None)
        for _ in range(depth):
            _again(session, segment, sink, clock)
        tasks.spawn(str(port), _run(session))
    await asyncio.sleep(seconds)
    await tasks.stop()
    assert sink.values >= counters.replies * REGISTERS
    return counters.replies


def _run(session: Session) -> Callable[[], Coroutine[Any, Any, None]]:
    async def run() -> None:
        await session.run(lambda: inf, lambda now: None)

    return run


def _again(session: Session, segment: Segment, sink: _Sink, clock: SystemClock) -> None:
    def done(outcome: Outcome, now: float) -> None:
        if isinstance(outcome, Reply):
            wall = clock.wall()
            segment.payload = None  # decoded each time, as if every value had changed
            column = segment.decode(outcome.data)
            sink.publish(Batch(segment.tags, column, segment.good, (wall,) * len(column), wall))
            session.submit(Job(1, asked, done, 0, now))

    asked = segment.exchanges[0]
    session.submit(Job(1, asked, done, 0, clock.mono()))


async def _pymodbus(ports: Sequence[int], seconds: float) -> int:
    from pymodbus.client import AsyncModbusTcpClient

    answers = 0
    end = time.monotonic() + seconds

    async def ask(port: int) -> None:
        nonlocal answers
        client = AsyncModbusTcpClient("127.0.0.1", port=port)
        await client.connect()
        while time.monotonic() < end:
            reply = await client.read_holding_registers(0, count=REGISTERS, device_id=1)
            answers += len(reply.registers) == REGISTERS
        client.close()

    await asyncio.gather(*map(ask, ports))
    return answers


class _Bare(asyncio.Protocol):
    """As little as can be done on this event loop: no table, no deadline, no check; a struct for the registers."""

    answers = 0
    _registers = struct.Struct(f">{REGISTERS}H")
    _request = frame(1, 1, exchange(Read(Function.READ_HOLDING_REGISTERS, 0, REGISTERS)).pdu)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._registers.unpack_from(data, len(data) - self._registers.size)
        self.answers += 1
        self._transport.write(self._request)


async def _bare(ports: Sequence[int], seconds: float) -> int:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(_Bare, "127.0.0.1", port) for port in ports]
    await asyncio.sleep(seconds)
    for transport, _ in made:
        transport.close()
    return sum(protocol.answers for _, protocol in made)


def _libmodbus(program: Path, ports: Sequence[int]) -> Cost:
    done = subprocess.run(
        [program, str(SECONDS), *map(str, ports)], check=True, capture_output=True, text=True
    ).stdout.split()
    return int(done[0]), float(done[1])


def _measured(work: Callable[[], Coroutine[Any, Any, int]]) -> Cost:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        began = time.process_time()
        answers = runner.run(work())
        return answers, time.process_time() - began


def main() -> None:
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    served: dict[str, list[float]] = {}
    with devices("quick", str(DEVICES)) as plcs, tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for name, work in _kinds(plcs.ports, Path(folder)).items():
                before = plcs.cpu_seconds()
                answers, used = work()
                rates.setdefault(name, []).append(answers / SECONDS)
                costs.setdefault(name, []).append(1e6 * used / answers)
                served.setdefault(name, []).append(1e6 * (plcs.cpu_seconds() - before) / answers)
    peer, peer_cost = median(rates[PYMODBUS]), median(costs[PYMODBUS])
    table(
        f"Reading {DEVICES} devices x {REGISTERS} registers as fast as they answer, median of {ROUNDS}; all decode",
        ["", "requests/s", "times pymodbus", "CPU, us/request", "pymodbus / this", "the devices' CPU, us/request"],
        [
            [
                name,
                round(median(some)),
                median(some) / peer,
                median(costs[name]),
                peer_cost / median(costs[name]),
                median(served[name]),
            ]
            for name, some in rates.items()
        ],
    )


def _kinds(ports: Sequence[int], folder: Path) -> dict[str, Callable[[], Cost]]:
    kinds: dict[str, Callable[[], Cost]] = {
        "plantgate's driver, one request open": lambda: _measured(lambda: _ours(ports, SECONDS)),
        PYMODBUS: lambda: _measured(lambda: _pymodbus(ports, SECONDS)),
        "plantgate's driver, concurrent_requests = 4": lambda: _measured(lambda: _ours(ports, SECONDS, 4)),
        "plantgate's driver, concurrent_requests = 8": lambda: _measured(lambda: _ours(ports, SECONDS, 8)),
        "bare asyncio.Protocol, nothing checked": lambda: _measured(lambda: _bare(ports, SECONDS)),
    }
    try:
        program = folder / "modbus_client"
        if not program.exists():
            compiled("modbus_client", folder)
        kinds["libmodbus (C), in turn"] = lambda: _libmodbus(program, ports)
    except (OSError, subprocess.CalledProcessError):
        print("libmodbus is not measured: it needs cc and libmodbus-dev")
    return kinds


if __name__ == "__main__":
    main()
