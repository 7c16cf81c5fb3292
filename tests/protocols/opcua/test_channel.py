"""Both sides of a secure channel against each other: opening, renewing, lifetimes, numbers, caps, refusals."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from plantgate.errors import Overload, UsageError
from plantgate.limits import OPCUA_TOKEN_LEAST_MS, OPCUA_TOKEN_MS
from plantgate.protocols.opcua import chunks, status
from plantgate.protocols.opcua.asymmetric import seal_open
from plantgate.protocols.opcua.channel import Accepted, Closed, OpenRequest, PeerLimits, ServerChannel
from plantgate.protocols.opcua.channel_client import ClientChannel, Opened
from plantgate.protocols.opcua.chunks import ACTIVE_CAPS, Aborted, Caps, Counter, Message, Sequence
from plantgate.protocols.opcua.framing import (
    ErrorMessage,
    Frame,
    FrameReader,
    channel_frames,
    decode_error,
)
from plantgate.protocols.opcua.messages import RequestType, encode_open_request
from plantgate.protocols.opcua.policies import (
    AES128_SHA256_RSAOAEP,
    AES256_SHA256_RSAPSS,
    BASIC256SHA256,
    NONE,
    Identity,
    Mode,
    Policy,
)
from plantgate.protocols.opcua.status import StatusError

WALL = 1_795_000_000_000_000
PEER = PeerLimits(65_535)
PAIRS = [
    (NONE, Mode.NONE),
    *(
        (policy, mode)
        for policy in (BASIC256SHA256, AES128_SHA256_RSAOAEP, AES256_SHA256_RSAPSS)
        for mode in Mode
        if mode > 1
    ),
]
EACH_PAIR = pytest.mark.parametrize(("policy", "mode"), PAIRS, ids=[f"{p.name}-{m.name}" for p, m in PAIRS])
SECURE = (BASIC256SHA256, Mode.SIGN_AND_ENCRYPT)


def frames(data: bytes) -> list[Frame]:
    allowed = {**channel_frames(65_535), **channel_frames(65_535, client=True)}
    return list(FrameReader(allowed).feed(data))


def frame(data: bytes) -> Frame:
    [only] = frames(data)
    return only


def pair(
    policy: Policy, mode: Mode, server: Identity, client: Identity, peer: PeerLimits = PEER
) -> tuple[ServerChannel, ClientChannel]:
    ours = ServerChannel(77, server, PAIRS, peer)
    return ours, ClientChannel(policy, mode, client, server.certificate, peer, lifetime_ms=60_000)


def opened(ours: ServerChannel, theirs: ClientChannel, now: float = 0.0) -> Accepted:
    request = ours.receive(frame(theirs.open(WALL)), now)
    assert isinstance(request, OpenRequest)
    accepted = ours.accept(request, now, WALL)
    event = theirs.receive(frame(accepted.reply), now)
    assert event == Opened(77, accepted.token_id, accepted.lifetime_ms)
    return accepted


def there_and_back(ours: ServerChannel, theirs: ClientChannel, now: float = 0.0, body: bytes = b"question") -> None:
    assert [ours.receive(frame(data), now) for data in theirs.send(5, body)][-1] == Message(5, body)
    back = body[::-1]
    assert [theirs.receive(frame(data), now) for data in ours.send(5, back)][-1] == Message(5, back)


@EACH_PAIR
def test_a_channel_opens_carries_messages_and_renews(
    policy: Policy, mode: Mode, server: Identity, client: Identity
) -> None:
    ours, theirs = pair(policy, mode, server, client)
    accepted = opened(ours, theirs)
    assert (accepted.policy, accepted.mode, accepted.renewal) == (policy, mode, False)
    for size in (0, 1, 7, 15, 16, 17, 65_000, 66_000, 300_000):
        there_and_back(ours, theirs, body=bytes(size))
    again = opened(ours, theirs, 45.0)
    assert again.renewal
    assert again.token_id != accepted.token_id
    there_and_back(ours, theirs, 46.0)


def test_keys_above_2048_bits_work_on_either_side(server: Identity, wide: Identity) -> None:
    for one, two in ((server, wide), (wide, server)):
        for policy in (BASIC256SHA256, AES256_SHA256_RSAPSS):
            ours, theirs = pair(policy, Mode.SIGN_AND_ENCRYPT, one, two)
            opened(ours, theirs)
            there_and_back(ours, theirs)


def test_the_owner_sees_the_certificates_before_anything_is_decrypted(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    data = bytearray(theirs.open(WALL))
    data[-100:] = bytes(100)
    request = ours.receive(frame(bytes(data)), 0.0)
    assert isinstance(request, OpenRequest)
    assert request.certificates == (client.certificate, server.certificate)
    assert not ours.is_open
    with pytest.raises(StatusError) as error:
        ours.accept(request, 0.0, WALL)
    assert error.value.status == status.BAD_SECURITY_CHECKS_FAILED
    assert not ours.is_open


def test_a_refused_client_hears_why_and_the_channel_is_gone(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    request = ours.receive(frame(theirs.open(WALL)), 0.0)
    assert isinstance(request, OpenRequest)
    refusal = ours.refuse(status.BAD_SECURITY_CHECKS_FAILED, "not trusted")
    assert theirs.receive(frame(refusal), 0.0) == ErrorMessage(status.BAD_SECURITY_CHECKS_FAILED, "not trusted")
    with pytest.raises(StatusError):
        ours.accept(request, 0.0, WALL)


def test_someone_elses_certificate_without_its_key_opens_nothing(
    server: Identity, client: Identity, wide: Identity
) -> None:
    """What the stock server let pass: the trusted certificate of another, shown without its key."""
    thief = Identity(client.certificate, wide.key)
    ours, theirs = pair(*SECURE, server, thief)
    request = ours.receive(frame(theirs.open(WALL)), 0.0)
    assert isinstance(request, OpenRequest)
    with pytest.raises(StatusError) as error:
        ours.accept(request, 0.0, WALL)
    assert error.value.status == status.BAD_SECURITY_CHECKS_FAILED


def test_the_server_uses_new_keys_only_when_the_client_does(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs, 0.0)
    request = ours.receive(frame(theirs.open(WALL)), 45.0)
    assert isinstance(request, OpenRequest)
    [on_its_way] = theirs.send(1, b"old keys")
    reply = ours.accept(request, 45.0, WALL).reply
    assert ours.receive(frame(on_its_way), 45.0) == Message(1, b"old keys")
    [push] = ours.send(2, b"still old keys")
    assert isinstance(theirs.receive(frame(reply), 45.0), Opened)
    # What the server sent before the client used its new keys is still good.
    assert theirs.receive(frame(push), 45.0) == Message(2, b"still old keys")
    there_and_back(ours, theirs, 45.0)
    first, second = (struct.unpack_from("<I", data, 12)[0] for data in (push, ours.send(3, b"")[0]))
    assert (first, second) == (1, 2)


def test_old_keys_are_gone_once_new_ones_are_used(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs)
    old = theirs._tokens[0]
    opened(ours, theirs)
    there_and_back(ours, theirs)
    theirs._sending = old
    with pytest.raises(StatusError) as error:
        ours.receive(frame(theirs.send(9, b"")[0]), 0.0)
    assert error.value.status == status.BAD_SECURE_CHANNEL_TOKEN_UNKNOWN


@pytest.mark.parametrize(("now", "good"), [(59.0, True), (74.9, True), (75.1, False)])
def test_keys_live_a_quarter_longer_than_agreed(now: float, good: bool, server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs, 0.0)
    assert (ours.expires, theirs.renew_at) == (75.0, 45.0)
    [data] = theirs.send(1, b"late")
    if good:
        assert ours.receive(frame(data), now) == Message(1, b"late")
        return
    with pytest.raises(StatusError) as error:
        ours.receive(frame(data), now)
    assert error.value.status == status.BAD_SECURE_CHANNEL_TOKEN_UNKNOWN


@pytest.mark.parametrize(
    ("asked", "given"), [(0, OPCUA_TOKEN_MS), (1, OPCUA_TOKEN_LEAST_MS), (2**32 - 1, OPCUA_TOKEN_MS), (9_000, 9_000)]
)
def test_lifetimes_are_kept_within_bounds(asked: int, given: int) -> None:
    theirs = ClientChannel(NONE, Mode.NONE, None, b"", PEER, lifetime_ms=asked)
    assert opened(ServerChannel(77, None, PAIRS, PEER), theirs).lifetime_ms == given


def test_renewing_many_times_without_use_keeps_little(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    for _ in range(6):
        opened(ours, theirs)
    assert len(ours._tokens) == len(theirs._tokens) == 3
    there_and_back(ours, theirs)
    assert len(ours._tokens) == len(theirs._tokens) == 1


@pytest.mark.parametrize("place", ["signature", "number", "body"])
@pytest.mark.parametrize("mode", [Mode.SIGN, Mode.SIGN_AND_ENCRYPT])
def test_a_changed_byte_is_noticed(mode: Mode, place: str, server: Identity, client: Identity) -> None:
    ours, theirs = pair(BASIC256SHA256, mode, server, client)
    opened(ours, theirs)
    data = bytearray(theirs.send(1, bytes(100))[0])
    data[{"signature": -1, "number": 16, "body": 60}[place]] ^= 1
    with pytest.raises(StatusError) as error:
        ours.receive(frame(bytes(data)), 0.0)
    assert error.value.status == status.BAD_SECURITY_CHECKS_FAILED
    with pytest.raises(StatusError) as error:
        ours.receive(frame(theirs.send(2, b"")[0]), 0.0)
    assert error.value.status == status.BAD_SECURE_CHANNEL_CLOSED


def test_a_repeated_or_lost_chunk_is_noticed(server: Identity, client: Identity) -> None:
    for lost in (False, True):
        ours, theirs = pair(*SECURE, server, client)
        opened(ours, theirs)
        [first], [second] = theirs.send(1, b"a"), theirs.send(2, b"b")
        if not lost:
            ours.receive(frame(first), 0.0)
            second = first
        else:
            second = theirs.send(3, b"c")[0]
        with pytest.raises(StatusError) as error:
            ours.receive(frame(second), 0.0)
        assert error.value.status == status.BAD_SEQUENCE_NUMBER_INVALID


def test_sequence_numbers_begin_anew_by_the_legacy_rule() -> None:
    counter, sequence = Counter(), Sequence()
    assert [counter.take(), counter.take()] == [1, 2]
    counter._last = 0xFFFFFFFF - 1_024 - 1
    taken = [counter.take() for _ in range(3)]
    assert taken == [0xFFFFFFFF - 1_024, 1, 2]
    sequence._last = taken[0] - 1
    for number in taken:
        sequence.check(number)
    with pytest.raises(StatusError):
        sequence.check(1)


@pytest.mark.parametrize(
    ("last", "number", "good"),
    [
        (0xFFFFFFFF, 0, True),
        (0xFFFFFFFF, 1_023, True),
        (0xFFFFFFFF, 1_024, False),
        (0xFFFFFFFF - 1_025, 5, False),
        (0xFFFFFFFF - 1_024, 0xFFFFFFFF - 1_023, True),
        (5, 5, False),
        (5, 7, False),
    ],
)
def test_where_numbers_may_begin_anew(last: int, number: int, good: bool) -> None:
    sequence = Sequence()
    sequence.check(last)
    if good:
        sequence.check(number)
    else:
        with pytest.raises(StatusError):
            sequence.check(number)


def test_a_message_above_the_caps_ends_the_channel_and_later_caps_allow_it(server: Identity, client: Identity) -> None:
    body = bytes(5_000_000)
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs)
    sent = [frame(data) for data in theirs.send(1, body)]
    assert [ours.receive(data, 0.0) for data in sent[:64]] == [None] * 64
    assert ours.held <= 4_194_304
    with pytest.raises(StatusError) as error:
        ours.receive(sent[64], 0.0)
    assert error.value.status == status.BAD_TCP_MESSAGE_TOO_LARGE
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs)
    ours.caps = ACTIVE_CAPS
    one_way(ours, theirs, body)


def one_way(ours: ServerChannel, theirs: ClientChannel, body: bytes) -> None:
    events = [ours.receive(frame(data), 0.0) for data in theirs.send(1, body)]
    assert events[:-1] == [None] * (len(events) - 1)
    assert events[-1] == Message(1, body)
    assert ours.held == 0


def test_empty_chunks_without_end_are_counted() -> None:
    ours, theirs = unsecured()
    ours.caps = Caps(65_535, 1_000_000, 8)
    token = theirs._in_use()
    sent = [chunks.seal(b"MSG", ord("C"), 77, token, Mode.NONE, theirs._counter.take(), 1, b"") for _ in range(9)]
    assert [ours.receive(frame(data), 0.0) for data in sent[:8]] == [None] * 8
    with pytest.raises(StatusError) as error:
        ours.receive(frame(sent[8]), 0.0)
    assert error.value.status == status.BAD_TCP_MESSAGE_TOO_LARGE


def unsecured(peer: PeerLimits = PEER) -> tuple[ServerChannel, ClientChannel]:
    ours = ServerChannel(77, None, PAIRS, peer)
    theirs = ClientChannel(NONE, Mode.NONE, None, b"", peer)
    opened(ours, theirs)
    return ours, theirs


def test_an_aborted_message_leaves_the_channel_alive(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs)
    begun = ours.send(3, bytes(200_000))[:2]
    for data in begun:
        assert theirs.receive(frame(data), 0.0) is None
    ours._counter._last -= 2  # the chunks that were not sent
    end = ours.abort(3, status.BAD_RESPONSE_TOO_LARGE, "too much")
    assert theirs.receive(frame(end), 0.0) == Aborted(3, status.BAD_RESPONSE_TOO_LARGE, "too much")
    there_and_back(ours, theirs)


def test_a_message_that_the_peer_does_not_take_is_not_begun() -> None:
    for limits in (PeerLimits(8_192, message_bytes=10_000), PeerLimits(8_192, chunks=1)):
        ours, theirs = unsecured(limits)
        with pytest.raises(Overload):
            ours.send(1, bytes(10_001))
        there_and_back(ours, theirs)


def test_chunks_of_two_messages_do_not_mix() -> None:
    ours, theirs = unsecured()
    first = theirs.send(1, bytes(100_000))[0]
    theirs._counter._last -= 1
    assert ours.receive(frame(first), 0.0) is None
    with pytest.raises(StatusError) as error:
        ours.receive(frame(theirs.send(2, b"x")[0]), 0.0)
    assert error.value.status == status.BAD_DECODING_ERROR


def test_no_chunk_is_larger_than_the_peer_takes(server: Identity, client: Identity) -> None:
    for policy, mode in PAIRS:
        for size in (8_192, 8_193, 8_207, 65_535):
            ours, theirs = pair(policy, mode, server, client, PeerLimits(size))
            opened(ours, theirs)
            sent = theirs.send(1, bytes(40_000))
            assert max(map(len, sent)) <= size
            assert min(map(len, sent[:-1]), default=size) > size - 17
            assert [ours.receive(frame(data), 0.0) for data in sent][-1] == Message(1, bytes(40_000))


def test_closing(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs)
    assert ours.receive(frame(theirs.close(WALL)), 0.0) == Closed()
    for side in (ours, theirs):
        with pytest.raises(UsageError):
            side.send(1, b"")


def _no_policy(ours: ServerChannel, theirs: ClientChannel) -> bytes:
    return theirs.open(WALL).replace(b"Basic256Sha256", b"Basic256Sha257")


def _other_thumbprint(ours: ServerChannel, theirs: ClientChannel) -> bytes:
    assert ours._identity is not None
    return theirs.open(WALL).replace(ours._identity.thumbprint, bytes(20))


def _foreign_channel(ours: ServerChannel, theirs: ClientChannel) -> bytes:
    theirs.channel_id = 5
    return theirs.open(WALL)


def _message_first(ours: ServerChannel, theirs: ClientChannel) -> bytes:
    return struct.pack("<3sBIIIII", b"MSG", ord("F"), 24, 77, 1, 1, 1)


def _no_certificate(ours: ServerChannel, theirs: ClientChannel) -> bytes:
    uri = BASIC256SHA256.uri.encode()
    rest = struct.pack("<i", len(uri)) + uri + b"\xff" * 8 + bytes(8)
    return struct.pack("<3sBII", b"OPN", ord("F"), 12 + len(rest), 0) + rest


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (_no_policy, status.BAD_SECURITY_POLICY_REJECTED),
        (_other_thumbprint, status.BAD_SECURITY_CHECKS_FAILED),
        (_foreign_channel, status.BAD_TCP_SECURE_CHANNEL_UNKNOWN),
        (_message_first, status.BAD_TCP_SECURE_CHANNEL_UNKNOWN),
        (_no_certificate, status.BAD_CERTIFICATE_INVALID),
    ],
)
def test_what_is_refused_before_any_key_is_used(
    wrong: Callable[[ServerChannel, ClientChannel], bytes], expected: int, server: Identity, client: Identity
) -> None:
    ours, theirs = pair(*SECURE, server, client)
    with pytest.raises(StatusError) as error:
        ours.receive(frame(wrong(ours, theirs)), 0.0)
    assert error.value.status == expected


def test_a_policy_or_mode_that_is_not_offered_is_refused(server: Identity, client: Identity) -> None:
    for offered, expected in (
        ([(NONE, Mode.NONE)], status.BAD_SECURITY_POLICY_REJECTED),
        ([(BASIC256SHA256, Mode.SIGN)], status.BAD_SECURITY_MODE_REJECTED),
    ):
        ours = ServerChannel(77, server, offered, PEER)
        theirs = ClientChannel(*SECURE, client, server.certificate, PEER)
        with pytest.raises(StatusError) as error:
            opened(ours, theirs)
        assert error.value.status == expected


@pytest.mark.parametrize(
    ("kind", "mode", "nonce", "expected"),
    [
        (RequestType.RENEW, Mode.SIGN, bytes(32), status.BAD_REQUEST_TYPE_INVALID),
        (RequestType.ISSUE, 9, bytes(32), status.BAD_SECURITY_MODE_REJECTED),
        (RequestType.ISSUE, Mode.NONE, bytes(32), status.BAD_SECURITY_MODE_REJECTED),
        (RequestType.ISSUE, Mode.SIGN, bytes(31), status.BAD_NONCE_INVALID),
        (RequestType.ISSUE, Mode.SIGN, b"", status.BAD_NONCE_INVALID),
    ],
)
def test_wrong_requests_for_a_channel(
    kind: RequestType, mode: int, nonce: bytes, expected: int, server: Identity, client: Identity
) -> None:
    ours, theirs = pair(*SECURE, server, client)
    body = encode_open_request(0, 1, kind, mode, nonce, 60_000)
    data = seal_open(0, BASIC256SHA256, client, theirs._peer_key, 1, 1, body)
    request = ours.receive(frame(data), 0.0)
    assert isinstance(request, OpenRequest)
    with pytest.raises(StatusError) as error:
        ours.accept(request, 0.0, WALL)
    assert error.value.status == expected


def test_a_renewal_with_another_certificate_or_mode_is_refused(
    server: Identity, client: Identity, wide: Identity
) -> None:
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs)
    theirs._identity = wide
    with pytest.raises(StatusError) as error:
        ours.receive(frame(theirs.open(WALL)), 0.0)
    assert error.value.status == status.BAD_SECURITY_CHECKS_FAILED
    ours, theirs = pair(*SECURE, server, client)
    opened(ours, theirs)
    theirs.mode = Mode.SIGN
    request = ours.receive(frame(theirs.open(WALL)), 0.0)
    assert isinstance(request, OpenRequest)
    with pytest.raises(StatusError) as error:
        ours.accept(request, 0.0, WALL)
    assert error.value.status == status.BAD_SECURITY_MODE_REJECTED


def test_many_rsa_blocks_are_not_decrypted(server: Identity, client: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    body = encode_open_request(0, 1, RequestType.ISSUE, 3, bytes(32), 60_000) + bytes(5_000)
    request = ours.receive(frame(seal_open(0, BASIC256SHA256, client, theirs._peer_key, 1, 1, body)), 0.0)
    assert isinstance(request, OpenRequest)
    with pytest.raises(StatusError):
        ours.accept(request, 0.0, WALL)


def test_the_client_takes_no_other_servers_answer(server: Identity, client: Identity, wide: Identity) -> None:
    ours, theirs = pair(*SECURE, server, client)
    request = ours.receive(frame(theirs.open(WALL)), 0.0)
    assert isinstance(request, OpenRequest)
    reply = ours.accept(request, 0.0, WALL).reply
    other = ClientChannel(*SECURE, client, wide.certificate, PEER)
    other.open(WALL)
    with pytest.raises(StatusError) as error:
        other.receive(frame(reply), 0.0)
    assert error.value.status == status.BAD_CERTIFICATE_INVALID
    unasked = ClientChannel(*SECURE, client, server.certificate, PEER)
    with pytest.raises(StatusError):
        unasked.receive(frame(reply), 0.0)


def test_the_reason_of_a_refusal_is_cut() -> None:
    assert len(decode_error(ServerChannel(1, None, PAIRS, PEER).refuse(1, "é" * 9_000)).reason) <= 4_096
