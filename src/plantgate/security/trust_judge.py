"""Whether a peer's certificate is to be trusted: the steps of OPC 10000-4, 6.1.3, in their order.

All that is wrong is found, not only the first: who has accepted a certificate should not meet the next objection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from plantgate.limits import TRUST_CERTIFICATE_BYTES, TRUST_CHAIN, TRUST_RSA_BITS_MIN
from plantgate.runtime.log import printable
from plantgate.security.trust_read import Certificate, RevocationList, fingerprint, read_certificate, split_chain

_WARN_DAYS: Final = 30
_DAY: Final = 86_400_000_000
_SHOWN: Final = 16
_USAGES: Final = {
    "digital_signature": "digitalSignature",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
}
# Policies with RSA end here (Basic256Sha256 and those after it, OPC 10000-7).
_RSA_BITS_MAX: Final = 4_096


class Peer(Enum):
    """What the owner of a certificate does; the value is the usage that its certificate allows."""

    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string
    SERVER = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string


@dataclass(frozen=True, slots=True)
class Problem:
    """`status` is the name of an OPC UA StatusCode, `code` ours."""

    status: str
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class TrustVerdict:
    """`status` is `Good` or that of the first of `problems`. `fingerprint` is the SHA-256 of the DER, in hex.

    A server tells a peer that is not trusted `BadSecurityChecksFailed` and nothing more (OPC 10000-4, 6.1.3); the log
    and the pages say the rest.
    """

    fingerprint: str
    name: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    certificate: Certificate | None = field(default=None, repr=False)

    @property
    def trusted(self) -> bool:
        return not self.problems

    @property
    def status(self) -> str:
        return self.problems[0].status if self.problems else "Good"

    @property
    def code(self) -> str:
        return self.problems[0].code if self.problems else ""

    @property
    def message(self) -> str:
        """All that is wrong, in words."""
        return "; ".join(problem.message for problem in self.problems)

    @property
    def hint(self) -> str:
        return self.problems[0].hint if self.problems else ""


@dataclass(frozen=True, slots=True)
class TrustLists:
    """What the folders hold, by fingerprint. A certificate in `trusted` is trusted, and all that it issued.

    Those in `issuers` only lead from one to the other.
    """

    trusted: Mapping[str, Certificate] = field(default_factory=dict)
    issuers: Mapping[str, Certificate] = field(default_factory=dict)
    revocations: Sequence[RevocationList] = ()
    subjects: Mapping[bytes, Sequence[Certificate]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Found by subject: a folder may hold a thousand."""
        subjects: dict[bytes, list[Certificate]] = {}
        for certificate in (*self.trusted.values(), *self.issuers.values()):
            subjects.setdefault(certificate.subject, []).append(certificate)
        object.__setattr__(self, "subjects", subjects)


def judge(
    lists: TrustLists,
    chain: bytes | Sequence[bytes],
    now: int,
    *,
    peer: Peer = Peer.CLIENT,
    application_uri: str | None = None,
    host: str | None = None,
    require_revocations: bool = False,
) -> TrustVerdict:
    """`chain` is DER: the application's certificate first, then perhaps its issuers; in one piece as OPC UA has it.

    `now` is microseconds UTC. `application_uri` is what the peer calls itself, where it is known already; `host` where
    a client meant to connect to. `require_revocations` refuses what an issuer without a list that holds now has issued.
    """
    try:
        ders = _split(chain)
        presented = [read_certificate(der) for der in ders]
    except ValueError as error:
        first = bytes(chain if isinstance(chain, bytes) else b"".join(chain[:1]))[:TRUST_CERTIFICATE_BYTES]
        problem = Problem(
            "BadCertificateInvalid", "CRT-201", f"the certificate is unusable: {error}", "give the peer a new one"
        )
        return TrustVerdict(fingerprint(first), "?", (problem,))
    leaf = presented[0]
    path, problems = _build(lists, presented, now)
    problems += _weak(path)
    problems += _untrusted(lists, path)
    problems += _dates(path, now)
    problems += [*_host(leaf, host), *_uri(leaf, application_uri)]
    problems += [*_usage(leaf, peer), *_issuers(path)]
    found, warnings = _revocation(lists, path, now, required=require_revocations)
    return TrustVerdict(leaf.fingerprint, leaf.name, (*problems, *found), (*warnings, *_warnings(leaf, now)), leaf)


