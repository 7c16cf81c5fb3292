"""Requests a second of 125 registers, ten devices at once: our driver, pymodbus's client, libmodbus; same servers."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from pathlib import Path
from typing import Any

from bench.libmodbus import compiled
from bench.modbus_devices import devices
from bench.table import table
from plantgate.cli.run import loop_factory
from plantgate.drivers.modbus.address import parse_address
from plantgate.drivers.modbus.jobs import Counters, Job
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.outcomes import Outcome
from plantgate.drivers.modbus.planner import Point, plan
from plantgate.drivers.modbus.polling import Segment
from plantgate.drivers.modbus.session import Session
from plantgate.model.value import Batch, DataType
from plantgate.protocols.modbus.client import Reply
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import connect
from plantgate.runtime.tasks import TaskGroup

DEVICES, REGISTERS, SECONDS, ROUNDS = 10, 125, 3.0, 3


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
            session.submit(Job(1, segment.exchanges[0], done, 0, now))

    session.submit(Job(1, segment.exchanges[0], done, 0, clock.mono()))


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


def _libmodbus(program: Path, ports: Sequence[int]) -> tuple[float, float]:
    done = subprocess.run(
        [program, str(SECONDS), *map(str, ports)], check=True, capture_output=True, text=True
    ).stdout.split()
    return int(done[0]) / SECONDS, float(done[1]) / int(done[0])


def _measured(work: Callable[[], Coroutine[Any, Any, int]]) -> tuple[float, float]:
    """Answers a second, and processor seconds an answer."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        began = time.process_time()
        answers = runner.run(work())
        used = time.process_time() - began
    return answers / SECONDS, used / max(1, answers)


def main() -> None:
    found: dict[str, list[tuple[float, float]]] = {}
    with devices("quick", str(DEVICES)) as ports, tempfile.TemporaryDirectory() as folder:
        kinds: dict[str, Callable[[], tuple[float, float]]] = {
            "plantgate's driver, one request open": lambda: _measured(lambda: _ours(ports, SECONDS)),
            "plantgate's driver, concurrent_requests = 4": lambda: _measured(lambda: _ours(ports, SECONDS, 4)),
            "plantgate's driver, concurrent_requests = 8": lambda: _measured(lambda: _ours(ports, SECONDS, 8)),
            "pymodbus, asyncio": lambda: _measured(lambda: _pymodbus(ports, SECONDS)),
        }
        try:
            program = compiled("modbus_client", Path(folder))
            kinds["libmodbus (C), in turn"] = lambda: _libmodbus(program, ports)
        except (OSError, subprocess.CalledProcessError):
            print("libmodbus is not measured: it needs cc and libmodbus-dev")
        for _ in range(ROUNDS):
            for name, work in kinds.items():
                found.setdefault(name, []).append(work())
    best = {name: (max(rate for rate, _ in some), min(cpu for _, cpu in some)) for name, some in found.items()}
    peer = best["pymodbus, asyncio"][0]
    table(
        f"Reading {DEVICES} devices x {REGISTERS} registers as fast as they answer, best of {ROUNDS}; all decode",
        ["", "requests/s", "times pymodbus", "CPU, us/request"],
        [[name, round(rate), rate / peer, 1e6 * cpu] for name, (rate, cpu) in best.items()],
    )


if __name__ == "__main__":
    main()
