"""Checks on the certificate of the HTTPS port: its dates, its names, its key."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

from plantgate.errors import PlantgateError
from plantgate.ports.doctor import asking
from plantgate.ports.doctor.report import Check, Finding, Status, not_checked, ok, problem, warning
from plantgate.ports.doctor.subject import EVERY_INTERFACE, LOOPBACK, Subject
from plantgate.ports.probe_certificate import CertificateFacts, certificate_facts, covers
from plantgate.ports.settings import typed
from plantgate.runtime.detached import detached
from plantgate.runtime.log import printable

SOON_DAYS, VERY_SOON_DAYS = 30, 7
RENEW = "put a new pair into pki/own (https.crt.pem, https.key.pem), or delete both: the next start makes a new pair"


def own_files(directory: Path) -> tuple[Path, Path]:
    """Certificate and key of the HTTPS listener."""
    return directory / "pki" / "own" / "https.crt.pem", directory / "pki" / "own" / "https.key.pem"


async def _certificate(subject: Subject) -> CertificateFacts | Finding:
    """From the file of our data directory; of any other gateway as its HTTPS port shows it."""
    port = subject.configuration.web_server.ssl_port
    if not port:
        return not_checked("HTTPS is off: no certificate is used")
    if subject.directory is not None:
        try:
            data = await detached("doctor-certificate", own_files(subject.directory)[0].read_bytes)
        except FileNotFoundError:
            return not_checked("there is no certificate yet: the first start makes one")
        return certificate_facts(data, subject.clock)
    try:
        shown = await asking.handshake(subject, subject.local_address, port)
    except PlantgateError as error:
        return not_checked(f"port {port} shows no certificate: {printable(error.message)}", "start the gateway")
    return shown.chain[0] if shown.chain else not_checked(f"port {port} shows no certificate: {shown.failure}")


async def dates(subject: Subject) -> Finding:
    """Not yet valid, over, or over soon."""
    facts = await _certificate(subject)
    return facts if isinstance(facts, Finding) else judge_dates(facts, RENEW)


def judge_dates(facts: CertificateFacts, renew: str) -> Finding:
    if facts.unreadable:
        return problem(f"the certificate can't be read ({facts.unreadable})", next_step=renew)
    if facts.days_until:
        return problem(
            f"the certificate is valid only in {facts.days_until} days (from {facts.not_before[:10]} on)",
            next_step=f"is the clock of this machine right? Else {renew}",
        )
    left = facts.days_left
    if left < 0:
        return problem(
            f"the certificate ended {-left} days ago ({facts.not_after[:10]}): browsers and clients refuse it",
            next_step=renew,
        )
    evidence = f"{left} days left ({facts.subject})"
    if left < VERY_SOON_DAYS:
        return problem(evidence, next_step=renew)
    return warning(evidence, next_step=renew) if left < SOON_DAYS else ok(evidence)


async def names(subject: Subject) -> Finding:
    """The names that clients use have to be in the certificate."""
    facts = await _certificate(subject)
    if isinstance(facts, Finding):
        return facts
    if facts.unreadable:
        return problem(f"the certificate can't be read ({facts.unreadable})", next_step=RENEW)
    listed = ", ".join(facts.names) or "none"
    evidence = [f"names: {listed}"]
    if facts.self_signed:
        evidence.append("self-signed: browsers warn until it is trusted or replaced")
    if facts.weakness:
        return problem(*evidence, facts.weakness, next_step=RENEW)
    missing = [name for name in _wanted(subject) if not covers(facts.names, name)]
    if missing:
        return warning(
            *evidence, f"missing: {', '.join(missing)}", next_step=f"{RENEW}; a new pair has this host's name of today"
        )
    return ok(*evidence)


def _wanted(subject: Subject) -> list[str]:
    """What clients may call this gateway: its public address, the interface it is bound to, its host name."""
    wanted = [subject.configuration.web_server.public_address]
    if subject.address not in EVERY_INTERFACE | LOOPBACK:
        wanted.append(subject.address)
    wanted.append(socket.gethostname() if subject.reachable else "localhost")
    return [name for name in dict.fromkeys(wanted) if name]


def key_file(subject: Subject) -> Finding:
    """The private key: readable by its owner only, and the one of the certificate."""
    if subject.directory is None:
        return not_checked("the key is in Ignition's key store: look at its rights there")
    if not subject.configuration.web_server.ssl_port:
        return not_checked("HTTPS is off: no key is used")
    certificate, key = own_files(subject.directory)
    if not key.exists() and not certificate.exists():
        return not_checked("there is no key yet: the first start makes one")
    mode = stat.S_IMODE(key.stat().st_mode)
    fits = _fits(certificate, key)
    if fits:
        return problem(fits, next_step=RENEW)
    if subject.system.platform == "win32":
        return not_checked("rights of files are lists on Windows", typed("icacls", str(key)))
    if mode & 0o077:
        return problem(
            f"{key} has mode {mode:04o}: others may read the private key", next_step=typed("chmod", "600", str(key))
        )
    return ok(f"{key} has mode {mode:04o} and fits the certificate")


def _fits(certificate: Path, key: Path) -> str:
    """Why the pair can't be used, empty if it can. OpenSSL judges, as it will at the start."""
    import ssl  # noqa: PLC0415 - not at import: the atlas needs none

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except PermissionError:
        raise
    except (OSError, ssl.SSLError) as error:
        return f"{certificate.name} and {key.name} can't be used together: {printable(error)}"
    return ""


CHECKS = (
    Check("certificate-dates", "Dates of the HTTPS certificate", Status.PROBLEM, dates),
    Check("certificate-names", "Names in the HTTPS certificate", Status.PROBLEM, names),
    Check("certificate-key", "Private key of the certificate", Status.PROBLEM, key_file),
)
