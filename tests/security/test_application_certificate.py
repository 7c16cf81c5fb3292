from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from plantgate.errors import ConfigError, StorageError
from plantgate.limits import TRUST_RSA_BITS_MIN
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.files import write_atomic
from plantgate.security import application_certificate as module
from plantgate.security.application_certificate import CERTIFICATE, KEY, ApplicationCertificate, application_certificate
from plantgate.security.trust_judge import Peer, TrustLists, judge
from plantgate.security.trust_read import read_certificate
from tests.security.pki import DAY, NOW, make, rsa_key


@pytest.fixture
def made(tmp_path: Path) -> ApplicationCertificate:
    return application_certificate(tmp_path, ManualClock(wall=NOW), ["scada.plant.local", "192.0.2.77", "wärter"])


def _key_bytes(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_what_clients_insist_on(made: ApplicationCertificate) -> None:
    certificate = x509.load_der_x509_certificate(made.der)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [made.uri]
    assert made.uri.startswith("urn:")
    assert {"localhost", "scada.plant.local", socket.gethostname()} <= set(names.get_values_for_type(x509.DNSName))
    assert {"127.0.0.1", "::1", "192.0.2.77"} <= set(map(str, names.get_values_for_type(x509.IPAddress)))
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert all(
        getattr(usage.value, name)
        for name in (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_cert_sign",
        )
    )
    assert not usage.value.crl_sign
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(extended) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == own
    assert isinstance(certificate.public_key(), rsa.RSAPublicKey)
    assert made.key.key_size == TRUST_RSA_BITS_MIN
    assert certificate.signature_hash_algorithm is not None
    assert certificate.signature_hash_algorithm.name == "sha256"
    assert len(made.der) < 2_048
    assert "PRIVATE" not in repr(made)
    assert "key" not in repr(made)


@pytest.mark.parametrize("peer", Peer)
def test_another_gateway_that_trusts_it_accepts_it(made: ApplicationCertificate, peer: Peer) -> None:
    lists = TrustLists({made.fingerprint: read_certificate(made.der)}, {}, [])
    verdict = judge(lists, made.der, NOW, peer=peer, application_uri=made.uri, host="localhost")
    assert verdict.trusted, verdict.message
    assert verdict.warnings == ()


def test_it_is_made_once_and_its_key_is_private(made: ApplicationCertificate, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in (tmp_path / CERTIFICATE, tmp_path / KEY)}
    again = application_certificate(tmp_path, ManualClock(wall=NOW + 100 * DAY))
    assert again.fingerprint == made.fingerprint
    assert {file: file.read_bytes() for file in before} == before
    if os.name != "nt":
        assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600
    other = application_certificate(tmp_path / "other", ManualClock(wall=NOW))
    assert other.uri != made.uri


@pytest.mark.parametrize("host", ["", "localhost", "x" * 100 + ".plant", "wärter", "a b"])
def test_any_host_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    found = application_certificate(tmp_path, ManualClock(wall=NOW))
    assert found.uri.isascii()
    assert " " not in found.uri


def test_a_first_start_that_was_killed_between_the_two_files_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, data: bytes, *, private: bool = False) -> None:
        if path.suffix == ".der":
            raise KeyboardInterrupt
        write_atomic(path, data, private=private)

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            application_certificate(tmp_path, ManualClock(wall=NOW))
    assert application_certificate(tmp_path, ManualClock(wall=NOW)).uri


def _put(tmp_path: Path, certificate: bytes, key: bytes) -> None:
    (tmp_path / KEY).parent.mkdir(parents=True)
    (tmp_path / CERTIFICATE).write_bytes(certificate)
    (tmp_path / KEY).write_bytes(key)


@pytest.mark.parametrize("form", ["der", "pem"])
def test_somebodys_own_is_taken_as_it_is(tmp_path: Path, form: str) -> None:
    own = make("our gateway")
    _put(tmp_path, getattr(own, form), _key_bytes(rsa_key()))
    found = application_certificate(tmp_path, ManualClock(wall=NOW))
    assert (found.der, found.uri, found.name) == (own.der, "urn:plant:uaexpert", "our gateway")


_CURVE = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        (b"garbage", _key_bytes(rsa_key()), "can't be read"),
        (b"", _key_bytes(rsa_key()), "can't be read"),
        (make().der, b"garbage", "can't be used"),
        (make().der, b"", "can't be used"),
        (make().der, _key_bytes(rsa_key("another")), "not that of the certificate"),
        (make().der, _key_bytes(rsa_key(), b"secret"), "can't be used"),
        (make(key=_CURVE).der, _key_bytes(_CURVE), "not RSA"),
        (make(key=rsa_key("short", 1_024)).der, _key_bytes(rsa_key("short", 1_024)), "not RSA of 2048"),
        (make(names=[x509.DNSName("host")]).der, _key_bytes(rsa_key()), "names no application"),
    ],
    ids=range(9),
)
def test_files_that_can_not_be_used_are_named_and_never_overwritten(
    tmp_path: Path, certificate: bytes, key: bytes, why: str
) -> None:
    _put(tmp_path, certificate, key)
    with pytest.raises(ConfigError, match="CRT-301") as caught:
        application_certificate(tmp_path, ManualClock(wall=NOW))
    assert str(tmp_path / CERTIFICATE) in caught.value.message
    assert why in caught.value.message
    assert (tmp_path / CERTIFICATE).read_bytes() == certificate
    assert (tmp_path / KEY).read_bytes() == key


def test_a_key_of_somebodys_alone_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / KEY).parent.mkdir(parents=True)
    (tmp_path / KEY).write_bytes(_key_bytes(rsa_key()))
    with pytest.raises(ConfigError, match="CRT-301"):
        application_certificate(tmp_path, ManualClock(wall=NOW))


def test_a_folder_that_can_not_be_made_is_one_of_our_errors(tmp_path: Path) -> None:
    (tmp_path / "pki").write_text("a file")
    with pytest.raises((StorageError, ConfigError), match=r"CRT-30[12]"):
        application_certificate(tmp_path, ManualClock(wall=NOW))


def test_a_warning_comes_in_time(made: ApplicationCertificate) -> None:
    assert made.warning(NOW) == ""
    assert made.warning(made.not_after - 61 * DAY) == ""
    assert "ends in 59 days" in made.warning(made.not_after - 60 * DAY + 1)
    assert "no longer valid" in made.warning(made.not_after + 1)
    assert "not valid yet" in made.warning(made.not_before - 1)
