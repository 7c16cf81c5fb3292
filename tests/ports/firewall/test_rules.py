"""Which rules a configuration needs, and what each system is told: golden texts and a judge of its own for packets.

`GOLDEN=write pytest tests/ports/firewall/test_rules.py` writes the texts anew; read the difference before keeping it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.config.document import Configuration, Database, Device, OpcUaServer, Reader, Web, WebServer
from plantgate.config.load import load
from plantgate.errors import UsageError
from plantgate.ports.atlas import listening
from plantgate.ports.firewall import ufw
from plantgate.ports.firewall.plan import Order, Plan
from plantgate.ports.firewall.rules import Rule, RuleSet, derive, plain
from plantgate.ports.firewall.sources import Sources, parse_sources
from plantgate.ports.firewall.writers import SYSTEMS, plan
from plantgate.ports.specs import SPECS, Direction

CASES = Path(__file__).parent / "cases"
PLANT = Path(__file__).parents[2] / "config" / "cases" / "valid" / "plant"
SERVED_BY = {spec.name: spec for spec in SPECS if spec.direction is Direction.LISTEN}
SOURCES = ["10.0.0.0/8", "fd00::/8", "opcua=192.168.7.0/24", "metro_ssl=any"]


def _order(*, outbound: bool = True) -> Order:
    everything = msgspec.structs.replace(load(PLANT, (), {}), directory=None)  # also what this version does not open
    return Order(derive(everything, parse_sources(SOURCES), outbound=outbound), outbound)


@pytest.mark.parametrize("remove", [False, True], ids=["write", "undo"])
@pytest.mark.parametrize("system", list(SYSTEMS))
def test_the_text_of_every_system(system: str, remove: bool) -> None:
    file = CASES / f"{system}{'.undo' if remove else ''}.txt"
    text = plan(system, _order(), remove=remove).text
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text
    assert text.isascii()


def test_what_this_version_does_not_open_gets_no_rule_and_says_so() -> None:
    found = derive(load(PLANT, (), {}), parse_sources(SOURCES))
    assert {rule.port_name for rule in found.rules if not SERVED_BY[rule.port_name].served} == set()
    unserved = [name for name in ("metro_ssl", "opcua") if not SERVED_BY[name].served]
    assert [remark.split()[0] for remark in found.remarks if "does not open it yet" in remark] == unserved
    assert not any("which is off" in remark for remark in found.remarks)


def test_loopback_needs_no_rule_and_says_so() -> None:
    found = derive(Configuration(), Sources())
    assert found.rules == ()
    assert [remark.partition(":")[0] for remark in found.remarks] == [
        "http 8088 listens on 127.0.0.1 only",
        "https 8043 listens on 127.0.0.1 only",
        "metro_ssl 8060 listens on 127.0.0.1 only",
    ]
    everywhere = derive(Configuration(), Sources(), every_interface=True)
    assert [(rule.port_name, rule.port, rule.destinations) for rule in everywhere.rules] == [
        ("http", 8088, ()),
        ("https", 8043, ()),
        ("metro_ssl", 8060, ()),
    ]


def test_an_address_of_its_own_narrows_the_rule() -> None:
    one = Configuration(web=Web(address="192.0.2.5"), web_server=WebServer(ssl_port=0, metro_ssl_port=0))
    (rule,) = derive(one, parse_sources(["10.0.0.0/8", "fd00::/8"])).rules
    assert [(flow.version, list(map(str, flow.sources))) for flow in rule.allowed()] == [(4, ["10.0.0.0/8"])]
    assert [(flow.version, list(map(str, flow.destinations))) for flow in rule.refused()] == [(4, ["192.0.2.5/32"])]
    found = derive(one, parse_sources(["fd00::/8"]))
    assert found.rules[0].allowed() == ()
    assert len(found.rules[0].refused()) == 1, "nobody gets in, rather than everybody"
    assert found.remarks == ("http listens on 192.0.2.5: no source has that family, nobody gets in",)
    for system in ("netsh", "powershell"):
        assert "no source can reach it" in plan(system, Order(found)).text


def test_peers_are_joined_and_those_on_this_machine_left_out() -> None:
    devices = [Device(name=f"P{number}", host=f"192.0.2.{number}") for number in range(1, 8)]
    found = derive(
        Configuration(
            devices=(*devices, Device(name="near", host="127.0.0.1"), Device(name="off", host="x", enabled=False)),
            readers=(Reader(name="door", host="fe80::7%eth0"),),
            databases=(Database(name="main", url="postgresql://u:secret@db.example/x"),),
        ),
        Sources(),
        outbound=True,
    )
    rules = {rule.name: rule for rule in found.rules}
    assert list(rules) == ["plantgate out modbus 502", "plantgate out reader 4000", "plantgate out postgresql 5432"]
    assert list(map(str, rules["plantgate out modbus 502"].destinations)) == [
        "192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/30",
    ]  # fmt: skip
    assert rules["plantgate out modbus 502"].why.endswith("(P1, P2, P3, P4 and 3 more)")
    assert list(map(str, rules["plantgate out reader 4000"].destinations)) == ["fe80::7/128"]
    assert rules["plantgate out postgresql 5432"].destinations == ()
    assert "modbus near is on this machine: no rule needed" in found.remarks
    assert any("db.example" in remark for remark in found.remarks)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("texts", "code", "words"),
    [
        (["htp=10.0.0.0/8"], "FW-101", "did you mean http?"),
        (["mysql=10.0.0.0/8"], "FW-101", "one of http, https"),
        (["any", "10.0.0.0/8"], "FW-102", "contradict"),
        (["10.0.0.0/33"], "FW-103", "not an address"),
        (["plant.example"], "FW-103", "not an address"),
        (["http="], "FW-103", "not an address"),
        (["10.0.0.0/8; reboot"], "FW-103", "not an address"),
        (["fe80::1%eth0"], "FW-103", "not an address"),
        (["fe80::1%; reboot"], "FW-103", "not an address"),
        (["10.0.0.5/8"], "FW-104", "10.0.0.0/8 is that network, 10.0.0.5 that one address"),
    ],
)
def test_a_source_that_can_not_be_meant(texts: list[str], code: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sources(texts)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_sources_of_a_port_replace_the_others_and_overlaps_are_joined() -> None:
    found = parse_sources(["10.0.0.0/8", "10.1.0.0/16", "fd00::1", "192.168.1.7", "http=any", "https=192.168.0.0/17"])
    assert list(map(str, found.of("opcua"))) == ["10.0.0.0/8", "192.168.1.7/32", "fd00::1/128"]
    assert found.of("http") == ()
    assert list(map(str, found.of("https"))) == ["192.168.0.0/17"]
    off = derive(Configuration(), parse_sources(["opcua=10.0.0.0/8"]))
    assert "a source is given for opcua, which is off: no rule" in off.remarks


@given(st.one_of(st.text(), st.from_regex(r"(10\.0\.0\.0|fe80::)(%.*)?(/.*)?", fullmatch=True)))
def test_a_source_is_a_network_and_nothing_else(text: str) -> None:
    try:
        networks = parse_sources([text]).everywhere
    except UsageError:
        return
    assert all(re.fullmatch(r"[0-9a-f.:]+/\d+", str(network)) for network in networks)


@given(st.text())
def test_no_text_gets_out_of_its_quotes(text: str) -> None:
    """Names come from files and command lines."""
    safe = plain(text)
    assert re.fullmatch(r"[A-Za-z0-9 _.,:()/-]*", safe)
    rule = Rule("plantgate http", safe, "http", "in", 8088)
    for system in SYSTEMS:
        written = plan(system, Order(RuleSet((rule,), (safe,)))).text
        assert len(written.splitlines()) == len(plan(system, Order(RuleSet((rule,), ("x",)))).text.splitlines())
    if safe != text:
        with pytest.raises(UsageError, match="FW-111"):
            Rule("plantgate http", text, "http", "in", 8088)


@pytest.mark.parametrize(
    ("system", "zone", "code"), [("pf", "", "FW-121"), ("ufw", "public", "FW-122"), ("firewalld", "a b", "FW-122")]
)
def test_an_unknown_system_or_zone(system: str, zone: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(system, Order(RuleSet((), ()), zone=zone))
    assert caught.value.code == code


def test_a_zone_of_firewalld() -> None:
    order = Order(_order().rules, zone="internal")
    assert "--add-ingress-zone=internal" in plan("firewalld", order).text


def test_ufw_clears_up_its_own_rules_and_no_others() -> None:
    added = (
        "Added user rules (see 'ufw status' for running firewall):\n"
        "ufw allow 22/tcp\n"
        "ufw allow from 10.0.0.0/8 to any port 8088 proto tcp comment 'plantgate http: HTTP, page (gateway.port)'\n"
        "ufw deny 8088/tcp comment 'plantgate http: nobody else'\n"
        "ufw allow 8088/tcp comment 'not plantgate'\n"
        "ufw allow 8088/tcp comment 'plantgates of ours'\n"
    )
    assert [shlex.join(step.argv) for step in ufw.leftovers(added)] == [
        "ufw delete allow from 10.0.0.0/8 to any port 8088 proto tcp",
        "ufw delete deny 8088/tcp",
    ]
    assert ufw.leftovers("(None)\n") == ()


# a judge of its own

_networks = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/24", "fd00::/8", "2001:db8::/32", "0.0.0.0/0"])
_visitors = st.sampled_from(["10.1.2.3", "10.9.9.9", "192.168.0.9", "203.0.113.9", "fd00::9", "2001:db8::9", "2600::1"])
_addresses = st.sampled_from(["0.0.0.0", "::", "192.0.2.5", "2001:db8::5"])


@st.composite
def _configurations(draw: st.DrawFn) -> tuple[Configuration, list[str]]:
    ports = draw(st.lists(st.integers(1, 65_535), min_size=4, max_size=4, unique=True))
    on = draw(st.lists(st.booleans(), min_size=4, max_size=4))
    chosen = [port if wanted else 0 for port, wanted in zip(ports, on, strict=True)]
    configuration = Configuration(
        web=Web(address=draw(_addresses)),
        web_server=WebServer(port=chosen[0], ssl_port=chosen[1], metro_ssl_port=chosen[2]),
        opcua_server=OpcUaServer(enabled=on[3], port=chosen[3]),
    )
    names = st.sampled_from(["", "http=", "https=", "opcua="])
    return configuration, draw(st.lists(st.builds(lambda name, net: name + net, names, _networks), max_size=5))


def _expected(configuration: Configuration, sources: Sources, visitor: str, target: str, port: int) -> str:
    """From the words of the feature, not from its code: accept, drop, or none of our business."""
    endpoint = next((item for item in listening(configuration) if item.port == port), None)
    bound = ipaddress.ip_address(configuration.web.address)
    if endpoint is None or (not bound.is_unspecified and ipaddress.ip_address(target) != bound):
        return "pass"
    networks = sources.of(endpoint.name)
    return "accept" if not networks or any(ipaddress.ip_address(visitor) in item for item in networks) else "drop"


def _by_nft(found: Plan, visitor: str, target: str, port: int) -> str:
    version = ipaddress.ip_address(visitor).version
    for line in found.text.partition("chain output")[0].splitlines():
        words = re.fullmatch(
            r"\t\t(?:(ip6?) saddr \{ (.*?) \} )?(?:(ip6?) daddr \{ (.*?) \} )?tcp dport (\d+) counter (\w+) .*", line
        )
        if words is None or int(words[5]) != port:
            continue
        if all(
            networks is None
            or (
                (family == "ip6") == (version == 6)
                and any(ipaddress.ip_address(address) in ipaddress.ip_network(item) for item in networks.split(", "))
            )
            for family, networks, address in ((words[1], words[2], visitor), (words[3], words[4], target))
        ):
            return words[6]
    return "pass"


def _by_iptables(found: Plan, visitor: str, target: str, port: int) -> str:
    tool = "ip6tables-restore" if ":" in visitor else "iptables-restore"
    (text,) = (step.stdin for step in found.steps if step.argv[0] == tool)
    for line in text.splitlines():
        words = shlex.split(line)
        option = {words[i]: words[i + 1] for i in range(0, len(words) - 1) if words[i].startswith("-")}
        if option.get("--dport") != str(port):
            continue
        if all(
            name not in option or ipaddress.ip_address(address) in ipaddress.ip_network(option[name])
            for name, address in (("-s", visitor), ("-d", target))
        ):
            return option["-j"].lower()
    return "pass"


@given(_configurations(), _visitors, st.data())
def test_every_packet_fares_as_the_sources_say(
    made: tuple[Configuration, list[str]], visitor: str, data: st.DataObject
) -> None:
    configuration, texts = made
    sources = parse_sources(texts)
    order = Order(derive(configuration, sources))
    ports = [endpoint.port for endpoint in listening(configuration)]
    port = data.draw(st.sampled_from([*ports, 22]))
    six = ":" in visitor
    target = data.draw(st.sampled_from(["2001:db8::5", "2001:db8::6"] if six else ["192.0.2.5", "192.0.2.6"]))
    wanted = _expected(configuration, sources, visitor, target, port)
    assert _by_nft(plan("nftables", order), visitor, target, port) == wanted
    assert _by_iptables(plan("iptables", order), visitor, target, port) == wanted


@given(_configurations())
def test_every_port_is_listed_once_and_undone_exactly(made: tuple[Configuration, list[str]]) -> None:
    configuration, texts = made
    order = Order(derive(configuration, parse_sources(texts)))
    assert sorted(rule.port for rule in order.rules.rules) == sorted(item.port for item in listening(configuration))
    added = set(re.findall(r'add rule name="(.*?)"', plan("netsh", order).text))
    deleted = set(re.findall(r'delete rule name="(.*?)"', plan("netsh", order, remove=True).text))
    assert added <= {rule.name for rule in order.rules.rules} <= deleted
    assert all(name.startswith("plantgate ") for name in deleted)

    def ufw_rules(remove: bool) -> list[list[str]]:
        lines = (
            shlex.split(line) for line in plan("ufw", order, remove=remove).text.splitlines() if line[:4] == "ufw "
        )
        return sorted(
            [
                word
                for word in (line[: line.index("comment")] if "comment" in line else line)[1:]
                if word not in {"prepend", "delete"}
            ]
            for line in lines
        )

    assert ufw_rules(remove=False) == ufw_rules(remove=True)
