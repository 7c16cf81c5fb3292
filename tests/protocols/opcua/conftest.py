"""Keys and certificates, made once: they take a third of a second each."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from plantgate.protocols.opcua.policies import Identity


def identity(name: str, bits: int = 2048, issuers: tuple[bytes, ...] = ()) -> Identity:
    key = rsa.generate_private_key(65_537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate.public_bytes(Encoding.DER), key, issuers)


@pytest.fixture(scope="session")
def server() -> Identity:
    return identity("server")


@pytest.fixture(scope="session")
def client(server: Identity) -> Identity:
    """It sends a second certificate along, as one signed by an issuer does."""
    return identity("client", issuers=(server.certificate,))


@pytest.fixture(scope="session")
def wide() -> Identity:
    """A key above 2,048 bits: padding has a second length byte."""
    return identity("wide", 3072)
