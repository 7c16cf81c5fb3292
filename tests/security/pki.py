"""Certificates for tests: good ones by default, each thing about them may be made bad."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = 1_795_000_000_000_000  # 2026-11-18
DAY = 86_400_000_000
URI = "urn:plant:uaexpert"
ALL = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
BOTH = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str = "leaf", bits: int = 2_048) -> rsa.RSAPrivateKey:
    """The same for the same name: making one takes a tenth of a second."""
    return rsa.generate_private_key(65_537, bits)


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: Private

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def name_of(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def make(
    name: str = "UaExpert@host",
    issuer: Made | None = None,
    *,
    key: Private | None = None,
    public: rsa.RSAPublicKey | None = None,
    signer: Private | None = None,
    issuer_name: x509.Name | None = None,
    days: tuple[int, int] = (-10, 1_000),
    names: Sequence[x509.GeneralName] | None = None,
    usages: Iterable[str] | None = ALL,
    extended: Sequence[x509.ObjectIdentifier] | None = BOTH,
    authority: tuple[bool, int | None] | None = (False, None),
    further: Sequence[tuple[x509.ExtensionType, bool]] = (),
    serial: int | None = None,
) -> Made:
    """Self-signed without `issuer`. `days` from NOW; None leaves an extension out."""
    private = key or rsa_key()
    by = issuer_name or (issuer.certificate.subject if issuer else name_of(name))
    start = datetime.datetime.fromtimestamp(NOW / 1e6, datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(name))
        .issuer_name(by)
        .public_key(public or private.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start + datetime.timedelta(days=days[0]))
        .not_valid_after(start + datetime.timedelta(days=days[1]))
    )
    given = [x509.UniformResourceIdentifier(URI), x509.DNSName("host")] if names is None else list(names)
    if given:
        builder = builder.add_extension(x509.SubjectAlternativeName(given), critical=False)
    if usages is not None:
        builder = builder.add_extension(usage(usages), critical=True)
    if extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(*authority), critical=True)
    for extension, critical in further:
        builder = builder.add_extension(extension, critical=critical)
    signing = signer or (issuer.key if issuer else private)
    return Made(builder.sign(signing, hashes.SHA256()), private)


def make_authority(
    name: str = "Plant CA",
    issuer: Made | None = None,
    *,
    path_length: int | None = None,
    usages: Iterable[str] | None = ("key_cert_sign", "crl_sign"),
    days: tuple[int, int] = (-100, 3_000),
    key: Private | None = None,
    authority: bool = True,
    further: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Made:
    return make(
        name,
        issuer,
        key=key or rsa_key(name),
        days=days,
        names=(),
        usages=usages,
        extended=None,
        authority=(authority, path_length if authority else None),
        further=further,
    )


def public_of(bits: int) -> rsa.RSAPublicKey:
    """One whose private half nobody has: it takes too long to make."""
    return rsa.RSAPublicNumbers(65_537, (1 << (bits - 1)) | 1).public_key()


def with_sha1(der: bytes, key: rsa.RSAPrivateKey, body: bytes) -> bytes:
    """The same certificate or list, signed with SHA-1: the library makes none. `body` is what is signed."""
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    signature = key.sign(body.replace(sha256, sha1), padding.PKCS1v15(), hashes.SHA1())
    return der.replace(sha256, sha1)[: -len(signature)] + signature


def usage(names: Iterable[str]) -> x509.KeyUsage:
    wanted = set(names)
    return x509.KeyUsage(
        **{
            name: name in wanted
            for name in (*ALL, "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        }
    )


def revocations(
    issuer: Made,
    *revoked: x509.Certificate,
    signer: Private | None = None,
    days: tuple[int, int] = (-1, 30),
    further: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """A revocation list, DER."""
    start = datetime.datetime.fromtimestamp(NOW / 1e6, datetime.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start + datetime.timedelta(days=days[0]))
        .next_update(start + datetime.timedelta(days=days[1]))
    )
    for certificate in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(start)
        builder = builder.add_revoked_certificate(entry.build())
    for extension, critical in further:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer or issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
