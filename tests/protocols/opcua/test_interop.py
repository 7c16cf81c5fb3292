"""Our channel against asyncua's SecureConnection, in memory: both roles, every policy and mode."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua as asyncua_types
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import x509_from_der
from asyncua.ua.ua_binary import header_from_binary, struct_from_binary, struct_to_binary

from plantgate.protocols.opcua.channel import OpenRequest, PeerLimits, ServerChannel
from plantgate.protocols.opcua.channel_client import ClientChannel, Opened
from plantgate.protocols.opcua.chunks import Aborted, Message
from plantgate.protocols.opcua.framing import Frame, FrameReader, channel_frames
from plantgate.protocols.opcua.policies import (
    AES128_SHA256_RSAOAEP,
    AES256_SHA256_RSAPSS,
    BASIC256SHA256,
    NONE,
    Identity,
    Mode,
    Policy,
)

ua: Any = asyncua_types  # its annotations are names for readers
theirs: Any = security_policies
certificate_of: Any = x509_from_der

WALL = 1_795_000_000_000_000
SIZE = 65_535
THEIRS = {
    NONE: theirs.SecurityPolicyNone,
    BASIC256SHA256: theirs.SecurityPolicyBasic256Sha256,
    AES128_SHA256_RSAOAEP: theirs.SecurityPolicyAes128Sha256RsaOaep,
    AES256_SHA256_RSAPSS: theirs.SecurityPolicyAes256Sha256RsaPss,
}
PAIRS = [(policy, mode) for policy in THEIRS for mode in Mode if (mode is Mode.NONE) is (policy is NONE)]
EACH_PAIR = pytest.mark.parametrize(("policy", "mode"), PAIRS, ids=[f"{p.name}-{m.name}" for p, m in PAIRS])


class _Ids:
    """What asyncua's server side asks of its server."""

    @staticmethod
    def get_new_channel_id() -> int:
        return 4_711


def _frames(data: bytes, *, client: bool) -> list[Frame]:
    return list(FrameReader(channel_frames(SIZE, client=client)).feed(data))


def _receive(connection: Any, data: bytes) -> Any:
    """The message that asyncua makes of whole frames, None while it is not whole."""
    buffer, message = Buffer(data), None
    while buffer:
        header = header_from_binary(buffer)
        body = buffer.copy(header.body_size)
        buffer.skip(header.body_size)
        message = connection.receive_from_header_and_body(header, body)
    return message


def _policy(policy: Policy, mode: Mode, own: Identity, peer: Identity) -> Any:
    if policy is NONE:
        return theirs.SecurityPolicyNone()
    return THEIRS[policy](
        certificate_of(peer.certificate), certificate_of(own.certificate), own.key, ua.MessageSecurityMode(mode)
    )


def _factory(policy: Policy, mode: Mode, own: Identity) -> Any:
    return theirs.SecurityPolicyFactory(
        THEIRS[policy], ua.MessageSecurityMode(mode), certificate_of(own.certificate), own.key
    )


@EACH_PAIR
def test_our_client_and_their_server(policy: Policy, mode: Mode, server: Identity, client: Identity) -> None:
    stock: Any = SecureConnection(theirs.SecurityPolicyNone(), TransportLimits())
    stock.set_policy_factories([_factory(policy, mode, server)])
    ours = ClientChannel(policy, mode, client, server.certificate, PeerLimits(SIZE))

    def open_channel() -> None:
        message = _receive(stock, ours.open(WALL))
        request = struct_from_binary(ua.OpenSecureChannelRequest, message.body())
        if not stock.is_open():
            header = message.SecurityHeader()
            stock.select_policy(header.SecurityPolicyURI, header.SenderCertificate, request.Parameters.SecurityMode)
        response = ua.OpenSecureChannelResponse()
        response.ResponseHeader.RequestHandle = request.RequestHeader.RequestHandle
        response.Parameters = stock.open(request.Parameters, _Ids)
        reply = stock.message_to_binary(
            struct_to_binary(response), ua.MessageType.SecureOpen, message.SequenceHeader().RequestId
        )
        [frame] = _frames(reply, client=True)
        event = ours.receive(frame, 0.0)
        assert isinstance(event, Opened)
        assert event.channel_id == 4_711

    def exchange(size: int) -> None:
        message = _receive(stock, b"".join(ours.send(9, bytes(range(256)) * size)))
        assert (message.request_id(), bytes(message.body())) == (9, bytes(range(256)) * size)
        events = [
            ours.receive(frame, 0.0)
            for frame in _frames(stock.message_to_binary(b"?" * size, request_id=9), client=True)
        ]
        assert events[-1] == Message(9, b"?" * size)

    open_channel()
    for size in (1, 3, 1_000):
        exchange(size)
    open_channel()
    for size in (1, 1_000):
        exchange(size)
    assert ours._tokens[0].id == 14
    _receive(stock, ours.close(WALL))


