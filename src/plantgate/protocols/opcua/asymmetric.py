"""The message that opens or renews a channel, signed and encrypted with certificates (Part 6, 6.7.2 and 6.7.4).

These are the millisecond operations of the protocol: an owner with other work runs what calls them in a worker.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from plantgate.limits import OPCUA_CHUNK_BYTES, OPCUA_OPEN_BLOCKS
from plantgate.protocols.opcua.chunks import SEQUENCE, SEQUENCE_BYTES, ChannelError, unpadded
from plantgate.protocols.opcua.framing import FINAL, HEADER
from plantgate.protocols.opcua.policies import (
    POLICIES,
    Identity,
    Policy,
    security_checks_failed,
    split_chain,
    thumbprint,
)
from plantgate.protocols.opcua.status import (
    BAD_CERTIFICATE_INVALID,
    BAD_DECODING_ERROR,
    BAD_SECURITY_POLICY_REJECTED,
)

_HEAD_BYTES = 12
_WIDE_KEY_BYTES = 256  # a longer key needs two bytes for the padding's length
_LONGEST_POLICY = 255  # Part 6, 6.7.2.3
_NULL = b"\xff\xff\xff\xff"


class OpenHeader(NamedTuple):
    """What an OPN chunk says in clear: `certificates` are DER, the sender's own first; `sealed` is the rest's place."""

    channel_id: int
    policy: Policy
    certificates: tuple[bytes, ...]
    thumbprint: bytes
    sealed: int


def read_open_header(data: bytes) -> OpenHeader:
    """From a whole OPN frame; nothing is decrypted and no certificate judged. Raises ChannelError, CryptoError."""
    channel_id: int = struct.unpack_from("<I", data, 8)[0]
    uri, at = _field(data, _HEAD_BYTES)
    sender, at = _field(data, at)
    receiver, at = _field(data, at)
    policy = POLICIES.get(uri.decode("ascii", "replace")) if len(uri) <= _LONGEST_POLICY else None
    if policy is None:
        raise ChannelError(
            "UA-130",
            "the peer asks for a security policy that is not known here",
            f"choose one of {', '.join(policy.name for policy in POLICIES.values())}",
            status=BAD_SECURITY_POLICY_REJECTED,
        )
    certificates = split_chain(sender) if policy.secure else ()
    if policy.secure and not certificates:
        raise ChannelError("UA-131", "the peer sent no certificate", status=BAD_CERTIFICATE_INVALID)
    return OpenHeader(channel_id, policy, certificates, receiver, at)


def seal_open(
    channel_id: int,
    policy: Policy,
    identity: Identity | None,
    peer: tuple[bytes, RSAPublicKey] | None,
    number: int,
    request: int,
    body: bytes,
) -> bytes:
    """One OPN chunk on the wire. `peer` is the receiver's certificate with its key."""
    plain = SEQUENCE.pack(number, request) + body
    uri = policy.uri.encode()
    if identity is None or peer is None:
        security = _encoded(uri) + _NULL + _NULL
        return _head(len(security) + len(plain), channel_id) + security + plain
    certificate, key = peer
    security = _encoded(uri) + _encoded(identity.chain) + _encoded(thumbprint(certificate))
    block, key_bytes, signature = policy.plain_bytes(key), key.key_size // 8, identity.key.key_size // 8
    wide = key_bytes > _WIDE_KEY_BYTES
    fill = -(len(plain) + 1 + wide + signature) % block
    plain += bytes((fill & 0xFF,)) * (fill + 1) + (bytes((fill >> 8,)) if wide else b"")
    head = _head(len(security) + (len(plain) + signature) // block * key_bytes, channel_id) + security
    return head + policy.encrypt(key, plain + policy.sign(identity.key, head + plain))


def unseal_open(
    data: bytes, header: OpenHeader, private_key: RSAPrivateKey | None, key: RSAPublicKey | None
) -> tuple[int, int, bytes]:
    """Sequence number, request id and body. `key` is the sender's. Raises CryptoError, ChannelError."""
    if private_key is None or key is None:
        if len(data) < header.sealed + SEQUENCE_BYTES:
            raise _short()
        number, request = SEQUENCE.unpack_from(data, header.sealed)
        return number, request, data[header.sealed + SEQUENCE_BYTES :]
    sealed = data[header.sealed :]
    if len(sealed) > OPCUA_OPEN_BLOCKS * (private_key.key_size // 8):
        raise security_checks_failed()
    plain = header.policy.decrypt(private_key, sealed)
    end = len(plain) - key.key_size // 8
    wide = private_key.key_size // 8 > _WIDE_KEY_BYTES
    if end < SEQUENCE_BYTES + 1 + wide:
        raise security_checks_failed()
    header.policy.verify(key, plain[end:], data[: header.sealed] + plain[:end])
    return (*SEQUENCE.unpack_from(plain), plain[SEQUENCE_BYTES : unpadded(plain, end, SEQUENCE_BYTES, wide=wide)])


def _head(rest: int, channel_id: int) -> bytes:
    return HEADER.pack(b"OPN", FINAL, _HEAD_BYTES + rest) + channel_id.to_bytes(4, "little")


def _encoded(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


def _field(data: bytes, at: int) -> tuple[bytes, int]:
    """A ByteString, null as empty, and where it ends."""
    if at + 4 > len(data):
        raise _short()
    length: int = struct.unpack_from("<i", data, at)[0]
    end = at + 4 + max(length, 0)
    if not -1 <= length <= OPCUA_CHUNK_BYTES or end > len(data):
        raise _short()
    return data[at + 4 : end], end


def _short() -> ChannelError:
    return ChannelError("UA-132", "the peer's request for a channel ends too early", status=BAD_DECODING_ERROR)
