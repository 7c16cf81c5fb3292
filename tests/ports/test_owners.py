"""Who holds a port: real processes, and the systems that do not tell."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from plantgate.limits import FREE_PORT_TRIES, PEER_TEXT_CHARS
from plantgate.model.status import PortOwner
from plantgate.ports import owners
from plantgate.ports.owners import (
    UNKNOWN,
    Listening,
    describe_conflict,
    free_port_near,
    listening_sockets,
    overlapping,
    owner_of,
    shown_command,
)


@contextmanager
def _listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_our_own_listener_is_found() -> None:
    with _listener() as port:
        owner = owner_of(port)
    assert owner is not None
    assert owner.pid == os.getpid()
    assert owner.user is not None
    assert getpass.getuser() in owner.user
    assert owner.command
    assert owner_of(port) is None, "nobody listens there any more"


def test_another_process_is_named_with_its_command_masked() -> None:
    program = (
        "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, "--password", "hunter2", "--token=hunter2", "mysql://ada:hunter2@db"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        owner, next_step = describe_conflict(port, key="gateway.port")
        process.communicate()
    assert owner is not None
    assert owner.pid == process.pid
    assert "hunter2" not in (owner.command or "")
    assert f"pid {process.pid}" in next_step
    assert "--set gateway.port=" in next_step


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["a", "b c"], "a b c"),
        (
            ["java", "-Djavax.net.ssl.keyStorePassword=x", "-Dname=y"],
            "java -Djavax.net.ssl.keyStorePassword=*** -Dname=y",
        ),
        (["x", "--api-key", "s", "--port", "1"], "x --api-key *** --port 1"),
        (["x", "/password:s", "PGPASSWORD=s"], "x /password:*** PGPASSWORD=***"),
        (["x", "https://u:s@h/p?access_token=s&a=1"], "x https://***@h/p?access_token=***&a=1"),
        (["x\x1b[31m\n", "é"], "x [31m  é"),
        (["--config=/etc/secrets/x.toml"], "--config=/etc/secrets/x.toml"),
    ],
)
def test_command_lines_show_no_secret_and_no_escape(arguments: list[str], text: str) -> None:
    assert shown_command(arguments) == text


def test_command_lines_are_cut() -> None:
    shown = shown_command(["x" * 10_000])
    assert len(shown) == PEER_TEXT_CHARS
    assert shown.endswith("...")


def test_a_wildcard_stands_in_the_way_of_every_address() -> None:
    sockets = [
        Listening("0.0.0.0", 1, UNKNOWN),
        Listening("127.0.0.1", 2, UNKNOWN),
        Listening("10.0.0.5", 3, UNKNOWN),
    ]
    found = [bool(overlapping(sockets, "127.0.0.1", port)) for port in (1, 2, 3, 4)]
    assert found == [True, True, False, False]
    assert overlapping(sockets, "0.0.0.0", 3)
    assert overlapping(sockets, "localhost", 2)


def test_a_process_that_the_system_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux for another user's process: the socket is seen, its owner is not."""
    monkeypatch.setattr(owners, "_sockets", lambda: iter([("127.0.0.1", 8088, None)]))
    owner, next_step = describe_conflict(8088)
    assert owner == PortOwner(pid=None, name=None, user=None, command=None)
    assert "administrator" in next_step
    monkeypatch.setattr(owners, "_sockets", lambda: iter([]))
    owner, next_step = describe_conflict(8088)
    assert owner is None
    assert "no listening process is seen" in next_step


def test_a_system_that_denies_the_table_is_asked_process_by_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS: only an administrator may see all sockets."""

    def denied(kind: str) -> list[object]:
        raise psutil.AccessDenied(0)

    monkeypatch.setattr(psutil, "net_connections", denied)
    monkeypatch.setattr(psutil, "process_iter", lambda: iter([psutil.Process(1), psutil.Process()]))
    with _listener() as port:
        assert [item.owner.pid for item in listening_sockets() if item.port == port] == [os.getpid()]


def test_a_process_that_has_just_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_pid: int) -> psutil.Process:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(psutil, "Process", gone)
    with _listener() as port:
        owner = owner_of(port)
    assert owner == PortOwner(pid=os.getpid(), name=None, user=None, command=None)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/venv/bin/plantgate run --data /plant", "another plantgate"),
        ("/usr/local/bin/ignition/jre/bin/java -classpath lib", "an Ignition gateway"),
        ("nginx: master process", "stop nginx (pid 7)"),
    ],
)
def test_known_neighbours_are_called_by_name(monkeypatch: pytest.MonkeyPatch, command: str, words: str) -> None:
    owner = PortOwner(pid=7, name="nginx", user="root", command=command)
    monkeypatch.setattr(owners, "listening_sockets", lambda: (Listening("0.0.0.0", 8088, owner),))
    found, next_step = describe_conflict(8088)
    assert found == owner
    assert words in next_step


def test_the_free_port_offered_can_be_bound() -> None:
    with _listener() as port:
        free = free_port_near(port)
        assert free is not None
        assert port < free <= port + FREE_PORT_TRIES
        with socket.socket() as server:
            server.bind(("127.0.0.1", free))
    assert free_port_near(65_535) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that share a socket")
def test_of_a_server_with_workers_the_server_is_named() -> None:
    """It is what has to be stopped: workers are started again."""
    code = (
        "import os, socket, sys\n"
        "s = socket.create_server(('127.0.0.1', 0))\n"
        "workers = [os.fork() for _ in range(2)]\n"
        "if all(workers): print(s.getsockname()[1], flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        owner = owner_of(port, "127.0.0.1")
        # This test runs in a process of the same name, which does not hold the socket.
        assert owner is not None
        assert owner.pid == server.pid
        assert server.stdin is not None
        server.stdin.close()
