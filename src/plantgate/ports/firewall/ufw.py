"""ufw, the firewall of Ubuntu: our rules are those whose comment begins with `plantgate ` (ufw(8))."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from plantgate.ports.firewall.plan import Argv, Order, Plan, Step, header, shell
from plantgate.ports.firewall.rules import Flow, Rule

_COMMENT = 120
_SURVEY = ("ufw", "show", "added")


def write(order: Order) -> Plan:
    """Rules with sources go to the front, the refusal first: what is put in front later is asked earlier."""
    remarks = [
        "Run with: sh FILE, as root. Rules are kept; they work as soon as ufw is enabled, which this does not do",
        "(allow ssh before ufw enable). Run the --remove of the old rules before you change sources.",
    ]
    if order.outbound:
        remarks.append("Outgoing rules allow; they forbid nothing.")
    steps = [Step(("ufw", *words)) for rule in order.rules.rules for words in _commands(rule)]
    return _plan(order, "plantgate: who may reach its ports", remarks, steps)


def undo(order: Order) -> Plan:
    steps = [
        Step(("ufw", "delete", *_spec(rule, flow, verdict)))
        for rule in order.rules.rules
        for verdict, flows in (("allow", rule.allowed()), ("deny", rule.refused()))
        for flow in _single(flows)
    ]
    shown = _plan(order, "plantgate: remove its rules, and nothing else", [], steps)
    # Applied here, what is there tells better than the configuration what has to go.
    return Plan(shown.text, (), _SURVEY, leftovers)


def leftovers(added: str) -> tuple[Step, ...]:
    """`ufw show added` -> the steps that delete every rule of ours in it."""
    steps: list[Step] = []
    for line in added.splitlines():
        words = shlex.split(line) if line.startswith("ufw ") else []
        if "comment" in words and words[-1].startswith("plantgate "):
            steps.append(Step(("ufw", "delete", *words[1 : words.index("comment")])))
    return tuple(steps)


def _plan(order: Order, title: str, remarks: list[str], steps: list[Step]) -> Plan:
    top = "\n".join(header(order, title, *remarks))
    return Plan(f"{top}\nset -e\n{shell(steps)}", tuple(steps), _SURVEY, leftovers)


def _commands(rule: Rule) -> Iterator[Argv]:
    front = ("prepend",) if rule.restricted else ()
    for flow in _single(rule.refused()):
        yield (*front, *_spec(rule, flow, "deny"), "comment", f"{rule.name}: nobody else")
    for flow in _single(rule.allowed()):
        yield (*front, *_spec(rule, flow, "allow"), "comment", rule.comment[:_COMMENT])


def _single(flows: tuple[Flow, ...]) -> Iterator[Flow]:
    """One pair of addresses each."""
    for flow in flows:
        for source in flow.sources or (None,):
            for destination in flow.destinations or (None,):
                yield Flow(flow.version, (source,) if source else (), (destination,) if destination else ())


def _spec(rule: Rule, flow: Flow, verdict: str) -> Argv:
    source = str(flow.sources[0]) if flow.sources else "any"
    destination = str(flow.destinations[0]) if flow.destinations else "any"
    way = (rule.way,) if rule.way == "out" else ()
    return (verdict, *way, "proto", rule.protocol, "from", source, "to", destination, "port", str(rule.port))
