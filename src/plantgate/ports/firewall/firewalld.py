"""firewalld, the firewall of Fedora and RHEL: policies of our own (firewalld.policies(5), 0.9 and later)."""

from __future__ import annotations

from collections.abc import Iterator

from plantgate.ports.firewall.plan import Order, Plan, Step, header, shell
from plantgate.ports.firewall.rules import Flow, Rule, Way

_CMD = ("firewall-cmd", "--permanent")
_POLICIES: dict[Way, str] = {"in": "plantgate-in", "out": "plantgate-out"}
_RELOAD = Step(("firewall-cmd", "--reload"))


def write(order: Order) -> Plan:
    remarks = ["Run with: sh FILE, as root. Running it again replaces our policies; zones are not touched."]
    if order.outbound:
        remarks.append("Outgoing rules allow; they forbid nothing.")
    steps = [*_delete("in"), *_policy(order, "in"), *_delete("out")]
    if order.outbound:
        steps += _policy(order, "out")
    return _plan(order, "plantgate: who may reach its ports", remarks, [*steps, _RELOAD])


def undo(order: Order) -> Plan:
    steps = [*_delete("in"), *_delete("out"), _RELOAD]
    return _plan(order, "plantgate: remove its policies, and nothing else", [], steps)


def _plan(order: Order, title: str, remarks: list[str], steps: list[Step]) -> Plan:
    top = "\n".join(header(order, title, *remarks))
    return Plan(f"{top}\nset -e\n{shell(steps)}", tuple(steps))


def _delete(way: Way) -> Iterator[Step]:
    name = _POLICIES[way]
    yield Step((*_CMD, f"--delete-policy={name}"), only_if=(*_CMD, f"--info-policy={name}"))


def _policy(order: Order, way: Way) -> Iterator[Step]:
    name = _POLICIES[way]
    rules = order.rules.towards(way)
    inside, outside = ("HOST", "ANY") if way == "out" else (order.zone or "ANY", "HOST")
    yield Step((*_CMD, f"--new-policy={name}"))
    why = "; ".join(rule.comment for rule in rules)
    for option in (
        f"--set-description={why}",
        f"--add-ingress-zone={inside}",
        f"--add-egress-zone={outside}",
        "--set-target=CONTINUE",
        "--set-priority=-100",
    ):
        yield Step((*_CMD, f"--policy={name}", option))
    for rule in rules:
        for priority, verdict, flows in ((-20, "accept", rule.allowed()), (-10, "drop", rule.refused())):
            for flow in flows:
                for text in _rich(rule, flow, priority, verdict):
                    yield Step((*_CMD, f"--policy={name}", f"--add-rich-rule={text}"))


def _rich(rule: Rule, flow: Flow, priority: int, verdict: str) -> Iterator[str]:
    family = f' family="ipv{flow.version}"' if flow.version else ""
    for source in flow.sources or (None,):
        for destination in flow.destinations or (None,):
            near = f' source address="{source}"' if source else ""
            far = f' destination address="{destination}"' if destination else ""
            port = f'port port="{rule.port}" protocol="{rule.protocol}"'
            yield f'rule priority="{priority}"{family}{near}{far} {port} {verdict}'
