"""Check on the firewall of this machine: is there one, and does it know our ports?

Rules are read where the system lets this user read them. Which packet passes is the kernel's to say, not ours: a port
counts as allowed if a rule that accepts names it, wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from plantgate.ports.atlas import Endpoint, listening
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, warning
from plantgate.ports.doctor.subject import Printed, Subject, System
from plantgate.runtime.log import printable

# iptables: -A INPUT -p tcp -m multiport --dports 8088,8043:8050 -j ACCEPT
_DPORTS = re.compile(r"--dports? ([\d,:]+)")
_UFW_PORT = re.compile(r"^([\d,:]+)(?:/tcp)?\s+(?:ALLOW|LIMIT)")
_NO_RIGHT = ("root", "permission", "not permitted", "superuser", "privilege", "authoriz")


@dataclass(frozen=True, slots=True)
class Filter:
    """A firewall: `drops` if it refuses what no rule accepts; `accepts` are ranges of TCP ports that rules name."""

    name: str
    drops: bool
    accepts: tuple[tuple[int, int], ...] = ()

    def names(self, port: int) -> bool:
        return any(low <= port <= high for low, high in self.accepts)


def firewall(subject: Subject) -> Finding:
    """What filters incoming connections, and whether it lets our clients in."""
    ports = [each for each in listening(subject.configuration) if subject.is_ignition or each.spec.served]
    found, why = read_filter(subject.system)
    if found is None:
        if not subject.reachable:
            return ok(f"the listeners are on {subject.address}: no firewall is needed for them", why)
        return not_checked(why, f"run the doctor as administrator; the rules we need: {_rules(subject)}")
    if not subject.reachable:
        return ok(f"the listeners are on {subject.address}: no firewall is needed for them", _state(found))
    return _judge(subject, found, ports)


def _state(found: Filter) -> str:
    does = "refuses what no rule accepts" if found.drops else "lets every incoming connection in"
    return f"{found.name} {does}"


def _judge(subject: Subject, found: Filter, ports: list[Endpoint]) -> Finding:
    if not ports:
        return ok("no listener is configured: nothing to filter", _state(found))
    if not found.drops:
        return warning(
            _state(found),
            f"everybody who can reach this machine reaches {_names(ports)}",
            next_step=f"let in who needs it: {_rules(subject)}",
        )
    missing = [endpoint for endpoint in ports if not found.names(endpoint.port)]
    if missing:
        return warning(
            _state(found),
            f"no rule names {_names(missing)}: clients on other machines get no answer there",
            next_step=_rules(subject),
        )
    return ok(_state(found), f"rules name {_names(ports)}")


def _rules(subject: Subject) -> str:
    return subject.command("ports", "firewall")


def _names(ports: Iterable[Endpoint]) -> str:
    return ", ".join(f"{endpoint.name} {endpoint.port}" for endpoint in ports) or "no port of ours"


def read_filter(system: System) -> tuple[Filter | None, str]:
    """The firewall, or None and why it can't be told."""
    if system.platform == "win32":
        return _windows(system)
    if system.platform == "darwin":
        return _macos(system)
    reasons: list[str] = []
    for tool, command, parse in _LINUX:
        said = system.run(command)
        if said is None:
            continue
        if said.status == 0 and (found := parse(said.text)) is not None:
            return found, ""
        if reason := _why(tool, said):
            reasons.append(reason)
    return None, "; ".join(reasons) or "none of ufw, firewall-cmd, nft and iptables is installed here"


def _why(tool: str, said: Printed) -> str:
    """Why a program did not tell; empty for one that is only not in use."""
    if said.status == 0:
        return ""
    if any(word in said.text.lower() for word in _NO_RIGHT):
        return f"{tool} tells only an administrator"
    return f"{tool}: {printable(' '.join(said.text.split()), 120) or f'exit status {said.status}'}"


def parse_ufw(text: str) -> Filter | None:
    """`ufw status`; None if it is off."""
    if "Status: active" not in text:
        return None
    found = (_UFW_PORT.match(line) for line in text.splitlines())
    return Filter("ufw", True, tuple(span for match in found if match for span in _spans(match[1])))


def parse_firewalld(text: str) -> Filter | None:
    """`firewall-cmd --list-ports`: `8088/tcp 8000-8010/tcp`. Its zones refuse what they do not name."""
    ports = [word.removesuffix("/tcp") for word in text.split() if word.endswith("/tcp")]
    return Filter("firewalld", True, tuple(span for port in ports for span in _spans(port.replace("-", ":"))))


