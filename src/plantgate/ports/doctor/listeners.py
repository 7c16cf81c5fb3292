"""Checks on the ports that the gateway itself opens."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psutil

from plantgate.model.status import PortOwner
from plantgate.ports.atlas import Endpoint, atlas, listening
from plantgate.ports.doctor.gateway import holder_of
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, together, warning
from plantgate.ports.doctor.subject import EVERY_INTERFACE, Subject
from plantgate.ports.owners import Holder, describe_conflict, overlapping
from plantgate.ports.owners import holder_of as whose
from plantgate.ports.settings import free_near, set_command
from plantgate.ports.specs import Direction

_PRIVILEGED_BELOW = 1_024
_NET_BIND_SERVICE = 10  # the bit of CAP_NET_BIND_SERVICE, capability.h


def taken(subject: Subject) -> Finding:
    """Each configured listener: bound by this gateway, free, or held by whom."""
    holder = holder_of(subject)
    pid = holder.pid if holder is not None else None
    found = [_one_listener(subject, endpoint, pid) for endpoint in _served(subject)]
    return together(found, "no listener is configured")


def _served(subject: Subject) -> Sequence[Endpoint]:
    """The listeners that somebody opens: all of an Ignition's, of ours those that this version has."""
    endpoints = listening(subject.configuration)
    if subject.is_ignition:
        return [endpoint for endpoint in endpoints if endpoint.name in {"http", "https", "metro_ssl"}]
    return [endpoint for endpoint in endpoints if endpoint.spec.served]


def _one_listener(subject: Subject, endpoint: Endpoint, pid: int | None) -> Finding:
    where = f"{endpoint.name} {endpoint.port}"
    held = overlapping(subject.sockets(), subject.address, endpoint.port)
    owner = next((item.owner for item in held if item.owner.pid is not None), held[0].owner if held else None)
    if owner is None:
        if pid is None:
            return ok(f"{where}: free")
        return problem(
            f"{where}: configured, but the running gateway does not listen on it",
            next_step=f"see why in logs/wrapper.log; restart the gateway if {endpoint.key} was changed",
        )
    if owner.pid is None:
        return warning(
            f"{where}: held by {owner}",
            next_step="to see whether it is this gateway, run the doctor as administrator or as the gateway's user",
        )
    if _is_it(subject, owner, pid):
        return ok(f"{where}: this gateway listens ({owner})")
    _, advice = describe_conflict(endpoint.port, key=endpoint.key, address=subject.address)
    free = free_near(endpoint, atlas(subject.configuration))
    repair = "" if subject.is_ignition else set_command(endpoint, free, subject.directory)
    return problem(f"{where}: taken by {owner}", next_step=f"{advice} ({repair})" if repair else advice)


def _is_it(subject: Subject, owner: PortOwner, pid: int | None) -> bool:
    """Is `owner` the gateway that is looked at?"""
    if subject.is_ignition:
        return whose(owner.command or owner.name or "") is Holder.IGNITION
    if subject.directory is None:
        return whose(owner.command or "") is Holder.PLANTGATE
    return pid is not None and (owner.pid == pid or _is_child(owner.pid, pid))


def _is_child(pid: int | None, parent: int) -> bool:
    try:
        return any(each.pid == parent for each in psutil.Process(pid).parents())
    except psutil.Error:
        return False


def unused(subject: Subject) -> Finding:
    """Port 0, and listeners that are on with nobody to use them."""
    configuration = subject.configuration
    rows = [row for row in atlas(configuration) if row.direction is Direction.LISTEN]
    off = [row.name for row in rows if not row.enabled]
    evidence = [f"off: {', '.join(off)}"] if off else ["every listener is on"]
    idle = [row for row in rows if row.enabled and not subject.is_ignition and not row.spec.served]
    evidence += [f"{row.name} {row.port}: configured, and not opened by this version" for row in idle]
    if not configuration.web_server.port and not configuration.web_server.ssl_port:
        return problem(
            *evidence,
            "HTTP and HTTPS are both off: no page, no /StatusPing, nobody can sign in",
            next_step=f"give one of them a port: {subject.command('ports', 'set', 'https', '8043')}",
        )
    wasted = []
    if configuration.opcua_discovery.enabled and not configuration.opcua_server.enabled:
        wasted.append("opcua_discovery is on, and there is no OPC UA server to discover")
    if not configuration.tags:
        wasted += [
            f"{name} is on, and there is no tag to serve"
            for name, service in (("opcua", configuration.opcua_server), ("modbus", configuration.modbus_server))
            if service.enabled
        ]
    if wasted:
        return warning(*evidence, *wasted, next_step="set the port of what is not used to 0")
    return ok(*evidence)


