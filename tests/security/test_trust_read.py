"""Hostile bytes: whatever is presented, the answer is a verdict, soon."""

from __future__ import annotations

import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from plantgate.limits import TRUST_CERTIFICATE_BYTES, TRUST_CERTIFICATE_NAMES, TRUST_CHAIN, TRUST_CRL_BYTES
from plantgate.security.trust_judge import TrustLists, judge
from plantgate.security.trust_read import in_file, read_certificate, read_revocations, split_chain
from tests.security.pki import DAY, NOW, URI, make, make_authority, name_of, public_of, revocations

_LEAF = make()
_AUTHORITY = make_authority()
_ISSUED = make("device", _AUTHORITY)
_LISTS = TrustLists({_AUTHORITY.fingerprint: read_certificate(_AUTHORITY.der)}, {}, [])
_CRL = revocations(_AUTHORITY, _ISSUED.certificate)


def _element(content: bytes) -> bytes:
    return b"\x30\x83" + len(content).to_bytes(3) + content


NESTED = b"\x30\x80" * 5_000
for _ in range(100):
    NESTED = _element(NESTED)


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\x00",
        b"\x30",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x83\xff\xff\xff",
        b"\x30\x00",
        b"\x30\x00" * 100_000,
        b"A" * 10_000_000,
        _element(b"\x30" * 10_000),
        NESTED,
        _LEAF.der * 6,
        _LEAF.der[:-1],
        _LEAF.der + b"\x00",
        _LEAF.pem,
        _element(b"\x02\x01\x00" * 5_000),
    ],
    ids=range(16),
)
def test_garbage_is_a_verdict(hostile: bytes) -> None:
    verdict = judge(_LISTS, hostile, NOW)
    assert (verdict.trusted, verdict.status, verdict.code) == (False, "BadCertificateInvalid", "CRT-201")
    assert verdict.certificate is None
    assert len(verdict.message) < 300


@given(st.binary(max_size=300))
def test_any_bytes_are_a_verdict(data: bytes) -> None:
    assert not judge(_LISTS, data, NOW).trusted
    assert not judge(_LISTS, [data, data], NOW).trusted


@pytest.mark.parametrize("seed", range(4))
def test_mutated_certificates_are_refused_or_say_what_they_said(seed: int) -> None:
    """What is signed can't be changed; of the signature's encoding one byte can (unused bits that are all zero)."""
    chance = random.Random(seed)
    originals = [_ISSUED.der, _ISSUED.der, _LEAF.der]
    for _ in range(5_000):
        data = bytearray(chance.choice(originals))
        for _ in range(chance.choice((1, 1, 2, 8))):
            place = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    data[place] = chance.choice((0, 1, 0x30, 0x7F, 0x80, 0x84, 0xFF))
                case 2:
                    del data[place : place + chance.randrange(1, 40)]
                case _:
                    data[place:place] = data[chance.randrange(len(data)) :][: chance.randrange(40)]
        changed = bytes(data)
        verdict = judge(_LISTS, changed, NOW)
        if verdict.trusted:
            assert verdict.certificate is not None
            assert verdict.certificate.parsed.tbs_certificate_bytes == _ISSUED.certificate.tbs_certificate_bytes
        assert len(verdict.message) < 2_000
        assert verdict.message.isprintable()


@pytest.mark.parametrize("seed", range(2))
def test_mutated_revocation_lists_can_be_read_or_not(seed: int) -> None:
    chance = random.Random(seed)
    authority = read_certificate(_AUTHORITY.der)
    for _ in range(3_000):
        data = bytearray(_CRL)
        for _ in range(chance.choice((1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = read_revocations(bytes(data))
        except ValueError:
            continue
        assert not found.signed_by(authority) or bytes(data) == _CRL


def test_a_chain_is_cut_where_its_lengths_say() -> None:
    assert split_chain(_ISSUED.der + _AUTHORITY.der) == [_ISSUED.der, _AUTHORITY.der]
    assert len(split_chain(_LEAF.der * TRUST_CHAIN)) == TRUST_CHAIN


def test_sizes_and_numbers_are_bounded() -> None:
    names = [
        x509.UniformResourceIdentifier(URI),
        *(x509.DNSName(f"h{number}") for number in range(TRUST_CERTIFICATE_NAMES)),
    ]
    with pytest.raises(ValueError, match="more than 100 alternative names"):
        read_certificate(make(names=names).der)
    long = make(names=[x509.UniformResourceIdentifier("urn:" + "x" * TRUST_CERTIFICATE_BYTES)])
    with pytest.raises(ValueError, match="more than 16384"):
        read_certificate(long.der)
    with pytest.raises(ValueError, match="more than"):
        read_revocations(bytes(TRUST_CRL_BYTES + 1))
    with pytest.raises(ValueError, match="larger than any"):
        read_certificate(make(public=public_of(8_200)).der)


def test_a_key_that_is_neither_is_refused() -> None:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of("x"))
        .issuer_name(name_of("x"))
        .serial_number(1)
        .not_valid_before(_LEAF.certificate.not_valid_before_utc)
        .not_valid_after(_LEAF.certificate.not_valid_after_utc)
    )
    key = ed25519.Ed25519PrivateKey.generate()
    made = builder.public_key(key.public_key()).sign(key, None)
    from cryptography.hazmat.primitives.serialization import Encoding

    with pytest.raises(ValueError, match="neither RSA nor"):
        read_certificate(made.public_bytes(Encoding.DER))


def test_names_that_would_forge_a_line_are_made_printable() -> None:
    read = read_certificate(make("evil\nINFO | \x1b[31m").der)
    assert read.name.isprintable()
    assert "\\x1b" in read.name


def test_times_are_exact() -> None:
    read = read_certificate(make(days=(-10, 20)).der)
    assert (read.not_before, read.not_after) == (NOW - 10 * DAY, NOW + 20 * DAY)


def test_files_are_pem_or_der() -> None:
    assert list(in_file(_LEAF.der)) == [_LEAF.der]
    bundle = b"Subject: x\n" + _LEAF.pem + b"\n# next\n" + _AUTHORITY.pem.replace(b"\n", b"\r\n")
    assert list(in_file(bundle)) == [_LEAF.der, _AUTHORITY.der]
    key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert list(in_file(key)) == []
    with pytest.raises(ValueError, match="not PEM"):
        list(in_file(b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"))
