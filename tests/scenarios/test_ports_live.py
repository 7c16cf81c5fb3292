"""A port of a running gateway changes: nobody is refused on the way, and what nobody confirms goes back by itself."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner
from websockets.sync.client import connect

from bench.processes import Command, free_ports, plantgate, wait_for
from plantgate.cli import ports_check
from plantgate.config.template import GATEWAY_XML_TEXT, PLANTGATE_TOML_TEXT

PORTS = typer.Typer()
ports_check.register(PORTS)


def ports(*arguments: str, status: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(PORTS, [*arguments, "--json"])
    assert result.exit_code == status, result.output
    answer: dict[str, Any] = json.loads(result.stdout if status == 0 else result.stderr)
    return answer


def state(port: int, scheme: str = "http") -> str:
    try:
        answer = httpx.get(f"{scheme}://127.0.0.1:{port}/StatusPing", timeout=5, verify=False)
    except httpx.TransportError:
        return ""
    return str(answer.json()["state"])


@contextmanager
def gateway(data: Path, port: int, *more: str, scheme: str = "http") -> Iterator[Command]:
    with plantgate("run", "--data", str(data), *more) as command:
        wait_for(
            lambda: state(port, scheme) == "RUNNING" or command.process.poll() is not None, f"RUNNING {command.lines}"
        )
        assert command.process.poll() is None, command.lines
        yield command


@pytest.fixture
def numbers() -> list[int]:
    return free_ports(3)


@pytest.fixture
def data(tmp_path: Path, numbers: list[int]) -> Path:
    """A gateway without devices: http on the first number, everything else off."""
    folder = tmp_path / "data"
    folder.mkdir()
    text = GATEWAY_XML_TEXT.replace(">8088<", f">{numbers[0]}<").replace(">8043<", ">0<").replace(">8060<", ">0<")
    (folder / "gateway.xml").write_text(text, encoding="utf-8")
    (folder / "plantgate.toml").write_text(PLANTGATE_TOML_TEXT, encoding="utf-8")
    return folder


class Load:
    """Clients that ask the old port, and the new one when the old one is closed. Each request has a connection."""

    def __init__(self, old: int, new: int) -> None:
        self._ports = (old, new)
        self._stop = threading.Event()
        self.answered = {old: 0, new: 0}
        self.lost: list[str] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not any(self._ask(port) for port in self._ports):
                self.lost.append("refused by both")

    def _ask(self, port: int) -> bool:
        """False: nobody listens there. Whatever else goes wrong is a request that was lost."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.connect()
        except ConnectionRefusedError:
            return False
        try:
            connection.request("GET", "/StatusPing")
            connection.getresponse().read()
            self.answered[port] += 1
        except (OSError, http.client.HTTPException) as error:
            self.lost.append(f"{port}: {error!r}")
        finally:
            connection.close()
        return True


def test_a_port_moves_under_load_and_nobody_is_refused(data: Path, numbers: list[int]) -> None:
    old, new, _ = numbers
    with gateway(data, old), connect(f"ws://127.0.0.1:{old}/api/v1/stream", proxy=None) as page:
        page.send('{"subscribe": {"status": true}}')
        page.recv(timeout=10)
        with Load(old, new) as load:
            wait_for(lambda: load.answered[old] > 200, "load on the old port")
            made = ports("set", "http", str(new), "--data", str(data))
            wait_for(lambda: load.answered[new] > 200, "load on the new port")
        assert load.lost == []
        assert (made["before"], made["port"], made["live"], made["applied"]) == (old, new, True, True)
        assert made["url"] == f"http://127.0.0.1:{new}/"
        assert state(old) == ""
        assert f'"gateway.port">{new}<' in (data / "gateway.xml").read_text(encoding="utf-8")
        # The page that came through the old port has noticed nothing.
        page.ping().wait(10)
        page.send('{"subscribe": {"status": true}}')
        assert page.recv(timeout=10)
        rows = httpx.get(f"http://127.0.0.1:{new}/api/v1/ports").json()["items"]
        assert (rows[0]["name"], rows[0]["port"], rows[0]["state"]) == ("http", new, "LISTENING")
        log = (data / "logs" / "wrapper.log").read_text(encoding="utf-8")
        assert f"port http = {new}" in log
        assert "(command line)" in log
    with gateway(data, new):
        assert state(old) == ""


