"""`plantgate ports firewall` and `ports balancer`, as a person calls them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from plantgate.cli.ports_firewall import register

CASES = Path(__file__).parents[1] / "config" / "cases" / "valid"
app = typer.Typer()
register(app)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PLANTGATE_", "GATEWAY_")):
            monkeypatch.delenv(name)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_text_alone_is_on_standard_output() -> None:
    result = _run("firewall", "nftables", "--data", str(CASES / "plant"), "--source", "10.0.0.0/8")
    assert result.exit_code == 0
    assert result.stdout.startswith("# plantgate: who may reach its ports\n")
    assert "ip saddr { 10.0.0.0/8 } tcp dport 8088 counter accept" in result.stdout
    assert "chain output" not in result.stdout
    assert "dport 502" not in result.stdout
    wide = _run("firewall", "nftables", "--data", str(CASES / "plant"), "--outbound")
    assert "ip daddr { 192.0.2.10/32 } tcp dport 502 counter accept" in wide.stdout


def test_an_ignition_file_alone_listens_everywhere() -> None:
    file = str(CASES / "ignition_file" / "gateway.xml")
    result = _run("firewall", "netsh", "--gateway-xml", file)
    assert result.exit_code == 0
    for port in (9088, 8443, 8061):
        assert f"localport={port} " in result.stdout
    assert "taken to listen on every interface" in result.stderr
    near = _run("firewall", "netsh", "--gateway-xml", file, "--set", "web.address=127.0.0.1")
    assert "add rule" not in near.stdout
    assert "nothing needs a rule" in near.stderr


def test_json_says_rules_remarks_and_text() -> None:
    result = _run(
        "firewall", "ufw", "--data", str(CASES / "plant"), "--outbound", "--source", "http=10.1.0.0/16", "--json"
    )
    found = json.loads(result.stdout)
    assert (found["system"], found["applied"]) == ("ufw", False)
    http = found["rules"][0]
    assert (http["name"], http["port"], http["direction"], http["sources"]) == (
        "plantgate http", 8088, "in", ["10.1.0.0/16"],
    )  # fmt: skip
    assert any("db.example" in remark for remark in found["remarks"])
    assert "ufw prepend allow proto tcp from 10.1.0.0/16 to any port 8088" in found["text"]
    assert "hunter" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["firewall", "pf"], "FW-121"),
        (["firewall", "ufw", "--zone", "public"], "FW-122"),
        (["firewall", "ufw", "--source", "10.0.0.1/8"], "FW-104"),
        (["firewall", "netsh", "--apply", "--yes"], "FW-131"),
        (["balancer", "haproxy"], "BAL-106"),
        (["balancer", "haproxy", "--gateway", "a", "--tls", "none"], "BAL-141"),
        (["balancer", "haproxy", "--gateway", "a", "--tls", "reencrypt"], "BAL-102"),
        (["balancer", "caddy", "--gateway", "a"], "BAL-121"),
        (["balancer", "apache", "--gateway", "a"], "BAL-131"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], code: str) -> None:
    result = _run(*arguments, "--data", str(CASES / "plant"))
    assert result.exit_code == 2
    assert f"[{code}]" in result.stderr
    assert "\n  next: " in result.stderr
    assert result.stdout == ""


def test_apply_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "geteuid"):
        pytest.skip("needs a system with users")
    monkeypatch.setattr("plantgate.ports.firewall.apply.sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/sbin/{name}")
    result = _run("firewall", "nftables", "--data", str(CASES / "plant"), "--apply", "--yes")
    assert result.exit_code == 1
    assert "only root may change the firewall [FW-132]" in result.stderr
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    result = _run("firewall", "nftables", "--data", str(CASES / "plant"), "--apply", "--yes")
    assert "nft is not installed here" in result.stderr


def test_balancer_takes_the_port_from_the_configuration() -> None:
    file = str(CASES / "ignition_file" / "gateway.xml")
    result = _run("balancer", "haproxy", "--gateway", "192.0.2.1", "--gateway", "192.0.2.2:1", "--gateway-xml", file)
    assert result.exit_code == 0
    assert "server gateway1 192.0.2.1:8443 check " in result.stdout
    assert "server gateway2 192.0.2.2:1 check " in result.stdout
    assert "bind :::443 v4v6\n" in result.stdout
    found = json.loads(
        _run(
            "balancer",
            "nginx",
            "--gateway",
            "192.0.2.1",
            "--certificate",
            "/x.pem",
            "--data",
            str(CASES / "plant"),
            "--json",
        ).stdout
    )
    assert (found["tls"], found["gateways"]) == ("reencrypt", [{"host": "192.0.2.1", "port": 8043}])


def test_a_warning_stands_beside_the_text() -> None:
    result = _run("balancer", "haproxy", "--gateway", "127.0.0.1", "--data", str(CASES / "plant"))
    assert "warning: a gateway on this machine takes everybody" in result.stderr