def privileged(subject: Subject) -> Finding:
    """Ports below 1024 need a right on most systems."""
    low = [endpoint for endpoint in _served(subject) if endpoint.port < _PRIVILEGED_BELOW]
    if not low:
        return ok("no listener is below 1024")
    names = ", ".join(f"{endpoint.name} {endpoint.port}" for endpoint in low)
    lowest = min(endpoint.port for endpoint in low)
    platform = subject.system.platform
    if platform == "win32":
        return ok(f"{names}: Windows asks for no right")
    if platform == "darwin" and subject.address in EVERY_INTERFACE:
        return ok(f"{names}: macOS asks for no right on every interface")
    if subject.system.user_id == 0:
        return ok(f"{names}: this user is root, who may use them")
    if platform != "linux":
        return problem(f"{names}: only root may use them", next_step="use ports from 1024 on, and a redirect in pf")
    start = (subject.system.read("proc", "sys", "net", "ipv4", "ip_unprivileged_port_start") or "").strip()
    if start.isdigit() and int(start) <= lowest:
        return ok(f"{names}: the system lets everybody use ports from {start} on (ip_unprivileged_port_start)")
    if _capability(subject):
        return ok(f"{names}: this process has CAP_NET_BIND_SERVICE")
    return problem(
        f"{names}: this user may not use ports below {start or '1024'}",
        next_step=(
            f"sudo sysctl -w net.ipv4.ip_unprivileged_port_start={lowest}, or AmbientCapabilities=CAP_NET_BIND_SERVICE "
            "in the service's unit, or a port from 1024 on"
        ),
    )


def _capability(subject: Subject) -> bool:
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", subject.system.read("proc", "self", "status") or "", re.MULTILINE)
    return match is not None and bool(int(match[1], 16) >> _NET_BIND_SERVICE & 1)


def plain_http(subject: Subject) -> Finding:
    """HTTP without HTTPS: passwords, sessions and values in the clear."""
    web = subject.configuration.web_server
    if not web.port:
        return ok("HTTP is off")
    if web.ssl_port:
        return ok(f"HTTPS is configured on {web.ssl_port} beside HTTP on {web.port}")
    give = f"give HTTPS a port: {subject.command('ports', 'set', 'https', '8043')}"
    if subject.reachable:
        return problem(
            f"HTTP on {web.port} is open to other machines ({subject.address}) and there is no HTTPS: whoever "
            "listens on the network reads everything and can take over sessions",
            next_step=give,
        )
    return warning(
        f"HTTP on {web.port} without HTTPS; only this machine reaches it ({subject.address})", next_step=give
    )


def redirect(subject: Subject) -> Finding:
    """gateway.requireSSL and gateway.forceSecureRedirect."""
    web = subject.configuration.web_server
    keys = (
        f"gateway.requireSSL is {_word(web.require_ssl)}, "
        f"gateway.forceSecureRedirect is {_word(web.force_secure_redirect)}"
    )
    if not web.port:
        return ok("HTTP is off: nothing to redirect")
    if not web.ssl_port:
        if web.force_secure_redirect:
            return problem(keys, "but there is no HTTPS to redirect to", next_step="give gateway.sslport a port")
        return warning(keys, "there is no HTTPS to redirect to", next_step="see the check http-plain")
    if web.require_ssl or web.force_secure_redirect:
        return ok(keys)
    if not subject.reachable:
        return ok(keys, f"plain HTTP does not leave this machine ({subject.address})")
    return warning(
        keys,
        f"a browser that opens port {web.port} stays unencrypted",
        next_step='in gateway.xml: <entry key="gateway.forceSecureRedirect">true</entry>',
    )


def _word(value: bool) -> str:
    return "true" if value else "false"


def interfaces(subject: Subject) -> Finding:
    """What the listeners are bound to."""
    if subject.is_ignition:
        ports = {endpoint.port for endpoint in _served(subject)}
        bound = sorted({item.address for item in subject.sockets() if item.port in ports})
        if not bound:
            return not_checked("the gateway does not run, and Ignition's file does not say which interface it takes")
        addresses = ", ".join(bound)
        if any(address in EVERY_INTERFACE for address in bound):
            return warning(f"bound to {addresses}: every network of this machine", next_step=_restrict(subject))
        return ok(f"bound to {addresses}")
    if not subject.reachable:
        return ok(f"web.address is {subject.address}: only this machine reaches the page")
    if subject.address not in EVERY_INTERFACE:
        return ok(f"web.address is {subject.address}: one interface")
    return warning(
        f"web.address is {subject.address}: every network of this machine reaches the page",
        f"addresses here: {', '.join(own_addresses()) or 'none beside loopback'}",
        next_step=f"bind to the interface that clients use ([web] address), or filter: {_restrict(subject)}",
    )


def _restrict(subject: Subject) -> str:
    return subject.command("ports", "firewall")


def own_addresses() -> list[str]:
    """The addresses of this machine, without loopback and link-local ones."""
    found = [
        item.address for items in psutil.net_if_addrs().values() for item in items if item.family.name in _FAMILIES
    ]
    return sorted(
        {address.partition("%")[0] for address in found if not address.startswith(("127.", "::1", "fe80:", "169.254."))}
    )


_FAMILIES = frozenset({"AF_INET", "AF_INET6"})


CHECKS = (
    Check("ports-taken", "Listeners and who holds their ports", Status.PROBLEM, taken),
    Check("ports-unused", "Port 0 and unused listeners", Status.PROBLEM, unused),
    Check("ports-privileged", "Right to use ports below 1024", Status.PROBLEM, privileged),
    Check("http-plain", "HTTP without HTTPS", Status.PROBLEM, plain_http),
    Check("secure-redirect", "HTTP is sent on to HTTPS", Status.PROBLEM, redirect),
    Check("interfaces", "Bound to which interfaces", Status.WARNING, interfaces),
)