def test_what_nobody_confirms_goes_back(data: Path, numbers: list[int]) -> None:
    old, new, _ = numbers
    before = (data / "gateway.xml").read_bytes()
    with gateway(data, old):
        made = ports("set", "http", str(new), "--data", str(data), "--revert-after", "2s")
        assert made["waiting"]
        assert made["revert_at"] > 0
        assert f"plantgate ports confirm http --data {data}" in made["next_step"]
        assert (state(old), state(new)) == ("", "RUNNING")
        assert (data / "gateway.xml").read_bytes() == before
        wait_for(lambda: state(old) == "RUNNING", "the old port is back", 10)
        wait_for(lambda: state(new) == "", "the new port is closed", 5)
        assert (data / "gateway.xml").read_bytes() == before
        failed = ports("confirm", "http", "--data", str(data), status=1)
        assert failed["error"]["code"] == "PORT-447"


def test_a_restart_takes_a_change_on_trial_back(data: Path, numbers: list[int]) -> None:
    old, new, _ = numbers
    with gateway(data, old) as running:
        ports("set", "http", str(new), "--data", str(data), "--revert-after", "10m")
        running.process.kill()
        running.process.wait()
    with gateway(data, old):
        assert (state(old), state(new)) == ("RUNNING", "")


@pytest.mark.parametrize("by", ["confirm", "set"])
def test_a_confirmed_change_stays(data: Path, numbers: list[int], by: str) -> None:
    old, new, other = numbers
    with gateway(data, old):
        ports("set", "http", str(new), "--data", str(data), "--revert-after", "10m")
        if by == "confirm":
            made = ports("confirm", "--data", str(data))
        else:
            assert ports("set", "http", str(other), "--confirm", "--data", str(data), status=1)["error"]
            made = ports("set", "http", str(new), "--confirm", "--data", str(data))
        assert (made["name"], made["port"], made["waiting"]) == ("http", new, False)
        assert f'"gateway.port">{new}<' in (data / "gateway.xml").read_text(encoding="utf-8")
        waiting = httpx.get(f"http://127.0.0.1:{new}/api/v1/port-changes").json()
        assert waiting == {"items": []}


def test_a_port_that_is_taken_leaves_the_old_one(data: Path, numbers: list[int]) -> None:
    old = numbers[0]
    before = (data / "gateway.xml").read_bytes()
    with gateway(data, old), socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        failed = ports("set", "http", str(taken), "--data", str(data), status=1)
        assert failed["error"]["code"] == "PORT-443"
        # The gateway itself refuses as well: what the command saw may have changed since.
        with httpx.Client(base_url=f"http://127.0.0.1:{old}", timeout=10) as client:
            token = ports_token(data)
            assert client.post("/api/v1/session", json={"token": token}).status_code == 200
            answer = client.post("/api/v1/ports/http", json={"port": taken})
            assert (answer.status_code, answer.json()["code"]) == (503, "NET-121")
            assert client.post("/api/v1/ports/http", json={"port": 0}).json()["code"] == "PORT-435"
            assert client.post("/api/v1/ports/metro_ssl", json={"port": 9}).json()["code"] == "PORT-432"
        assert httpx.post(f"http://127.0.0.1:{old}/api/v1/ports/http", json={"port": 1}).status_code == 403
        assert state(old) == "RUNNING"
        assert (data / "gateway.xml").read_bytes() == before


def ports_token(data: Path) -> str:
    from plantgate.runtime.clock import SystemClock
    from plantgate.security import sign_in

    return sign_in.create(data, "ada", SystemClock())


