"""Checks that look at a host from outside, as a client or an attacker would. Nothing is written, nobody signs in.

What the ports prove to be is found as `ports scan --probe` does it, once for all checks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from plantgate.errors import Unavailable
from plantgate.limits import DOCTOR_PORTS
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.doctor import asking, certificates
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, warning
from plantgate.ports.doctor.subject import Subject
from plantgate.ports.findings import Finding as Proof
from plantgate.ports.findings import ProbeResult
from plantgate.ports.hosts import parse_hosts
from plantgate.ports.probe_certificate import covers
from plantgate.ports.scan import PortState, ScanResult
from plantgate.ports.settings import typed
from plantgate.ports.survey import HostReport, ProbeOptions, Wanted, survey
from plantgate.runtime.log import printable

# Scan and probes together may take this long on a host that lets everything wait.
DEADLINE_SECONDS = 20.0
_SECONDS = 2.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What has no business being open to more than the machines that need it.
_INNER = {
    "modbus": "Modbus knows no password: who reaches it may write",
    "mysql": "a database",
    "postgresql": "a database",
    "mssql": "a database",
    "oracle": "a database",
}
_RENEW = "renew the certificate on that gateway"
_WEB = ("http", "https")


def checks(host: str) -> Sequence[Check]:
    """The checks of `host`."""
    look = _Look(host)
    return (
        Check("host-ports", f"Ports of the atlas on {host}", Status.PROBLEM, partial(ports, look)),
        Check("host-status", "/StatusPing", Status.PROBLEM, partial(status, look)),
        Check("host-gwinfo", "What it tells to anybody", Status.WARNING, partial(gwinfo, look)),
        Check("host-certificate", "HTTPS certificate", Status.PROBLEM, partial(certificate, look)),
        Check("host-old-tls", "Old versions of TLS", Status.WARNING, partial(old_tls, look)),
        Check("host-redirect", "HTTP is sent on to HTTPS", Status.WARNING, partial(redirect, look)),
    )


class _Look:
    """The ports of a host and what they proved to be, looked at by whichever check comes first."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._lock = asyncio.Lock()
        self._reports: list[HostReport] = []

    async def __call__(self, subject: Subject) -> HostReport:
        async with self._lock:
            if not self._reports:
                asked = [Wanted(endpoint.name, endpoint.port) for endpoint in wanted(subject)]
                await survey(
                    parse_hosts([self.host]),
                    asked,
                    self._reports.append,
                    timeout=_SECONDS,
                    probing=ProbeOptions(_SECONDS),
                    clock=subject.clock,
                )
            return self._reports[0]

    async def web(self, subject: Subject) -> list[ProbeResult]:
        """What the HTTP and HTTPS ports that are open proved to be."""
        report = await self(subject)
        return [probe for item, probe in report.probes.items() if item.name in _WEB]

    async def https(self, subject: Subject) -> ProbeResult | Finding:
        """The same of HTTPS alone, or why there is nothing to look at."""
        port = subject.configuration.web_server.ssl_port
        if not port:
            return not_checked("HTTPS is off in the configuration")
        report = await self(subject)
        found = report.probes.get(Wanted("https", port))
        if found is None:
            return not_checked(f"HTTPS port {port} is {report.results[port].state.lower()}", "see the check host-ports")
        if found.tls is None:
            return problem(found.verdict, next_step="see the check host-ports")
        return found


def wanted(subject: Subject) -> list[Endpoint]:
    """Each port once. Readers are left out: they take one client, and we could push the gateway away."""
    found: dict[int, Endpoint] = {}
    for endpoint in atlas(subject.configuration):
        if endpoint.port and endpoint.name != "reader":
            found.setdefault(endpoint.port, endpoint)
    return list(found.values())[:DOCTOR_PORTS]


async def ports(look: _Look, subject: Subject) -> Finding:
    """Open, closed, filtered; what the open ones are, and what should not be open to us."""
    try:
        report = await look(subject)
    except Unavailable as error:
        return problem(printable(error.message), next_step=error.hint)
    results = [(item.name, report.results[item.port]) for item in wanted(subject)]
    probes = [probe for name, result in results if (probe := report.probes.get(Wanted(name, result.port))) is not None]
    evidence = [
        f"{state.lower()}: {', '.join(f'{name} {result.port}' for name, result in results if result.state is state)}"
        for state in PortState
        if any(result.state is state for _, result in results)
    ]
    evidence += [f"{probe.expected} {probe.port}: {probe.verdict}" for probe in probes]
    evidence.append("not tried: badge readers, which take one client at a time")
    web = [result for name, result in results if name in _WEB]
    if not any(result.state is PortState.OPEN for result in web):
        return problem(*evidence, _no_web(web), next_step=_no_web_step(look.host, web))
    wrong = [f"{probe.expected} {probe.port}" for probe in probes if probe.finding is not Proof.EXPECTED]
    if wrong:
        on_host = typed("plantgate", "ports", "list")
        return problem(
            *evidence,
            next_step=f"{', '.join(wrong)}: not what the port is for; look on that host with {on_host}, or name the "
            "right ports with --set",
        )
    exposed = [
        f"{name} {result.port} is open to others: {_INNER[name]}"
        for name, result in results
        if name in _INNER and result.state is PortState.OPEN
    ]
    if exposed and not _is_loopback(look.host):
        return warning(
            *evidence, *exposed, next_step="close them to all but the machines that need them: plantgate ports firewall"
        )
    return ok(*evidence)


