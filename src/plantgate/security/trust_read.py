"""Certificates and revocation lists as bytes become what `trust_judge` looks at; whatever is in them, with bounds.

Everything that may be wrong in one is looked at here, once: later looks can't fail.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

from plantgate.limits import (
    TRUST_CERTIFICATE_BYTES,
    TRUST_CERTIFICATE_NAMES,
    TRUST_CHAIN,
    TRUST_CRL_BYTES,
    TRUST_RSA_BITS_MAX,
)
from plantgate.runtime.log import printable

_PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

# What the library raises for bytes that are no certificate, or one that it can't read. The warning is one where an
# application turns warnings into errors.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
# Critical extensions that `trust_judge` looks at, or that don't restrict what it decides.
_UNDERSTOOD: Final = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.CERTIFICATE_POLICIES,
}
_HASHES: Final = {"sha256", "sha384", "sha512"}
# A larger exponent makes a forged key cost milliseconds a signature; real ones have 17 bits.
_EXPONENT_BITS: Final = 64
_SEQUENCE: Final = 0x30
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PEM: Final = re.compile(rb"-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]*)-----END \1-----")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that could be read whole. Times are microseconds UTC; `fingerprint` is the SHA-256 of its DER, in hex."""

    der: bytes = field(repr=False)
    fingerprint: str
    subject: bytes
    issuer: bytes
    name: str
    issuer_name: str
    serial: int
    not_before: int
    not_after: int
    key: _PublicKey = field(repr=False)
    weak: str
    """Why its key or its signature is too weak; empty if they will do."""
    usage: frozenset[str] | None
    extended: frozenset[str] | None
    """Object identifiers."""
    authority: bool
    path_length: int | None
    uris: tuple[str, ...]
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    critical: str
    """A critical extension that we don't know; empty if there is none."""
    parsed: x509.Certificate = field(repr=False)

    @property
    def key_text(self) -> str:
        """`RSA 2048`, `EC 256`."""
        return f"{'RSA' if isinstance(self.key, rsa.RSAPublicKey) else 'EC'} {self.key.key_size}"

    @property
    def self_issued(self) -> bool:
        return self.subject == self.issuer

    @property
    def of_authority(self) -> bool:
        """One that issues others. An application's own says CA at times; it names its application."""
        return self.authority and not self.uris

    def signed_by(self, issuer: Certificate) -> bool:
        try:
            self.parsed.verify_directly_issued_by(issuer.parsed)
        except (InvalidSignature, *_UNREADABLE):
            return False
        return True


@dataclass(frozen=True, slots=True)
class RevocationList:
    """Times are microseconds UTC."""

    issuer: bytes
    issuer_name: str
    this_update: int
    next_update: int | None
    serials: frozenset[int] = field(repr=False)
    parsed: x509.CertificateRevocationList = field(repr=False)
    _signed: dict[str, bool] = field(default_factory=dict, repr=False)

    def signed_by(self, issuer: Certificate) -> bool:
        """Looked at once per issuer: a list may have megabytes."""
        found = self._signed.get(issuer.fingerprint)
        if found is None:
            try:
                found = self.issuer == issuer.subject and self.parsed.is_signature_valid(issuer.key)
            except _UNREADABLE:
                found = False
            if len(self._signed) < TRUST_CHAIN:
                self._signed[issuer.fingerprint] = found
        return found


def fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def read_certificate(der: bytes) -> Certificate:
    """Raises ValueError in words."""
    if len(der) > TRUST_CERTIFICATE_BYTES:
        raise ValueError(f"it has {len(der)} bytes, more than {TRUST_CERTIFICATE_BYTES}")
    try:
        return _certificate(der)
    except _UNREADABLE as error:
        raise ValueError(f"it can't be read: {printable(error, 120)}") from None


def read_revocations(der: bytes) -> RevocationList:
    """Raises ValueError in words: also for a list that we could not go by, signed with SHA-1 or for a part only."""
    if len(der) > TRUST_CRL_BYTES:
        raise ValueError(f"it has {len(der)} bytes, more than {TRUST_CRL_BYTES}")
    try:
        return _revocations(der)
    except _UNREADABLE as error:
        raise ValueError(f"it can't be used: {printable(error, 120)}") from None


def split_chain(blob: bytes) -> list[bytes]:
    """DER certificates one behind the other, the application's first. Raises ValueError in words."""
    found: list[bytes] = []
    start = 0
    while start < len(blob):
        if len(found) == TRUST_CHAIN:
            raise ValueError(f"it has more than {TRUST_CHAIN} certificates")
        end = start + _element(blob, start)
        if end > len(blob):
            raise ValueError("it ends in the middle of a certificate")
        found.append(blob[start:end])
        start = end
    if not found:
        raise ValueError("it is empty")
    return found


