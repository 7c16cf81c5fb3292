"""The rules loaded for real: allowed sources connect, others do not, other ports are left alone, --remove restores."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.ports.firewall.netns import ALLOWED, ALLOWED6, STRANGER, STRANGER6, World

GATEWAY_XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">
<properties><entry key="gateway.metroSSLPort">0</entry></properties>
"""
Serve: TypeAlias = Callable[..., None]
HTTP, HTTPS, SSH = 8088, 8043, 2222
PORTS = (HTTP, HTTPS, SSH)
SOURCES = ("--source", "10.77.0.0/24", "--source", "fd77::/64", "--source", "https=any")
PACKAGES = {
    "nftables": ("nft", "nftables"),
    "iptables": ("iptables", "iptables"),
    "ufw": ("ufw", "ufw"),
    "firewalld": ("firewall-cmd", "firewalld"),
}
EVERYBODY = {(pair[0], port): True for pair in (ALLOWED, STRANGER, ALLOWED6, STRANGER6) for port in PORTS}
RESTRICTED = {(source, port): port in (HTTPS, SSH) or source in (ALLOWED[0], ALLOWED6[0]) for source, port in EVERYBODY}


@pytest.fixture(params=list(PACKAGES))
def system(request: pytest.FixtureRequest, program: Callable[..., str]) -> str:
    name, package = PACKAGES[request.param]
    program(name, package=package)
    if package == "ufw":
        request.getfixturevalue("ufw_files")
    if package == "firewalld":
        request.getfixturevalue("firewalld")
    return str(request.param)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A gateway that listens on every interface and has a PLC to reach."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "plantgate.toml").write_text(
        '[web]\naddress = "0.0.0.0"\n[[device]]\nname = "PLC1"\nhost = "10.77.0.2"\n', encoding="utf-8"
    )
    (folder / "gateway.xml").write_bytes(GATEWAY_XML)
    return folder


def _rules(world: World) -> str:
    """Everything that the firewall holds, without counters and ufw's own chains' order."""
    return world.inside("nft", "--stateless", "list", "ruleset").stdout


def test_only_the_sources_reach_the_ports(
    world: World, serving: Serve, data: Path, system: str, program: Callable[..., str]
) -> None:
    program("nft", package="nftables")
    command = ("firewall", system, "--data", str(data), *SOURCES)
    apply = ("--apply", "--yes")
    if system == "ufw":
        world.inside("ufw", "default", "allow", "incoming")
        world.inside("ufw", "allow", "2222/tcp")
        world.inside("ufw", "--force", "enable")
    elif system == "nftables":
        world.inside("nft", "-f", "-", stdin="table inet other {\nchain c {\ntcp dport 1 drop\n}\n}\n")
    elif system == "iptables":
        world.inside("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "1", "-j", "DROP")
        # Base chains that iptables makes on first use are not ours to take away again.
        world.inside("ip6tables", "-A", "INPUT", "-p", "tcp", "--dport", "1", "-j", "DROP")
        for tool in ("iptables", "ip6tables"):
            world.inside(tool, "-A", "OUTPUT", "-p", "tcp", "--dport", "1", "-j", "ACCEPT")
    serving(*PORTS)
    before = _rules(world)
    assert world.reached(PORTS) == EVERYBODY

    world.ports(*command, *apply)
    once = _rules(world)
    assert once != before
    assert world.reached(PORTS) == RESTRICTED

    if system != "ufw":  # there it is removed and made again, as the narrower one below
        world.ports(*command, *apply)
        assert _rules(world) == once, "applying again changes nothing"

    narrow = ("firewall", system, "--data", str(data), "--source", "192.168.77.2", *apply)
    world.ports(*narrow)
    assert world.reached(PORTS) == {
        (source, port): port == SSH or source == STRANGER[0] for source, port in EVERYBODY
    }, "the sources of the run before are gone"

    world.ports(*command, "--remove", *apply)
    assert _rules(world) == before
    assert world.reached(PORTS) == EVERYBODY
    world.ports(*command, "--remove", *apply)
    assert _rules(world) == before, "removing again is no error"


def test_the_printed_text_does_the_same(world: World, serving: Serve, data: Path, system: str) -> None:
    """For whoever keeps the text instead of --apply: run as its comment says."""
    command = ("firewall", system, "--data", str(data), *SOURCES, "--outbound")
    text, undo = world.ports(*command).stdout, world.ports(*command, "--remove").stdout
    run = ("nft", "-f", "-") if system == "nftables" else ("sh", "-s")
    if system == "nftables":
        world.inside("nft", "-c", "-f", "-", stdin=text)
    if system == "ufw":
        world.inside("ufw", "default", "allow", "incoming")
        world.inside("ufw", "--force", "enable")
    serving(*PORTS)
    world.inside(*run, stdin=text)
    assert world.reached(PORTS) == RESTRICTED
    world.inside(*run, stdin=undo)
    assert world.reached(PORTS) == EVERYBODY


def test_a_connection_that_the_gateway_opened_lives_on(world: World, data: Path, program: Callable[..., str]) -> None:
    """From port 8088 of this machine, which is odd and legal: its answers are no visitors."""
    program("nft", package="nftables")
    program("iptables", package="iptables")
    echo = (
        "import socket; s = socket.create_server(('10.77.0.2', 502)); print('ready', flush=True)\n"
        "c, _ = s.accept()\nwhile d := c.recv(99): c.sendall(d)"
    )
    ask = (
        "import socket, sys; s = socket.create_connection(('10.77.0.2', 502), 5, ('10.77.0.1', 8088))\n"
        "for line in sys.stdin: s.sendall(line.encode()); print(s.recv(99).decode(), end='', flush=True)"
    )
    with ExitStack() as stack:
        peer = stack.enter_context(world.popen(world.client, sys.executable, "-c", echo))
        stack.callback(peer.kill)  # it would wait for ever for a connection whose end was dropped
        assert peer.stdout is not None
        assert peer.stdout.readline() == "ready\n"
        ours = stack.enter_context(world.popen(world.gateway, sys.executable, "-c", ask))
        stack.callback(ours.kill)
        assert ours.stdin is not None
        assert ours.stdout is not None
        for system in ("nftables", "iptables"):
            world.ports("firewall", system, "--data", str(data), "--source", "10.99.0.0/16", "--apply", "--yes")
            ours.stdin.write(f"{system}\n")
            ours.stdin.flush()
            assert ours.stdout.readline() == f"{system}\n"


def test_apply_shows_asks_and_takes_no_for_an_answer(world: World, data: Path, program: Callable[..., str]) -> None:
    program("nft", package="nftables")
    done = world.ports("firewall", "nftables", "--data", str(data), "--apply", stdin="n\n", check=False)
    assert done.returncode == 1
    assert "nft -f - <<'END'" in done.stdout
    assert "Make this change on this machine? [y/N]" in done.stderr
    assert _rules(world) == ""


def test_what_the_firewall_refuses_is_told(world: World, data: Path, program: Callable[..., str]) -> None:
    """A chain that somebody else's rules use can't be removed."""
    program("iptables", package="iptables")
    world.inside("iptables", "-N", "PLANTGATE-IN")
    world.inside("iptables", "-N", "OTHER")
    world.inside("iptables", "-A", "OTHER", "-j", "PLANTGATE-IN")
    done = world.ports("firewall", "iptables", "--data", str(data), "--remove", "--apply", "--yes", check=False)
    assert done.returncode == 1
    assert "iptables -w -X PLANTGATE-IN failed: " in done.stderr
    assert "[FW-134]" in done.stderr
