"""Our side of a secure channel to a server: the counterpart of `channel`, whose rules on time and threads hold here."""

from __future__ import annotations

import secrets
from typing import NamedTuple, TypeAlias

from plantgate.errors import UsageError
from plantgate.limits import OPCUA_TOKEN_MS
from plantgate.protocols.opcua.asymmetric import read_open_header, seal_open, unseal_open
from plantgate.protocols.opcua.channel import Channel, Entropy, PeerLimits, unexpected
from plantgate.protocols.opcua.chunks import OPENING_CAPS, Aborted, Caps, ChannelError, Message, Token, seal
from plantgate.protocols.opcua.framing import FINAL, ErrorMessage, Frame, decode_error
from plantgate.protocols.opcua.messages import (
    NO_TOKEN,
    RequestType,
    TypeId,
    decode_open_response,
    encode_open_request,
    request_head,
)
from plantgate.protocols.opcua.policies import Identity, Mode, Policy, public_key
from plantgate.protocols.opcua.status import (
    BAD_CERTIFICATE_INVALID,
    BAD_SECURITY_CHECKS_FAILED,
    StatusError,
    filetime,
)

_RENEW_AT = 0.75  # Part 4, 5.6.2.1: clients renew after three quarters


class Opened(NamedTuple):
    """The server has opened the channel, or renewed its keys."""

    channel_id: int
    token_id: int
    lifetime_ms: int


ClientEvent: TypeAlias = Opened | Message | Aborted | ErrorMessage


class ClientChannel(Channel):
    """Our channel to one server, whose DER certificate the owner knows and trusts already."""

    def __init__(
        self,
        policy: Policy,
        mode: Mode,
        identity: Identity | None,
        server_certificate: bytes,
        peer: PeerLimits,
        *,
        caps: Caps = OPENING_CAPS,
        lifetime_ms: int = OPCUA_TOKEN_MS,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        """Raises CryptoError for a certificate that no policy takes."""
        super().__init__(identity if policy.secure else None, peer, caps, entropy)
        self.policy, self.mode = policy, mode
        self._lifetime_ms = lifetime_ms
        self._waiting: tuple[int, bytes] | None = None
        self._last_request = 0
        if policy.secure:
            if identity is None:
                raise UsageError("UA-171", f"the policy {policy.name} needs a certificate of ours")
            self._peer_key = (server_certificate, public_key(server_certificate))

    @property
    def renew_at(self) -> float:
        """When `open` is due again, in monotonic seconds."""
        token = self._tokens[-1] if self._tokens else None
        return token.created + token.lifetime * _RENEW_AT if token else 0.0

    def take_request_id(self) -> int:
        self._last_request = self._last_request % 0xFFFFFFFF + 1
        return self._last_request

    def open(self, wall: int) -> bytes:
        """Ask for the channel, or for new keys. One question at a time."""
        assert self.policy is not None
        request_id, nonce = self.take_request_id(), self._nonce(self.policy)
        kind = RequestType.RENEW if self._tokens else RequestType.ISSUE
        body = encode_open_request(filetime(wall), request_id, kind, self.mode, nonce, self._lifetime_ms)
        self._waiting = (request_id, nonce)
        number = self._counter.take()
        return seal_open(self.channel_id, self.policy, self._identity, self._peer_key, number, request_id, body)

    def close(self, wall: int) -> bytes:
        """The last message of the channel; the connection is closed after it."""
        request_id = self.take_request_id()
        body = request_head(TypeId.CLOSE_REQUEST, NO_TOKEN, filetime(wall), request_id)
        number = self._counter.take()
        sealed = seal(b"CLO", FINAL, self.channel_id, self._in_use(), self.mode, number, request_id, body)
        self._ended = True
        return sealed

    def receive(self, frame: Frame, now: float) -> ClientEvent | None:
        """None in the middle of a message. An ErrorMessage is the last event. Raises StatusError."""
        self._alive()
        try:
            if frame.kind == b"MSG":
                return self._symmetric(frame, now)
            if frame.kind == b"OPN":
                return self._answered(frame, now)
            if frame.kind == b"ERR":
                self._ended = True
                return decode_error(frame.data)
            raise unexpected(frame)
        except StatusError:
            self._ended = True
            raise

    def _answered(self, frame: Frame, now: float) -> Opened:
        header = read_open_header(frame.data)
        peer, identity, policy = self._peer_key, self._identity, self.policy
        if self._waiting is None or policy is None:
            raise unexpected(frame)
        if header.policy is not policy or (identity is not None and header.thumbprint != identity.thumbprint):
            raise ChannelError(
                "UA-172",
                "the server answers for another security policy or certificate than ours",
                status=BAD_SECURITY_CHECKS_FAILED,
            )
        if peer is not None and header.certificates[0] != peer[0]:
            raise ChannelError(
                "UA-173",
                "the server answers with another certificate than its endpoint has",
                "fetch the endpoints again and compare fingerprints",
                status=BAD_CERTIFICATE_INVALID,
            )
        number, request_id, body = unseal_open(
            frame.data, header, identity.key if identity else None, peer[1] if peer else None
        )
        self._sequence.check(number)
        answer = decode_open_response(body)
        asked, nonce = self._waiting
        if request_id != asked or answer.channel_id == 0 or (self._tokens and answer.channel_id != self.channel_id):
            raise unexpected(frame)
        self._check_nonce(policy, answer.nonce)
        self._waiting = None
        self.channel_id = answer.channel_id
        token = Token(policy, answer.token_id, (nonce, answer.nonce), now, answer.lifetime_ms / 1000)
        self._open(token, policy, self.mode, use=True)
        return Opened(answer.channel_id, answer.token_id, answer.lifetime_ms)
