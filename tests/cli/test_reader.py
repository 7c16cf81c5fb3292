"""`plantgate reader ...` as a person and a script meet it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.processes import plantgate
from plantgate.cli.reader import app
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import connect
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions
from plantgate.simulators.reader.rude import Rude

UID = "047DAE02C84080"


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


async def control(*arguments: str, answer: bytes | None = None, **options: Any) -> Any:
    """A command against a simulator; its host answers each card with `answer`, or is missing if None."""
    options = {"port": 0, "control_port": 0, **options}
    simulator = ReaderSimulator(SimulatorOptions(**options), SystemClock(), lambda _: None)
    await simulator.start()
    stream = None if answer is None else await connect("127.0.0.1", simulator.port, timeout=5.0)
    if stream is not None:
        await stream.read()
    command = [arguments[0], "--control", f"127.0.0.1:{simulator.control_port}", *arguments[1:]]
    with ThreadPoolExecutor(1) as executor:
        running = asyncio.get_running_loop().run_in_executor(executor, lambda: invoke(*command))
        if stream is not None and answer:
            await stream.read()
            stream.write(answer)
        result = await running
    result.simulator = simulator
    result.held = simulator.device.held
    result.rude = simulator.device.manners.rude
    if stream is not None:
        stream.close()
        await stream.wait_closed()
    await simulator.stop()
    return result


async def present(*arguments: str, answer: bytes | None) -> Any:
    return await control("present", *arguments, answer=answer)


async def test_present_tells_the_answer() -> None:
    result = await present(UID.lower(), answer=b"$SCCMD;SEQ=60\r\n")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{UID}: access granted after ")


async def test_present_as_json() -> None:
    result = await present(UID, "--json", answer=b"$SCCMD;SEQ=61")
    answer = json.loads(result.stdout)
    assert (answer["uid"], answer["sent"], answer["seq"], answer["name"]) == (UID, True, "61", "access denied")


async def test_present_without_an_answer() -> None:
    result = await present(UID, "--wait", "0.05", answer=b"")
    assert (result.exit_code, result.stdout) == (0, f"{UID}: shown, no answer within 0.05 s\n")


async def test_present_without_a_host_is_a_problem() -> None:
    result = await present(UID, answer=None)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no host is connected" in result.stderr


async def test_present_refuses_what_is_no_card() -> None:
    result = await present("card", answer=None)
    assert result.exit_code == 2
    assert "no card id" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("present", UID, "--interface", "x"),
        ("present", UID, "--rssi", "-60"),
        ("hold", UID, "card"),
        ("remove", "card"),
        ("remove",),
        ("remove", UID, "--all"),
        ("rude", "grumpy"),
    ],
)
async def test_wrong_use(arguments: tuple[str, ...]) -> None:
    result = await control(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


async def test_present_a_card_of_another_kind() -> None:
    result = await present(
        *("0123456789AB", "--interface", "bluetooth", "--protocol", "iBeacon", "--rssi", "C4", "--json"),
        *("--tag-data", "x", "--tag-details", "y"),
        answer=b"$SCCMD;SEQ=60\r\n",
    )
    assert json.loads(result.stdout)["seq"] == "60"
    assert result.simulator.device.last_card == "0123456789AB"


async def test_present_to_a_reader_that_hangs() -> None:
    result = await control("present", UID, rude=Rude.STALLS)
    assert (result.exit_code, result.stderr) == (1, f"{UID}: nobody was told, the reader stalls\n")


async def test_hold_and_remove() -> None:
    result = await control("hold", UID, "AABB", answer=b"")
    assert (result.exit_code, result.stdout) == (0, f"{UID}, AABB: on the reader\n")
    assert result.held == [UID, "AABB"]
    result = await control("hold", "aabb", "--for", "60", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "event": "held", "uids": ["AABB"], "sent": False, "told": 0, "reason": "no host is connected"
    }  # fmt: skip
    assert result.held == ["AABB"]
    result = await control("remove", UID)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not on the reader" in result.stderr
    result = await control("remove", "--all", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"event": "removed", "all": 0})


async def test_rude_and_healthy() -> None:
    result = await control("rude", "garbage", "--for", "60")
    assert (result.exit_code, result.stdout, result.rude) == (0, "the reader is now: garbage, for 60 s\n", Rude.GARBAGE)
    result = await control("rude", "healthy", "--json", rude=Rude.SLOW)
    assert json.loads(result.stdout) == {"event": "rude", "name": None, "seconds": None}
    assert result.rude is None


def test_present_without_a_simulator() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = invoke("present", "--control", str(unused.getsockname()[1]), UID)
    assert result.exit_code == 1
    assert "refused the connection" in result.stderr
    assert invoke("present", "--control", "nowhere", UID).exit_code == 2


def test_simulate_names_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = invoke("simulate", "--port", str(port))
        assert result.exit_code == 1
        assert f"port {port} is taken" in result.stderr
        result = invoke("simulate", "--port", str(port), "--json")
        assert json.loads(result.stderr)["error"]["code"] == "NET-121"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cards", "nonsense"),
        ("--checksum", "maybe"),
        ("--port", "70000"),
        ("--repeat", "60"),
        ("--nothing",),
        ("--rude", "grumpy"),
        ("--factory", "--registers", "file"),
        ("--registers", "no such file"),
        ("--script", "no such file"),
        ("--speed", "0"),
        ("--udp-to", "host:port"),
        ("--udp-to", ":4000"),
    ],
)
def test_simulate_wrong_use(arguments: tuple[str, ...]) -> None:
    assert invoke("simulate", "--port", "0", *arguments).exit_code == 2


def test_simulate_names_every_bad_line_of_a_script(tmp_path: Path) -> None:
    script = tmp_path / "day.script"
    script.write_text("noon present AA\n+1s dance\n", encoding="utf-8")
    result = invoke("simulate", "--port", "0", "--script", str(script))
    assert result.exit_code == 2
    assert "day.script:1: 'noon' is no time" in result.stderr
    assert "day.script:2: 'dance' is no action" in result.stderr


def test_simulate_from_registers_and_a_script(tmp_path: Path) -> None:
    """The commands as processes: registers as a file, UDP, a script at high speed, lines as JSON."""
    registers, script = tmp_path / "registers", tmp_path / "script"
    registers.write_text("02A0=0003000100\n02C0=44  # UDP\n", encoding="utf-8")
    script.write_text(f"08:00 present {UID}\n17:00 present AABB\n", encoding="utf-8")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.bind(("127.0.0.1", 0))
        host.settimeout(20.0)
        port = host.getsockname()[1]
        with plantgate(
            *("reader", "simulate", "--port", "0", "--registers", str(registers), "--udp-to", f"127.0.0.1:{port}"),
            *("--script", str(script), "--speed", "100000", "--json", "--exit-with-parent"),
        ) as command:
            assert command.event("listening")["mode"] == "UDP server, $SCRDR"
            assert [host.recv(512).split(b";")[5] for _ in range(2)] == [UID.encode(), b"AABB"]
            assert command.event("script ended")["entries"] == 2


def test_simulate_a_device_as_delivered() -> None:
    with plantgate("reader", "simulate", "--factory", "--control-port", "0", "--exit-with-parent", "--json") as command:
        assert command.event("silent")["reason"] == "register 02C0=00: network off, profile Direct"


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of POSIX")
@pytest.mark.parametrize(("more", "picture"), [((), True), (("--lines",), False)])
def test_simulate_on_a_terminal(more: tuple[str, ...], picture: bool) -> None:
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "plantgate.cli.main", "reader", "simulate", "--port", "0", *more],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(slave)
    shown = b""
    wanted = b"LED 4" if picture else b"reader listens on"
    while wanted not in shown:
        shown += os.read(master, 4_096)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the other end closes: EIO on Linux
        while rest := os.read(master, 4_096):
            shown += rest
    os.close(master)
    assert process.wait(20.0) == 0
    assert (b"LED 4" in shown) is picture
    assert b"Traceback" not in shown
