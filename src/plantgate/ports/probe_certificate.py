"""What a certificate says of itself: dates, names, key, and why it is weak. It is looked at and not judged."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plantgate.runtime.clock import Clock
from plantgate.runtime.log import printable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_DAY_US = 86_400_000_000
_RSA_BITS = 2_048
_FORGEABLE = frozenset({"md5", "sha1"})
_SHOWN_NAMES = 50


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Texts are printable. `not_before` and `not_after` are ISO 8601 UTC.

    `days_left` is negative when it has expired; `days_until` is 0 unless it is not yet valid. `names` are DNS names
    and addresses. `weakness` says in words why its key or signature can be broken, `unreadable` why nothing is known.
    """

    subject: str = ""
    issuer: str = ""
    not_before: str = ""
    not_after: str = ""
    days_left: int = 0
    days_until: int = 0
    names: Sequence[str] = ()
    self_signed: bool = False
    key: str = ""
    weakness: str = ""
    sha256: str = ""
    unreadable: str = ""


def certificate_facts(data: bytes, clock: Clock) -> CertificateFacts:
    """Of a certificate in DER, or of the first one in PEM."""
    from cryptography import x509  # noqa: PLC0415 - slow to import, and many runs need none
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a certificate that breaks a rule is looked at all the same
            pem = b"-----BEGIN" in data
            found = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
            digest = hashlib.sha256(found.public_bytes(Encoding.DER)).hexdigest()
            return _facts(found, digest, clock.wall())
    except (ValueError, UnsupportedAlgorithm) as error:
        return CertificateFacts(sha256=hashlib.sha256(data).hexdigest(), unreadable=printable(error, 120))


def _facts(found: Certificate, digest: str, now: int) -> CertificateFacts:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    key = found.public_key()
    size = f" {key.key_size}" if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else ""
    kind = {"RSAPublicKey": "RSA", "ECPublicKey": "EC"}.get(type(key).__name__, type(key).__name__)
    subject, issuer = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
    return CertificateFacts(
        subject=printable(subject),
        issuer=printable(issuer),
        not_before=begins.isoformat(),
        not_after=ends.isoformat(),
        days_left=(int(ends.timestamp() * 1_000_000) - now) // _DAY_US,
        days_until=max(0, -((now - int(begins.timestamp() * 1_000_000)) // _DAY_US)),
        names=_names(found),
        self_signed=subject == issuer,
        key=f"{kind}{size}",
        weakness=_weakness(found),
        sha256=digest,
    )


def _names(certificate: Certificate) -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = [*found.get_values_for_type(x509.DNSName), *found.get_values_for_type(x509.IPAddress)]
    return tuple(printable(name, 120) for name in names[:_SHOWN_NAMES])


def _weakness(certificate: Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS:
        return f"an RSA key of {key.key_size} bits can be broken"
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    if algorithm is not None and algorithm.name in _FORGEABLE:
        return f"it is signed with {algorithm.name}, which can be forged"
    return ""


def covers(names: Sequence[str], name: str) -> bool:
    """Is `name` among the names of a certificate? RFC 6125: exact, or `*.` for one label."""
    wanted = name.lower().rstrip(".")
    listed = {each.lower() for each in names}
    return wanted in listed or ("." in wanted and f"*.{wanted.partition('.')[2]}" in listed)
