"""Checks that look at a host from outside, as a client or an attacker would. Nothing is written, nobody signs in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from plantgate.errors import PeerError, PlantgateError, Unavailable
from plantgate.limits import DOCTOR_PORTS
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.doctor import certificates, http
from plantgate.ports.doctor.gateway import details_of, state_of
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, warning
from plantgate.ports.doctor.subject import Subject
from plantgate.ports.live import typed
from plantgate.ports.scan import PortState, ScanResult, scan
from plantgate.runtime.log import printable

_SECONDS = 2.0
_REFUSED = "NET-112"
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


def checks(host: str) -> Sequence[Check]:
    """The checks of `host`."""
    return (
        Check("host-ports", f"Ports of the atlas on {host}", Status.PROBLEM, partial(ports, host)),
        Check("host-status", "/StatusPing", Status.PROBLEM, partial(status, host)),
        Check("host-gwinfo", "What it tells to anybody", Status.WARNING, partial(gwinfo, host)),
        Check("host-certificate", "HTTPS certificate", Status.PROBLEM, partial(certificate, host)),
        Check("host-old-tls", "Old versions of TLS", Status.WARNING, partial(old_tls, host)),
        Check("host-redirect", "HTTP is sent on to HTTPS", Status.WARNING, partial(redirect, host)),
    )


def _wanted(subject: Subject) -> list[Endpoint]:
    """Each port once. Readers are left out: they take one client, and we could push the gateway away."""
    found: dict[int, Endpoint] = {}
    for endpoint in atlas(subject.configuration):
        if endpoint.port and endpoint.name != "reader":
            found.setdefault(endpoint.port, endpoint)
    return list(found.values())[:DOCTOR_PORTS]


async def ports(host: str, subject: Subject) -> Finding:
    """Open, closed, filtered; what should not be open to us."""
    wanted = _wanted(subject)
    try:
        results = await scan(host, [each.port for each in wanted], timeout=_SECONDS, clock=subject.clock)
    except Unavailable as error:
        return problem(printable(error.message), next_step=error.hint)
    pairs = list(zip(wanted, results, strict=True))
    evidence = [
        f"{state.lower()}: {_listed(pairs, state)}"
        for state in PortState
        if any(each.state is state for _, each in pairs)
    ]
    evidence.append("not tried: badge readers, which take one client at a time")
    web = [result for endpoint, result in pairs if endpoint.name in {"http", "https"}]
    if not any(result.state is PortState.OPEN for result in web):
        return problem(*evidence, _no_web(web), next_step=_no_web_step(host, web))
    exposed = [
        f"{endpoint.name} {endpoint.port} is open: {_INNER[endpoint.name]}"
        for endpoint, result in pairs
        if endpoint.name in _INNER and result.state is PortState.OPEN
    ]
    if exposed and not _is_loopback(host):
        return warning(
            *evidence, *exposed, next_step="close them to all but the machines that need them: plantgate ports firewall"
        )
    return ok(*evidence)


def _listed(pairs: Sequence[tuple[Endpoint, ScanResult]], state: PortState) -> str:
    return ", ".join(f"{endpoint.name} {endpoint.port}" for endpoint, result in pairs if result.state is state)


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


async def _ask(host: str, subject: Subject, path: str) -> tuple[http.Answer, str]:
    """GET over HTTP, or HTTPS where HTTP does not answer. Raises PlantgateError of the last attempt."""
    web = subject.configuration.web_server
    failure: PlantgateError = Unavailable("DOC-111", "HTTP and HTTPS are both off in the configuration")
    for port, tls in ((web.port, False), (web.ssl_port, True)):
        if not port:
            continue
        try:
            answer = await http.get(host, port, path, tls=tls, seconds=_SECONDS)
        except (Unavailable, PeerError) as error:
            failure = error
            continue
        secure = answer.headers.get("location", "").startswith("https:")
        if answer.status in _REDIRECTS and secure and not tls:
            continue
        return answer, f"{'https' if tls else 'http'} port {port}"
    raise failure


async def status(host: str, subject: Subject) -> Finding:
    try:
        answer, where = await _ask(host, subject, "/StatusPing")
    except PlantgateError as error:
        return problem(printable(error.message), next_step=error.hint or "see the check host-ports")
    state, details = state_of(answer), details_of(answer)
    if not state:
        return problem(
            f"{where} answers {answer.status}, and not as a gateway",
            next_step=f"another program may have that port: look there with {typed('plantgate', 'ports', 'list')}",
        )
    evidence = f"{where} says {state}{f' ({details})' if details else ''}"
    if state == "RUNNING" and not details:
        return ok(evidence)
    return warning(evidence, next_step="wait for its start, finish its first-run page, or see its wrapper.log")


async def gwinfo(host: str, subject: Subject) -> Finding:
    """/system/gwinfo needs no sign-in: version, operating system and peers are told to anybody."""
    answer, where = await _ask(host, subject, "/system/gwinfo")
    pairs = http.pairs_of(answer.text) if answer.status == 200 else {}
    if "ContextStatus" not in pairs and "Version" not in pairs:
        return ok(f"{where}: /system/gwinfo tells nothing (status {answer.status})")
    shown = [f"{key} {pairs[key]}" for key in ("PlatformName", "Version", "OS", "RuntimeVersion") if pairs.get(key)]
    role = pairs.get("RedundancyStatus") or "Independent"
    return warning(
        f"{where}: {', '.join(shown) or 'its state'}, role {role}",
        "an attacker learns which known holes to try",
        next_step="let only the machines that need it reach /system/gwinfo: a proxy in front, or the firewall",
    )


async def certificate(host: str, subject: Subject) -> Finding:
    port = subject.configuration.web_server.ssl_port
    if not port:
        return not_checked("HTTPS is off in the configuration")
    shown = await http.handshake(host, port, seconds=_SECONDS)
    facts = certificates.facts_of(shown.certificate)
    found = certificates.judge_dates(facts, subject.clock.wall(), _RENEW)
    evidence = [*found.evidence, f"{shown.version} {shown.cipher}", f"names: {', '.join(facts.names) or 'none'}"]
    if facts.self_signed:
        evidence.append("self-signed")
    if found.status is Status.PROBLEM or facts.weakness:
        return problem(*evidence, *filter(None, [facts.weakness]), next_step=_RENEW)
    if not certificates.covers(facts.names, host.strip("[]")):
        return warning(*evidence, f"{host} is not among the names", next_step=f"{_RENEW}, with that name in it")
    return Finding(found.status, tuple(evidence), found.next_step)


async def old_tls(host: str, subject: Subject) -> Finding:
    port = subject.configuration.web_server.ssl_port
    if not port:
        return not_checked("HTTPS is off in the configuration")
    return await judge_old_tls(host, port)


async def judge_old_tls(host: str, port: int) -> Finding:
    """Does the port still take TLS 1.0 or 1.1 (RFC 8996 forbids both)?"""
    await http.handshake(host, port, seconds=_SECONDS)  # raises if there is no TLS at all
    try:
        shown = await http.handshake(host, port, context=http.old_context(), seconds=_SECONDS)
    except PeerError:
        return ok(f"port {port} refuses TLS 1.0 and 1.1")
    return warning(
        f"port {port} still takes {shown.version} ({shown.cipher})",
        next_step="switch TLS 1.0 and 1.1 off on that gateway: allow TLS 1.2 and later only",
    )


async def redirect(host: str, subject: Subject) -> Finding:
    """What plain HTTP answers to a browser."""
    port = subject.configuration.web_server.port
    if not port:
        return ok("HTTP is off in the configuration")
    try:
        answer = await http.get(host, port, "/", seconds=_SECONDS)
    except Unavailable as error:
        if error.code != _REFUSED:
            raise
        return ok(f"no plain HTTP: {printable(error.message)}")
    target = answer.headers.get("location", "")
    if answer.status in _REDIRECTS and urlsplit(target).scheme == "https":
        return ok(f"HTTP {port} sends browsers to {target}")
    return warning(
        f"HTTP {port} answers {answer.status} without sending to HTTPS",
        next_step='on that gateway, in gateway.xml: <entry key="gateway.forceSecureRedirect">true</entry>',
    )
