"""Every system by its name on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from plantgate.errors import UsageError
from plantgate.ports.firewall import firewalld, iptables, nftables, ufw, windows
from plantgate.ports.firewall.plan import Order, Plan

Writer: TypeAlias = Callable[[Order], Plan]


@dataclass(frozen=True, slots=True)
class System:
    title: str
    write: Writer
    undo: Writer
    linux: bool = True


SYSTEMS: Mapping[str, System] = {
    "netsh": System("Windows, batch file", windows.write_netsh, windows.undo_netsh, linux=False),
    "powershell": System("Windows, PowerShell", windows.write_powershell, windows.undo_powershell, linux=False),
    "ufw": System("ufw", ufw.write, ufw.undo),
    "firewalld": System("firewalld", firewalld.write, firewalld.undo),
    "nftables": System("nftables", nftables.write, nftables.undo),
    "iptables": System("iptables and ip6tables", iptables.write, iptables.undo),
}


def plan(system: str, order: Order, *, remove: bool = False) -> Plan:
    """The text and the steps for `system`, or their undo. Raises UsageError (FW-121, FW-122)."""
    found = SYSTEMS.get(system)
    if found is None:
        raise UsageError("FW-121", f"no firewall {system!r} is known", f"one of {', '.join(SYSTEMS)}")
    if order.zone and (system != "firewalld" or not re.fullmatch(r"[A-Za-z0-9_-]{1,17}", order.zone)):
        raise UsageError("FW-122", f"--zone {order.zone}: not the name of a firewalld zone", "firewall-cmd --get-zones")
    # What no rule was needed for matters to nobody who removes the rules.
    return found.undo(replace(order, rules=replace(order.rules, remarks=()))) if remove else found.write(order)