def parse_iptables(text: str) -> Filter | None:
    """`iptables -S`. No rules and an open policy: None, for nft may have them."""
    lines = text.splitlines()
    rules = [line for line in lines if line.startswith("-A INPUT")]
    drops = "-P INPUT DROP" in lines or any(re.fullmatch(r"-A INPUT -j (DROP|REJECT).*", line) for line in rules)
    if not rules and not drops:
        return Filter("iptables", drops=False)
    accepting = [line for line in lines if line.startswith("-A ") and "-j ACCEPT" in line]
    found = (_DPORTS.search(line) for line in accepting)
    return Filter("iptables", drops, tuple(span for match in found if match for span in _spans(match[1])))


def parse_nft(text: str) -> Filter | None:
    """`nft -j list ruleset`. None without a chain on incoming packets."""
    try:
        items = json.loads(text)["nftables"]
        chains = [item["chain"] for item in items if "chain" in item and item["chain"].get("hook") == "input"]
        rules = [item["rule"] for item in items if "rule" in item]
    except (ValueError, KeyError, TypeError):
        return None
    if not chains:
        return Filter("nftables", drops=False) if not rules else None
    inputs = {(chain["family"], chain["table"], chain["name"]) for chain in chains}
    drops = any(chain.get("policy") == "drop" for chain in chains) or any(
        (rule["family"], rule["table"], rule["chain"]) in inputs and _refuses_all(rule["expr"]) for rule in rules
    )
    accepts = (span for rule in rules if _accepts(rule["expr"]) for span in _nft_spans(rule["expr"]))
    return Filter("nftables", drops, tuple(accepts))


def _refuses_all(expressions: list[dict[str, Any]]) -> bool:
    return not any("match" in each for each in expressions) and any(
        "drop" in each or "reject" in each for each in expressions
    )


def _accepts(expressions: list[dict[str, Any]]) -> bool:
    return any("accept" in each for each in expressions)


def _nft_spans(expressions: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """The ports of `tcp dport 8088`, `tcp dport 8000-8010`, `tcp dport { 8088, 8043 }`."""
    for each in expressions:
        match = each.get("match", {})
        left = match.get("left")
        field = left.get("payload", {}) if isinstance(left, dict) else {}
        if field.get("field") != "dport" or match.get("op", "==") not in {"==", "in"}:
            continue
        right = match.get("right")
        items = right["set"] if isinstance(right, dict) and "set" in right else [right]
        for item in items:
            if isinstance(item, int):
                yield item, item
            elif isinstance(item, dict) and "range" in item:
                yield int(item["range"][0]), int(item["range"][1])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """`8088,8043:8050` as ranges."""
    for part in text.split(","):
        low, _, high = part.partition(":")
        if low.isdigit() and (not high or high.isdigit()):
            yield int(low), int(high or low)


def _macos(system: System) -> tuple[Filter | None, str]:
    said = system.run(["/usr/libexec/ApplicationFirewall/socketfilterfw", "--getglobalstate"])
    if said is None or said.status != 0:
        return None, "the application firewall does not tell its state"
    if "State = 0" in said.text or "disabled" in said.text:
        return Filter("the application firewall", drops=False), ""
    return None, "the application firewall is on; it allows programs, not ports"


def _windows(system: System) -> tuple[Filter | None, str]:
    """Only whether it is on: its rules are hundreds, most of them by program and not by port."""
    said = system.run(["netsh", "advfirewall", "show", "allprofiles", "state"])
    if said is None or said.status != 0:
        return None, "netsh does not tell the state of the firewall"
    words = said.text.upper().split()
    if "OFF" in words and "ON" not in words:
        return Filter("the Windows firewall", drops=False), ""
    return None, (
        "the Windows firewall is on"
        if "ON" in words
        else "netsh answers in another language than English: see wf.msc for the state"
    )


_LINUX = (
    ("ufw", ["ufw", "status"], parse_ufw),
    ("firewall-cmd", ["firewall-cmd", "--list-ports"], parse_firewalld),
    ("nft", ["nft", "-j", "list", "ruleset"], parse_nft),
    ("iptables", ["iptables", "-S"], parse_iptables),
)

CHECKS = (Check("firewall", "Firewall of this machine", Status.WARNING, firewall),)