def _no_web(web: Sequence[ScanResult]) -> str:
    if all(result.state is PortState.UNREACHABLE for result in web):
        return "there is no way to that host"
    if any(result.state is PortState.FILTERED for result in web):
        return "the web ports do not answer: a firewall drops packets, or the host is off"
    return "the host answers, and no gateway listens on the web ports"


def _no_web_step(host: str, web: Sequence[ScanResult]) -> str:
    if any(result.state is PortState.CLOSED for result in web):
        return "is the gateway running there, and on these ports? Name others with --set http_port=... https_port=..."
    return f"check address, cable and route, then the firewall of {host} and of the network between"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


async def status(look: _Look, subject: Subject) -> Finding:
    web = await look.web(subject)
    if not web:
        return problem("no web port is open", next_step="see the check host-ports")
    found = next((probe for probe in web if probe.facts.get("state")), None)
    if found is None:
        return problem(
            *(probe.verdict for probe in web),
            next_step=f"another program may have that port: look there with {typed('plantgate', 'ports', 'list')}",
        )
    state, details = found.facts["state"], found.facts.get("details")
    evidence = f"{found.protocol} port {found.port} says {state}{f' ({details})' if details else ''}"
    if state == "RUNNING" and not details:
        return ok(evidence)
    return warning(evidence, next_step="wait for its start, finish its first-run page, or see its wrapper.log")


async def gwinfo(look: _Look, subject: Subject) -> Finding:
    """/system/gwinfo needs no sign-in: version, operating system and peers are told to anybody."""
    web = await look.web(subject)
    if not web:
        return not_checked("no web port is open", "see the check host-ports")
    found = next((probe for probe in web if probe.version or probe.facts.get("role")), None)
    if found is None:
        return ok("/system/gwinfo tells nothing")
    told = [f"{found.product} {found.version}".strip()]
    told += [f"{name} {found.facts[key]}" for name, key in _TOLD.items() if found.facts.get(key)]
    return warning(
        f"{found.protocol} port {found.port}: {', '.join(told)}",
        "an attacker learns which known holes to try",
        next_step="let only the machines that need it reach /system/gwinfo: a proxy in front, or the firewall",
    )


_TOLD = {"system": "os", "runtime": "runtime", "role": "role"}


async def certificate(look: _Look, subject: Subject) -> Finding:
    """Dates, names and key of what is shown to everybody."""
    found = await look.https(subject)
    if isinstance(found, Finding):
        return found
    assert found.tls is not None
    if not found.tls.chain:
        return not_checked(f"port {found.port} shows no certificate: {found.tls.failure}")
    facts = found.tls.chain[0]
    dates = certificates.judge_dates(facts, _RENEW)
    evidence = [*dates.evidence, f"{found.tls.version} {found.tls.cipher}".strip()]
    evidence.append(f"names: {', '.join(facts.names) or 'none'}")
    if found.tls.trust:
        evidence.append(f"this machine does not trust it: {found.tls.trust}")
    if dates.status is Status.PROBLEM or facts.weakness:
        return problem(*evidence, *filter(None, [facts.weakness]), next_step=_RENEW)
    if not covers(facts.names, look.host.strip("[]")):
        return warning(*evidence, f"{look.host} is not among the names", next_step=f"{_RENEW}, with that name in it")
    return Finding(dates.status, tuple(evidence), dates.next_step)


async def old_tls(look: _Look, subject: Subject) -> Finding:
    found = await look.https(subject)
    if isinstance(found, Finding):
        return not_checked("there is no TLS to look at", "see the check host-certificate")
    return await judge_old_tls(subject, look.host.strip("[]"), found.port)


async def judge_old_tls(subject: Subject, host: str, port: int) -> Finding:
    """Does the TLS port still take TLS 1.0 or 1.1 (RFC 8996 forbids both)?"""
    taken = await asking.old_tls(subject, host, port)
    if not taken:
        return ok(f"port {port} refuses TLS 1.0 and 1.1")
    return warning(
        f"port {port} still takes {taken}",
        next_step="switch TLS 1.0 and 1.1 off on that gateway: allow TLS 1.2 and later only",
    )


async def redirect(look: _Look, subject: Subject) -> Finding:
    """What plain HTTP answers to a browser."""
    port = subject.configuration.web_server.port
    if not port:
        return ok("HTTP is off in the configuration")
    state = (await look(subject)).results[port].state
    if state is not PortState.OPEN:
        return ok(f"no plain HTTP: port {port} is {state.lower()}")
    answer = await asking.page(subject, look.host.strip("[]"), port, "/", tls=False)
    target = str(answer.headers.get("location", ""))
    if answer.status in _REDIRECTS and urlsplit(target).scheme == "https":
        return ok(f"HTTP {port} sends browsers to {target}")
    return warning(
        f"HTTP {port} answers {answer.status} without sending to HTTPS",
        next_step='on that gateway, in gateway.xml: <entry key="gateway.forceSecureRedirect">true</entry>',
    )