def matches_host(certificate: Certificate, host: str) -> bool:
    """By its alternative names only (RFC 6125, 6.4): `*` stands for one whole label, the first."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        wanted = host.rstrip(".").casefold()
        return any(_matches_name(name.rstrip(".").casefold(), wanted) for name in certificate.dns_names)
    return str(address) in certificate.addresses


def _matches_name(pattern: str, wanted: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == wanted
    label, dot, rest = wanted.partition(".")
    return bool(label and dot) and "." in rest and rest == pattern[2:]


def _split(chain: bytes | Sequence[bytes]) -> Sequence[bytes]:
    if isinstance(chain, bytes):
        if len(chain) > TRUST_CHAIN * TRUST_CERTIFICATE_BYTES:
            raise ValueError(f"it has {len(chain)} bytes")
        return split_chain(chain)
    if not 1 <= len(chain) <= TRUST_CHAIN:
        raise ValueError(f"a chain has 1 to {TRUST_CHAIN} certificates, this one {len(chain)}")
    return chain


def _build(lists: TrustLists, presented: Sequence[Certificate], now: int) -> tuple[list[Certificate], list[Problem]]:
    """From the peer's certificate to one that signed itself, as far as it goes."""
    path = [presented[0]]
    while True:
        last = path[-1]
        if last.self_issued and last.signed_by(last):
            return path, []
        candidates = [
            *lists.subjects.get(last.issuer, ()),
            *(each for each in presented[1:] if each.subject == last.issuer),
        ]
        candidates.sort(key=lambda each: not each.not_before <= now <= each.not_after)
        issuer = next((each for each in candidates[:TRUST_CHAIN] if last.signed_by(each)), None)
        if issuer is None and last.weak:
            return path, []  # told as that: the library does not check a signature with SHA-1
        if issuer is None and (candidates or last.self_issued):
            text = f"{_of(last)} was not signed by {last.issuer_name}, as it says"
            return path, [
                Problem("BadCertificateInvalid", "CRT-203", text, "it is forged, or the issuer has a new key")
            ]
        if issuer is None or issuer.fingerprint in {each.fingerprint for each in path} or len(path) == TRUST_CHAIN:
            missing = f"the issuer of {_of(last)}, {last.issuer_name}, is not known here"
            long = f"more than {TRUST_CHAIN} certificates lead to {_of(path[0])}"
            return path, [
                Problem(
                    "BadCertificateChainIncomplete",
                    "CRT-202",
                    missing if issuer is None else long,
                    "put the certificate of that issuer into the folder of issuers",
                )
            ]
        path.append(issuer)


def _weak(path: Iterable[Certificate]) -> Iterator[Problem]:
    for place, certificate in enumerate(path):
        if weak := certificate.weak or _weak_rsa(certificate, leaf=place == 0):
            yield Problem(
                "BadCertificatePolicyCheckFailed",
                "CRT-204",
                f"{_of(certificate)} is too weak: {weak}",
                "make a new one with RSA 2048 or more and SHA-256",
            )


def _weak_rsa(certificate: Certificate, *, leaf: bool) -> str:
    if not isinstance(certificate.key, rsa.RSAPublicKey):
        return "its key is not RSA, which the security policies need" if leaf else ""
    bits = certificate.key.key_size
    if bits < TRUST_RSA_BITS_MIN:
        return f"its RSA key has {bits} bits"
    return (
        f"its RSA key has {bits} bits, the security policies end at {_RSA_BITS_MAX}"
        if leaf and bits > _RSA_BITS_MAX
        else ""
    )


def _untrusted(lists: TrustLists, path: Sequence[Certificate]) -> Iterator[Problem]:
    if not any(certificate.fingerprint in lists.trusted for certificate in path):
        yield Problem(
            "BadCertificateUntrusted",
            "CRT-205",
            f"{_of(path[0])} is not trusted here",
            f"compare the fingerprint with the peer's, then: plantgate trust accept {path[0].fingerprint[:_SHOWN]}",
        )


def _dates(path: Iterable[Certificate], now: int) -> Iterator[Problem]:
    for place, certificate in enumerate(path):
        if certificate.not_before <= now <= certificate.not_after:
            continue
        when = "is not valid yet" if now < certificate.not_before else "is no longer valid"
        yield Problem(
            "BadCertificateIssuerTimeInvalid" if place else "BadCertificateTimeInvalid",
            "CRT-206",
            f"{_of(certificate)} {when}",
            "compare the clocks of both sides, or make a new certificate",
        )


def _host(leaf: Certificate, host: str | None) -> Iterator[Problem]:
    if host is not None and not matches_host(leaf, host):
        yield Problem(
            "BadCertificateHostNameInvalid",
            "CRT-207",
            f"{_of(leaf)} is not for {printable(host, 100)}",
            "connect by a name that is in the certificate, or make one with this name",
        )


