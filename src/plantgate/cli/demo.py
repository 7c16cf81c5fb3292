"""`plantgate demo`: a gateway and the plant it looks after, on one machine, over real sockets.

The simulated devices are processes of their own. They end when this one does, however that comes about: each watches
the other end of its standard input.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from plantgate.app import Gateway, configuration_of
from plantgate.cli import run as runner
from plantgate.cli.common import note, say
from plantgate.cli.demo_access import write_access
from plantgate.cli.demo_plant import PLC, READERS, check_ours, write_plant
from plantgate.errors import Unavailable, UsageError
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.lockfile import LockFile
from plantgate.runtime.streams import PortUnavailable, bind

_LOOPBACK = "127.0.0.1"
_HIGHEST = 65_535
_END_SECONDS = 2.0
# Where a port goes that this user may not open, as people know them: 502 needs a privilege on most systems.
_UNPRIVILEGED = 1_000


@dataclass(frozen=True, slots=True)
class Moved:
    """A port that was wanted and the one that is used instead, with the reason."""

    name: str
    wanted: int
    port: int
    reason: str


def run(data: Path | None, offset: int) -> None:
    """Write the demo's data directory if it is not there, start the devices and the gateway, stay until Ctrl+C."""
    directory = data or Path("plantgate-demo")
    check_ours(directory)
    # Before anything is written: another demo may run on it, whose ports would be changed under its feet.
    with LockFile.of(directory):
        ports, moved = choose_ports(offset)
        for each in moved:
            note(f"port {each.wanted} ({each.name}) {each.reason}: the demo uses {each.port}")
        write_plant(directory, ports)
        write_access(directory)
        _serve(directory, ports)


def _serve(directory: Path, ports: dict[str, int]) -> None:
    configuration = configuration_of(directory)
    with simulators(directory, ports):
        runner.serve(
            configuration,
            directory,
            SystemClock(),
            console=False,
            on_running=lambda gateway: _welcome(gateway, ports),
        )


def wanted_ports() -> dict[str, int]:
    """Every port of the demo by name, as it is without an offset."""
    ports = {"http": 8088, "https": 8043, "plc": PLC.port}
    for reader in READERS:
        ports[f"reader {reader.name}"] = reader.port
        ports[f"reader {reader.name} control"] = reader.control_port
    return ports


def choose_ports(offset: int) -> tuple[dict[str, int], list[Moved]]:
    """The demo's ports: wanted + offset, moved where that one is taken or forbidden. Raises UsageError, Unavailable."""
    chosen: dict[str, int] = {}
    moved: list[Moved] = []
    spoken_for = {base + offset for base in wanted_ports().values()}
    for name, base in wanted_ports().items():
        wanted = base + offset
        if not 1 <= wanted <= _HIGHEST:
            raise UsageError(
                "DEMO-101", f"--port-offset {offset} puts {name} on port {wanted}", f"ports end at {_HIGHEST}"
            )
        reason = _problem(wanted)
        if reason is None:
            chosen[name] = wanted
            continue
        start = wanted + _UNPRIVILEGED if wanted < 1024 else wanted + 1
        chosen[name] = _next_free(start, spoken_for | set(chosen.values()))
        moved.append(Moved(name, wanted, chosen[name], reason))
    return chosen, moved


def _problem(port: int) -> str | None:
    """Why `port` can't be used now, None if it can."""
    try:
        bind(_LOOPBACK, port).close()
    except PortUnavailable as error:
        return "is taken" if error.taken else "needs a privilege that this user lacks"
    return None


def _next_free(start: int, spoken_for: set[int]) -> int:
    for port in range(start, min(start + 1_000, _HIGHEST)):
        if port not in spoken_for and _problem(port) is None:
            return port
    raise Unavailable(
        "DEMO-102", f"no free port from {start} on", "stop what uses them, or choose another --port-offset"
    )


def _welcome(gateway: Gateway, ports: dict[str, int]) -> None:
    runner.announce(gateway, say)
    reader = READERS[0]
    control = ports[f"reader {reader.name} control"]
    say(f"  a simulated bottling line on Modbus port {ports['plc']}, two badge readers; data in {gateway.data_dir}")
    say(f"  show a card:  plantgate reader present --control {_LOOPBACK}:{control} {reader.cards[0]}")
    say("  stop: Ctrl+C")


@contextmanager
def simulators(directory: Path, ports: dict[str, int]) -> Iterator[None]:
    """The PLC and the readers, each in its own process, while the block runs."""
    logs = directory / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    commands = {"plc": ["plc", "simulate", "--port", str(ports["plc"])]}
    for reader in READERS:
        commands[f"reader-{reader.name}"] = [
            *("reader", "simulate", "--port", str(ports[f"reader {reader.name}"])),
            *("--control-port", str(ports[f"reader {reader.name} control"])),
            *("--cards", ",".join(reader.cards), "--every", str(reader.every)),
        ]
    with ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(_process(command, logs / f"simulator-{name}.log"))
        yield


@contextmanager
def _process(command: list[str], errors: Path) -> Iterator[None]:
    with errors.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "plantgate.cli.main", *command, "--exit-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=file,
            # Ctrl+C is for the gateway alone: it still needs the PLC to release a door before the plant goes.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
