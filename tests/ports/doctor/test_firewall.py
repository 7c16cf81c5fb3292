"""What programs of a firewall print, and what it means for our ports."""

from __future__ import annotations

import json

import pytest

from plantgate.ports.doctor.firewall import firewall, parse_iptables, parse_nft, parse_ufw
from plantgate.ports.doctor.report import Status
from plantgate.ports.doctor.subject import Printed
from tests.ports.doctor.conftest import MakeSubject

EVERYWHERE = '[web]\naddress = "0.0.0.0"\n'
UFW = """Status: active

To                         Action      From
--                         ------      ----
8088/tcp                   ALLOW       Anywhere
8043,9000:9010/tcp         ALLOW       192.0.2.0/24
22                         DENY        Anywhere
"""
IPTABLES = """-P INPUT DROP
-P FORWARD DROP
-P OUTPUT ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 8088 -j ACCEPT
-A INPUT -s 192.0.2.0/24 -p tcp -m multiport --dports 8043,9000:9010 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j DROP
"""


def _match(right: object) -> dict[str, object]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": right}}


def _nft(policy: str, *rules: list[dict[str, object]]) -> str:
    place = {"family": "inet", "table": "filter", "chain": "input"}
    chain = {"family": "inet", "table": "filter", "name": "input", "hook": "input", "policy": policy}
    return json.dumps(
        {"nftables": [{"metainfo": {}}, {"chain": chain}, *({"rule": {**place, "expr": rule}} for rule in rules)]}
    )


def test_three_ways_to_say_the_same() -> None:
    ruleset = _nft(
        "drop", [_match(8088), {"accept": None}], [_match({"set": [8043, {"range": [9000, 9010]}]}), {"accept": None}]
    )
    for found in (parse_ufw(UFW), parse_iptables(IPTABLES), parse_nft(ruleset)):
        assert found is not None
        assert found.drops
        assert [found.names(port) for port in (8088, 8043, 9005, 9011, 22)] == [True, True, True, False, False]


def test_firewalls_that_let_everything_in() -> None:
    open_chain = parse_nft(_nft("accept"))
    assert open_chain is not None
    assert not open_chain.drops
    last = parse_nft(_nft("accept", [{"drop": None}]))
    assert last is not None
    assert last.drops, "a last rule refuses what no other took"
    iptables = parse_iptables("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n")
    assert iptables is not None
    assert not iptables.drops
    assert parse_ufw("Status: inactive") is None
    assert parse_nft("no json") is None
    assert parse_nft("{}") is None


@pytest.mark.parametrize(
    ("run", "status", "words"),
    [
        ({}, Status.NOT_CHECKED, "none of ufw"),
        ({"nft": Printed(1, "Operation not permitted (you must be root)")}, Status.NOT_CHECKED, "administrator"),
        ({"nft": Printed(-1, "nft did not end within 3 s")}, Status.NOT_CHECKED, "did not end"),
        ({"ufw": Printed(0, UFW)}, Status.OK, "ufw refuses"),
        ({"ufw": Printed(0, "Status: inactive"), "iptables": Printed(0, IPTABLES)}, Status.OK, "iptables refuses"),
        ({"ufw": Printed(0, UFW.replace("8043", "8044"))}, Status.WARNING, "ufw refuses"),
        ({"nft": Printed(0, _nft("accept"))}, Status.WARNING, "lets every"),
        ({"firewall-cmd": Printed(0, "8088/tcp 8000-8050/tcp\n")}, Status.OK, "firewalld"),
    ],
)
def test_what_it_means_for_our_ports(subject: MakeSubject, run: dict[str, Printed], status: Status, words: str) -> None:
    found = firewall(subject(toml=EVERYWHERE, run=run))
    assert (found.status, words in found.evidence[0]) == (status, True), found
    if status is not Status.OK:
        assert "plantgate ports firewall" in found.next_step
    assert firewall(subject(run=run)).status is Status.OK, "on loopback none is needed"


@pytest.mark.parametrize(
    ("platform", "program", "said", "status"),
    [
        ("win32", "netsh", "Domain Profile Settings:\nState    OFF\n", Status.WARNING),
        ("win32", "netsh", "Domain Profile Settings:\nState    ON\n", Status.NOT_CHECKED),
        ("win32", "netsh", "Status   EIN\n", Status.NOT_CHECKED),
        (
            "darwin",
            "/usr/libexec/ApplicationFirewall/socketfilterfw",
            "Firewall is disabled. (State = 0)",
            Status.WARNING,
        ),
        (
            "darwin",
            "/usr/libexec/ApplicationFirewall/socketfilterfw",
            "Firewall is enabled. (State = 1)",
            Status.NOT_CHECKED,
        ),
    ],
)
def test_other_systems(subject: MakeSubject, platform: str, program: str, said: str, status: Status) -> None:
    assert firewall(subject(toml=EVERYWHERE, platform=platform, run={program: Printed(0, said)})).status is status


def test_without_a_listener_there_is_nothing_to_filter(subject: MakeSubject) -> None:
    run = {"nft": Printed(0, _nft("accept"))}
    looked = subject("gateway.port=0", "gateway.sslport=0", "gateway.metroSSLPort=0", toml=EVERYWHERE, run=run)
    found = firewall(looked)
    assert found.status is Status.OK
    assert found.evidence[0] == "no listener is configured: nothing to filter"
