"""What other gateways send and cost for 1,000 tags at 1 s: thingsboard-gateway and Node-RED beside ours.

The same simulated PLC for all; requests are counted there, on the wire. Nothing is installed or downloaded: a peer is
measured if it is there, on PATH or where the variable says, and named with its command to install otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from bench.modbus_devices import Devices, cpu_seconds, devices
from bench.modbus_gateway import gateway_that_polls
from bench.processes import free_ports, wait_for
from bench.table import table

TAGS, BLOCK = 1_000, 100
WARM_UP, SECONDS, ROUNDS = 5.0, 10.0, 3


@dataclass(frozen=True)
class Peer:
    """A gateway to start: its program, how to configure and call it, how to get it."""

    name: str
    program: str
    variable: str
    install: str
    start: Callable[[str, Path, int], subprocess.Popen[bytes]]

    def found(self) -> str | None:
        return os.environ.get(self.variable) or shutil.which(self.program)

    @contextmanager
    def polling(self, folder: Path, port: int) -> Iterator[psutil.Process]:
        program = self.found()
        assert program is not None
        process = self.start(program, folder, port)
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()
            process.wait()


def _thingsboard(ranges: bool, program: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """`ranges`: one entry for all tags, read in blocks as large as with the others; else an entry for each.

    Its platform is not there (127.0.0.1, a port that is closed): it goes on polling and keeps what it reads."""
    one = {"type": "16int", "functionCode": 3, "objectsCount": 1}
    tags: list[dict[str, object]] = [{**one, "tag": f"R{number}", "address": number} for number in range(TAGS)]
    if ranges:
        tags = [{**one, "tag": "R${address}", "address": f"0-{TAGS - 1}", "maxRegistersPerRequest": BLOCK}]
    slave = {
        **{"host": "127.0.0.1", "port": port, "type": "tcp", "method": "socket", "unitId": 1},
        **{"deviceName": "PLC", "deviceType": "default", "timeout": 5, "pollPeriod": 1_000},
        **{"byteOrder": "BIG", "wordOrder": "BIG", "timeseries": tags},
        **{"attributes": [], "attributeUpdates": [], "rpc": []},
    }
    upstream = {
        **{"host": "127.0.0.1", "port": free_ports(1)[0], "remoteConfiguration": False, "remoteShell": False},
        "security": {"type": "accessToken", "accessToken": "none"},
    }
    main = {
        "thingsboard": upstream,
        "storage": {"type": "memory", "read_records_count": 100, "max_records_count": 100_000},
        "connectors": [{"name": "Modbus", "type": "modbus", "configuration": "modbus.json"}],
    }
    logs = {
        **{"version": 1, "disable_existing_loggers": False, "formatters": {}, "handlers": {}, "loggers": {}},
        "root": {"level": "ERROR", "handlers": []},
    }
    for name, content in (("tb_gateway", main), ("modbus", {"master": {"slaves": [slave]}}), ("logs", logs)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return _quietly([program], folder, {"TB_GW_CONFIG_DIR": str(folder)})


def _node_red(program: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """contrib-modbus reads blocks; a node for each, all through one connection."""
    client = {
        **{"id": "plc", "type": "modbus-client", "clienttype": "tcp", "bufferCommands": True, "unit_id": 1},
        **{"tcpHost": "127.0.0.1", "tcpPort": str(port), "tcpType": "DEFAULT", "commandDelay": 1},
        **{"clientTimeout": 1_000, "reconnectOnTimeout": True, "reconnectTimeout": 2_000},
        **{"parallelUnitIdsAllowed": True, "stateLogEnabled": False, "queueLogEnabled": False},
    }
    reads = [
        {
            **{"id": f"read{start}", "type": "modbus-read", "z": "flow", "server": "plc", "unitid": "1"},
            **{"dataType": "HoldingRegister", "adr": str(start), "quantity": str(BLOCK)},
            **{"rate": "1", "rateUnit": "s", "useIOFile": False, "wires": [["sink"], []], "x": 1, "y": 1},
        }
        for start in range(0, TAGS, BLOCK)
    ]
    sink = {
        **{"id": "sink", "type": "function", "z": "flow", "outputs": 1, "wires": [[]], "x": 1, "y": 1},
        "func": "for (const value of msg.payload) if (value !== null) flow.set('last', value); return null;",
    }
    flow = [{"id": "flow", "type": "tab", "label": "flow"}, client, *reads, sink]
    (folder / "flows.json").write_text(json.dumps(flow), encoding="utf-8")
    (folder / "settings.js").write_text(
        f"module.exports = {{uiHost: '127.0.0.1', uiPort: {free_ports(1)[0]}, flowFile: 'flows.json',"
        " telemetry: {enabled: false}, logging: {console: {level: 'error'}}}",
        encoding="utf-8",
    )
    return _quietly([program, "-u", str(folder), "-s", str(folder / "settings.js")], folder, {})


def _quietly(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(words, cwd=folder, env={**os.environ, **environment}, stdout=output, stderr=output)


_THINGSBOARD = (
    "thingsboard-gateway",
    "PLANTGATE_BENCH_THINGSBOARD",
    'pip install thingsboard-gateway "pymodbus==3.9.2" pyserial pyserial-asyncio, in an environment of its own',
)
_NODE_RED = (
    "node-red",
    "PLANTGATE_BENCH_NODE_RED",
    "npm i --ignore-scripts node-red node-red-contrib-modbus@5.23.3, in a folder of its own",
)
PEERS = (
    Peer("thingsboard-gateway, a tag each", *_THINGSBOARD, partial(_thingsboard, False)),
    Peer("thingsboard-gateway, one range", *_THINGSBOARD, partial(_thingsboard, True)),
    Peer(f"Node-RED, {TAGS // BLOCK} blocks", *_NODE_RED, _node_red),
)


def main() -> None:
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(ROUNDS):
        with (
            tempfile.TemporaryDirectory() as folder,
            devices("changing", "1") as plc,
            gateway_that_polls(Path(folder) / "data", plc.ports, TAGS) as site,
        ):
            rows.setdefault("plantgate", []).append(_cost(plc, psutil.Process(site.plc.process.pid)))
        for peer in filter(Peer.found, PEERS):
            with (
                tempfile.TemporaryDirectory() as folder,
                devices("changing", "1") as plc,
                peer.polling(Path(folder), plc.ports[0]) as process,
            ):
                wait_for(plc.asked, f"a request of {peer.name}", 60)
                rows.setdefault(peer.name, []).append(_cost(plc, process))
    table(
        f"{TAGS:,} holding registers of one PLC at 1 s, all changing; median of {ROUNDS} runs of {SECONDS:g} s",
        ["", "requests/s", "CPU, % of a core", "RSS, MB"],
        [[name, *(median(column) for column in zip(*some, strict=True))] for name, some in rows.items()],
    )
    for peer in PEERS:
        if peer.found() is None:
            print(f"  {peer.name}: not installed: {peer.install}; on PATH, or {peer.variable}=/path/of/{peer.program}")


def _cost(plc: Devices, process: psutil.Process) -> tuple[float, float, float]:
    """Requests a second at the PLC, CPU % and resident MB of `process` and its children."""
    time.sleep(WARM_UP)
    family = [process, *process.children(recursive=True)]
    requests, cpu, at = plc.asked(), sum(map(cpu_seconds, family)), time.perf_counter()
    time.sleep(SECONDS)
    spent = time.perf_counter() - at
    rate = (plc.asked() - requests) / spent
    used = sum(map(cpu_seconds, family)) - cpu
    return rate, 100 * used / spent, sum(each.memory_info().rss for each in family) / 1e6


if __name__ == "__main__":
    main()