def _uri(leaf: Certificate, application_uri: str | None) -> Iterator[Problem]:
    if not leaf.uris:
        what = "names no application (no URI among its alternative names)"
    elif application_uri is not None and application_uri not in leaf.uris:
        what = f"is for {printable(leaf.uris[0], 100)}, the peer calls itself {printable(application_uri, 100)}"
    else:
        return
    yield Problem("BadCertificateUriInvalid", "CRT-208", f"{_of(leaf)} {what}", "make one with the application's URI")


def _usage(leaf: Certificate, peer: Peer) -> Iterator[Problem]:
    missing = [shown for usage, shown in _USAGES.items() if usage not in (leaf.usage or ())]
    if leaf.extended is not None and not leaf.extended & {
        peer.value,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
    }:
        missing.append("clientAuth" if peer is Peer.CLIENT else "serverAuth")
    if missing:
        text = f"{_of(leaf)} does not allow {', '.join(missing)}"
        yield Problem("BadCertificateUseNotAllowed", "CRT-209", text, "make one for an OPC UA application")
    if leaf.critical:
        text = f"{_of(leaf)} has a critical extension that is not known here: {leaf.critical}"
        yield Problem("BadCertificateUseNotAllowed", "CRT-210", text, "make one for an OPC UA application")


def _issuers(path: Sequence[Certificate]) -> Iterator[Problem]:
    """Basic constraints and key usage of those that signed others (RFC 5280, 6.1.4)."""
    for below, issuer in enumerate(path[1:]):
        between = sum(not certificate.self_issued for certificate in path[1 : below + 1])
        if not issuer.of_authority:
            why = "is no authority's"
        elif issuer.usage is not None and "key_cert_sign" not in issuer.usage:
            why = "does not allow to sign certificates"
        elif issuer.path_length is not None and between > issuer.path_length:
            why = "does not allow so many issuers below it"
        elif issuer.critical:
            why = f"has a critical extension that is not known here: {issuer.critical}"
        else:
            continue
        text = f"{_of(issuer)} issued {_of(path[below])}, but {why}"
        yield Problem("BadCertificateIssuerUseNotAllowed", "CRT-211", text, "have it issued by an authority")


def _revocation(
    lists: TrustLists, path: Sequence[Certificate], now: int, *, required: bool
) -> tuple[list[Problem], list[str]]:
    problems: list[Problem] = []
    warnings: list[str] = []
    for place, (certificate, issuer) in enumerate(pairwise(path)):
        prefix = "BadCertificateIssuer" if place else "BadCertificate"
        held = [each for each in lists.revocations if _is_of(each, issuer)]
        if any(certificate.serial in each.serials for each in held):
            text = f"{_of(certificate)} was revoked by {issuer.name}"
            problems.append(Problem(f"{prefix}Revoked", "CRT-213", text, "make a new one; this one must not be used"))
        elif not any(_is_current(each, now) for each in held):
            text = f"whether {_of(certificate)} was revoked is not known: " + (
                f"the list of {issuer.name} is out of date" if held else f"there is no list of {issuer.name}"
            )
            if required:
                hint = "put a current revocation list of that issuer into the folder crl"
                problems.append(Problem(f"{prefix}RevocationUnknown", "CRT-212", text, hint))
            elif held:
                warnings.append(text)
    return problems, warnings


def _is_of(revocations: RevocationList, issuer: Certificate) -> bool:
    """By name and signature: a serial number alone says nothing, and anybody can write a list.

    One of an issuer that forgot to allow itself cRLSign revokes all the same.
    """
    return revocations.issuer == issuer.subject and revocations.signed_by(issuer)


def _is_current(revocations: RevocationList, now: int) -> bool:
    until = revocations.next_update
    return revocations.this_update <= now and (until is None or now <= until)


def _warnings(leaf: Certificate, now: int) -> Iterator[str]:
    if now <= leaf.not_after < now + _WARN_DAYS * _DAY:
        yield f"{_of(leaf)} ends in {(leaf.not_after - now) // _DAY} days"
    if "content_commitment" not in (leaf.usage or ()):
        yield f"{_of(leaf)} lacks the key usage nonRepudiation"
    if leaf.extended is None:
        yield f"{_of(leaf)} says neither clientAuth nor serverAuth"


def _of(certificate: Certificate) -> str:
    return f"the certificate of {certificate.name} ({certificate.fingerprint[:_SHOWN]})"
