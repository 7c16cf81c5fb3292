"""The hardening score: the ten steps of Ignition's security hardening guide, judged by what the checks saw.

A step's score is how many of its criteria are met, out of those that could be looked at. What this program can't see
is listed with why, and counts for nothing: a score says how the visible part is, never that the rest is fine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from plantgate.ports.doctor.report import Result, Status


class Met(StrEnum):
    YES = "met"
    NO = "not met"
    UNSEEN = "not checked"


@dataclass(frozen=True, slots=True)
class Criterion:
    """`counts` is what has to be so; `check` the code of the check that judges it; `saw` and `next_step` its words."""

    counts: str
    check: str
    met: Met
    saw: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Step:
    """`met` of `seen` criteria; `criteria` has also those that could not be looked at."""

    number: int
    title: str
    criteria: tuple[Criterion, ...]

    @property
    def met(self) -> int:
        return sum(criterion.met is Met.YES for criterion in self.criteria)

    @property
    def seen(self) -> int:
        return sum(criterion.met is not Met.UNSEEN for criterion in self.criteria)


@dataclass(frozen=True, slots=True)
class _Unseen:
    counts: str
    why: str


@dataclass(frozen=True, slots=True)
class _Judged:
    counts: str
    check: str


_TABLE: Sequence[tuple[str, Sequence[_Judged | _Unseen]]] = (
    (
        "Secure gateway communication",
        (
            _Judged("HTTPS is there", "http-plain"),
            _Judged("plain HTTP is off, sent on, or does not leave the machine", "secure-redirect"),
            _Judged("the certificate is valid for a while", "certificate-dates"),
            _Judged("it has the names that clients use, and a strong key", "certificate-names"),
            _Judged("its private key is private", "certificate-key"),
            _Judged("old versions of TLS are refused", "old-tls"),
            _Judged("the page sends protective headers", "security-headers"),
        ),
    ),
    (
        "Lock the gateway",
        (
            _Judged("nobody on the network reads without signing in", "anonymous-read"),
            _Judged("no keys to the gateway lie about", "sign-in-links"),
            _Judged("it listens only where it is needed", "interfaces"),
            _Unseen("the administrator's password is strong", "passwords are never read"),
        ),
    ),
    (
        "Device, OPC and MQTT security",
        (
            _Judged("no protocol without a password is open to the network", "open-protocols"),
            _Judged("devices and readers are not on public addresses", "peer-networks"),
            _Unseen("devices have a network of their own", "the plan of the network is not in the files"),
        ),
    ),
    (
        "Identity and access",
        (
            _Judged("cards name their holder and what they open", "cards"),
            _Unseen("people sign in at an identity provider with a second factor", "nothing here can see it"),
            _Unseen("who left the company has no access", "only people know"),
        ),
    ),
    (
        "Application security",
        (
            _Judged("only what has to be set can be written", "writable-tags"),
            _Judged("the configuration has no errors or warnings", "configuration"),
            _Unseen("roles of clients, security zones, named queries", "they are in projects and not in these files"),
        ),
    ),
    (
        "Audit logging",
        (
            _Judged("commands and badges leave a trace", "audit"),
            _Judged("the clock is right, so that times can be trusted", "clock"),
            _Unseen("somebody reads the audit log", "only people know"),
        ),
    ),
    (
        "Protect the database",
        (
            _Judged("connections are encrypted", "database-tls"),
            _Judged("the gateway's account has no more rights than it needs", "database-accounts"),
            _Unseen("the database server itself is patched and backed up", "it is another machine's business"),
        ),
    ),
    (
        "Operating system",
        (
            _Judged("a firewall filters what other machines could reach", "firewall"),
            _Judged("the gateway is no administrator", "process-user"),
            _Judged("secrets and data are their owner's", "file-rights"),
            _Judged("no remote desktop, file sharing, Telnet or FTP is open", "other-services"),
            _Unseen("the system's patches are installed", "the package manager would have to ask the internet"),
        ),
    ),
    (
        "Environment",
        (
            _Judged("the machine is not on the internet", "public-address"),
            _Unseen("zones, a DMZ and the levels of the Purdue model", "the plan of the network is not in the files"),
        ),
    ),
    (
        "Stay informed, keep up to date",
        (
            _Judged("what runs is what is installed", "version"),
            _Judged("its Python is still mended", "python"),
            _Unseen("it is the newest version", "the doctor asks nobody on the internet"),
        ),
    ),
)

_MET = {Status.OK: Met.YES, Status.WARNING: Met.NO, Status.PROBLEM: Met.NO, Status.NOT_CHECKED: Met.UNSEEN}


def steps(results: Sequence[Result]) -> tuple[Step, ...]:
    """The ten steps with what the checks saw."""
    by_code = {result.code: result for result in results}
    return tuple(
        Step(number, title, tuple(_criterion(each, by_code) for each in criteria))
        for number, (title, criteria) in enumerate(_TABLE, start=1)
    )


def _criterion(each: _Judged | _Unseen, results: Mapping[str, Result]) -> Criterion:
    if isinstance(each, _Unseen):
        return Criterion(each.counts, "", Met.UNSEEN, each.why, "")
    result = results[each.check]
    return Criterion(each.counts, each.check, _MET[result.status], "; ".join(result.evidence), result.next_step)


def score(found: Sequence[Step]) -> tuple[int, int, int]:
    """Criteria met, criteria seen, criteria that could not be looked at."""
    seen = sum(step.seen for step in found)
    return sum(step.met for step in found), seen, sum(len(step.criteria) for step in found) - seen
