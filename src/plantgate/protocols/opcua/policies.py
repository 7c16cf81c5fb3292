"""The security policies: what is signed and encrypted with what (Part 7, 6.6.161 ff.; Part 6, 6.7).

Certificates are taken apart here and never judged: whether one is trusted is the owner's question.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from plantgate.limits import OPCUA_CHAIN_CERTIFICATES
from plantgate.protocols.opcua.status import (
    BAD_CERTIFICATE_INVALID,
    BAD_CERTIFICATE_POLICY_CHECK_FAILED,
    BAD_SECURITY_CHECKS_FAILED,
    StatusError,
)

SIGNATURE_BYTES = 32  # HMAC-SHA256
BLOCK_BYTES = 16  # AES
NONCE_BYTES = 32
_LEAST_KEY_BITS, _MOST_KEY_BITS, _MOST_EXPONENT_BITS = 2_048, 4_096, 64
_PREFIX = "http://opcfoundation.org/UA/SecurityPolicy#"


class Mode(IntEnum):
    """MessageSecurityMode (Part 4, 7.20)."""

    NONE = 1
    SIGN = 2
    SIGN_AND_ENCRYPT = 3


class CryptoError(StatusError):
    """A key, certificate or signature of the peer is not what it has to be."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """One security policy. There is one object of each: compare with `is`."""

    name: str
    key_bytes: int = 0
    encryption: OAEP | None = None
    overhead: int = 0
    signature: PKCS1v15 | PSS | None = None
    signature_uri: str = ""
    encryption_uri: str = ""

    @property
    def uri(self) -> str:
        return _PREFIX + self.name

    @property
    def secure(self) -> bool:
        return self.encryption is not None

    def sign(self, key: RSAPrivateKey, data: bytes) -> bytes:
        assert self.signature is not None
        return key.sign(data, self.signature, SHA256())

    def verify(self, key: RSAPublicKey, signature: bytes, data: bytes) -> None:
        """Raises CryptoError."""
        assert self.signature is not None
        try:
            key.verify(signature, data, self.signature, SHA256())
        except InvalidSignature:
            raise security_checks_failed() from None

    def encrypt(self, key: RSAPublicKey, data: bytes) -> bytes:
        """Any number of bytes, in as many blocks as it takes."""
        assert self.encryption is not None
        size = self.plain_bytes(key)
        return b"".join(key.encrypt(data[at : at + size], self.encryption) for at in range(0, len(data), size))

    def decrypt(self, key: RSAPrivateKey, data: bytes) -> bytes:
        """Whole blocks only. Raises CryptoError, the same for every reason."""
        assert self.encryption is not None
        size = key.key_size // 8
        if not data or len(data) % size:
            raise security_checks_failed()
        try:
            return b"".join(key.decrypt(data[at : at + size], self.encryption) for at in range(0, len(data), size))
        except ValueError:
            raise security_checks_failed() from None

    def plain_bytes(self, key: RSAPublicKey | RSAPrivateKey) -> int:
        """What one encrypted block holds."""
        return key.key_size // 8 - self.overhead


_OAEP_SHA1 = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - what the policies name; OAEP does not rest on collisions
_OAEP_SHA256 = OAEP(MGF1(SHA256()), SHA256(), None)
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_RSA_OAEP = "http://www.w3.org/2001/04/xmlenc#rsa-oaep"
NONE = Policy("None")
BASIC256SHA256 = Policy("Basic256Sha256", 32, _OAEP_SHA1, 42, PKCS1v15(), _RSA_SHA256, _RSA_OAEP)
AES128_SHA256_RSAOAEP = Policy("Aes128_Sha256_RsaOaep", 16, _OAEP_SHA1, 42, PKCS1v15(), _RSA_SHA256, _RSA_OAEP)
AES256_SHA256_RSAPSS = Policy(
    "Aes256_Sha256_RsaPss",
    32,
    _OAEP_SHA256,
    66,
    PSS(MGF1(SHA256()), 32),
    "http://opcfoundation.org/UA/security/rsa-pss-sha2-256",
    "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256",
)
POLICIES = {policy.uri: policy for policy in (NONE, BASIC256SHA256, AES128_SHA256_RSAOAEP, AES256_SHA256_RSAPSS)}


class Keys:
    """What one direction of a channel is signed and encrypted with while a token lives (Part 6, 6.7.5)."""

    __slots__ = ("_cipher", "_mac")

    def __init__(self, policy: Policy, secret: bytes, seed: bytes) -> None:
        derived = p_sha256(secret, seed, SIGNATURE_BYTES + policy.key_bytes + BLOCK_BYTES)
        self._mac = hmac.new(derived[:SIGNATURE_BYTES], digestmod="sha256")
        self._cipher = Cipher(AES(derived[SIGNATURE_BYTES:-BLOCK_BYTES]), CBC(derived[-BLOCK_BYTES:]))

    def signature(self, head: bytes | memoryview, rest: bytes | memoryview = b"") -> bytes:
        mac = self._mac.copy()
        mac.update(head)
        if rest:
            mac.update(rest)
        return mac.digest()

    def encrypt(self, data: bytes) -> bytes:
        """Whole blocks. Each chunk begins with the same vector (Part 6, 6.7.6)."""
        return self._cipher.encryptor().update(data)

    def decrypt(self, data: bytes | memoryview) -> bytes:
        return self._cipher.decryptor().update(data)


def p_sha256(secret: bytes, seed: bytes, length: int) -> bytes:
    """The pseudo-random function P_SHA256 (RFC 5246, 5)."""
    result, link = b"", seed
    while len(result) < length:
        link = hmac.digest(secret, link, "sha256")
        result += hmac.digest(secret, link + seed, "sha256")
    return result[:length]


class Identity:
    """Who we are: our certificate in DER with the issuers that are sent with it, and its RSA key."""

    def __init__(self, certificate: bytes, key: RSAPrivateKey, issuers: Sequence[bytes] = ()) -> None:
        self.certificate = certificate
        self.chain = certificate + b"".join(issuers)
        self.key = key
        self.thumbprint = thumbprint(certificate)


def thumbprint(certificate: bytes) -> bytes:
    """SHA-1 of the DER, as the protocol names a certificate (Part 6, 6.7.2.3); it guards nothing."""
    return hashlib.sha1(certificate, usedforsecurity=False).digest()


def public_key(certificate: bytes) -> RSAPublicKey:
    """The RSA key of a DER certificate, of a length that the policies allow. Raises CryptoError."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CryptoError(
            "UA-140", "the peer's certificate can't be read", "renew it", status=BAD_CERTIFICATE_INVALID
        ) from None
    if not isinstance(key, RSAPublicKey):
        raise _unfit("no RSA key")
    if not _LEAST_KEY_BITS <= key.key_size <= _MOST_KEY_BITS or key.key_size % 8:
        raise _unfit(f"an RSA key of {key.key_size} bits")
    if key.public_numbers().e.bit_length() > _MOST_EXPONENT_BITS:
        raise _unfit("an RSA key with an exponent that takes long to use")
    return key


