"""The gateway's own HTTPS certificate: made at first start, replaced by whoever puts another in its place."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
from pathlib import Path

from plantgate.errors import ConfigError, StorageError
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import remove_leftovers, write_atomic

OWN_FOLDER = Path("pki") / "own"
# Browsers refuse server certificates that live longer than 825 days.
_DAYS = 820
# Stands above the key that we make (text outside of a PEM block means nothing, RFC 7468, section 2). The key is written
# first: a start that was killed before the certificate leaves a key alone, and this tells it from somebody's own.
MARK = b"made by plantgate at its first start, with a self-signed certificate\n"


def server_context(data_dir: Path, clock: Clock) -> ssl.SSLContext:
    """TLS 1.2+ with DIR/pki/own/https.{crt,key}.pem, self-signed P-256 if there is none yet.

    Raises ConfigError if the files are there but unusable: they are somebody's, and are never overwritten. Raises
    StorageError if there are none and they can't be written.
    """
    certificate, key = data_dir / OWN_FOLDER / "https.crt.pem", data_dir / OWN_FOLDER / "https.key.pem"
    for file in (certificate, key):
        remove_leftovers(file, clock.wall() / 1e6)
    if not is_there(certificate) and (not is_there(key) or is_ours(key)):
        try:
            _create(certificate, key, clock)
        except OSError as error:
            raise StorageError(
                "TLS-102",
                f"no certificate could be made: {certificate.parent}: {error.strerror or error}",
                "give this user the right to write there, or put a certificate and its key there",
            ) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password function OpenSSL asks for one on the terminal, and the start hangs.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            "TLS-101",
            f"{certificate} and {key.name} can't be used: {error}",
            "put a matching certificate and key there, or remove both and a self-signed pair is made",
        ) from None
    return context


def is_there(file: Path) -> bool:
    """Also a link to something that is mounted later: it is somebody's."""
    return file.exists() or file.is_symlink()


def is_ours(key: Path) -> bool:
    """Made by us: `MARK` stands above it."""
    try:
        with key.open("rb") as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False


def _create(certificate: Path, key: Path, clock: Clock) -> None:
    """A new pair. A key of ours that stands alone has never been used: it goes too. Raises OSError."""
    from cryptography import x509  # noqa: PLC0415 - only at the very first start
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    private = ec.generate_private_key(ec.SECP256R1())
    host = socket.gethostname()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64] or "plantgate")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    if host and host != "localhost":
        with contextlib.suppress(ValueError):  # a host name that is not plain ASCII has no place here
            names.append(x509.DNSName(host))
    start = datetime.datetime.fromtimestamp(clock.wall() / 1e6, datetime.UTC) - datetime.timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomic(key, MARK + secret, private=True)
    write_atomic(certificate, built.public_bytes(serialization.Encoding.PEM))
