"""The rows of the ports page: connections and the command that repairs."""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path

import pytest

from plantgate.config.document import Configuration, WebServer
from plantgate.model.gateway import PortState
from plantgate.model.status import Health, PartStatus
from plantgate.ports.live import port_rows

TAKEN, FORBIDDEN = "port taken", "can't bind"


def _http(configuration: Configuration, health: Health, state: str) -> tuple[PortState, int, str]:
    part = PartStatus("listener", "http", health, state, 0, "why" if health is Health.FAILED else "")
    row = next(row for row in port_rows(configuration, [part]) if row.name == "http")
    return row.state, row.connections, row.command


def _configuration(port: int, directory: Path | None = None, source: str = "gateway.xml:8") -> Configuration:
    web = WebServer(port=port, ssl_port=0, metro_ssl_port=0)
    return Configuration(directory=directory, web_server=web, sources={"gateway.port": source})


def test_a_taken_port_comes_with_the_command_that_moves_it(tmp_path: Path) -> None:
    folder = tmp_path / "my plant"
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        state, _, command = _http(_configuration(port, folder), Health.FAILED, TAKEN)
        overridden = _http(_configuration(port, folder, "--set"), Health.FAILED, TAKEN)
    assert state is PortState.TAKEN
    if sys.platform != "win32":
        words = shlex.split(command)
        assert words[:4] == ["plantgate", "ports", "set", "http"]
        assert port < int(words[4]) <= 65_535
        assert words[5:] == ["--data", str(folder)]
    assert overridden == (PortState.TAKEN, 0, ""), "a file that an override stands above repairs nothing"


def test_connections_are_those_on_the_port() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            assert _http(_configuration(port), Health.OK, "listening") == (PortState.LISTENING, 1, "")
        assert _http(_configuration(port), Health.OK, "listening")[1] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the right is a setting of Linux")
def test_a_forbidden_port_comes_with_the_right() -> None:
    state, _, command = _http(_configuration(502), Health.FAILED, FORBIDDEN)
    assert (state, command) == (PortState.CLOSED, "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=502")
    assert _http(_configuration(8088), Health.FAILED, FORBIDDEN)[2] == ""
