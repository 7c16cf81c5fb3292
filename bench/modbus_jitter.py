"""How far the polls of fast devices are from their time while their neighbours are dead, slow or rude.

"Longest work" is the most processor time that our process took between two steps of its event loop's clock: what a
neighbour can cost the others at most, whatever else this machine does meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.modbus_devices import deaf, devices
from bench.table import percentile, table
from plantgate.cli.run import loop_factory
from plantgate.drivers.modbus import ModbusDevice, ModbusOptions
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import Batch, DataType
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.log import close, configure
from plantgate.runtime.tasks import TaskGroup

RATE, SECONDS, ROUNDS, NEIGHBOURS = 0.1, 8.0, 3, 12
RUDE = ("silent", "stalled", "reset", "half close", "wrong id", "late", "double", "garbage", "dribble", "wrong length")


class _Times:
    """A sink that notes when a fast device's values come."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def publish(self, batch: Batch) -> None:
        self.at.append(time.perf_counter())


def main() -> None:
    gc.freeze()  # as the product does
    with tempfile.TemporaryDirectory() as folder:
        configure(Path(folder) / "log", console=False)
        try:
            _table()
        finally:
            close()


def _table() -> None:
    neighbours: dict[str, tuple[str, ...]] = {
        "alone": (),
        f"beside {NEIGHBOURS} good devices": ("well",) * NEIGHBOURS,
        f"beside {NEIGHBOURS} that leave connects unanswered": ("deaf",) * NEIGHBOURS,
        f"beside {NEIGHBOURS} that accept and never answer": ("silent",) * NEIGHBOURS,
        f"beside {NEIGHBOURS} that take 10 s": ("slow",) * NEIGHBOURS,
        f"beside {len(RUDE) + 2} rude devices": (*RUDE, "exception", "slow"),
    }
    found: dict[str, list[list[float]]] = {}
    for _ in range(ROUNDS):
        for name, manners in neighbours.items():
            found.setdefault(name, []).append(_measured(manners))
    table(
        f"Two fast devices at {RATE * 1_000:g} ms over {SECONDS:g} s: how far the time between two polls is from that;"
        f" median of {ROUNDS} runs",
        ["", "polls", "late polls", "p50, ms", "p99, ms", "worst, ms", "longest work, ms", "the same, % of the period"],
        [[name, *_row(some)] for name, some in found.items()],
    )


def _row(some: Sequence[Sequence[float]]) -> list[object]:
    polls, late, *jitter = (median(column) for column in zip(*some, strict=True))
    return [round(polls), round(late), *jitter, 100 * jitter[-1] / (1e3 * RATE)]


def _measured(manners: Sequence[str]) -> list[float]:
    with ExitStack() as stack:
        fast = stack.enter_context(devices("quick", "2")).ports
        ports = stack.enter_context(deaf(manners.count("deaf")))
        rude = [manner for manner in manners if manner != "deaf"]
        if rude:
            ports += stack.enter_context(devices("rude", *rude)).ports
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory()))
        return runner.run(_jitter(fast, ports))


async def _jitter(fast: Sequence[int], others: Sequence[int]) -> list[float]:
    """Polls, late polls; p50, p99 and worst of the deviation, and the longest work, in ms."""
    clock = SystemClock()
    tasks = TaskGroup("bench", clock, random.random)
    sinks = {port: _Times() for port in (*fast, *others)}
    drivers = {port: _device(port, clock, sink) for port, sink in sinks.items()}
    for port, driver in drivers.items():
        tasks.spawn(str(port), driver.run)
    await asyncio.sleep(1)
    times = [sinks[port].at for port in fast]
    for at in times:
        at.clear()
    work = await _longest_work()
    await tasks.stop()
    off = [1e3 * abs(later - earlier - RATE) for at in times for earlier, later in pairwise(at)]
    late = sum(int(drivers[port].status()[0].details["late_polls"] or 0) for port in fast)
    return [len(off), late, percentile(off, 0.5), percentile(off, 0.99), max(off), 1e3 * work]


async def _longest_work() -> float:
    """Processor seconds; it takes SECONDS."""
    longest, end = 0.0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        before = time.thread_time()
        await asyncio.sleep(0.002)
        longest = max(longest, time.thread_time() - before)
    return longest


def _device(port: int, clock: SystemClock, sink: _Times) -> ModbusDevice:
    points = [
        (tag, TagDefinition(f"[default]{tag}", DataType.INT4, TagKind.DEVICE, str(port), f"HRUS{tag + 1}"), RATE)
        for tag in range(100)
    ]
    return ModbusDevice(str(port), ModbusOptions("127.0.0.1", port), points, clock, sink, random.random)


if __name__ == "__main__":
    main()
