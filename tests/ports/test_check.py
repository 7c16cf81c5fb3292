"""`check`: real sockets in the way of a configuration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from plantgate.config.load import load
from plantgate.model.status import PortOwner
from plantgate.ports import check as checking
from plantgate.ports.check import Finding, Level, State, check
from plantgate.ports.owners import Holder, Listening, listening_sockets
from plantgate.ports.running import running_gateway
from plantgate.runtime.streams import PortUnavailable

OFF = ("https_port=0", "metro_ssl_port=0")


@contextmanager
def _listener(address: str = "127.0.0.1") -> Iterator[int]:
    with socket.socket() as server:
        server.bind((address, 0))
        server.listen()
        yield server.getsockname()[1]


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _check(*sets: str, data: Path | None = None) -> dict[str, Finding]:
    return {each.endpoint.name: each for each in check(load(data, [*OFF, *sets], {}))}


def test_a_free_port_is_free_and_stays_so() -> None:
    port = _free()
    found = _check(f"http_port={port}")
    assert (found["http"].level, found["http"].state) == (Level.OK, State.FREE)
    assert found["https"].state is State.OFF
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))


def test_a_taken_port_names_its_holder_and_what_resolves_it(tmp_path: Path) -> None:
    with _listener() as port:
        (tmp_path / "gateway.xml").write_text(
            f'<properties><entry key="gateway.port">{port}</entry></properties>', encoding="utf-8"
        )
        found = _check(data=tmp_path)["http"]
        assert (found.level, found.state, found.code) == (Level.PROBLEM, State.TAKEN, "CHECK-TAKEN")
        assert found.owner is not None
        assert found.owner.pid == os.getpid()
        assert found.alternative is not None
        assert found.alternative > port
        assert found.command == f"plantgate ports set http {found.alternative} --data {tmp_path}"


def test_an_override_is_resolved_where_it_stands() -> None:
    with _listener() as port:
        found = _check(f"http_port={port}")["http"]
    assert found.command == ""
    assert f"change it there: gateway.port={found.alternative}" in found.next_step


def test_the_alternative_is_nobody_elses() -> None:
    with _listener() as port:
        found = _check(f"http_port={port}", f"https_port={port + 1}", f"metro_ssl_port={port + 2}")
    assert found["http"].alternative is not None
    assert found["http"].alternative > port + 2


@pytest.mark.parametrize(
    ("words", "holder"),
    [
        (["/usr/local/bin/ignition/ignition-gateway"], Holder.IGNITION),
        (["-m", "plantgate", "run"], Holder.PLANTGATE),
        (["something", "else"], Holder.OTHER),
    ],
)
def test_the_kind_of_holder_is_told(words: Sequence[str], holder: Holder) -> None:
    program = (
        "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", program, *words]
    # The path of this very interpreter may hold the word.
    with subprocess.Popen(
        ["python", *arguments[1:]], executable=sys.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        found = _check(f"http_port={int(process.stdout.readline())}")["http"]
        process.communicate()
    assert found.holder is holder


def test_no_web_port_at_all_is_a_problem() -> None:
    found = check(load(None, ["http_port=0", *OFF], {}))
    assert [each.code for each in found if each.level is Level.PROBLEM] == ["CHECK-NO-WEB"]


def test_a_service_that_is_enabled_on_port_0_is_a_warning() -> None:
    found = _check(f"http_port={_free()}", "opcua.server.enabled=true", "opcua_port=0")
    assert (found["opcua"].level, found["opcua"].code) == (Level.WARNING, "CHECK-PORT-0")


def test_a_port_without_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str, port: int) -> socket.socket:
        raise PortUnavailable("NET-122", f"this user may not listen on {address}:{port}", "x", port=port, taken=False)

    monkeypatch.setattr(checking, "bind", refuse)
    monkeypatch.setattr(sys, "platform", "linux")
    found = _check("http_port=80")["http"]
    assert (found.state, found.code) == (State.FORBIDDEN, "CHECK-RIGHT")
    assert "CAP_NET_BIND_SERVICE" in found.next_step
    assert found.alternative is not None
    assert found.alternative >= 1024


def test_an_address_that_is_not_here() -> None:
    found = _check(f"http_port={_free()}", "web.address=192.0.2.1")["http"]
    assert (found.state, found.code) == (State.CANT_BIND, "CHECK-BIND")


def test_a_pid_of_the_past_is_no_running_gateway(tmp_path: Path) -> None:
    lock = tmp_path / "state" / "gateway.lock"
    lock.parent.mkdir()
    sockets = listening_sockets()
    assert running_gateway(tmp_path, sockets) is None
    for text in ("", "x", "-1", "999999999", "9" * 400):
        lock.write_text(text, encoding="ascii")
        assert running_gateway(tmp_path, sockets) is None
    with subprocess.Popen(["python", "-c", "input()"], executable=sys.executable, stdin=subprocess.PIPE) as process:
        lock.write_text(f"{process.pid}\n", encoding="ascii")
        found = running_gateway(tmp_path, sockets)
        assert found is not None
        assert found.pid == process.pid
        os.utime(lock, (1, 1))  # written long before this process began: its number was another's then
        assert running_gateway(tmp_path, sockets) is None
        process.communicate(b"\n")
    assert running_gateway(tmp_path, sockets) is None


def test_an_ignition_that_runs_on_its_own_file_is_no_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = PortOwner(4711, "java", "ignition", "/usr/local/bin/ignition/lib/runtime/jre/bin/java")
    monkeypatch.setattr(checking, "listening_sockets", lambda: (Listening("0.0.0.0", 8088, owner),))
    file = tmp_path / "gateway.xml"
    file.write_text("<properties/>", encoding="utf-8")
    found = {each.endpoint.name: each for each in check(load(None, OFF, {}, gateway_xml=file), file)}
    assert found["http"].state is State.RUNNING
    assert set(found) == {"http", "https", "metro_ssl"}
