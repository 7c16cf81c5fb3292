"""How the checks ask a port: by the probes of the port atlas, with the doctor's patience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plantgate.errors import Unavailable
from plantgate.ports.doctor.subject import Subject
from plantgate.ports.findings import Mute, ProbeResult
from plantgate.ports.probe import Peer, probe
from plantgate.ports.probe import page as ask_page
from plantgate.ports.tls import NoTls, TlsFacts, inspect, old_version

SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Page:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]


def _peer(subject: Subject, host: str, port: int) -> Peer:
    return Peer(host, host, port, SECONDS, subject.clock)


async def gateway(subject: Subject, port: int, *, tls: bool) -> ProbeResult:
    """What one of this machine's web ports proves to be."""
    address = subject.local_address
    name = "https" if tls else "http"
    return await probe(address, port, name, timeout=SECONDS, address=address, clock=subject.clock)


async def page(subject: Subject, host: str, port: int, path: str, *, tls: bool) -> Page:
    """GET `path` without signing in. Raises Unavailable if there is no answer in HTTP."""
    peer = _peer(subject, host, port)
    answer = await ask_page(peer, path, tls=tls)
    if isinstance(answer, Mute):
        reason = answer.reason if answer.closed else f"{peer.where} gave no page: the peer {answer.reason}"
        raise Unavailable("DOC-103", reason)
    status, headers = answer.facts["status"], answer.facts["headers"]
    assert isinstance(status, int)
    assert isinstance(headers, Mapping)
    return Page(status, headers)


async def handshake(subject: Subject, host: str, port: int) -> TlsFacts:
    """The TLS facts of a port. Raises Unavailable if there is no TLS."""
    facts = await inspect(_peer(subject, host, port).open, host, SECONDS, subject.clock)
    if isinstance(facts, NoTls):
        why = facts.unreachable.message if facts.unreachable else f"port {port} does not speak TLS"
        raise Unavailable("DOC-104", why)
    return facts


async def old_tls(subject: Subject, host: str, port: int) -> str:
    """The version and cipher of TLS 1.0 or 1.1 that a TLS port still takes, empty if it refuses both."""
    try:
        return await old_version(_peer(subject, host, port).open, host, SECONDS)
    except TimeoutError:
        raise Unavailable("DOC-102", f"port {port} did not answer to old TLS within {SECONDS:g} s") from None
