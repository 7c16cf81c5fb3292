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

ADDRESSES = "127.0.1-4.1-250", ["127.0.1.1-250", "127.0.2.1-250", "127.0.3.1-250", "127.0.4.1-250"]
ATLAS = (8088, 8043, 8060, 4840, 4096, 502, 4000, 3306, 5432, 1433, 1521)
MORE = (80, 443, 1883, 8883, 62541, 22)
RUNS = 3
LISTENERS = (("127.0.1.7", 8088), ("127.0.2.9", 502), ("127.0.4.250", 62541))


def main() -> None:
    if shutil.which("nmap") is None:
        print("nmap is missing: apt-get install nmap", file=sys.stderr)
        return
    ours = [*(sys.executable, "-m", "plantgate.cli.main", "ports", "scan"), *ADDRESSES[1], "--json",
            "--port", ",".join(map(str, MORE))]  # fmt: skip
    ports = ",".join(map(str, (*ATLAS, *MORE)))
    theirs = ["nmap", "-sT", "-T5", "-n", "-Pn", "-p", ports, ADDRESSES[0], "-oG", "-"]
    rows: list[list[object]] = []
    answers: list[dict[tuple[str, int], str]] = []
    with _listeners():
        for name, command in (("plantgate ports scan --json", ours), ("nmap -sT -T5 -n -Pn", theirs)):
            seconds, memory, text = zip(*(_measure(command) for _ in range(RUNS)), strict=True)
            found = _ours(text[0]) if name.startswith("plantgate") else _nmap(text[0])
            answers.append(found)
            rows.append([name, *spread(seconds), max(memory) / 1024, sum(state == "OPEN" for state in found.values())])
    table(
        f"1,000 addresses of 127.0.0.0/8 x {len(ATLAS + MORE)} ports, {RUNS} runs each",
        ["", "s min", "s median", "s max", "MB", "open"],
        rows,
    )
    same = sum(answers[0].get(key) == state for key, state in answers[1].items())
    print(f"  the same answer for {same:,} of {len(answers[1]):,} ports ({len(answers[0]):,} looked at by us)")
    print()
    _probe()


@contextmanager
def _listeners() -> Iterator[None]:
    import socket

    with ExitStack() as stack:
        for address in LISTENERS:
            stack.enter_context(socket.create_server(address))
        yield


def _measure(command: Sequence[str]) -> tuple[float, int, str]:
    """Seconds, most memory in KiB, standard output."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = 0
        output.seek(0)
        return seconds, usage.ru_maxrss, output.read().decode()


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
        for _ in range(RUNS):
            last.clear()
            began = time.perf_counter()
            options = ProbeOptions(readers=True)
            asyncio.run(survey(parse_hosts(["127.0.0.1"]), wanted, last.append, probing=options))
            times.append(time.perf_counter() - began)
        rows = [
            [item.name, str(probe.finding), 1e3 * (probe.latency or 0), probe.verdict[:90]]
            for item, probe in sorted(last[0].probes.items(), key=lambda pair: pair[0].name)
        ]
    table(f"Probe of one host with {len(wanted)} services, {RUNS} runs", ["", "s min", "s median", "s max"],
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
