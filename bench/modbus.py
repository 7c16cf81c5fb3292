"""What polling Modbus costs: beside other clients, from the gateway's own process, and beside other gateways."""

from __future__ import annotations

import random
import tempfile
import time
from math import inf
from pathlib import Path

import psutil

from bench import modbus_clients, modbus_jitter, modbus_peers
from bench.modbus_devices import cpu_seconds, devices
from bench.modbus_gateway import figure, gateway_that_polls
from bench.table import table
from plantgate.drivers.modbus import ModbusOptions, parse_address
from plantgate.drivers.modbus.plan_view import planned, totals
from plantgate.drivers.modbus.planner import Point
from plantgate.model.value import DataType

SECONDS = 20.0
SITES = ((1, 1_000), (16, 1_000), (50, 1_000))  # devices, tags each
TAGS = (1_000, 10_000, 50_000)


def main() -> None:
    modbus_clients.main()
    table(
        f"A gateway that polls at 1 s over {SECONDS:g} s; no history, no page",
        ["devices x tags", "requests/s", "late polls", "good", "CPU, % of a core", "CPU, us/tag and poll", "RSS, MB"],
        [_poll(kind, count, tags) for kind in ("quick", "changing") for count, tags in SITES],
    )
    table("A plan of requests", ["tags", "requests", "ms", "us/tag"], [_plan(count) for count in TAGS])
    modbus_jitter.main()
    modbus_peers.main()


def _poll(kind: str, count: int, tags: int) -> list[object]:
    with (
        tempfile.TemporaryDirectory() as folder,
        devices(kind, str(count)) as plcs,
        gateway_that_polls(Path(folder) / "data", plcs.ports, tags) as site,
    ):
        process = psutil.Process(site.plc.process.pid)
        asked, late = plcs.asked(), figure(site, "late_polls")
        used, at = cpu_seconds(process), time.perf_counter()
        time.sleep(SECONDS)
        used, spent = cpu_seconds(process) - used, time.perf_counter() - at
        return [
            f"{count} x {tags:,}, {'all change' if kind == 'changing' else 'stand still'}",
            (plcs.asked() - asked) / spent,
            figure(site, "late_polls") - late,
            figure(site, "tags_good"),
            100 * used / spent,
            1e6 * used / spent / (count * tags),
            process.memory_info().rss / 1e6,
        ]


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


if __name__ == "__main__":
    main()
