"""Windows Defender Firewall: netsh for a batch file, New-NetFirewallRule for PowerShell.

There a refusal beats every permission, so rules only allow: what restricts is the default, which blocks what comes in.
"""

from __future__ import annotations

from collections.abc import Iterator

from plantgate.ports.firewall.plan import Order, Plan, header
from plantgate.ports.firewall.rules import Rule
from plantgate.ports.firewall.sources import Networks
from plantgate.ports.specs import SPECS, Direction

_DEFAULT = (
    "Run as administrator. Windows blocks incoming traffic that no rule allows, so only these sources get in;",
    "a rule that allows the whole program or the port still lets others in: remove it.",
)
_OUTGOING = "Outgoing rules matter only where outgoing traffic is blocked by default."


def write_netsh(order: Order) -> Plan:
    remarks = (*_DEFAULT, *((_OUTGOING,) if order.outbound else ()))
    top = ["@echo off", *header(order, "plantgate: who may reach its ports", *remarks, mark="rem")]
    return _text([*top, *_netsh_deletes(order), *(line for rule in order.rules.rules for line in _netsh(rule))])


def undo_netsh(order: Order) -> Plan:
    top = ["@echo off", *header(order, "plantgate: remove its rules, and nothing else", mark="rem")]
    return _text([*top, *_netsh_deletes(order)])


def write_powershell(order: Order) -> Plan:
    remarks = (*_DEFAULT, *((_OUTGOING,) if order.outbound else ()))
    top = header(order, "plantgate: who may reach its ports", *remarks)
    return _text([*top, _PS_REMOVE, *(line for rule in order.rules.rules for line in _powershell(rule))])


def undo_powershell(order: Order) -> Plan:
    return _text([*header(order, "plantgate: remove its rules, and nothing else"), _PS_REMOVE])


_PS_REMOVE = "Get-NetFirewallRule -Group 'plantgate' -ErrorAction SilentlyContinue | Remove-NetFirewallRule"


def _text(lines: list[str]) -> Plan:
    return Plan("\n".join(lines) + "\n")


def _netsh_deletes(order: Order) -> Iterator[str]:
    """netsh adds a second rule of the same name without a word: what an earlier run made goes first."""
    listeners = [f"plantgate {spec.name}" for spec in SPECS if spec.direction is Direction.LISTEN]
    for name in dict.fromkeys([*listeners, *(rule.name for rule in order.rules.rules)]):
        yield f'netsh advfirewall firewall delete rule name="{name}" >nul'


def _reachable(rule: Rule) -> tuple[Networks, Networks]:
    """Sources and destinations of the families that can meet."""
    flows = rule.allowed()
    near = tuple(network for flow in flows for network in flow.sources)
    far = tuple(network for flow in flows for network in flow.destinations)
    return near, far


def _netsh(rule: Rule) -> Iterator[str]:
    if not rule.allowed():
        yield f"rem {rule.name}: no source can reach it"
        return
    near, far = _reachable(rule)
    local, remote = (far, near) if rule.way == "in" else ((), far)
    words = [
        f'netsh advfirewall firewall add rule name="{rule.name}" dir={rule.way} action=allow',
        f"protocol={rule.protocol.upper()} {'localport' if rule.way == 'in' else 'remoteport'}={rule.port}",
        *([f"localip={_joined(local)}"] if local else []),
        *([f"remoteip={_joined(remote)}"] if remote else []),
        f'description="{rule.why}"',
    ]
    yield " ".join(words)


def _powershell(rule: Rule) -> Iterator[str]:
    if not rule.allowed():
        yield f"# {rule.name}: no source can reach it"
        return
    near, far = _reachable(rule)
    local, remote = (far, near) if rule.way == "in" else ((), far)
    words = [
        f"New-NetFirewallRule -Name '{rule.name.replace(' ', '-')}' -DisplayName '{rule.name}' -Group 'plantgate'",
        f"-Description '{rule.why}' -Direction {'Inbound' if rule.way == 'in' else 'Outbound'} -Action Allow",
        f"-Protocol {rule.protocol.upper()} {'-LocalPort' if rule.way == 'in' else '-RemotePort'} {rule.port}",
        *([f"-LocalAddress {_joined(local)}"] if local else []),
        *([f"-RemoteAddress {_joined(remote)}"] if remote else []),
    ]
    yield " ".join(words) + " | Out-Null"


def _joined(networks: Networks) -> str:
    return ",".join(str(network) for network in networks)
