"""Certificates taken apart, and which of them no policy takes; what is loaded when."""

from __future__ import annotations

import datetime
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from plantgate.protocols.opcua import policies, status
from plantgate.protocols.opcua.policies import CryptoError, Identity


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    end = begin + datetime.timedelta(3_650)
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 7, begin, end)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (rsa.generate_private_key(65_537, 1_024), "1024 bits"),
        (ec.generate_private_key(ec.SECP256R1()), "no RSA key"),
    ],
    ids=["short", "curve"],
)
def test_keys_that_no_policy_takes(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, words: str) -> None:
    with pytest.raises(CryptoError, match=words) as error:
        policies.public_key(certificate(key))
    assert error.value.status == status.BAD_CERTIFICATE_POLICY_CHECK_FAILED


def test_bytes_that_are_no_certificate(server: Identity) -> None:
    for data in (b"", b"\x30\x03abc", server.certificate[:-1], server.certificate + b"x"):
        with pytest.raises(CryptoError) as error:
            policies.public_key(data)
        assert error.value.status == status.BAD_CERTIFICATE_INVALID


def test_a_chain_is_cut_where_each_certificate_ends(server: Identity, client: Identity) -> None:
    one, two = server.certificate, client.certificate
    assert policies.split_chain(b"") == ()
    assert policies.split_chain(one) == (one,)
    assert policies.split_chain(one + two + one) == (one, two, one)
    assert policies.split_chain(one * 10) == (one,) * 10
    for wrong in (one + two[:-1], one + b"x", b"\x30\x80", b"\x30\x84\x00\x00\x00\x00", one * 11, b"\x30"):
        with pytest.raises(CryptoError) as error:
            policies.split_chain(wrong)
        assert error.value.status == status.BAD_CERTIFICATE_INVALID


@given(st.binary(max_size=40))
def test_any_bytes_are_a_chain_or_refused(data: bytes) -> None:
    try:
        assert b"".join(policies.split_chain(data)) == data
    except CryptoError as error:
        status_ = error.status
        assert status_ == status.BAD_CERTIFICATE_INVALID


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("framing", ("asyncua", "cryptography")),
        ("hot_decode", ("asyncua", "cryptography")),
        ("messages", ("asyncua", "cryptography")),
        ("channel_client", ("asyncua",)),
    ],
)
def test_a_part_loads_no_more_than_it_needs(module: str, absent: tuple[str, ...]) -> None:
    """asyncua takes 0.3 s to load: whoever only reads frames does not pay for it."""
    program = f"import sys, plantgate.protocols.opcua.{module}; print(*{absent!r} & sys.modules.keys())".replace(
        repr(absent), f"set({absent!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
