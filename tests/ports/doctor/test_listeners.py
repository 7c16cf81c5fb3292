"""Checks on the gateway's own ports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plantgate.config.document import Configuration
from plantgate.model.status import PortOwner
from plantgate.ports.doctor import listeners
from plantgate.ports.doctor.report import Status
from plantgate.ports.doctor.subject import Subject, System
from plantgate.ports.owners import UNKNOWN, Listening
from plantgate.runtime.clock import SystemClock
from tests.ports.doctor.conftest import MakeSubject

NGINX = PortOwner(4, "nginx", "root", "nginx: master")
US = PortOwner(os.getpid(), "plantgate", "me", "plantgate run")
EVERYWHERE = '[web]\naddress = "0.0.0.0"\n'


def _running(subject: Subject) -> None:
    """This very process poses as the gateway of the data directory."""
    assert subject.directory is not None
    (subject.directory / "state").mkdir()
    (subject.directory / "state" / "gateway.lock").write_text(f"{os.getpid()}\n", encoding="ascii")


def test_who_holds_each_port(subject: MakeSubject) -> None:
    sockets = [Listening("127.0.0.1", 8088, US), Listening("0.0.0.0", 8043, NGINX)]
    looked = subject(sockets=sockets)
    _running(looked)
    found = listeners.taken(looked)
    assert found.status is Status.PROBLEM
    assert found.evidence == (
        "https 8043: taken by nginx (pid 4)",
        f"http 8088: this gateway listens (plantgate (pid {os.getpid()}))",
    )
    assert "plantgate ports set https" in found.next_step


def test_a_port_that_should_be_open_and_is_not(subject: MakeSubject) -> None:
    looked = subject("gateway.sslport=0")
    assert listeners.taken(looked).evidence == ("http 8088: free",)
    _running(looked)
    found = listeners.taken(looked)
    assert found.status is Status.PROBLEM
    assert "does not listen" in found.evidence[0]


def test_a_holder_that_is_hidden_is_no_accusation(subject: MakeSubject) -> None:
    found = listeners.taken(subject("gateway.sslport=0", sockets=[Listening("127.0.0.1", 8088, UNKNOWN)]))
    assert found.status is Status.WARNING
    assert "administrator" in found.next_step


def test_an_ignition_holds_its_own_ports(tmp_path: Path) -> None:
    java = PortOwner(9, "java", "ignition", "/usr/local/bin/ignition/jre/bin/java")
    sockets = [Listening("0.0.0.0", port, java) for port in (8088, 8043, 8060)]
    system = System("linux", listening=lambda: sockets)
    looked = Subject(Configuration(), SystemClock(), None, tmp_path / "gateway.xml", system=system)
    assert listeners.taken(looked).status is Status.OK
    assert listeners.interfaces(looked).status is Status.WARNING
    assert "0.0.0.0" in listeners.interfaces(looked).evidence[0]


def test_port_0_and_what_nobody_uses(subject: MakeSubject) -> None:
    assert listeners.unused(subject()).status is Status.OK
    both = listeners.unused(subject("gateway.port=0", "gateway.sslport=0"))
    assert both.status is Status.PROBLEM
    assert "nobody can sign in" in both.evidence[-1]
    idle = listeners.unused(subject("opcua.discovery.enabled=true", "modbus_server.enabled=true"))
    assert idle.status is Status.WARNING
    assert len([line for line in idle.evidence if "no tag" in line or "no OPC UA" in line]) == 2


@pytest.mark.parametrize(
    ("platform", "user_id", "start", "capability", "status"),
    [
        ("linux", 1000, "1024", "0000000000000000", Status.PROBLEM),
        ("linux", 1000, "80", "0000000000000000", Status.OK),
        ("linux", 1000, "1024", "0000000000000400", Status.OK),
        ("linux", 0, "1024", "0000000000000000", Status.OK),
        ("linux", 1000, "", "nonsense", Status.PROBLEM),
        ("win32", None, "", "", Status.OK),
        ("darwin", 501, "", "", Status.PROBLEM),
    ],
)
def test_the_right_to_low_ports(
    subject: MakeSubject,
    tmp_path: Path,
    platform: str,
    user_id: int | None,
    start: str,
    capability: str,
    status: Status,
) -> None:
    (tmp_path / "proc/sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/sys/net/ipv4/ip_unprivileged_port_start").write_text(f"{start}\n", encoding="ascii")
    (tmp_path / "proc/self/status").write_text(f"Name:\tx\nCapEff:\t{capability}\n", encoding="ascii")
    looked = subject("gateway.port=80", platform=platform, user_id=user_id, root=tmp_path)
    found = listeners.privileged(looked)
    assert found.status is status
    assert "http 80" in found.evidence[0]
    assert listeners.privileged(subject()).status is Status.OK


def test_plain_http(subject: MakeSubject) -> None:
    assert listeners.plain_http(subject()).status is Status.OK
    assert listeners.plain_http(subject("gateway.sslport=0")).status is Status.WARNING
    assert listeners.plain_http(subject("gateway.sslport=0", toml=EVERYWHERE)).status is Status.PROBLEM
    assert listeners.plain_http(subject("gateway.port=0")).status is Status.OK


def test_redirects(subject: MakeSubject) -> None:
    assert listeners.redirect(subject()).status is Status.OK
    open_to_all = listeners.redirect(subject(toml=EVERYWHERE))
    assert open_to_all.status is Status.WARNING
    assert "forceSecureRedirect" in open_to_all.next_step
    assert listeners.redirect(subject("gateway.requireSSL=true", toml=EVERYWHERE)).status is Status.OK
    nowhere = listeners.redirect(subject("gateway.forceSecureRedirect=true", "gateway.sslport=0"))
    assert nowhere.status is Status.PROBLEM


def test_interfaces(subject: MakeSubject) -> None:
    assert listeners.interfaces(subject()).status is Status.OK
    assert listeners.interfaces(subject(toml='[web]\naddress = "192.0.2.7"\n')).status is Status.OK
    found = listeners.interfaces(subject(toml=EVERYWHERE))
    assert found.status is Status.WARNING
    assert "plantgate ports firewall" in found.next_step