def test_https_moves_too_and_the_redirect_follows(data: Path, numbers: list[int]) -> None:
    http_port, old, new = numbers
    file = data / "gateway.xml"
    text = file.read_text(encoding="utf-8").replace('"gateway.sslport">0<', f'"gateway.sslport">{old}<')
    file.write_text(text.replace('forceSecureRedirect">false', 'forceSecureRedirect">true'), encoding="utf-8")
    with gateway(data, old, scheme="https"):
        made = ports("set", "https", str(new), "--data", str(data))
        assert made["url"] == f"https://127.0.0.1:{new}/"
        assert (state(old, "https"), state(new, "https")) == ("", "RUNNING")
        answer = httpx.get(f"http://127.0.0.1:{http_port}/")
        assert answer.headers["location"] == f"https://127.0.0.1:{new}/"


def test_https_that_was_off_at_the_start_is_turned_on_and_off(data: Path, numbers: list[int]) -> None:
    http_port, port, _ = numbers
    before = (data / "gateway.xml").read_bytes()
    with gateway(data, http_port):
        made = ports("set", "https", str(port), "--data", str(data), "--revert-after", "2s")
        assert (made["before"], made["waiting"], made["url"]) == (0, True, f"https://127.0.0.1:{port}/")
        assert state(port, "https") == "RUNNING"
        wait_for(lambda: state(port, "https") == "", "it is off again", 10)
        assert (data / "gateway.xml").read_bytes() == before
        ports("set", "https", str(port), "--data", str(data))
        assert state(port, "https") == "RUNNING"
        # With it there is another way in, so that http may go, and come back.
        ports("set", "http", "0", "--data", str(data))
        assert (state(http_port), state(port, "https")) == ("", "RUNNING")
        refused = ports("set", "https", "0", "--data", str(data), status=1)
        assert refused["error"]["code"] == "PORT-435"
        ports("set", "http", str(http_port), "--data", str(data))
        ports("set", "https", "0", "--data", str(data))
        assert (state(http_port), state(port, "https")) == ("RUNNING", "")
        assert (data / "gateway.xml").read_bytes() == before


def test_what_a_killed_edit_left_goes_at_the_next_start(data: Path, numbers: list[int]) -> None:
    left = [data / f".{name}.0123abcd" for name in ("gateway.xml", "plantgate.toml")]
    for file in left:
        file.write_bytes(b"half")
        os.utime(file, (0, 0))
    with gateway(data, numbers[0]):
        assert not any(file.exists() for file in left)


def test_services_that_are_on_and_not_served_are_warned_of(data: Path, numbers: list[int]) -> None:
    sets = [f"--set={name}.enabled=true" for name in ("opcua.server", "opcua.discovery")]
    with gateway(data, numbers[0], *sets):
        log = (data / "logs" / "wrapper.log").read_text(encoding="utf-8")
    for name in ("opcua.server", "opcua.discovery"):
        assert f"{name}.enabled: this version does not serve it yet" in log


def test_a_gateway_that_runs_is_no_conflict_of_its_own(data: Path, numbers: list[int]) -> None:
    old, new, _ = numbers
    with gateway(data, old) as running:
        found = {each["name"]: each for each in ports("check", "--data", str(data))["ports"]}
        assert (found["http"]["state"], found["http"]["owner"]["pid"]) == ("RUNNING", running.process.pid)
        # Another data directory that wants the same port has a conflict, with another plantgate.
        result = CliRunner().invoke(PORTS, ["check", "--set", f"http_port={old}", "--json"])
        assert result.exit_code == 1
        taken = json.loads(result.stdout)["ports"][0]
        assert (taken["state"], taken["holder"], taken["owner"]["pid"]) == ("TAKEN", "plantgate", running.process.pid)
        # What is started from above the file is said when the file alone changes.
        written = ports("set", "http", str(new), "--data", str(data), "--force")
        assert (written["live"], state(old)) == (False, "RUNNING")
        assert f"pid {running.process.pid}" in written["next_step"]


def test_a_change_of_an_overridden_port_says_so(data: Path, numbers: list[int]) -> None:
    _, started, new = numbers
    with gateway(data, started, "--set", f"http_port={started}"):
        made = ports("set", "http", str(new), "--data", str(data))
        assert "--set" in made["note"]
        assert state(new) == "RUNNING"
