from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plantgate.errors import ConfigError, StorageError
from plantgate.runtime.clock import ManualClock, SystemClock
from plantgate.runtime.files import write_atomic
from plantgate.security import certificate as certificate_module
from plantgate.security.certificate import server_context


def _paths(data_dir: Path) -> tuple[Path, Path]:
    own = data_dir / "pki" / "own"
    return own / "https.crt.pem", own / "https.key.pem"


def _certificate(data_dir: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(_paths(data_dir)[0].read_bytes())


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """A handshake in memory; returns the client's side."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(5):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ours.version() is not None
    return ours


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", socket.gethostname()])
def test_a_client_that_trusts_it_accepts_every_name(tmp_path: Path, name: str) -> None:
    server = server_context(tmp_path, SystemClock())
    client = ssl.create_default_context(cafile=str(_paths(tmp_path)[0]))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    assert _handshake(server, client, name).version() == "TLSv1.3"


def test_another_name_and_old_tls_are_refused(tmp_path: Path) -> None:
    server = server_context(tmp_path, SystemClock())
    client = ssl.create_default_context(cafile=str(_paths(tmp_path)[0]))
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, client, "evil.example")
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert not {cipher["name"] for cipher in server.get_ciphers() if "CBC" in cipher["name"] or "RC4" in cipher["name"]}


def test_what_is_in_it(tmp_path: Path) -> None:
    clock = ManualClock()
    server_context(tmp_path, clock)
    certificate = _certificate(tmp_path)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")} == set(
        names.get_values_for_type(x509.IPAddress)
    )
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    now = datetime.datetime.fromtimestamp(clock.wall() / 1e6, datetime.UTC)
    assert life <= datetime.timedelta(days=825)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_the_key_is_private_and_the_pair_is_kept(tmp_path: Path) -> None:
    server_context(tmp_path, SystemClock())
    certificate, key = _paths(tmp_path)
    before = (certificate.read_bytes(), key.read_bytes())
    if os.name != "nt":
        assert key.stat().st_mode & 0o777 == 0o600
    server_context(tmp_path, SystemClock())
    assert (certificate.read_bytes(), key.read_bytes()) == before
    assert len(list(certificate.parent.iterdir())) == 2


@pytest.mark.parametrize("host", ["", "localhost", "x" * 100 + ".plant", "wärter"])
def test_any_host_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    server_context(tmp_path, SystemClock())
    assert _certificate(tmp_path).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)


def _encrypted_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize("damage", ["garbage", "no key", "no certificate", "other key", "key with a password"])
def test_files_that_can_not_be_used_are_named_and_never_overwritten(
    tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server_context(tmp_path, SystemClock())
    certificate, key = _paths(tmp_path)
    if damage == "garbage":
        certificate.write_bytes(b"not a certificate")
    elif damage == "no key":
        key.unlink()
    elif damage == "no certificate":
        certificate.unlink()
        key.write_bytes(key.read_bytes().partition(b"\n")[2])  # as somebody's own: ours begins with a line that says so
    elif damage == "other key":
        server_context(tmp_path / "other", SystemClock())
        key.write_bytes(_paths(tmp_path / "other")[1].read_bytes())
    else:
        key.write_bytes(_encrypted_key())
    before = {file.name: file.read_bytes() for file in certificate.parent.iterdir()}
    with pytest.raises(ConfigError, match="TLS-101") as caught:
        server_context(tmp_path, SystemClock())
    assert str(certificate) in caught.value.message
    assert caught.value.hint
    assert {file.name: file.read_bytes() for file in certificate.parent.iterdir()} == before
    assert "pass phrase" not in capfd.readouterr().err


def test_a_first_start_that_was_killed_between_the_two_files_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write_atomic

    def killed(path: Path, data: bytes, *, private: bool = False) -> None:
        if path.name == "https.crt.pem":
            raise KeyboardInterrupt
        real(path, data, private=private)

    with monkeypatch.context() as patched:
        patched.setattr(certificate_module, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            server_context(tmp_path, SystemClock())
    assert [file.name for file in (tmp_path / "pki" / "own").iterdir()] == ["https.key.pem"]
    server = server_context(tmp_path, SystemClock())
    client = ssl.create_default_context(cafile=str(_paths(tmp_path)[0]))
    assert _handshake(server, client, "localhost").version() == "TLSv1.3"


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "pki").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="TLS-102") as caught:
        server_context(tmp_path, SystemClock())
    assert caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_a_link_to_a_file_that_is_not_there_yet_is_somebodys(tmp_path: Path) -> None:
    certificate, key = _paths(tmp_path)
    certificate.parent.mkdir(parents=True)
    certificate.symlink_to(tmp_path / "mounted later.crt")
    key.symlink_to(tmp_path / "mounted later.key")
    with pytest.raises(ConfigError, match="TLS-101"):
        server_context(tmp_path, SystemClock())
    assert certificate.is_symlink()
    assert key.is_symlink()
