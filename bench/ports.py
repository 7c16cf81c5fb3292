"""Looking at ports: a subnet's worth of the loopback against nmap in the same run, and the probe of one full host."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.processes import START_SECONDS, free_ports, plant, wait_for
from bench.table import spread, table

NETS = (1, 2, 3, 4)
HOSTS = 250  # of each net
ATLAS = (8088, 8043, 8060, 4840, 4096, 502, 4000, 3306, 5432, 1433, 1521)
MORE = (80, 443, 1883, 8883, 62541, 22)
RUNS = 15
LISTENERS = (("127.0.1.7", 8088), ("127.0.2.9", 502), ("127.0.4.250", 62541))


def main() -> None:
    if shutil.which("nmap") is None:
        print("nmap is missing: apt-get install nmap", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, _listeners():
        _engine()
        _against_nmap(Path(folder))
    _probe()


def _against_nmap(folder: Path) -> None:
    """In turns, so that a busy moment meets both; then where our time goes, and how it grows."""
    ports = ",".join(map(str, (*ATLAS, *MORE)))
    ours, theirs = "plantgate ports scan --json", "nmap -sT -T5 -n -Pn"
    commands = {
        ours: _command(*(f"127.0.{net}.1-{HOSTS}" for net in NETS)),
        theirs: [*theirs.split(), "-p", ports, f"127.0.{NETS[0]}-{NETS[-1]}.1-{HOSTS}", "-oG", "-"],
        "59 addresses, 1,003 ports": _command("127.0.1.1-59"),
        "236 addresses, 4,012 ports": _command("127.0.1.1-236"),
        "1 address, 17 ports: the start": _command("127.0.1.1"),
        "nothing: --version": [*_PLANTGATE, "--version"],
        "nothing: python -c pass": [sys.executable, "-c", "pass"],
    }
    outputs = {name: folder / str(number) for number, name in enumerate(commands)}
    environment = _as_installed(folder)
    runs: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            runs[name].append(_measure(command, environment, outputs[name]))
    rows: list[list[object]] = []
    for name, measured in runs.items():
        seconds, memory = zip(*measured, strict=True)
        rows.append([name, *spread(seconds), max(memory) / 1024])
    title = f"1,000 addresses of 127.0.0.0/8 x {len(ATLAS + MORE)} ports, {RUNS} runs each, in turns"
    table(title, ["", "s min", "s median", "s max", "MB"], rows)
    looked, judged = _ours(outputs[ours].read_text()), _nmap(outputs[theirs].read_text())
    same = sum(looked.get(key) == state for key, state in judged.items())
    print(f"  the same answer for {same:,} of {len(judged):,} ports ({len(looked):,} looked at by us), ", end="")
    print(f"{sum(state == 'OPEN' for state in judged.values())} of them open")
    print()


_PLANTGATE = (sys.executable, "-m", "plantgate.cli.main")


def _command(*addresses: str) -> list[str]:
    return [*_PLANTGATE, "ports", "scan", *addresses, "--json", "--port", ",".join(map(str, MORE))]


def _as_installed(folder: Path) -> dict[str, str]:
    """Compiled once, as pip leaves it: a source tree whose byte code must not be written is compiled at each start."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    _measure(_command("127.0.1.1"), environment, folder / "first")
    return environment


def _engine() -> None:
    """The scan alone, in this process: no start, no rows."""
    from plantgate.ports.hosts import parse_hosts
    from plantgate.ports.reports import Wanted, sweep

    rows: list[list[object]] = []
    for hosts in (["127.0.1.1-59"], ["127.0.1.1-236"], [f"127.0.{net}.1-{HOSTS}" for net in NETS]):
        times: list[float] = []
        for _ in range(RUNS):
            began = time.perf_counter()
            wanted = [Wanted("", port) for port in (*ATLAS, *MORE)]
            sweep(parse_hosts(hosts), wanted, lambda _: None, mono=time.perf_counter)
            times.append(time.perf_counter() - began)
        count = parse_hosts(hosts).count * len(ATLAS + MORE)
        rows.append([f"{count:,} ports", *spread(times), 1e6 * min(times) / count])
    table("The scan alone", ["", "s min", "s median", "s max", "us a port"], rows)
    print()


