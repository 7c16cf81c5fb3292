"""iptables and ip6tables: chains of our own, filled in one go by iptables-restore --noflush (iptables-restore(8))."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from plantgate.ports.firewall.plan import Order, Plan, Step, header, shell
from plantgate.ports.firewall.rules import Flow, Rule, Way

_CHAINS: dict[Way, tuple[str, str]] = {"in": ("PLANTGATE-IN", "INPUT"), "out": ("PLANTGATE-OUT", "OUTPUT")}
_TOOLS: dict[Literal[4, 6], str] = {4: "iptables", 6: "ip6tables"}
_COMMENT = 250


def write(order: Order) -> Plan:
    remarks = ["Run with: sh FILE, as root. Running it again replaces our chains; no other rule is touched."]
    if order.outbound:
        remarks.append("Outgoing rules allow; they forbid nothing.")
    remarks.append("Lasts until the next start: netfilter-persistent save keeps it.")
    steps: list[Step] = []
    for version in _TOOLS:
        steps += _fill(order, version, "in")
        steps += _fill(order, version, "out") if order.outbound else _drop(version, "out")
    return _plan(order, "plantgate: who may reach its ports", remarks, steps)


def undo(order: Order) -> Plan:
    steps = [step for version in _TOOLS for way in _CHAINS for step in _drop(version, way)]
    return _plan(order, "plantgate: remove its chains, and nothing else", [], steps)


def _plan(order: Order, title: str, remarks: list[str], steps: list[Step]) -> Plan:
    top = "\n".join(header(order, title, *remarks))
    return Plan(f"{top}\nset -e\n{shell(steps)}", tuple(steps))


def _fill(order: Order, version: Literal[4, 6], way: Way) -> Iterator[Step]:
    chain, hook = _CHAINS[way]
    tool = _TOOLS[version]
    lines = ["*filter", f":{chain} - [0:0]"]
    if way == "in":
        # RETURN, not ACCEPT: what is not ours is for the other rules to decide.
        lines.append(f"-A {chain} -i lo -j RETURN")
        lines.append(f"-A {chain} -m conntrack --ctdir REPLY -j RETURN")
    for rule in order.rules.towards(way):
        lines += _rules(rule, rule.allowed(), version, "ACCEPT")
        lines += _rules(rule, rule.refused(), version, "DROP")
    lines.append("COMMIT")
    yield Step((f"{tool}-restore", "--wait", "--noflush"), stdin="\n".join(lines) + "\n")
    yield Step((tool, "-w", "-I", hook, "1", "-j", chain), unless=(tool, "-w", "-C", hook, "-j", chain))


def _drop(version: Literal[4, 6], way: Way) -> Iterator[Step]:
    chain, hook = _CHAINS[way]
    tool = _TOOLS[version]
    exists = (tool, "-w", "-n", "-L", chain)
    yield Step((tool, "-w", "-D", hook, "-j", chain), only_if=(tool, "-w", "-C", hook, "-j", chain))
    yield Step((tool, "-w", "-F", chain), only_if=exists)
    yield Step((tool, "-w", "-X", chain), only_if=exists)


def _rules(rule: Rule, flows: tuple[Flow, ...], version: Literal[4, 6], verdict: str) -> Iterator[str]:
    comment = (rule.comment if verdict == "ACCEPT" else f"{rule.name}: nobody else")[:_COMMENT]
    for flow in flows:
        if flow.version not in (None, version):
            continue
        for source in flow.sources or (None,):
            for destination in flow.destinations or (None,):
                yield " ".join(
                    [
                        f"-A {_CHAINS[rule.way][0]} -p {rule.protocol}",
                        *([f"-s {source}"] if source else []),
                        *([f"-d {destination}"] if destination else []),
                        f'--dport {rule.port} -m comment --comment "{comment}" -j {verdict}',
                    ]
                )
