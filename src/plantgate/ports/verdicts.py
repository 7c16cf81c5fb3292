"""What a probe's answer means, in one sentence: what it is, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from plantgate.ports.findings import Finding, Mute, Spoken
from plantgate.ports.probe_certificate import CertificateFacts, covers
from plantgate.ports.specs import SPECS

_SPOKEN = {
    "http": "HTTP",
    "https": "HTTP over TLS (HTTPS)",
    "tls": "TLS",
    "opcua": "OPC UA",
    "modbus": "Modbus TCP",
    "mysql": "MySQL",
    "postgresql": "PostgreSQL",
    "mssql": "SQL Server (TDS)",
    "oracle": "Oracle Net",
    "reader": "SpringCore",
}
_WANTED = {spec.name: spec.title for spec in SPECS} | {
    "http": "a gateway's HTTP",
    "https": "a gateway's HTTPS",
    "metro_ssl": "the gateway network (TLS)",
    "modbus": "Modbus TCP",
    "reader": "a badge reader (SpringCore)",
}
# What satisfies a port of that name.
_FITS = {"https": {"https"}, "metro_ssl": {"tls", "https"}, "opcua_discovery": {"opcua"}}
_PORT_OF = {spec.name: spec.default for spec in SPECS}
_SOON_DAYS = 30


def judge(expected: str, host: str, port: int, answer: Spoken | Mute) -> tuple[Finding, str]:
    """The finding and its sentence. `host` is the name or address that was asked for."""
    if isinstance(answer, Mute) and answer.closed:
        return Finding.CLOSED, answer.reason
    if isinstance(answer, Mute):
        return Finding.UNPROVED, _unproved(expected, port, answer)
    fits = answer.protocol in _FITS.get(expected, {expected})
    if expected == "https" and answer.protocol == "tls" and _wants_certificate(answer):
        fits = True
    if not expected:
        return Finding.OTHER if not answer.protocol else Finding.EXPECTED, describe(answer)
    if not fits:
        return Finding.OTHER, _wrong(expected, port, answer)
    if expected in ("http", "https") and not answer.product and answer.protocol != "tls":
        if str(answer.facts.get("redirect", "")).startswith("https://") and expected == "http":
            return Finding.EXPECTED, f"HTTP that sends to {answer.facts['redirect']}: who answers there is another port"
        return Finding.OTHER, _no_gateway(port, answer)
    return Finding.EXPECTED, describe(answer) + _remarks(expected, host, answer)


def describe(answer: Spoken) -> str:
    """`Ignition 8.3.4, RUNNING, Independent, over TLS 1.3`."""
    facts = answer.facts
    spoken = _SPOKEN.get(answer.protocol, answer.protocol)
    name = " ".join(item for item in (answer.product, answer.version) if item)
    parts = [name or spoken, *(str(facts[key]) for key in ("state", "role") if facts.get(key))]
    parts += [str(facts[key]).lower() for key in ("details", "active") if facts.get(key)]
    if answer.protocol == "opcua":
        parts = [*(parts if not name else [f"OPC UA, {name}"]), *_opcua(facts)]
    if answer.protocol in ("modbus", "postgresql", "mysql", "oracle", "mssql"):
        parts += _device(answer)
    if answer.tls is not None:
        parts += _tls(answer)
    if banner := facts.get("banner"):
        parts.append(f"it says {str(banner)[:80]!r}")
    return ", ".join(parts)


def _device(answer: Spoken) -> list[str]:
    facts = answer.facts
    parts = [] if answer.product == "" or answer.protocol != "modbus" else ["Modbus TCP"]
    if facts.get("auth"):
        parts.append(f"log-in: {facts['auth']}")
    if facts.get("encryption"):
        parts.append(f"encryption {facts['encryption']}")
    if facts.get("tls_required"):
        parts.append("insists on TLS")
    elif "tls" in facts:
        parts.append("offers TLS" if facts["tls"] else "without TLS")
    if facts.get("refused"):
        says = "answers our question with" if answer.protocol == "modbus" else "says"
        parts.append(f"{says} {facts['refused']!s}")
    return parts


def _opcua(facts: Mapping[str, object]) -> list[str]:
    endpoints = facts.get("endpoints")
    parts = [str(facts["application"])] if facts.get("application") else []
    if isinstance(endpoints, Sequence):
        policies = dict.fromkeys(
            f"{str(item['policy']).rpartition('#')[2]}/{item['mode']}"
            for item in endpoints
            if isinstance(item, Mapping)
        )
        parts.append(f"{len(endpoints)} {'endpoint' if len(endpoints) == 1 else 'endpoints'} ({' '.join(policies)})")
    servers = facts.get("servers")
    if isinstance(servers, Sequence):
        parts.append(f"knows {len(servers)} {'server' if len(servers) == 1 else 'servers'}")
    if facts.get("refused"):
        parts.append(f"told no more: {facts['refused']}")
    return parts


def _tls(answer: Spoken) -> list[str]:
    tls = answer.tls
    assert tls is not None
    parts = [f"over {tls.version}" if tls.version else "over TLS"]
    if tls.chain:
        first = tls.chain[0]
        parts.append(f"certificate {first.subject or 'without a name'} {_dates(first)}")
        if first.self_signed:
            parts.append("self-signed")
    if tls.client_certificate in ("required", "asked for"):
        parts.append(f"a certificate of the client is {tls.client_certificate}")
    return parts


def _dates(certificate: CertificateFacts) -> str:
    if certificate.unreadable:
        return f"unreadable ({certificate.unreadable})"
    if certificate.days_until:
        return f"valid only in {certificate.days_until} days"
    left = certificate.days_left
    return f"expired {-left} days ago" if left < 0 else f"good for {left} days"


def _certificate_remarks(host: str, certificate: CertificateFacts) -> list[str]:
    if certificate.unreadable:
        return []
    remarks = []
    if certificate.days_until:
        remarks.append("the certificate is not yet valid: clients refuse it (is a clock wrong?)")
    elif certificate.days_left < 0:
        remarks.append("the certificate has expired: clients refuse it until it is replaced")
    elif certificate.days_left < _SOON_DAYS:
        remarks.append(f"the certificate ends in {certificate.days_left} days: replace it")
    # Who scans addresses knows that certificates are for names; who gives a name wants to know.
    if not _is_address(host) and not covers(certificate.names, host):
        remarks.append(f"the certificate is not for {host}: clients that use that name refuse it")
    if certificate.weakness:
        remarks.append(f"its certificate is weak: {certificate.weakness}")
    return remarks


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _remarks(expected: str, host: str, answer: Spoken) -> str:
    """What the reader should know although the port is right."""
    remarks = []
    tls = answer.tls
    if tls is not None and tls.chain:
        remarks += _certificate_remarks(host, tls.chain[0])
    if expected == "metro_ssl" and tls is not None and not _wants_certificate(answer):
        remarks.append("it does not insist on the other gateway's certificate")
    if answer.facts.get("details") == "COMMISSIONING":
        remarks.append("its first-run wizard is still open to anybody")
    endpoints = answer.facts.get("endpoints")
    if isinstance(endpoints, Sequence) and any(
        isinstance(item, Mapping) and item.get("mode") == "None" and "Anonymous" in item.get("tokens", ())
        for item in endpoints
    ):
        remarks.append("anybody may log in without security")
    if answer.facts.get("auth") == "none (everybody is trusted)":
        remarks.append("everybody is let in without a password")
    return "".join(f"; {remark}" for remark in remarks)


def _wants_certificate(answer: Spoken) -> bool:
    return answer.tls is not None and answer.tls.client_certificate in ("required", "asked for")


def _wrong(expected: str, port: int, answer: Spoken) -> str:
    spoken = _SPOKEN.get(answer.protocol, answer.protocol)
    text = f"port {port} is open but speaks {spoken}: {_WANTED.get(expected, expected)} was expected"
    detail = describe(answer)
    if detail != spoken:
        text += f" (it is {detail})"
    return f"{text}; {_advice(expected, answer)}"


def _advice(expected: str, answer: Spoken) -> str:
    if expected == "http" and answer.protocol in ("https", "tls"):
        return "clients need https:// here, or the port numbers of HTTP and HTTPS are swapped"
    if expected in ("https", "metro_ssl") and answer.protocol == "http":
        return "clients that insist on TLS fail: install a certificate, or the port numbers are swapped"
    usual = _PORT_OF.get(answer.protocol)
    if usual is not None:
        return f"is this a port of another service (usually {usual})? See who holds it: plantgate ports list"
    return "another program holds the port: plantgate ports list on that host says which"


def _no_gateway(port: int, answer: Spoken) -> str:
    server = f" ({answer.facts['server']})" if answer.facts.get("server") else ""
    status = answer.facts.get("status")
    text = f"port {port} is a web server{server}, but no Ignition or plantgate: /StatusPing answers {status}"
    if answer.facts.get("redirect"):
        return f"{text} and sends to {answer.facts['redirect']}: is it a proxy?"
    return f"{text}; a proxy in front of it, or another program on its port"


def _unproved(expected: str, port: int, answer: Mute) -> str:
    if not expected:
        return f"port {port} is open and speaks none of the protocols that are known here: the peer {answer.reason}"
    text = f"port {port} is open but did not prove {_WANTED.get(expected, expected)}: the peer {answer.reason}"
    if expected == "modbus" and not answer.head:
        return f"{text}; is its one connection in use, or is it another unit (--unit)?"
    if expected == "reader" and not answer.head:
        return f"{text}; is it in use by another host? Not every reader greets: present a card"
    if answer.head:
        return f"{text}; another program may hold the port: plantgate ports list on that host says which"
    if answer.silent:
        return f"{text}; is it overloaded, or is a proxy or firewall in between?"
    return f"{text}; does it let only certain addresses in, or take no further client?"