def split_chain(certificates: bytes) -> tuple[bytes, ...]:
    """DER certificates that stand one behind the other, the peer's own first. Raises CryptoError."""
    found: list[bytes] = []
    at = 0
    while at < len(certificates):
        end = _der_end(certificates, at)
        if end > len(certificates) or end <= at or len(found) == OPCUA_CHAIN_CERTIFICATES:
            raise CryptoError(
                "UA-141", "the peer's certificate chain can't be read", "renew it", status=BAD_CERTIFICATE_INVALID
            )
        found.append(certificates[at:end])
        at = end
    return tuple(found)


def _der_end(data: bytes, at: int) -> int:
    """Where the SEQUENCE at `at` ends; `at` if there is none."""
    head = data[at : at + 2]
    if len(head) < 2 or head[0] != 0x30:
        return at
    count = head[1] & 0x7F
    if head[1] < 0x80:
        return at + 2 + count
    if not 1 <= count <= 3:
        return at
    return at + 2 + count + int.from_bytes(data[at + 2 : at + 2 + count], "big")


def security_checks_failed() -> CryptoError:
    """Said of every failed decryption, signature and padding alike: a peer that tries learns nothing."""
    return CryptoError(
        "UA-142",
        "the peer's message fails the security checks",
        "compare certificates, security policy and mode on both sides",
        status=BAD_SECURITY_CHECKS_FAILED,
    )


def _unfit(what: str) -> CryptoError:
    return CryptoError(
        "UA-143",
        f"the peer's certificate has {what}; {_LEAST_KEY_BITS} to {_MOST_KEY_BITS} bits of RSA are allowed",
        "give it another certificate",
        status=BAD_CERTIFICATE_POLICY_CHECK_FAILED,
    )
