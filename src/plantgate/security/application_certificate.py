"""The gateway's OPC UA application instance certificate: made at first start, replaced by whoever puts another there.

Its alternative name of kind URI is the application's URI (OPC 10000-6, 6.2.2): it stays the same for as long as the
certificate does, also when the host gets another name.
"""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plantgate.errors import ConfigError, StorageError
from plantgate.limits import TRUST_FILE_BYTES, TRUST_RSA_BITS_MIN
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import remove_leftovers, write_atomic
from plantgate.security.certificate import MARK, OWN_FOLDER, is_ours, is_there

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

CERTIFICATE: Final = OWN_FOLDER / "opcua.crt.der"
KEY: Final = OWN_FOLDER / "opcua.key.pem"
# As Ignition's: peers trust the certificate itself, so a new one means a visit at each of them.
_DAYS: Final = 3 * 365
_RENEW_DAYS: Final = 60
_DAY: Final = 86_400_000_000
_ADDRESSES: Final = 8
_RSA_BITS_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class ApplicationCertificate:
    """`der` is what peers see, `fingerprint` its SHA-256 and `thumbprint` its SHA-1 in hex (some clients show that).

    Times are microseconds UTC.
    """

    der: bytes = field(repr=False)
    key: rsa.RSAPrivateKey = field(repr=False)
    uri: str
    name: str
    fingerprint: str
    thumbprint: str
    not_before: int
    not_after: int

    def warning(self, now: int) -> str:
        """What to do before it ends, or since it has; empty while there is time."""
        days = (self.not_after - now) // _DAY
        if now < self.not_before:
            return "the OPC UA certificate of this gateway is not valid yet: check the clock"
        if days >= _RENEW_DAYS:
            return ""
        when = f"ends in {days} days" if now <= self.not_after else "is no longer valid"
        return (
            f"the OPC UA certificate of this gateway {when}: move {CERTIFICATE.name} and {KEY.name} away, restart, "
            "and have the peers trust the new one"
        )


def application_certificate(data_dir: Path, clock: Clock, names: Sequence[str] = ()) -> ApplicationCertificate:
    """DIR/pki/own/opcua.{crt.der,key.pem}, self-signed RSA 2048 if there is none yet; `names` are further host names.

    Raises ConfigError CRT-301 if the files are there but unusable: they are somebody's, and are never overwritten.
    Raises StorageError CRT-302 if there are none and they can't be written. Blocks: making a key takes up to a second.
    """
    certificate, key = data_dir / CERTIFICATE, data_dir / KEY
    for file in (certificate, key):
        remove_leftovers(file, clock.wall() / 1e6)
    if not is_there(certificate) and (not is_there(key) or is_ours(key)):
        try:
            _create(certificate, key, clock, names)
        except OSError as error:
            raise StorageError(
                "CRT-302",
                f"no OPC UA certificate could be made: {certificate.parent}: {error.strerror or error}",
                "give this user the right to write there, or put a certificate and its key there",
            ) from None
    try:
        return _loaded(_content(certificate), _content(key))
    except (OSError, ValueError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            "CRT-301",
            f"{certificate} and {key.name} can't be used: {reason}",
            "put a matching RSA certificate and key there, or remove both and a self-signed pair is made",
        ) from None


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(TRUST_FILE_BYTES)


def _loaded(certificate: bytes, key: bytes) -> ApplicationCertificate:
    """Raises ValueError, TypeError in words."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - costs 30 ms, for OPC UA only
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    from plantgate.security.trust_read import in_file, read_certificate  # noqa: PLC0415

    first = next(in_file(certificate), None)
    if first is None:
        raise ValueError("there is no certificate in it")
    read = read_certificate(first)
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(private, rsa.RSAPrivateKey) or not TRUST_RSA_BITS_MIN <= private.key_size <= _RSA_BITS_MAX:
        raise ValueError(f"the key is not RSA of {TRUST_RSA_BITS_MIN} to {_RSA_BITS_MAX} bits")
    if private.public_key() != read.key:
        raise ValueError("the key is not that of the certificate")
    if not read.uris:
        raise ValueError("it names no application: it needs a URI among its alternative names")
    return ApplicationCertificate(
        der=read.der,
        key=private,
        uri=read.uris[0],
        name=read.name,
        fingerprint=read.fingerprint,
        thumbprint=read.parsed.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 - a name, not a proof
        not_before=read.not_before,
        not_after=read.not_after,
    )


def _create(certificate: Path, key: Path, clock: Clock, names: Iterable[str]) -> None:
    """A new pair, the key first: see `certificate`. Raises OSError."""
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - only at the very first start
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    private = rsa.generate_private_key(public_exponent=65_537, key_size=TRUST_RSA_BITS_MIN)
    built = _builder(private.public_key(), clock, names).sign(private, hashes.SHA256())
    certificate.parent.mkdir(parents=True, exist_ok=True)
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomic(key, MARK + secret, private=True)
    write_atomic(certificate, built.public_bytes(serialization.Encoding.DER))


def _builder(public: rsa.RSAPublicKey, clock: Clock, names: Iterable[str]) -> x509.CertificateBuilder:
    """As OPC 10000-6, 6.2.2 wants it and clients insist: all four usages, and keyCertSign as it signs itself."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    host = socket.gethostname()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "plantgate"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"plantgate@{host}"[:64]),
        ]
    )
    start = datetime.fromtimestamp(clock.wall() / 1e6, UTC) - timedelta(days=1)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,  # as nonRepudiation is called now
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(_names(host, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )


def _names(host: str, further: Iterable[str]) -> list[x509.GeneralName]:
    """The application's URI (its own for ever: two gateways of one host differ), then how clients reach it."""
    from cryptography import x509  # noqa: PLC0415

    plain = "".join(char if char.isascii() and (char.isalnum() or char in ".-") else "-" for char in host) or "gateway"
    found: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"urn:{plain}:plantgate:{secrets.token_hex(4)}")]
    seen: set[str] = set()
    for name in (host, *further, "localhost", *_addresses(), "127.0.0.1", "::1"):
        if not name or name.casefold() in seen:
            continue
        seen.add(name.casefold())
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            with contextlib.suppress(ValueError):  # a host name that is not plain ASCII has no place here
                found.append(x509.DNSName(name))
    return found


def _addresses() -> list[str]:
    """Some of this host's, those that others can reach."""
    import psutil  # noqa: PLC0415 - only at the very first start

    found = []
    for address in (each.address for card in psutil.net_if_addrs().values() for each in card):
        with contextlib.suppress(ValueError):
            parsed = ipaddress.ip_address(address)
            if not (parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified):
                found.append(str(parsed))
    return found[:_ADDRESSES]
