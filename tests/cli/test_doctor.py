"""`plantgate doctor` and `plantgate ports watch` as a person types them."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bench.processes import free_ports, plant, wait_for
from plantgate.cli import doctor, ports_watch
from plantgate.ports.doctor import exposure, local, outside

app = typer.Typer()
doctor.register(app)
ports_watch.register(app)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def _data(folder: Path, http: int, more: str = "") -> Path:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    entries = f'<entry key="gateway.port">{http}</entry>\n<entry key="gateway.sslport">0</entry>\n'
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<properties>\n{entries}{more}</properties>\n'
    (data / "gateway.xml").write_text(xml, encoding="utf-8")
    return data


def _checks(result: Result) -> dict[str, dict[str, Any]]:
    return {check["code"]: check for check in json.loads(result.stdout)["checks"]}


def test_a_gateway_that_is_not_started_is_no_problem(tmp_path: Path) -> None:
    data = _data(tmp_path, free_ports(1)[0])
    result = _run("doctor", "--data", str(data))
    assert result.exit_code == 0, result.output
    assert "warning      gateway-running" in result.stdout
    assert f"next: start it: plantgate run --data {data}" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("0 problems, ")
    told = _checks(_run("doctor", "--data", str(data), "--json"))
    assert list(told) == [check.code for check in local.CHECKS]
    assert set(told["clock"]) == {"code", "title", "severity", "status", "evidence", "next_step"}


def test_a_taken_port_is_a_problem_with_its_holder(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        result = _run("doctor", "--data", str(_data(tmp_path, port)), "--json")
    assert result.exit_code == 1
    told = _checks(result)["ports-taken"]
    assert told["status"] == "problem"
    assert f"http {port}: taken by" in told["evidence"][0]
    assert "plantgate ports set http" in told["next_step"]
    assert json.loads(result.stdout)["problems"] >= 1


def test_a_broken_configuration_is_found_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    data = _data(tmp_path, 8088, '<entry key="gateway.metroSSLPort">web</entry>\n')
    result = _run("doctor", "--data", str(data), "--json")
    assert result.exit_code == 1
    told = _checks(result)
    assert told["configuration"]["status"] == "problem"
    assert told["configuration"]["evidence"][0].startswith("gateway.xml:5: gateway.metroSSLPort")
    assert told["disk-space"]["status"] != "not checked"
    (data / "gateway.xml").write_text("no xml", encoding="utf-8")
    assert _checks(_run("doctor", "--data", str(data), "--json"))["configuration"]["status"] == "problem"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--data", "/no/such/folder"),
        ("--gateway-xml", "/no/such/file.xml"),
        ("nosuch.invalid",),
        ("127.0.0.1", "--hardening"),
        ("x" * 300,),
        ("--unknown",),
    ],
)
def test_wrong_use(arguments: tuple[str, ...]) -> None:
    result = _run("doctor", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_an_ignition_file_works_as_it_is(tmp_path: Path) -> None:
    data = _data(tmp_path, free_ports(1)[0])
    result = _run("doctor", "--gateway-xml", str(data / "gateway.xml"), "--json")
    assert result.exit_code in {0, 1}
    told = _checks(result)
    assert told["file-rights"]["status"] == "not checked"
    assert told["ports-taken"]["status"] == "ok"


def test_hardening_has_ten_steps_and_advises(tmp_path: Path) -> None:
    data = _data(tmp_path, free_ports(1)[0])
    result = _run("doctor", "--data", str(data), "--hardening", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [step["step"] for step in told["steps"]] == list(range(1, 11))
    assert told["met"] <= told["seen"]
    assert all(each["saw"] for step in told["steps"] for each in step["criteria"])
    text = _run("doctor", "--data", str(data), "--hardening").stdout
    assert "10  Stay informed" in text
    assert f"hardening: {told['met']} of {told['seen']}" in text
    assert exposure.CHECKS


def test_a_host_where_no_gateway_is() -> None:
    http, https = free_ports(2)
    result = _run("doctor", "127.0.0.1", "--set", f"http_port={http}", "--set", f"https_port={https}", "--json")
    assert result.exit_code == 1
    told = _checks(result)
    assert list(told) == [check.code for check in outside.checks("127.0.0.1")]
    assert told["host-ports"]["status"] == "problem"


def test_a_gateway_that_runs_and_what_watch_sees_of_it(tmp_path: Path) -> None:
    """Real processes: the doctor finds a healthy plant, watch sees the gateway come and go and the exit is clean."""
    import subprocess
    import sys

    program = (
        "import typer; from plantgate.cli import ports_watch; app = typer.Typer(); ports_watch.register(app); "
        "app.command('other')(lambda: None); app()"
    )
    with plant(tmp_path) as site:
        command = [sys.executable, "-c", program, "watch", "--data", str(site.data), "--interval", "0.2", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            assert watch.stderr is not None
            first = json.loads(watch.stdout.readline())
            assert first["event"] == "snapshot"
            with site.gateway():
                wait_for(lambda: site.state() == "RUNNING", "RUNNING")
                told = _checks(_run("doctor", "--data", str(site.data), "--json"))
            events: list[dict[str, Any]] = []
            while not any(event["event"] == "closed" for event in events):
                events.append(json.loads(watch.stdout.readline()))
            watch.send_signal(signal.SIGINT)
            assert watch.wait(10) == 0
            assert watch.stderr.read() == ""
    assert told["gateway-running"]["status"] == "ok"
    assert told["ports-taken"]["status"] == "ok"
    assert "this gateway listens" in told["ports-taken"]["evidence"][0]
    http = [event for event in events if event["name"] == "http" and event["event"] != "connections_changed"]
    assert [event["event"] for event in http] == ["opened", "closed"]
    assert http[0]["owner"]["pid"] is not None
    assert http[0]["at"] >= first["at"]
    device = [event for event in events if event["instance"] == "PLC1" and event["event"] == "connections_changed"]
    assert device[0]["peers"] == {"127.0.0.1": 1}


def test_watch_refuses_intervals_that_make_no_sense() -> None:
    for text in ("0", "-1", "nan", "99999"):
        assert _run("watch", "--interval", text).exit_code == 2, text
