"""A gateway process that polls a simulated PLC and serves its tags: to pymodbus, with audit, on another port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient

from bench.processes import Plant, free_ports, plant, wait_for

TYPE = ModbusTcpClient.DATATYPE
SECTION = """
[modbus_server]
enabled = true
port = {port}
writable = true

[[modbus_server.map]]
address = "HRF1"
tag = "Line 1/Tank A/Level"
quality = "IR1"

[[modbus_server.map]]
address = "HRF11"
tag = "Line 1/Filler/Speed Setpoint"
writable = true

[[modbus_server.map]]
address = "DI1"
tag = "Readers/entrance/Connected"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Plant, int]]:
    with plant(tmp_path) as made:
        (port,) = free_ports(1)
        with (made.data / "plantgate.toml").open("a", encoding="utf-8") as file:
            file.write(SECTION.format(port=port))
        yield made, port


def level(port: int) -> float | int:
    """The value, or the code of the exception."""
    with ModbusTcpClient("127.0.0.1", port=port, timeout=5, retries=0) as client:
        answer = client.read_holding_registers(0, count=2)
        if answer.isError():
            return int(answer.exception_code)
        value = client.convert_from_registers(answer.registers, TYPE.FLOAT32)
        assert isinstance(value, float)
        return value


def command(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "plantgate.cli.main", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def tile(made: Plant) -> dict[str, Any]:
    items: list[dict[str, Any]] = made.get("/api/v1/status")["items"]
    return next(item for item in items if (item["kind"], item["name"]) == ("listener", "modbus"))


def test_a_plant_is_served_to_others(site: tuple[Plant, int]) -> None:
    made, port = site
    with made.gateway():
        made.connected()
        with ModbusTcpClient("127.0.0.1", port=port, timeout=5, retries=0) as client:
            assert client.read_discrete_inputs(0, count=1).bits[0] is True
            assert client.read_input_registers(0, count=1).registers == [192]
            assert level(port) == pytest.approx(made.tag("Line 1/Tank A/Level")["value"], abs=20)
            wanted = client.convert_to_registers(123.5, TYPE.FLOAT32)
            assert not client.write_registers(10, wanted).isError()
            assert client.write_registers(10, wanted[:1]).exception_code == 2
            assert client.write_registers(0, wanted).exception_code == 2, "its entry is read-only"
            write = wait_for(lambda: next((e for e in made.plc.events if e["event"] == "write"), None), "the PLC heard")
            assert write["value"] == 123.5
            wait_for(lambda: made.tag("Line 1/Filler/Speed Setpoint")["value"] == 123.5, "the tag follows")
            details = tile(made)["details"]
            assert (details["clients"], details["writes"], details["writes_refused"]) == (1, 1, 2)
        log = (made.data / "logs" / "wrapper.log").read_text(encoding="utf-8")
        (audited,) = [line for line in log.splitlines() if "actor=modbus:127.0.0.1" in line]
        assert "write [default]Line 1/Filler/Speed Setpoint = 123.5" in audited
        assert "outcome=done" in audited
        # The PLC goes: what is served says so, and its last value is not passed off as fresh.
        made.plc.stop()
        wait_for(lambda: level(port) == 4, "exception 04")
        with ModbusTcpClient("127.0.0.1", port=port, timeout=5, retries=0) as client:
            assert client.read_input_registers(0, count=1).registers[0] >= 512


def test_its_port_moves_while_clients_are_there(site: tuple[Plant, int]) -> None:
    made, old = site
    (new,) = free_ports(1)
    with made.gateway():
        made.connected()
        rows = command("ports", "check", "--data", str(made.data))["ports"]
        row = next(row for row in rows if row["name"] == "modbus" and row["port"] == old)
        assert row["state"] == "RUNNING"
        with ModbusTcpClient("127.0.0.1", port=old, timeout=5, retries=0) as client:
            assert not client.read_holding_registers(0, count=2).isError()
            answer = command("ports", "set", "modbus_server", str(new), "--data", str(made.data))
            assert (answer["live"], answer["applied"], answer["url"]) == (True, True, "")
            assert not client.read_holding_registers(0, count=2).isError(), "who was connected stays"
        assert isinstance(level(new), float)
        with pytest.raises(Exception, match="Failed to connect"):
            level(old)
        assert f"port = {new}" in (made.data / "plantgate.toml").read_text(encoding="utf-8")
        assert tile(made)["details"]["port"] == new
        trial = command("ports", "set", "modbus_server", str(old), "--data", str(made.data), "--revert-after", "1min")
        assert trial["waiting"] is True
        command("ports", "confirm", "modbus_server", "--data", str(made.data))
        assert isinstance(level(old), float)
        assert f"port = {old}" in (made.data / "plantgate.toml").read_text(encoding="utf-8")