@contextmanager
def _listeners() -> Iterator[None]:
    import socket

    with ExitStack() as stack:
        for address in LISTENERS:
            stack.enter_context(socket.create_server(address))
        yield


# A process of its own, small and with little in it: what a child is said to have had in memory at most begins with what
# the process that started it has.
_RUNNER = """
import os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], "wb"), stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - began, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


def _measure(command: Sequence[str], environment: dict[str, str], output: Path) -> tuple[float, int]:
    """Seconds, and most memory in KiB."""
    runner = [sys.executable, "-S", "-c", _RUNNER, str(output), *command]
    told = subprocess.run(runner, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert told[2] in {"0", "1"}, command
    return float(told[0]), int(told[1])


def _ours(text: str) -> dict[tuple[str, int], str]:
    return {(row["host"], row["port"]): row["state"] for row in json.loads(text)}


def _nmap(text: str) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    for line in text.splitlines():
        if match := re.match(r"Host: (\S+) .*Ports: ", line):
            for port, state in re.findall(r"(\d+)/(open|closed|filtered)/", line[match.end() :]):
                found[match.group(1), int(port)] = state.upper()
    return found


def _probe() -> None:
    """All eleven services of one host at once: real ones where a package is there, else the tests' responders."""
    from plantgate.ports.hosts import parse_hosts
    from plantgate.ports.survey import HostReport, ProbeOptions, Wanted, survey

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        wanted = [Wanted(name, port) for name, port in _services(stack, Path(folder)).items()]
        times: list[float] = []
        last: list[HostReport] = []
        for _ in range(3):
            last.clear()
            began = time.perf_counter()
            options = ProbeOptions(readers=True)
            asyncio.run(survey(parse_hosts(["127.0.0.1"]), wanted, last.append, probing=options))
            times.append(time.perf_counter() - began)
        rows = [
            [item.name, str(probe.finding), 1e3 * (probe.latency or 0), probe.verdict[:90]]
            for item, probe in sorted(last[0].probes.items(), key=lambda pair: pair[0].name)
        ]
    table(f"Probe of one host with {len(wanted)} services, 3 runs", ["", "s min", "s median", "s max"],
          [["scan and probe", *spread(times)]])  # fmt: skip
    table("each, in the last run", ["port", "finding", "ms", "verdict"], rows)


def _services(stack: ExitStack, folder: Path) -> dict[str, int]:
    import ssl

    from bench.databases import mariadb, postgresql, postgresql_folder
    from tests.ports import peers

    site = stack.enter_context(plant(folder))
    stack.enter_context(site.gateway())
    secure = peers.tls_context(folder)
    mutual = peers.tls_context(folder, client=ssl.CERT_REQUIRED)
    opcua, discovery = free_ports(2)
    for port in (opcua, discovery):
        stack.enter_context(_asyncua(port))
    found = {
        "http": site.http,
        "https": stack.enter_context(peers.server(peers.tls(peers.ignition(), secure))),
        "metro_ssl": stack.enter_context(peers.server(peers.tls(peers.ignition(), mutual))),
        "opcua": opcua,
        "opcua_discovery": discovery,
        "modbus": site.plc_port,
        "mssql": stack.enter_context(peers.server(peers.tds)),
        "oracle": stack.enter_context(peers.server(peers.tns(2, b"TNSLSNR for Linux: Version 19.0.0.0.0 - Prod"))),
    }
    # The gateway holds the reader's one place: another one for the probe.
    from plantgate.protocols.scrdr import encode_hello

    found["reader"] = stack.enter_context(peers.server(peers.says(encode_hello())))
    programs, server = postgresql_folder(), shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if programs is not None:
        found["postgresql"] = stack.enter_context(postgresql(programs))
    if server is not None:
        found["mysql"] = stack.enter_context(mariadb(server))
    return found


_UA_SERVER = """
import asyncio, sys, asyncua
async def main():
    server = asyncua.Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{sys.argv[1]}/plant")
    server.set_security_policy([asyncua.ua.SecurityPolicyType.NoSecurity])
    async with server:
        await asyncio.Event().wait()
asyncio.run(main())
"""


@contextmanager
def _asyncua(port: int) -> Iterator[None]:
    import socket

    def up() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    process = subprocess.Popen([sys.executable, "-c", _UA_SERVER, str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for(up, f"asyncua on {port}", START_SECONDS)
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
