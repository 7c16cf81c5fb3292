"""Our commands as processes of their own, for tests and measurements: started, listened to, ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 20.0


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_for(condition: Callable[[], object], what: str, within: float = START_SECONDS) -> Any:
    """What `condition` gives as soon as it gives something. Raises AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        threading.Event().wait(0.01)
    raise AssertionError(f"did not happen within {within:g} s: {what}")


@dataclass
class Command:
    """A running `plantgate ...`. `lines` is what it has printed so far, `events` the same as JSON."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines) if line.startswith("{")]

    def event(self, name: str, within: float = START_SECONDS) -> dict[str, Any]:
        """The first event of that name."""
        found: dict[str, Any] = wait_for(
            lambda: next((event for event in self.events if event.get("event") == name), None),
            f"event {name}; printed so far: {self.lines[-20:]}",
            within,
        )
        return found

    def stop(self, number: int = signal.SIGTERM, within: float = 10.0) -> int:
        """Send a signal, wait for the end, give the exit status."""
        self.process.send_signal(number)
        return self.process.wait(within)


@contextmanager
def plantgate(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Command]:
    """Run `plantgate ARGUMENTS` while the block runs; killed at its end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "plantgate.cli.main", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
    )
    command = Command(process)
    assert process.stdout is not None
    assert process.stdin is not None
    output = process.stdout
    reader = threading.Thread(target=lambda: command.lines.extend(line.rstrip("\n") for line in output), daemon=True)
    reader.start()
    try:
        yield command
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdin.close()
        reader.join()
        process.stdout.close()


@dataclass(frozen=True)
class Plant:
    """A simulated PLC and a reader, and a data directory for a gateway that looks after them."""

    data: Path
    http: int
    plc_port: int
    reader_port: int
    control: int
    plc: Command
    reader: Command

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def get(self, route: str, **query: str) -> Any:
        return httpx.get(f"{self.url}{route}", params=query, timeout=10).json()

    def tag(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/api/v1/tags/value", path=path)
        return found

    def state(self) -> str:
        """The state of /StatusPing; empty while nobody answers."""
        try:
            return str(httpx.get(f"{self.url}/StatusPing", timeout=2).json()["state"])
        except httpx.TransportError:
            return ""

    def present(self, uid: str) -> None:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "plantgate.cli.main", "reader", "present"),
                *("--control", f"127.0.0.1:{self.control}", uid),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert done.returncode == 0, done.stderr

    @contextmanager
    def gateway(self, *more: str) -> Iterator[Command]:
        """`plantgate run`, until it says RUNNING."""
        with plantgate("run", "--data", str(self.data), *more) as command:
            wait_for(
                lambda: self.state() == "RUNNING" or command.process.poll() is not None,
                f"RUNNING; printed: {command.lines}",
            )
            assert command.process.poll() is None, command.lines
            yield command

    def connected(self) -> None:
        """Wait until PLC and reader are connected and a value is good."""
        wait_for(
            lambda: (
                self.tag("Line 1/Tank A/Level")["quality"] == 192 and self.tag("Readers/entrance/Connected")["value"]
            ),
            "PLC and reader connected",
        )


CARD, REFUSED_CARD, STRANGER = "047DAE02C84080", "04C16802C84080", "DEADBEEF01"


@contextmanager
def plant(folder: Path) -> Iterator[Plant]:
    """A whole plant on free ports; the gateway itself is started by the test."""
    http, plc_port, reader_port, control = free_ports(4)
    data = folder / "data"
    data.mkdir()
    write_data(data, http, plc_port, reader_port)
    with (
        plantgate("plc", "simulate", "--port", str(plc_port), "--json", "--exit-with-parent") as plc,
        plantgate(
            *("reader", "simulate", "--port", str(reader_port), "--control-port", str(control)),
            *("--json", "--exit-with-parent"),
        ) as reader,
    ):
        plc.event("listening")
        reader.event("listening")
        yield Plant(data, http, plc_port, reader_port, control, plc, reader)


def write_data(data: Path, http: int, plc_port: int, reader_port: int) -> None:
    """The demo's plant on other ports, with one reader, HTTPS off."""
    from plantgate.cli.demo_plant import write_plant

    ports = {
        "http": http,
        "https": 0,
        "plc": plc_port,
        "reader entrance": reader_port,
        "reader filler": 1,
    }
    write_plant(data, ports)
    toml = data / "plantgate.toml"
    text = toml.read_text(encoding="utf-8")
    start = text.index('[[reader]]\nname = "filler"')
    end = text.index("[[door]]")
    text = text[:start] + text[end:]
    toml.write_text(text.replace('readers = ["filler"]', "readers = []"), encoding="utf-8")


def free_offset() -> int:
    """A `--port-offset` under which every port of the demo is free."""
    from plantgate.cli.demo import choose_ports

    for offset in range(20_000, 50_000, 137):
        if not choose_ports(offset)[1]:
            return offset
    raise AssertionError("no free range of ports for a demo")
