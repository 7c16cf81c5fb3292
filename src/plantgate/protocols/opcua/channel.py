"""A secure channel (Part 6, 6.7; Part 4, 5.6): bytes and time in, events and bytes out. The client: `channel_client`.

    server                                            client
    receive(OPN) -> OpenRequest                       open() -> bytes
    the owner judges its certificates                 receive(OPN) -> Opened
    accept(request) -> Accepted, or refuse -> bytes   renew with open() from `renew_at` on

`now` is monotonic seconds, `wall` microseconds since 1970. What is raised (StatusError) ends the channel: the owner
sends `encode_error(error.status)` if it is a server, and closes the connection. `accept` and a client's `open` and
`receive` of an OPN take milliseconds; they may run in another thread while nothing else is called.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from plantgate.errors import UsageError
from plantgate.limits import OPCUA_TOKEN_LEAST_MS, OPCUA_TOKEN_MS
from plantgate.protocols.opcua.asymmetric import OpenHeader, read_open_header, seal_open, unseal_open
from plantgate.protocols.opcua.chunks import (
    OPENING_CAPS,
    SYMMETRIC,
    Aborted,
    Assembly,
    Caps,
    ChannelError,
    Counter,
    Message,
    Sequence,
    Token,
    parts,
    room,
    seal,
    unseal,
)
from plantgate.protocols.opcua.framing import ABORT, Frame, encode_error
from plantgate.protocols.opcua.messages import (
    RequestType,
    decode_open_request,
    encode_open_response,
)
from plantgate.protocols.opcua.policies import NONCE_BYTES, Identity, Mode, Policy, public_key
from plantgate.protocols.opcua.status import (
    BAD_NONCE_INVALID,
    BAD_REQUEST_TYPE_INVALID,
    BAD_SECURE_CHANNEL_CLOSED,
    BAD_SECURE_CHANNEL_TOKEN_UNKNOWN,
    BAD_SECURITY_CHECKS_FAILED,
    BAD_SECURITY_MODE_REJECTED,
    BAD_SECURITY_POLICY_REJECTED,
    BAD_TCP_MESSAGE_TYPE_INVALID,
    BAD_TCP_SECURE_CHANNEL_UNKNOWN,
    StatusError,
    filetime,
)

Entropy: TypeAlias = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """What the other side takes: bytes of a chunk, of a message, chunks of a message; 0 is any."""

    chunk_bytes: int
    message_bytes: int = 0
    chunks: int = 0


class OpenRequest(NamedTuple):
    """A client wants a channel, or new keys for it. Nothing is decrypted yet, and nothing proved.

    `certificates` are DER, the client's own first; none for the policy None. Those of a renewal are those of the
    channel, byte for byte.
    """

    renewal: bool
    policy: Policy
    certificates: tuple[bytes, ...]
    header: OpenHeader
    frame: Frame


class Accepted(NamedTuple):
    """The channel is open; `reply` has to be sent before anything else."""

    reply: bytes
    renewal: bool
    policy: Policy
    mode: Mode
    token_id: int
    lifetime_ms: int


class Closed(NamedTuple):
    """The client closes the channel: nothing is answered (Part 4, 5.6.3)."""


ServerEvent: TypeAlias = OpenRequest | Message | Aborted | Closed


class Channel:
    """What both sides do: number, sign, encrypt, put together."""

    def __init__(self, identity: Identity | None, peer: PeerLimits, caps: Caps, entropy: Entropy) -> None:
        self.channel_id = 0
        self.mode = Mode.NONE
        self.policy: Policy | None = None
        self.caps = caps
        self._identity = identity
        self._peer = peer
        self._entropy = entropy
        self._peer_key: tuple[bytes, RSAPublicKey] | None = None
        self._counter = Counter()
        self._sequence = Sequence()
        self._assembly = Assembly()
        self._tokens: list[Token] = []  # the one in use, then newer ones until one is used
        self._sending: Token | None = None
        self._room = 0
        self._ended = False

    @property
    def held(self) -> int:
        """Bytes of a message that is not whole."""
        return self._assembly.held

    @property
    def is_open(self) -> bool:
        return bool(self._tokens) and not self._ended

    @property
    def expires(self) -> float:
        """When no key is good any more, in monotonic seconds; the owner closes an idle channel then."""
        return max((token.created + token.lifetime * 1.25 for token in self._tokens), default=0.0)

    @property
    def lifetime(self) -> float:
        """Of the newest keys, in seconds."""
        return self._tokens[-1].lifetime if self._tokens else 0.0

    def send(self, request_id: int, body: bytes) -> list[bytes]:
        """A message in chunks. Raises Overload, before anything is numbered, if the peer does not take as much."""
        token, peer = self._in_use(), self._peer
        pieces = parts(body, self._room, peer.message_bytes, peer.chunks)
        return [
            seal(b"MSG", flag, self.channel_id, token, self.mode, self._counter.take(), request_id, part)
            for flag, part in pieces
        ]

    def abort(self, request_id: int, status: int, reason: str = "") -> bytes:
        """Instead of an answer that is too large, and of the rest of one begun (Part 6, 6.7.3)."""
        body = encode_error(status, reason)[8:]
        number = self._counter.take()
        return seal(b"MSG", ABORT, self.channel_id, self._in_use(), self.mode, number, request_id, body)

    def _in_use(self) -> Token:
        if self._sending is None or self._ended:
            raise UsageError("UA-144", "a message is sent on a channel that is not open")
        return self._sending

    def _symmetric(self, frame: Frame, now: float) -> Message | Aborted | None:
        """The message that `frame` completes. Raises StatusError."""
        _, _, _, channel_id, token_id = SYMMETRIC.unpack_from(frame.data)
        token = self._token(channel_id, token_id, now)
        number, request, part = unseal(frame.data, token, self.mode)
        self._sequence.check(number)
        if token is not self._tokens[0]:  # the peer uses newer keys from now on, and so do we
            del self._tokens[: self._tokens.index(token)]
            self._sending = token
        return self._assembly.add(frame, request, part, self.caps)

    def _token(self, channel_id: int, token_id: int, now: float) -> Token:
        if not self._tokens or channel_id != self.channel_id:
            raise ChannelError(
                "UA-145",
                f"the peer sent a message for channel {channel_id}, which this connection has not opened",
                status=BAD_TCP_SECURE_CHANNEL_UNKNOWN,
            )
        for token in self._tokens:
            if token.id == token_id and not token.expired(now):
                return token
        raise ChannelError(
            "UA-146",
            f"the peer sent a message with keys {token_id} of channel {channel_id}, which are not known or too old",
            "it has to renew the channel in time",
            status=BAD_SECURE_CHANNEL_TOKEN_UNKNOWN,
        )

    def _open(self, token: Token, policy: Policy, mode: Mode, *, use: bool) -> None:
        """`use`: send with the new keys at once."""
        self.policy, self.mode = policy, mode
        self._tokens = [*self._tokens[-2:], token]
        if use or self._sending is None:
            self._sending = token
        self._room = room(mode, policy.secure, self._peer.chunk_bytes)

    def _alive(self) -> None:
        if self._ended:
            raise ChannelError("UA-147", "the channel has ended", status=BAD_SECURE_CHANNEL_CLOSED)

    def _nonce(self, policy: Policy) -> bytes:
        return self._entropy(NONCE_BYTES) if policy.secure else b""

    def _check_nonce(self, policy: Policy, nonce: bytes) -> None:
        if policy.secure and len(nonce) != NONCE_BYTES:
            raise ChannelError(
                "UA-148",
                f"the peer sent a nonce of {len(nonce)} bytes, the policy wants {NONCE_BYTES}",
                status=BAD_NONCE_INVALID,
            )


class ServerChannel(Channel):
    """One client's channel. `offered` are the policies with the modes that a client may choose from."""

    def __init__(
        self,
        channel_id: int,
        identity: Identity | None,
        offered: Collection[tuple[Policy, Mode]],
        peer: PeerLimits,
        *,
        caps: Caps = OPENING_CAPS,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        super().__init__(identity, peer, caps, entropy)
        self.channel_id = channel_id
        self._offered = frozenset(offered)
        self._certificates: tuple[bytes, ...] = ()
        self._next_token = 1

    def receive(self, frame: Frame, now: float) -> ServerEvent | None:
        """None in the middle of a message. Raises StatusError."""
        self._alive()
        try:
            if frame.kind == b"MSG":
                return self._symmetric(frame, now)
            if frame.kind == b"OPN":
                return self._asked(frame)
            if frame.kind == b"CLO":
                self._symmetric(frame, now)
                self._ended = True
                return Closed()
            raise unexpected(frame)
        except StatusError:
            self._ended = True
            raise

    def _asked(self, frame: Frame) -> OpenRequest:
        header = read_open_header(frame.data)
        if all(policy is not header.policy for policy, _ in self._offered):
            raise ChannelError(
                "UA-149",
                f"the client asks for the security policy {header.policy.name}, which is not offered",
                "choose another in the client, or allow it in opcua.server.policies",
                status=BAD_SECURITY_POLICY_REJECTED,
            )
        if header.policy.secure and (self._identity is None or header.thumbprint != self._identity.thumbprint):
            raise ChannelError(
                "UA-150",
                "the client encrypts for another certificate than this server's",
                "let it fetch the endpoints again",
                status=BAD_SECURITY_CHECKS_FAILED,
            )
        renewal = bool(self._tokens)
        if header.channel_id != (self.channel_id if renewal else 0):
            raise ChannelError(
                "UA-151",
                f"the client asks to open channel {header.channel_id}, which is not that of this connection",
                status=BAD_TCP_SECURE_CHANNEL_UNKNOWN,
            )
        if renewal and (header.policy is not self.policy or header.certificates != self._certificates):
            raise ChannelError(
                "UA-152",
                "the client renews its channel with another policy or certificate",
                status=BAD_SECURITY_CHECKS_FAILED,
            )
        return OpenRequest(renewal, header.policy, header.certificates, header, frame)

    def accept(self, request: OpenRequest, now: float, wall: int) -> Accepted:
        """Open or renew: decrypt, verify, make the keys. The owner trusts the certificates. Raises StatusError."""
        self._alive()
        try:
            return self._accept(request, now, wall)
        except StatusError:
            self._ended = True
            raise

    def _accept(self, request: OpenRequest, now: float, wall: int) -> Accepted:
        policy, identity = request.policy, self._identity if request.policy.secure else None
        if policy.secure and self._peer_key is None:
            self._peer_key = (request.certificates[0], public_key(request.certificates[0]))
        key = self._peer_key[1] if self._peer_key else None
        number, request_id, body = unseal_open(
            request.frame.data, request.header, identity.key if identity else None, key
        )
        asked = decode_open_request(body)
        self._sequence.check(number)
        wanted = RequestType.RENEW if request.renewal else RequestType.ISSUE
        if asked.request_type != wanted:
            raise ChannelError(
                "UA-153",
                f"the client sent request type {asked.request_type} where {wanted.name.lower()} is due",
                status=BAD_REQUEST_TYPE_INVALID,
            )
        mode = self._mode(policy, asked.mode, request.renewal)
        self._check_nonce(policy, asked.nonce)
        nonce = self._nonce(policy)
        lifetime_ms = min(max(asked.lifetime_ms or OPCUA_TOKEN_MS, OPCUA_TOKEN_LEAST_MS), OPCUA_TOKEN_MS)
        token = Token(policy, self._next_token, (nonce, asked.nonce), now, lifetime_ms / 1000)
        self._next_token += 1
        reply = encode_open_response(filetime(wall), asked.head.handle, self.channel_id, token.id, lifetime_ms, nonce)
        sealed = seal_open(self.channel_id, policy, identity, self._peer_key, self._counter.take(), request_id, reply)
        self._certificates = request.certificates
        self._open(token, policy, mode, use=False)
        return Accepted(sealed, request.renewal, policy, mode, token.id, lifetime_ms)

    def _mode(self, policy: Policy, asked: int, renewal: bool) -> Mode:
        for offered, mode in self._offered:
            if offered is policy and mode == asked and (not renewal or mode is self.mode):
                return mode
        raise ChannelError(
            "UA-154",
            f"the client asks for security mode {asked}, which is not offered for {policy.name}",
            "choose another in the client, or allow it in opcua.server.modes",
            status=BAD_SECURITY_MODE_REJECTED,
        )

    def refuse(self, status: int, reason: str = "") -> bytes:
        """What is sent instead of opening the channel; the connection is closed after it."""
        self._ended = True
        return encode_error(status, reason)


def unexpected(frame: Frame) -> ChannelError:
    return ChannelError(
        "UA-158",
        f"the peer sent {frame.kind.decode('ascii', 'replace')} where it has no place",
        status=BAD_TCP_MESSAGE_TYPE_INVALID,
    )
