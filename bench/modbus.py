"""What polling Modbus costs: beside other clients, from the gateway's own process, and with rude devices beside."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Coroutine
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import psutil

from bench import modbus_clients
from bench.modbus_devices import devices
from bench.processes import Plant, free_ports, plantgate, wait_for, write_data
from bench.table import percentile, table
from plantgate.cli.run import loop_factory
from plantgate.drivers.modbus import ModbusDevice, ModbusOptions, parse_address
from plantgate.drivers.modbus.plan_view import planned, totals
from plantgate.drivers.modbus.planner import Point
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import Batch, DataType
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup

SECONDS = 20.0
SITES = ((1, 1_000), (16, 1_000), (50, 1_000))  # devices, tags each
TAGS = (1_000, 10_000, 50_000)
RUDE = ("silent", "stalled", "reset", "half close", "wrong id", "late", "double", "garbage", "dribble", "wrong length")
RATE = 0.1


def main() -> None:
    modbus_clients.main()
    rows = []
    for count, tags in SITES:
        with tempfile.TemporaryDirectory() as folder, devices("quick", str(count)) as ports:
            rows.append(_poll(Path(folder) / "data", ports, tags))
    table(
        f"A gateway that polls at 1 s over {SECONDS:g} s; registers stand still; no history, no page",
        ["devices x tags", "requests/s", "late polls", "good", "CPU, % of a core", "CPU, us/tag and poll", "RSS, MB"],
        rows,
    )
    table("A plan of requests", ["tags", "requests", "ms", "us/tag"], [_plan(count) for count in TAGS])
    table(
        f"Two healthy devices at {RATE * 1_000:g} ms over {SECONDS / 2:g} s: how far a poll is from its time, ms",
        ["", "polls", "p50", "p99", "worst", "late polls"],
        [
            asyncio.run(_jitter("alone", ())),
            asyncio.run(_jitter("with twelve rude devices", (*RUDE, "exception", "slow"))),
        ],
    )


def _run(work: Coroutine[Any, Any, list[object]]) -> list[object]:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def _poll(data: Path, ports: list[int], tags: int) -> list[object]:
    data.mkdir()
    http, plc_port, reader_port, control = free_ports(4)
    write_data(data, http, plc_port, reader_port)
    (data / "tags" / "line1.csv").unlink()
    toml = data / "plantgate.toml"
    text = toml.read_text(encoding="utf-8")
    head = text[: text.index("[[device]]")].replace('keep = "30d"', "enabled = false")
    tables = "".join(f'[[device]]\nname = "P{port}"\nhost = "127.0.0.1"\nport = {port}\n\n' for port in ports)
    toml.write_text(head + tables, encoding="utf-8")
    lines = [f"P{port}/R{number:05d},Int4,[P{port}]HRUS{number}" for port in ports for number in range(1, tags + 1)]
    (data / "tags" / "load.csv").write_text("\n".join(["path,type,address", *lines]) + "\n", encoding="utf-8")
    with plantgate("run", "--data", str(data)) as gateway:
        site = Plant(data, http, plc_port, reader_port, control, gateway, gateway)
        wait_for(lambda: site.state() == "RUNNING", "RUNNING", 60)
        wait_for(lambda: _sum(site, "tags_good") == len(lines), "every tag good", 60)
        process = psutil.Process(gateway.process.pid)
        requests, late = _sum(site, "requests"), _sum(site, "late_polls")
        cpu, at = process.cpu_times(), time.perf_counter()
        time.sleep(SECONDS)
        after, now = process.cpu_times(), time.perf_counter()
        used = after.user + after.system - cpu.user - cpu.system
        return [
            f"{len(ports)} x {tags:,}",
            (_sum(site, "requests") - requests) / (now - at),
            _sum(site, "late_polls") - late,
            _sum(site, "tags_good"),
            100 * used / (now - at),
            1e6 * used / (now - at) / len(lines),
            process.memory_info().rss / 1e6,
        ]


def _sum(site: Plant, figure: str) -> int:
    items: list[dict[str, Any]] = site.get("/api/v1/status")["items"]
    return sum(part["details"][figure] for part in items if part["kind"] == "device")


def _plan(count: int) -> list[object]:
    """Tags of four kinds, in no order, with gaps."""
    choice = random.Random(1)
    kinds = ("HRUS", "HRF", "IRI", "C")
    texts = [f"{unit}.{kinds[n % 4]}{1 + n}" for unit in range(1, 1 + count // 1_000) for n in range(1_000)]
    points = [(Point(tag, 0, parse_address(text), DataType.INT4), 1.0) for tag, text in enumerate(texts)]
    points = [(point._replace(unit=point.address.unit or 1), rate) for point, rate in points]
    choice.shuffle(points)
    requests, seconds = 0, inf
    for _ in range(3):
        began = time.process_time()
        requests = int(totals(planned(points, ModbusOptions("plc")))["requests"])
        seconds = min(seconds, time.process_time() - began)
    return [count, requests, 1e3 * seconds, 1e6 * seconds / count]


class _Times:
    """A sink that notes when a healthy device's values come."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def publish(self, batch: Batch) -> None:
        self.at.append(time.perf_counter())


async def _jitter(name: str, manners: tuple[str, ...]) -> list[object]:
    clock = SystemClock()
    tasks = TaskGroup("bench", clock, random.random)
    sinks = {"healthy 1": _Times(), "healthy 2": _Times()}
    drivers = []
    with devices("quick", "2") as good, devices("rude", *(manners or ("well",))) as rude:
        for which, port in [*zip(sinks, good, strict=True), *((f"rude {port}", port) for port in rude if manners)]:
            points = [
                (tag, TagDefinition(f"[default]{tag}", DataType.INT4, TagKind.DEVICE, which, f"HRUS{tag + 1}"), RATE)
                for tag in range(100)
            ]
            options = ModbusOptions("127.0.0.1", port)
            drivers.append(ModbusDevice(which, options, points, clock, sinks.get(which, _Times()), random.random))
            tasks.spawn(which, drivers[-1].run)
        await asyncio.sleep(1)
        for sink in sinks.values():
            sink.at.clear()
        await asyncio.sleep(SECONDS / 2)
        await tasks.stop()
    off = [1e3 * abs(later - earlier - RATE) for sink in sinks.values() for earlier, later in pairwise(sink.at)]
    late = sum(int(driver.status()[0].details["late_polls"] or 0) for driver in drivers[:2])
    return [name, len(off), percentile(off, 0.5), percentile(off, 0.99), max(off), late]


if __name__ == "__main__":
    main()
