"""nftables: a table of our own, `inet plantgate`, replaced and removed as a whole (nft(8))."""

from __future__ import annotations

from collections.abc import Iterator

from plantgate.ports.firewall.plan import Order, Plan, Step, header
from plantgate.ports.firewall.rules import Flow, Rule
from plantgate.ports.firewall.sources import Networks

_LOAD = ("nft", "-f", "-")
# The kernel keeps 128 bytes of a comment, with its end.
_COMMENT = 120
_RESET = "table inet plantgate\ndelete table inet plantgate\n"


def write(order: Order) -> Plan:
    ports = ", ".join(str(rule.port) for rule in order.rules.towards("in"))
    remarks = [
        "Load with: nft -f FILE. Loading again replaces the table; other tables and ports are not touched.",
        "Lasts until the next start: include FILE from /etc/nftables.conf to keep it.",
    ]
    if ports:
        remarks.append(
            "Where another table drops by default, this one can restrict but not open: add there"
            f" tcp dport {{ {ports} }} accept"
        )
    if order.outbound:
        remarks.append("Outgoing rules allow and count; they forbid nothing.")
    lines = [
        *header(order, "plantgate: who may reach its ports", *remarks),
        *_RESET.splitlines(),
        "table inet plantgate {",
        *_input(order),
        *(_output(order) if order.outbound else ()),
        "}",
    ]
    text = "\n".join(lines) + "\n"
    return Plan(text, (Step(_LOAD, stdin=text),))


def undo(order: Order) -> Plan:
    text = "\n".join([*header(order, "plantgate: remove its table, and nothing else"), _RESET])
    return Plan(text, (Step(_LOAD, stdin=text),))


def _input(order: Order) -> Iterator[str]:
    yield "\tchain input {"
    yield "\t\ttype filter hook input priority filter - 10; policy accept;"
    yield '\t\tiif "lo" accept comment "this machine itself"'
    yield '\t\tct direction reply accept comment "answers to connections that this machine opened"'
    for rule in order.rules.towards("in"):
        yield from (_rule(rule, flow, "accept") for flow in rule.allowed())
        yield from (_rule(rule, flow, "drop") for flow in rule.refused())
    yield "\t}"


def _output(order: Order) -> Iterator[str]:
    yield "\tchain output {"
    yield "\t\ttype filter hook output priority filter - 10; policy accept;"
    for rule in order.rules.towards("out"):
        yield from (_rule(rule, flow, "accept") for flow in rule.allowed())
    yield "\t}"


def _rule(rule: Rule, flow: Flow, verdict: str) -> str:
    family = "ip6" if flow.version == 6 else "ip"
    matches = [
        *_match(family, "saddr", flow.sources),
        *_match(family, "daddr", flow.destinations),
        f"{rule.protocol} dport {rule.port}",
    ]
    comment = rule.comment if verdict == "accept" else f"{rule.name}: nobody else"
    return f'\t\t{" ".join(matches)} counter {verdict} comment "{comment[:_COMMENT]}"'


def _match(family: str, field: str, networks: Networks) -> Iterator[str]:
    if networks:
        yield f"{family} {field} {{ {', '.join(str(network) for network in networks)} }}"
