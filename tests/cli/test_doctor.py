"""`plantgate doctor` and `plantgate ports watch` as a person types them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bench.processes import free_ports, plant, wait_for
from plantgate.cli import doctor, ports_watch
from plantgate.ports.doctor import exposure, local, outside
from tests.ports import peers

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


def test_a_formula_that_is_none_is_found(tmp_path: Path) -> None:
    data = _data(tmp_path, 8088)
    with (data / "plantgate.toml").open("a", encoding="utf-8") as file:
        file.write('[[tag]]\npath = "X"\ntype = "Int4"\nexpression = "1 +"\n')
    told = _checks(_run("doctor", "--data", str(data), "--json"))["configuration"]
    assert told["status"] == "problem"
    assert "tag.[default]X.expression" in told["evidence"][0]


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
        ("192.0.2.0/30",),
        ("192.0.2.1-9",),
        ("x" * 300,),
        ("--unknown",),
    ],
)
def test_wrong_use(arguments: tuple[str, ...]) -> None:
    result = _run("doctor", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


SEEDS = """\
STATUS | wrapper  | 2026/11/20 08:49:20 | --> Wrapper Started as Daemon
INFO   | jvm 1    | 2026/11/20 08:49:25 | E [WebServer ] [07:49:25]: Error: "Address already in use"
INFO   | jvm 1    | 2026/11/20 08:49:26 | E [Connection] [07:49:26]: Error: "SSL handshake failed"
INFO   | jvm 1    | 2026/11/20 08:49:27 | E [Connection] [07:49:27]: Error: "Connection timed out"
"""


def _with_problems(folder: Path, https: int) -> Path:
    """What `plantgate init` makes, with everything wrong that a test can make wrong."""
    data = folder / "plant"
    made = subprocess.run(
        [sys.executable, "-m", "plantgate.cli.main", "init", str(data)], check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    xml = data / "gateway.xml"
    text = xml.read_text(encoding="utf-8").replace(">8043<", f">{https}<").replace(">8088<", ">80<")
    xml.write_text(text, encoding="utf-8")
    own, logs = data / "pki" / "own", data / "logs"
    own.mkdir(parents=True, exist_ok=True)
    logs.mkdir(exist_ok=True)
    public, private = peers.certificate(folder, days=-4)
    shutil.move(public, own / "https.crt.pem")
    shutil.move(private, own / "https.key.pem")
    (own / "https.key.pem").chmod(0o644)
    (logs / "wrapper.log").write_text(SEEDS, encoding="utf-8")
    return data


def test_a_directory_full_of_problems(tmp_path: Path) -> None:
    """Each is found, with its next step; the last line names those that make the exit status 1."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        data = _with_problems(tmp_path, port)
        arguments = ("doctor", "--data", str(data), "--set", "web.address=0.0.0.0")
        found, text = _run(*arguments, "--json"), _run(*arguments)
    assert found.exit_code == text.exit_code == 1
    told = _checks(found)
    assert told["ports-taken"]["status"] == "problem"
    assert told["certificate-dates"]["evidence"][0].startswith("the certificate ended 4 days ago (")
    assert told["interfaces"]["status"] == "warning"
    assert told["wrapper-log"]["next_step"].count("\n") == 2, "a step for each of the three"
    assert [line.partition(",")[0] for line in told["wrapper-log"]["evidence"]] == [
        "Address already in use",
        "SSL handshake failed",
        "Connection timed out",
    ]
    if os.name != "nt":
        assert "mode 0644" in told["certificate-key"]["evidence"][0]
        assert told["file-rights"]["next_step"].startswith("chmod go= ")
    assert all(check["next_step"] for check in told.values() if check["status"] in ("problem", "warning"))
    last = text.stdout.splitlines()[-1]
    assert "ports-taken, " in last
    assert "wrapper-log)" in last
    steps = [line for line in text.stdout.splitlines() if line.startswith("             next: ")]
    assert len(steps) == sum(len(check["next_step"].splitlines()) for check in told.values())


def test_http_without_https_and_port_0(tmp_path: Path) -> None:
    data = _data(tmp_path, 8088)
    told = _checks(_run("doctor", "--data", str(data), "--set", "web.address=0.0.0.0", "--json"))
    assert told["http-plain"]["status"] == "problem"
    assert "there is no HTTPS" in told["http-plain"]["evidence"][0]
    off = _checks(_run("doctor", "--data", str(data), "--set", "http_port=0", "--json"))
    assert off["ports-unused"]["status"] == "problem"
    assert "nobody can sign in" in off["ports-unused"]["evidence"][-1]
    assert off["http-plain"]["status"] == "ok"


@pytest.mark.skipif(os.name == "nt", reason="pseudo terminals are POSIX")
@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_nothing_is_folded_within_a_word(tmp_path: Path, columns: int, colour: bool) -> None:
    data = _data(tmp_path, free_ports(1)[0])
    program = "import typer; from plantgate.cli import doctor; app = typer.Typer(); doctor.register(app); app()"
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    if not colour:
        environment["NO_COLOR"] = "1"
    shown = _on_a_terminal([sys.executable, "-c", program, "--data", str(data)], environment)
    assert ("\x1b[33m" in shown) == colour
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    whole = _run("doctor", "--data", str(data)).stdout
    # The clock ticks and the disk fills between the two runs.
    words = [word for word in whole.split() if not any(char.isdigit() for char in word)]
    seen = plain.split()
    assert [word for word in seen if not any(char.isdigit() for char in word)] == words
    lines = plain.splitlines()
    for line in lines:
        assert len(line) <= columns or "plantgate " in line or len(max(line.split(), key=len)) > columns - 4, line
    command = f"plantgate run --data {data}"
    assert any(command in line for line in lines), "what is copied is on one line"


def _on_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    import pty

    master, slave = pty.openpty()
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment):
        os.close(slave)
        shown = b""
        try:
            while data := os.read(master, 65_536):
                shown += data
        except OSError:
            pass  # Linux: the other end is closed
        finally:
            os.close(master)
    return shown.decode("utf-8").replace("\r\n", "\n")


def test_in_a_pipe_each_fact_is_a_line(tmp_path: Path) -> None:
    result = _run("doctor", "--data", str(_data(tmp_path, free_ports(1)[0])))
    assert "\x1b" not in result.stdout
    for line in result.stdout.splitlines()[:-1]:
        assert re.match(r"(ok|warning|problem|not checked) +[a-z-]+: \S|             \S", line), line


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
                while not any(event["instance"] == "PLC1" for event in events):
                    events.append(json.loads(watch.stdout.readline()))
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
