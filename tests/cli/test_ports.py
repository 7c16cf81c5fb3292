"""`plantgate ports list` and `ports scan`, as a person calls them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from plantgate.cli.ports import app
from plantgate.ports.specs import NAMES

CASES = Path(__file__).parents[1] / "config" / "cases"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PLANTGATE_", "GATEWAY_")):
            monkeypatch.delenv(name)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def _json(*arguments: str, status: int = 0) -> list[dict[str, Any]]:
    result = _run(*arguments, "--json")
    assert result.exit_code == status, result.output
    rows = json.loads(result.stdout)
    assert isinstance(rows, list)
    return rows


@contextmanager
def _listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_list_needs_no_data_directory() -> None:
    rows = _json("list")
    assert {row["name"] for row in rows} == set(NAMES)
    assert {"name", "host", "port", "state"} <= rows[0].keys()
    assert rows[0]["port"] == 8088


def test_list_names_who_holds_a_port() -> None:
    with _listener() as port:
        row = _json("list", "--set", f"http_port={port}")[0]
        text = _run("list", "--set", f"http_port={port}").stdout
    assert (row["name"], row["port"], row["state"], row["source"]) == ("http", port, "LISTENING", "--set")
    assert row["owner"]["pid"] == os.getpid()
    line = next(line for line in text.splitlines() if line.startswith("http "))
    assert f"(pid {os.getpid()}, " in line


def test_list_of_a_data_directory() -> None:
    rows = _json("list", "--data", str(CASES / "valid" / "plant"))
    readers = [(row["instance"], row["host"], row["port"], row["state"]) for row in rows if row["name"] == "reader"]
    assert readers == [
        ("entrance", "192.0.2.20", 4000, "NOT_CHECKED"),
        ("exit", "2001:db8::20", 4001, "NOT_CHECKED"),
        ("store", "192.0.2.21", 4000, "NOT_CHECKED"),
    ]
    https = next(row for row in rows if row["name"] == "https")
    assert (https["port"], https["state"], https["owner"]) == (0, "OFF", None)
    assert "hunter" not in json.dumps(rows)


def test_list_of_an_ignition_file() -> None:
    rows = _json("list", "--gateway-xml", str(CASES / "valid" / "ignition_file" / "gateway.xml"))
    assert [(row["port"], row["source"]) for row in rows[:3]] == [
        (9088, "gateway.xml:16"),
        (8443, "gateway.xml:13"),
        (8061, "gateway.xml:23"),
    ]


def test_a_warning_stands_beside_the_answer() -> None:
    result = _run("list", "--data", str(CASES / "valid" / "plant"), "--json")
    warning = "warning: gateway.xml:8: gateway.SSLPort: not a setting; gateway.sslport is. It is ignored\n"
    assert warning in result.stderr
    json.loads(result.stdout)


@pytest.mark.parametrize("command", ["list", "scan"])
def test_a_wrong_configuration_is_wrong_use(command: str) -> None:
    result = _run(command, "--gateway-xml", str(CASES / "invalid" / "xml_values" / "gateway.xml"))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "error: gateway.xml:5: gateway.port:" in result.stderr
    result = _run(command, "--set", "htp_port=1", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stderr)["error"]["code"] == "CFG-131"


def test_scan_tells_open_from_closed() -> None:
    with _listener() as port, socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        closed = holder.getsockname()[1]
        rows = _json("scan", "127.0.0.1", "--set", f"http_port={port}", "--set", f"https_port={closed}")
        text = _run("scan", "127.0.0.1", "--set", f"http_port={port}", "--set", f"https_port={closed}")
    states = {row["name"]: row for row in rows}
    assert set(states) == set(NAMES)
    assert len(rows) == len(NAMES), "one row per name and port"
    assert (states["http"]["state"], states["http"]["port"], states["http"]["host"]) == ("OPEN", port, "127.0.0.1")
    assert states["http"]["latency_ms"] >= 0
    assert states["https"]["state"] == "CLOSED"
    assert text.exit_code == 0
    assert text.stderr == "", "no bar without a terminal"
    assert any(line.startswith("http ") and " OPEN " in line for line in text.stdout.splitlines())


def test_scan_shows_port_0_as_off_and_every_reader() -> None:
    rows = _json("scan", "127.0.0.1", "--data", str(CASES / "valid" / "plant"), status=1)
    assert [row["state"] for row in rows if row["name"] == "https"] == ["OFF"]
    assert [row["port"] for row in rows if row["name"] == "reader"] == [4000, 4001]
    assert {row["host"] for row in rows} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["no..such.host"], 2, "PORT-102"),
        (["192.0.2.0/33"], 2, "PORT-124"),
        (["0.0.0.0/0"], 2, "PORT-122"),
        (["192.0.2.9-192.0.2.1"], 2, "PORT-126"),
        (["127.0.0.1", "--rate", "0"], 2, "PORT-109"),
        (["127.0.0.1", "--only", "htp"], 2, "PORT-131"),
        (["127.0.0.1", "--port", "80-x"], 2, "PORT-133"),
        (["127.0.0.1", "--port", "1-2000"], 2, "PORT-134"),
        (["127.0.0.1", "--only", "https", "--set", "https_port=0"], 2, "PORT-132"),
        (["127.0.0.1", "--concurrency", "0"], 2, "PORT-104"),
        (["127.0.0.1", "--timeout", "-1"], 2, "PORT-105"),
        (["127.0.0.1", "--data", "/no/such/folder"], 2, "CFG-161"),
    ],
)
def test_scan_that_cannot_be(arguments: list[str], status: int, code: str) -> None:
    result = _run("scan", *arguments, "--json")
    assert (result.exit_code, result.stdout) == (status, "")
    assert json.loads(result.stderr)["error"]["code"] == code
