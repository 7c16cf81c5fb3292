"""`ports list`: what it says of ports that are held by others, not used, or not served by this version."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from plantgate.cli import ports_list
from plantgate.config.template import write_pair
from plantgate.ports import owners

APP = typer.Typer()
ports_list.register(APP)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PLANTGATE_", "GATEWAY_")):
            monkeypatch.delenv(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_pair(tmp_path / "data")
    return tmp_path / "data"


def _run(*arguments: object) -> str:
    result = CliRunner().invoke(APP, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def _rows(*arguments: object) -> dict[str, Any]:
    """By name; of Modbus our own server's, which comes first."""
    rows: dict[str, Any] = {}
    for row in json.loads(_run(*arguments, "--json")):
        rows.setdefault(row["name"], row)
    return rows


@contextmanager
def _listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_off_is_not_listening_however_many_others_do(data: Path) -> None:
    with _listener() as port:
        arguments = ("--data", data, "--set", f"modbus_port={port}")
        row, text = _rows(*arguments)["modbus"], _run(*arguments)
    assert (row["state"], row["enabled"], row["owner"]["pid"]) == ("OFF", False, os.getpid())
    assert row["note"].startswith("this configuration does not use it; held by ")
    assert f"modbus {port} (this gateway): {row['note']}\n" in text
    assert next(line for line in text.splitlines() if line.startswith("modbus ")).split()[4] == "OFF"


def test_a_port_that_somebody_else_has_is_said(data: Path) -> None:
    with _listener() as port:
        row = _rows("--data", data, "--set", f"http_port={port}")["http"]
    assert (row["state"], row["owner"]["pid"]) == ("LISTENING", os.getpid())
    assert "not by the gateway of this configuration" in row["note"]
    assert "ports check" in row["note"]


def test_a_listener_that_this_version_does_not_have_is_said(data: Path) -> None:
    note = "this version of plantgate does not open it yet"
    on = _rows("--data", data, "--set", "opcua.server.enabled=true")
    assert on["opcua"]["note"] == note
    assert on["http"]["note"] == ""
    assert _rows("--data", data)["opcua"]["note"] == "", "it is off"
    assert _rows("--set", "opcua.server.enabled=true")["opcua"]["note"] == "", "no gateway is looked at"


@pytest.mark.parametrize(("command", "note"), [("java -jar ignition-gateway.jar", ""), ("nginx", "held by ")])
def test_an_ignition_that_runs_has_its_own_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, note: str
) -> None:
    monkeypatch.setattr(owners, "shown_command", lambda _: command)
    with _listener() as port:
        file = tmp_path / "gateway.xml"
        file.write_text(f'<properties><entry key="gateway.port">{port}</entry></properties>', encoding="utf-8")
        row = _rows("--gateway-xml", file)["http"]
    assert row["state"] == "LISTENING"
    assert row["note"].startswith(note)
    assert bool(row["note"]) is bool(note)
