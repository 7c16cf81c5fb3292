"""What polling costs: 1,000 registers each second, in requests and in CPU, from the gateway's own process."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from bench.processes import Plant, free_ports, plantgate, wait_for, write_data
from bench.table import table

SECONDS = 20.0
COUNTS = (1_000, 4_000, 16_000)


def main() -> None:
    rows = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_poll(Path(folder) / "data", count))
    table(
        f"Modbus polling at 1 s over {SECONDS:g} s; every register changes each second; no history, no page",
        ["tags", "requests/s", "CPU, % of a core", "CPU, us/tag and poll", "good", "RSS, MB"],
        rows,
    )


def _poll(data: Path, count: int) -> list[object]:
    data.mkdir()
    http, plc_port, reader_port, control = free_ports(4)
    write_data(data, http, plc_port, reader_port)
    (data / "tags" / "line1.csv").unlink()
    toml = data / "plantgate.toml"
    text = toml.read_text(encoding="utf-8")
    device = text[: text.index("[[reader]]")].replace('keep = "30d"', "enabled = false")
    toml.write_text(device, encoding="utf-8")
    lines = [f"Load/R{number:05d},Int4,[PLC1]HRUS{1_001 + number}" for number in range(count)]
    (data / "tags" / "load.csv").write_text("\n".join(["path,type,address", *lines]) + "\n", encoding="utf-8")
    with (
        plantgate("plc", "simulate", "--port", str(plc_port), "--json", "--extra-registers", str(count)) as plc,
        plantgate("run", "--data", str(data)) as gateway,
    ):
        plc.event("listening")
        site = Plant(data, http, plc_port, reader_port, control, plc, gateway)
        wait_for(lambda: site.state() == "RUNNING", "RUNNING")
        wait_for(lambda: _device(site)["tags_good"] == count, "every tag good", 30)
        process = psutil.Process(gateway.process.pid)
        requests, cpu, at = _device(site)["requests"], process.cpu_times(), time.perf_counter()
        time.sleep(SECONDS)
        after, now = process.cpu_times(), time.perf_counter()
        polled = _device(site)
        used = after.user + after.system - cpu.user - cpu.system
        return [
            count,
            (polled["requests"] - requests) / (now - at),
            100 * used / (now - at),
            1e6 * used / (now - at) / count,
            polled["tags_good"],
            process.memory_info().rss / 1e6,
        ]


def _device(site: Plant) -> dict[str, int]:
    items = site.get("/api/v1/status")["items"]
    details: dict[str, int] = next(part["details"] for part in items if part["kind"] == "device")
    return details


if __name__ == "__main__":
    main()
