"""`plantgate reader ...` as a person and a script meet it."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from typer.testing import CliRunner

from plantgate.cli.reader import app
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import connect
from plantgate.simulators.reader.main import ReaderSimulator, SimulatorOptions

UID = "047DAE02C84080"


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


async def present(*arguments: str, answer: bytes | None) -> Any:
    """The command against a simulator; its host answers each card with `answer`, or is missing if None."""
    simulator = ReaderSimulator(SimulatorOptions(port=0, control_port=0), SystemClock(), lambda _: None)
    await simulator.start()
    stream = None if answer is None else await connect("127.0.0.1", simulator.port, timeout=5.0)
    if stream is not None:
        await stream.read()
    command = ["present", "--control", f"127.0.0.1:{simulator.control_port}", *arguments]
    running = asyncio.get_running_loop().run_in_executor(None, lambda: invoke(*command))
    if stream is not None and answer is not None:
        await stream.read()
        stream.write(answer)
    result = await running
    if stream is not None:
        stream.close()
        await stream.wait_closed()
    await simulator.stop()
    await asyncio.get_running_loop().shutdown_default_executor()
    return result


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
    assert result.exit_code == 1
    assert "no card id" in result.stderr


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
    [("--cards", "nonsense"), ("--checksum", "maybe"), ("--port", "70000"), ("--repeat", "60"), ("--nothing",)],
)
def test_simulate_wrong_use(arguments: tuple[str, ...]) -> None:
    assert invoke("simulate", "--port", "0", *arguments).exit_code == 2