def in_file(data: bytes) -> Iterator[bytes]:
    """The DER of each certificate or list in the content of a file, PEM or DER. Raises ValueError in words."""
    if b"-----BEGIN " not in data:
        yield data
        return
    for found in _PEM.finditer(data):
        try:
            yield base64.b64decode(b"".join(found[2].split()), validate=True)
        except binascii.Error as error:
            raise ValueError(f"it is not PEM: {error}") from None


def _element(blob: bytes, start: int) -> int:
    """How long the DER element at `start` says it is, with its header. Raises ValueError."""
    if blob[start] != _SEQUENCE or len(blob) < start + 2:
        raise ValueError("it is no DER certificate")
    first = blob[start + 1]
    if first < 0x80:
        return 2 + first
    octets = first & 0x7F
    if not 1 <= octets <= 3 or len(blob) < start + 2 + octets:
        raise ValueError("it is no DER certificate")
    return 2 + octets + int.from_bytes(blob[start + 2 : start + 2 + octets])


def _certificate(der: bytes) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    key = parsed.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ValueError("its key is neither RSA nor of an elliptic curve")  # noqa: TRY004 - what it holds, not a type
    if parsed.serial_number <= 0:
        raise ValueError("its serial number is not positive")
    extensions = parsed.extensions
    uris, dns_names, addresses = _names(extensions)
    basic = _extension(extensions, x509.BasicConstraints)
    usage = _extension(extensions, x509.KeyUsage)
    extended = _extension(extensions, x509.ExtendedKeyUsage)
    return Certificate(
        der=der,
        fingerprint=fingerprint(der),
        subject=parsed.subject.public_bytes(),
        issuer=parsed.issuer.public_bytes(),
        name=_shown(parsed.subject),
        issuer_name=_shown(parsed.issuer),
        serial=parsed.serial_number,
        not_before=_micros(parsed.not_valid_before_utc),
        not_after=_micros(parsed.not_valid_after_utc),
        key=key,
        weak=_weak_key(key) or _weak_hash(parsed),
        usage=_usages(usage) if usage is not None else None,
        extended=frozenset(oid.dotted_string for oid in extended) if extended is not None else None,
        authority=basic is not None and basic.ca,
        path_length=basic.path_length if basic is not None else None,
        uris=uris,
        dns_names=dns_names,
        addresses=addresses,
        critical=_unknown(extensions, _UNDERSTOOD),
        parsed=parsed,
    )


def _revocations(der: bytes) -> RevocationList:
    parsed = x509.load_der_x509_crl(der)
    known = {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER}
    if weak := _weak_hash(parsed):
        raise ValueError(weak)
    if critical := _unknown(parsed.extensions, known):
        raise ValueError(f"it has a critical extension that is not known here: {critical}")
    until = parsed.next_update_utc
    return RevocationList(
        issuer=parsed.issuer.public_bytes(),
        issuer_name=_shown(parsed.issuer),
        this_update=_micros(parsed.last_update_utc),
        next_update=_micros(until) if until is not None else None,
        serials=frozenset(entry.serial_number for entry in parsed),
        parsed=parsed,
    )


def _extension(
    extensions: x509.Extensions, kind: type[x509.extensions.ExtensionTypeVar]
) -> x509.extensions.ExtensionTypeVar | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _names(extensions: x509.Extensions) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    names = _extension(extensions, x509.SubjectAlternativeName)
    if names is None:
        return (), (), ()
    if len(list(names)) > TRUST_CERTIFICATE_NAMES:
        raise ValueError(f"it has more than {TRUST_CERTIFICATE_NAMES} alternative names")
    return (
        tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        tuple(names.get_values_for_type(x509.DNSName)),
        tuple(map(str, names.get_values_for_type(x509.IPAddress))),
    )


_USAGES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_cert_sign", "crl_sign",
)  # fmt: skip


def _usages(usage: x509.KeyUsage) -> frozenset[str]:
    return frozenset(name for name in _USAGES if getattr(usage, name))


def _unknown(extensions: x509.Extensions, understood: set[x509.ObjectIdentifier]) -> str:
    for extension in extensions:
        if extension.critical and extension.oid not in understood:
            return str(extension.oid.dotted_string)
    return ""


def _weak_key(key: _PublicKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.key_size >= 256 else f"its key has {key.key_size} bits only"
    if key.key_size > TRUST_RSA_BITS_MAX or key.public_numbers().e.bit_length() > _EXPONENT_BITS:
        raise ValueError("its key is larger than any that is used")
    return ""


def _weak_hash(signed: x509.Certificate | x509.CertificateRevocationList) -> str:
    algorithm = signed.signature_hash_algorithm
    if algorithm is None:
        return "it is signed with an unknown method"
    return "" if algorithm.name in _HASHES else f"it is signed with {algorithm.name.upper()}"


def _shown(name: x509.Name) -> str:
    """The common name, else all of it: printable and short."""
    common: Sequence[x509.NameAttribute[str | bytes]] = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = common[0].value if common else name.rfc4514_string()
    return printable(value if isinstance(value, str) else value.hex(), 100)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
