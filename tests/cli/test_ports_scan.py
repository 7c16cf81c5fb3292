"""`plantgate ports scan` as a person calls it: several hosts, ranges, probes, exit status; nmap judges the states."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.processes import free_ports
from plantgate.cli.ports import app
from tests.ports import peers


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PLANTGATE_", "GATEWAY_")):
            monkeypatch.delenv(name)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["scan", *arguments])


def _json(*arguments: str, status: int = 0) -> list[dict[str, Any]]:
    result = _run(*arguments, "--json")
    assert result.exit_code == status, result.output
    rows = json.loads(result.stdout)
    assert isinstance(rows, list)
    return rows


def test_a_range_with_one_open_port_tells_of_that_host_only() -> None:
    with peers.server(peers.ignition(), "127.0.5.3") as port:
        arguments = ("127.0.5.1-4", "--only", "http", "--set", f"http_port={port}")
        result = _run(*arguments)
        rows = _json(*arguments)
    assert result.exit_code == 0, "in a range nobody is required to answer"
    assert result.stdout.splitlines()[0] == "127.0.5.3"
    assert "127.0.5.1" not in result.stdout
    assert result.stdout.splitlines()[-1] == (
        "4 hosts: 1 with open ports; 3 that answer, with none of these ports open"
    )
    assert [(row["host"], row["state"]) for row in sorted(rows, key=lambda row: str(row["host"]))] == [
        ("127.0.5.1", "CLOSED"),
        ("127.0.5.2", "CLOSED"),
        ("127.0.5.3", "OPEN"),
        ("127.0.5.4", "CLOSED"),
    ]
    assert all({"name", "host", "port", "state"} <= row.keys() for row in rows)


def test_a_probe_tells_what_it_is_and_the_exit_status_whether_it_should_be() -> None:
    with peers.server(peers.ignition()) as http, peers.server(peers.tds) as sql:
        good = _json("127.0.0.1", "--only", "http", "--probe", "--set", f"http_port={http}")
        arguments = ("127.0.0.1", "--only", "http", "--probe", "--timeout", "0.2", "--set", f"http_port={sql}")
        wrong = _json(*arguments, status=1)
        text = _run("127.0.0.1", "--only", "http", "--probe", "--set", f"http_port={http}")
    (row,) = good
    assert (row["probe"]["finding"], row["probe"]["product"], row["probe"]["version"]) == (
        "EXPECTED",
        "Ignition",
        "8.3.4",
    )
    assert wrong[0]["probe"]["finding"] == "OTHER"
    assert f"port {sql} is open but speaks SQL Server (TDS)" in wrong[0]["probe"]["verdict"]
    assert "EXPECTED  Ignition 8.3.4, RUNNING, Master, active" in text.stdout


def test_a_required_port_that_is_closed() -> None:
    (port,) = free_ports(1)
    assert _run("127.0.0.1", "--only", "modbus", "--set", f"modbus_port={port}").exit_code == 1, "asked for by name"
    assert _run("127.0.0.1", "--set", f"http_port={port}", "--set", "https_port=0").exit_code == 1
    with peers.server(peers.says(b"")) as https:
        result = _run("127.0.0.1", "--set", f"http_port={port}", "--set", f"https_port={https}")
    assert result.exit_code == 0, "one of HTTP and HTTPS is enough"


def test_a_reader_is_asked_only_by_name() -> None:
    from plantgate.protocols.scrdr import encode_hello

    with peers.server(peers.says(encode_hello())) as port:
        shy = _json("127.0.0.1", "--probe", "--port", str(port), "--only", "reader", "--set", "http_port=1", status=1)
        assert {row["port"] for row in shy} == {4000, port}
        assert next(row for row in shy if row["port"] == port)["probe"]["speaks"] == "reader"


def test_other_ports_and_a_host_named_twice() -> None:
    with peers.server(peers.says(b"")) as port:
        rows = _json("127.0.0.1", "127.0.0.1", "--port", f"{port}", "--only", "oracle", status=1)
    assert [(row["name"], row["port"], row["state"]) for row in rows if row["port"] == port] == [("", port, "OPEN")]
    assert len(rows) == 2


def test_a_forced_range_says_how_many() -> None:
    result = _run("0.0.0.0/0")
    assert result.exit_code == 2
    assert "4,294,967,294 addresses" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 2, "one line, and the next step"
    result = _run("127.0.6.1-127.0.6.9", "--force", "--only", "http")
    assert result.stderr.startswith("scanning 9 addresses, 9 ports\n")


def test_nmap_sees_the_same(program: Callable[..., str]) -> None:
    nmap = program("nmap", package="nmap")
    with (
        socket.create_server(("127.0.7.2", 0)) as first,
        socket.create_server(("127.0.7.5", 0)) as second,
    ):
        ports = sorted({first.getsockname()[1], second.getsockname()[1], *free_ports(3)})
        listed = ",".join(map(str, ports))
        judged = subprocess.run(
            [nmap, "-sT", "-T5", "-n", "-Pn", "-p", listed, "127.0.7.1-6", "-oG", "-"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        rows = _json("127.0.7.1-6", "--only", "http", "--port", listed)
    theirs = {
        (match[1], int(port)): state.upper()
        for line in judged.splitlines()
        if (match := re.match(r"Host: (\S+) .*Ports: (.*)", line))
        for port, state in re.findall(r"(\d+)/(\w+)/", match[2])
    }
    ours = {(row["host"], row["port"]): row["state"] for row in rows if row["name"] == ""}
    assert ours == theirs
    assert sorted(theirs.values()).count("OPEN") == 2