@EACH_PAIR
def test_their_client_and_our_server(policy: Policy, mode: Mode, server: Identity, client: Identity) -> None:
    stock: Any = SecureConnection(_policy(policy, mode, client, server), TransportLimits())
    ours = ServerChannel(77, server, PAIRS, PeerLimits(SIZE))

    def open_channel(kind: Any) -> None:
        request = ua.OpenSecureChannelRequest()
        request.Parameters.RequestType = kind
        request.Parameters.SecurityMode = ua.MessageSecurityMode(mode)
        request.Parameters.RequestedLifetime = 30_000
        nonce = bytes(range(stock.security_policy.secure_channel_nonce_length))
        request.Parameters.ClientNonce = nonce
        sent = stock.message_to_binary(struct_to_binary(request), ua.MessageType.SecureOpen, 3)
        [frame] = _frames(sent, client=False)
        event = ours.receive(frame, 0.0)
        assert isinstance(event, OpenRequest)
        assert event.certificates == ((client.certificate,) if policy.secure else ())
        accepted = ours.accept(event, 0.0, WALL)
        assert accepted.lifetime_ms == 30_000
        message = _receive(stock, accepted.reply)
        response = struct_from_binary(ua.OpenSecureChannelResponse, message.body())
        response.ResponseHeader.ServiceResult.check()
        assert response.Parameters.SecurityToken.ChannelId == 77
        stock.set_channel(response.Parameters, kind, nonce)

    def exchange(size: int) -> None:
        frames = _frames(stock.message_to_binary(b"!" * size, request_id=8), client=False)
        events = [ours.receive(frame, 0.0) for frame in frames]
        assert events[-1] == Message(8, b"!" * size)
        message = _receive(stock, b"".join(ours.send(8, bytes(range(256)) * size)))
        assert (message.request_id(), bytes(message.body())) == (8, bytes(range(256)) * size)

    open_channel(ua.SecurityTokenRequestType.Issue)
    for size in (1, 3, 100_000):
        exchange(size)
    assert _receive(stock, ours.abort(8, ua.StatusCodes.BadResponseTooLarge)) is None
    open_channel(ua.SecurityTokenRequestType.Renew)
    stock.revolve_tokens()  # as asyncua's client does once the answer is there
    for size in (1, 100_000):
        exchange(size)
    assert [token.id for token in ours._tokens] == [2]


def test_their_abort_is_understood(server: Identity, client: Identity) -> None:
    stock: Any = SecureConnection(theirs.SecurityPolicyNone(), TransportLimits())
    stock.set_policy_factories([_factory(NONE, Mode.NONE, server)])
    ours = ClientChannel(NONE, Mode.NONE, None, b"", PeerLimits(SIZE))
    message = _receive(stock, ours.open(WALL))
    request = struct_from_binary(ua.OpenSecureChannelRequest, message.body())
    response = ua.OpenSecureChannelResponse()
    response.Parameters = stock.open(request.Parameters, _Ids)
    reply = stock.message_to_binary(struct_to_binary(response), ua.MessageType.SecureOpen, message.request_id())
    ours.receive(_frames(reply, client=True)[0], 0.0)
    fault = ua.ErrorMessage(Error=ua.StatusCode(ua.StatusCodes.BadResponseTooLarge), Reason="too large")
    sent = bytearray(stock.message_to_binary(struct_to_binary(fault), request_id=4))
    sent[3:4] = b"A"
    event = ours.receive(_frames(bytes(sent), client=True)[0], 0.0)
    assert event == Aborted(4, ua.StatusCodes.BadResponseTooLarge, "too large")
