"""How long from the start of the process to RUNNING, and how much memory an idle gateway takes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.processes import Plant, plant, plantgate, wait_for
from bench.table import spread, table

RUNS = 5
IDLE_SECONDS = 10.0


def main() -> None:
    times: list[float] = []
    ended: list[float] = []
    memory: list[float] = []
    idle: list[float] = []
    with tempfile.TemporaryDirectory() as folder, plant(Path(folder)) as site:
        for run in range(RUNS):
            began = time.perf_counter()
            with plantgate("run", "--data", str(site.data)) as gateway:
                wait_for(lambda: site.state() == "RUNNING", "RUNNING")
                times.append(time.perf_counter() - began)
                if run == RUNS - 1:
                    process = psutil.Process(gateway.process.pid)
                    _watch(site, process, memory, idle)
                began = time.perf_counter()
                gateway.stop()
                ended.append(time.perf_counter() - began)
        polled = tags(site)
    rows = [["process start to RUNNING, s", *spread(times)], ["SIGTERM to end, s", *spread(ended)]]
    table(f"Start and end, the demo's configuration, {RUNS} runs", ["", "min", "median", "max"], rows)
    table(
        f"A gateway that polls {polled} tags and one reader, {IDLE_SECONDS:g} s",
        ["", "value"],
        [["RSS, MB", memory[0]], ["CPU, % of a core", idle[0]]],
    )
    _commands()


def tags(site: Plant) -> int:
    return sum(1 for _ in (site.data / "tags" / "line1.csv").open()) - 1


def _watch(site: Plant, process: psutil.Process, memory: list[float], idle: list[float]) -> None:
    site.connected()
    before, at = process.cpu_times(), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    after, now = process.cpu_times(), time.perf_counter()
    idle.append(100 * (after.user + after.system - before.user - before.system) / (now - at))
    memory.append(process.memory_info().rss / 1e6)


def _commands() -> None:
    rows = []
    for arguments in (["--help"], ["ports", "list", "--json"]):
        times = []
        for _ in range(RUNS):
            began = time.perf_counter()
            command = [sys.executable, "-m", "plantgate.cli.main", *arguments]
            done = subprocess.run(command, capture_output=True, check=True)
            times.append(time.perf_counter() - began)
            if "--json" in arguments:
                json.loads(done.stdout)
        rows.append([f"plantgate {' '.join(arguments)}", *spread(times)])
    table(f"Commands, s, {RUNS} runs", ["", "min", "median", "max"], rows)


if __name__ == "__main__":
    main()
