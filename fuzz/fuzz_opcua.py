"""Fuzzes the OPC UA core: framing, opening and using a channel, the fast codec, the general one behind its scan.

    python -m fuzz.fuzz_opcua --runs 200000 [--part channel]   repeatable, plain Python (also where atheris is missing)
    python -m fuzz.fuzz_opcua --atheris [CORPUS ...]           guided by coverage; libFuzzer's options follow

The invariant: any bytes, in any pieces, give the documented events or a StatusError that ends the channel, and nothing
else; no more is held than the caps say; what the fast codec reads, the general one reads alike; the scan ends where
asyncua's codec ends; no input takes longer than a second.

RSA is replaced here by a toy that keeps its sizes: no mutation survives the real one, and then nothing behind it would
be reached. Some fifteen inputs of a million are done with the real one.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import random
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from asyncua import ua as asyncua_types
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary
from cryptography.hazmat.primitives.asymmetric import rsa

from fuzz import harness
from fuzz.harness import main
from plantgate.errors import Overload
from plantgate.protocols.opcua import asymmetric, chunks, decoding, hot, hot_decode, messages, policies, scanning
from plantgate.protocols.opcua.channel import Accepted, Channel, OpenRequest, PeerLimits, ServerChannel
from plantgate.protocols.opcua.channel_client import ClientChannel
from plantgate.protocols.opcua.chunks import Caps, Message
from plantgate.protocols.opcua.framing import (
    HELLO_FIRST,
    Acknowledge,
    Frame,
    FrameError,
    FrameReader,
    Hello,
    channel_frames,
    decode_acknowledge,
    decode_error,
    decode_hello,
    encode_acknowledge,
    encode_error,
    encode_hello,
)
from plantgate.protocols.opcua.policies import BASIC256SHA256, NONE, Identity, Mode, Policy
from plantgate.protocols.opcua.status import BAD, StatusError

SLOW_SECONDS = 1.0
ua: Any = asyncua_types  # its annotations are names for readers
CHUNK = 8_192
CAPS = Caps(CHUNK, 20_000, 4)
HELLO = Hello(CHUNK, CHUNK, 0, 0, "opc.tcp://plant:4840/")
PEER = PeerLimits(CHUNK)
WALL = 1_795_000_000_000_000
SPECIAL = (b"\xff\xff\xff\xff", b"\xfc\xff\xff\xff", b"\0\0\0\0", b"\1\0\0\0", b"\xff\xff\xff\x7f", b"\x80\x80\xc0\xc0")


class _ToyKey:
    key_size = 2_048


class _Toy(Policy):
    """Sizes of RSA without its work: a block is its plain bytes with zeros behind, a signature 256 times one byte."""

    __slots__ = ()

    def sign(self, key: Any, data: bytes) -> bytes:
        return bytes((sum(data) & 0xFF,)) * 256

    def verify(self, key: Any, signature: bytes, data: bytes) -> None:
        if signature != self.sign(key, data):
            raise policies.security_checks_failed()

    def encrypt(self, key: Any, data: bytes) -> bytes:
        return b"".join(data[at : at + 214].ljust(256, b"\0") for at in range(0, len(data), 214))

    def decrypt(self, key: Any, data: bytes) -> bytes:
        if not data or len(data) % 256:
            raise policies.security_checks_failed()
        return b"".join(data[at : at + 214] for at in range(0, len(data), 256))


TOY = _Toy("Toy", 32, BASIC256SHA256.encryption, 42, BASIC256SHA256.signature)
CERTIFICATE = bytes.fromhex("30820101") + bytes(257)
TOY_IDENTITY = Identity(CERTIFICATE, _ToyKey())  # type: ignore[arg-type]
OFFERED = [(NONE, Mode.NONE), *((policy, mode) for policy in (TOY, BASIC256SHA256) for mode in Mode if mode > 1)]
USED = [(NONE, Mode.NONE), (TOY, Mode.SIGN), (TOY, Mode.SIGN_AND_ENCRYPT)]


def _real() -> Identity:
    """A certificate that can be taken apart, signed by nobody in particular."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, begin, begin + datetime.timedelta(3_650))
    return Identity(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER), key)


def edited(sample: bytes, plan: bytes) -> bytes:
    """`sample` with one edit for each four bytes of `plan`: where, how, with what."""
    data = bytearray(sample)
    for at in range(0, len(plan) - 3, 4):
        if not data:
            break
        place = (plan[at] << 8 | plan[at + 1]) % len(data)
        how, value = plan[at + 2], plan[at + 3]
        match how % 5:
            case 0 | 1:
                data[place] = value
            case 2:
                del data[place : place + 1 + value % 8]
            case 3:
                data[place:place] = bytes((value,)) * (1 + how % 7)
            case _:
                data[place : place + 4] = SPECIAL[value % len(SPECIAL)]
    return bytes(data)


# --- framing ----------------------------------------------------------------------------------------------
def framing(data: bytes) -> None:
    """The first byte says how the rest is cut; the greeting decides what may follow."""
    if not data:
        return
    size, stream = 1 + data[0], data[1:]
    if data[0] % 16 == 0:  # enough for a chunk that is too long to be seen held
        stream += bytes(CHUNK + 256)
    whole = _cut([stream])
    split = _cut([stream[at : at + size] for at in range(0, len(stream), size)])
    assert whole == split, "the cut changed the frames"
    for parse in (decode_hello, decode_error, lambda frame: decode_acknowledge(frame, HELLO)):
        with contextlib.suppress(FrameError):
            parse(stream.ljust(32, b"\0"))


def _cut(pieces: list[bytes]) -> list[Frame | str]:
    found: list[Frame | str] = []
    reader = FrameReader(HELLO_FIRST)
    for piece in pieces:
        try:
            for frame in reader.feed(piece):
                assert len(frame.data) == struct.unpack_from("<I", frame.data, 4)[0]
                assert len(frame.data) <= reader.allowed[frame.kind], "a frame is longer than allowed"
                found.append(frame)
                reader.allowed = channel_frames(CHUNK, client=len(found) > 4)
        except FrameError as error:
            assert reader.held == 0
            return [*found, str(error)]
        assert reader.held < CHUNK, "more than one frame is held"
    return found


# --- channel ----------------------------------------------------------------------------------------------
def _open_pair(policy: Policy, mode: Mode) -> tuple[ServerChannel, ClientChannel, OpenRequest, Accepted]:
    """The keys that a peer proves are not made of its certificate here: the toy has none."""
    identity = REAL if policy is BASIC256SHA256 else TOY_IDENTITY
    server = ServerChannel(7, identity, OFFERED, PEER, caps=CAPS, entropy=bytes)
    client = ClientChannel(policy if policy is not TOY else NONE, mode, identity, identity.certificate, PEER, caps=CAPS)
    if policy is TOY:
        client.policy, client._identity = TOY, identity
        client._peer_key = server._peer_key = (CERTIFICATE, _ToyKey())  # type: ignore[assignment]
    [frame] = FrameReader(channel_frames(CHUNK)).feed(client.open(WALL))
    request = server.receive(frame, 0.0)
    assert isinstance(request, OpenRequest)
    return server, client, request, server.accept(request, 0.0, WALL)


def _fresh(policy: Policy) -> ServerChannel:
    server = ServerChannel(7, REAL if policy is BASIC256SHA256 else TOY_IDENTITY, OFFERED, PEER, caps=CAPS)
    if policy is TOY:
        server._peer_key = (CERTIFICATE, _ToyKey())  # type: ignore[assignment]
    return server


def channel(data: bytes) -> None:
    """Which policy, which conversation, and how it is edited."""
    if len(data) < 4:
        return
    policy, mode = USED[data[0] % len(USED)]
    if data[1] == 255 and data[0] == 255:
        policy, mode = BASIC256SHA256, Mode.SIGN
    (_opening, _answering, _sealed, _inside)[data[1] % 4](policy, mode, data[2:])


def _opening(policy: Policy, mode: Mode, plan: bytes) -> None:
    """A server that is asked with edited bytes, in clear or before they are sealed."""
    server = _fresh(policy)
    sample = OPENS[policy, mode]
    if plan[0] & 1 and policy is not BASIC256SHA256:
        number, request, body = OPEN_PARTS[policy, mode]
        peer, own = (None, None) if policy is NONE else ((CERTIFICATE, _ToyKey()), TOY_IDENTITY)
        sample = asymmetric.seal_open(0, policy, own, peer, number, request, edited(body, plan[1:]))  # type: ignore[arg-type]
    else:
        sample = edited(sample, plan[1:])
    for frame in _framed(sample):
        event = _received(server, frame)
        if isinstance(event, OpenRequest):
            try:
                server.accept(event, 0.0, WALL)
            except StatusError:
                assert not server.is_open, "a refused channel is open"


def _answering(policy: Policy, mode: Mode, plan: bytes) -> None:
    """A client whose server answers with edited bytes."""
    if policy is BASIC256SHA256:
        return
    _, client, _, accepted = _open_pair(policy, mode)
    for frame in _framed(edited(accepted.reply, plan), client=True):
        _received(client, frame)


def _sealed(policy: Policy, mode: Mode, plan: bytes) -> None:
    """Messages edited on the wire: with keys, nothing of them arrives."""
    server, client, _, _ = _ready(policy, mode)
    sent = b"".join(client.send(3, bytes(range(200))))
    wire = edited(sent, plan)
    for frame in _framed(wire):
        event = _received(server, frame)
        if isinstance(event, Message) and policy is not NONE:
            assert event.body == bytes(range(200)), "a changed message was taken"


def _inside(policy: Policy, mode: Mode, plan: bytes) -> None:
    """A peer with keys that breaks the rules of chunks."""
    server, client, _, _ = _ready(policy, mode)
    token = client._in_use()
    for at in range(0, len(plan) - 3, 4):
        how, step, request, size = plan[at : at + 4]
        number = client._counter.take() if step < 200 else step
        part = bytes((size,)) * (size * 60)
        kind = b"CLO" if how == 255 else b"MSG"
        sealed = chunks.seal(kind, b"FCCA"[how % 4], 7, token, mode, number, request % 2, part[: CHUNK - 100])
        for frame in _framed(sealed):
            _received(server, frame)
            assert server.held <= CAPS.message_bytes, "more is held than the caps allow"


def _ready(policy: Policy, mode: Mode) -> tuple[ServerChannel, ClientChannel, OpenRequest, Accepted]:
    server, client, request, accepted = _open_pair(policy, mode)
    [frame] = FrameReader(channel_frames(CHUNK, client=True)).feed(accepted.reply)
    client.receive(frame, 0.0)
    return server, client, request, accepted


def _framed(wire: bytes, *, client: bool = False) -> list[Frame]:
    found: list[Frame] = []
    with contextlib.suppress(FrameError):
        found.extend(FrameReader(channel_frames(CHUNK, client=client)).feed(wire))
    return found


def _received(side: Channel, frame: Frame) -> Any:
    try:
        event = side.receive(frame, 0.0)  # type: ignore[attr-defined]
    except StatusError as error:
        status = error.status
    else:
        return _handled(side, event)
    assert status & BAD, "no bad status"
    assert not side.is_open, "a broken channel goes on"
    return None


def _handled(side: Channel, event: Any) -> Any:
    if isinstance(event, Message):
        with contextlib.suppress(messages.DecodingError):
            messages.parse_request(event.body)
        with contextlib.suppress(messages.DecodingError):
            messages.parse_response(event.body)
        with contextlib.suppress(Overload):
            for data in side.send(event.request_id, event.body) if side.is_open else ():
                assert len(data) <= CHUNK
    return event


# --- fast codec -------------------------------------------------------------------------------------------
NODE = ua.NodeId("[default]Line 1/Speed", 2)
KEY = ua_binary.nodeid_to_binary(NODE)
TABLE = {KEY: 1}


def codec(data: bytes) -> None:
    """Which sample, and how it is edited."""
    if len(data) < 2:
        return
    name, sample = FAST[data[0] % len(FAST)]
    body = edited(sample, data[1:])
    if name == "read":
        _read(body)
    elif name == "write":
        _write(body)
    elif name == "publish":
        found = hot_decode.published(body, 0, decoding.variants(1_000))
        assert found is None or len(set(map(len, found.changes))) == 1
    else:
        _items(body)


def _read(body: bytes) -> None:
    read = hot.plain_read(body, 0, TABLE, 50)
    if read is None:
        return
    for key in read.keys:
        if key[3:7] != hot._NULL:  # a null text, which asyncua does not take for a NodeId
            buffer = Buffer(key)
            ua_binary.nodeid_from_binary(buffer)
            assert not buffer, "a key is more than a NodeId"
    tail = b"".join(key + hot.PLAIN_TAIL for key in read.keys)
    assert body == body[:12] + struct.pack("<i", len(read.keys)) + tail, "the keys are not what was asked"
    with contextlib.suppress(messages.DecodingError):
        asked = decoding.decode(ua.ReadParameters, body).NodesToRead
        assert [node.AttributeId for node in asked] == [13] * len(read.keys)


def _write(body: bytes) -> None:
    writes = hot_decode.plain_writes(body, 0, 50)
    if writes is None:
        return
    with contextlib.suppress(messages.DecodingError):
        asked = decoding.decode(ua.WriteParameters, body).NodesToWrite
        assert len(asked) == len(writes), "the general codec finds another number of writes"
        for one, write in zip(asked, writes, strict=True):
            if write.kind in hot.FORMATS and write.kind not in {hot.DATETIME, hot.STATUSCODE}:
                ours, theirs = write.value, one.Value.Value.Value
                assert ours == theirs or ours != ours, "the two codecs read another value"  # noqa: PLR0124


def _items(body: bytes) -> None:
    found = hot_decode.item_notifications(body, 0, decoding.variants(1_000))
    if found is None:
        return
    columns, end = found
    assert end <= len(body), "read past the end"
    assert len(set(map(len, columns))) == 1
    with contextlib.suppress(messages.DecodingError):
        stock = decoding.decode(ua.DataChangeNotification, body).MonitoredItems
        if all(not item.Value.SourcePicoseconds for item in stock):
            assert [item.ClientHandle for item in stock] == list(columns.handles), "other handles"
    for value, status in zip(columns.values, columns.statuses, strict=True):
        hot.data_values([(hot.DOUBLE, value, status, WALL)], 1)


# --- general codec ----------------------------------------------------------------------------------------
def general(data: bytes) -> None:
    """Which sample, and how it is edited; what the scan lets pass, asyncua decodes to the same end."""
    if len(data) < 3:
        return
    kind, sample = GENERAL[(data[0] << 8 | data[1]) % len(GENERAL)]
    body = edited(sample, data[2:])
    try:
        end = scanning.scan(kind, body)
    except messages.DecodingError:
        return
    buffer = Buffer(body)
    with contextlib.suppress(messages.DecodingError):
        decoding.decode(kind, body)
        ua_binary.from_binary(kind, buffer)
        assert len(body) - len(buffer) == end, "the scan ends elsewhere"


def _general_samples() -> list[tuple[type[Any], bytes]]:
    import dataclasses
    import datetime
    import uuid

    now, kinds = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC), ua.VariantType
    samples: list[tuple[type[Any], bytes]] = []
    for _, kind in sorted(vars(ua).items()):
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            with contextlib.suppress(*scanning.CODEC_ERRORS):
                samples.append((kind, ua_binary.struct_to_binary(kind())))
    values: tuple[Any, ...] = (
        True, [1.0, 2.0], [[1, 2], [3, 4]], "text", ["a", "b"], now, [now], uuid.UUID(int=5), b"123", NODE,
        ua.ExpandedNodeId("z", 3, NamespaceUri="urn:a"), ua.LocalizedText("a", "b"), ua.QualifiedName("a", 1),
        ua.StatusCode(1), ua.Range(1, 2), [ua.EUInformation()], ua.ExtensionObject(NODE, b"x"), None,
    )  # fmt: skip
    variants = [ua.Variant(value) for value in values]
    variants.append(ua.Variant([ua.Variant(1), ua.Variant("s")], kinds.Variant))
    variants.append(ua.Variant(ua.DataValue(ua.Variant(3)), kinds.DataValue))
    for variant in variants:
        value = ua.DataValue(variant, ua.StatusCode(3), now, now, 1, 2)
        samples += [
            (ua.Variant, ua_binary.variant_to_binary(variant)),
            (ua.DataValue, ua_binary.struct_to_binary(value)),
        ]
        write = ua.WriteParameters([ua.WriteValue(NODE, 13, None, value)] * 2)
        samples.append((ua.WriteParameters, ua_binary.struct_to_binary(write)))
    return samples


def _fast_samples() -> list[tuple[str, bytes]]:
    read = ua.ReadParameters(TimestampsToReturn=ua.TimestampsToReturn.Both)
    read.NodesToRead = [ua.ReadValueId(node, ua.AttributeIds.Value) for node in (NODE, ua.NodeId(7, 2), NODE)]
    rows: list[tuple[int, int, Any, int, int | None]] = [
        (1, hot.DOUBLE, 1.5, 0, WALL), (2, hot.STRING, "text", 0, WALL), (3, hot.INT16 | hot.ARRAY, (1, 2), 0, None),
        (4, hot.BOOLEAN, True, 0x80310000, WALL), (5, hot.DATETIME, WALL, 0, WALL), (6, hot.GUID, bytes(16), 0, WALL),
        (7, hot.LOCALIZEDTEXT, "text", 0, WALL), (8, hot.STRING | hot.ARRAY, ("a", None), 0, WALL),
    ]  # fmt: skip
    same = [(number, hot.INT32, number, 0, WALL) for number in range(5)]
    mixed, equal = hot.item_notifications(rows, 1), hot.item_notifications(same, 1)
    message = hot.notification_message(1, 1, [hot.data_change(mixed), hot.data_change(equal)])
    writes = []
    for stamps in (hot.NEITHER, hot.BOTH):
        entries = [KEY + hot.PLAIN_WRITE + hot.data_values([row[1:]], 1, stamps)[4:] for row in rows]
        writes.append(("write", struct.pack("<i", len(entries)) + b"".join(entries)))
    plain = [ua.WriteValue(NODE, 13, None, ua.DataValue(ua.Variant(float(number)))) for number in range(4)]
    return [
        ("read", ua_binary.struct_to_binary(read)),
        ("items", mixed + hot._NULL),
        ("items", equal + hot._NULL),
        ("publish", hot.publish_result(1, [1, 2], False, message, [0])),
        ("write", ua_binary.struct_to_binary(ua.WriteParameters(plain))),
        *writes,
    ]


def _prepare() -> None:
    policies.POLICIES[TOY.uri] = TOY
    for policy, mode in (*USED, (BASIC256SHA256, Mode.SIGN)):
        _, _, request, _ = _open_pair(policy, mode)
        OPENS[policy, mode] = request.frame.data
        keys: tuple[Any, Any] = (None, None) if policy is NONE else (_ToyKey(), _ToyKey())
        if policy is not BASIC256SHA256:
            OPEN_PARTS[policy, mode] = asymmetric.unseal_open(request.frame.data, request.header, *keys)


logging.getLogger("asyncua").setLevel(logging.CRITICAL)
REAL = _real()
OPENS: dict[tuple[Policy, Mode], bytes] = {}
OPEN_PARTS: dict[tuple[Policy, Mode], tuple[int, int, bytes]] = {}
FAST, GENERAL = _fast_samples(), _general_samples()
_prepare()
FRAMES = [
    encode_hello(HELLO),
    encode_acknowledge(Acknowledge(CHUNK, CHUNK, 0, 0)),
    encode_error(0x80020000, "reason"),
    *OPENS.values(),
    struct.pack("<3sBI", b"MSG", ord("C"), 40) + bytes(32),
]
PARTS: dict[str, Callable[[bytes], None]] = {
    "framing": framing,
    "channel": channel,
    "codec": codec,
    "general": general,
}


def check(data: bytes) -> None:
    """One input: its first byte says for which part. Raises whatever is a defect."""
    if data:
        began = time.perf_counter()
        list(PARTS.values())[data[0] % len(PARTS)](data[1:])
        assert time.perf_counter() - began < SLOW_SECONDS, "an input took longer than a second"


def inputs_of(part: str) -> Callable[[random.Random], bytes]:
    """Edits for `part`, or for one part after the other."""
    turns = itertools.cycle([part] if part else PARTS)
    names = list(PARTS)

    def generate(source: random.Random) -> bytes:
        name = next(turns)
        plan = source.randbytes(source.choice((4, 8, 12, 24)) + 3)
        if name == "framing":
            stream = b"".join([FRAMES[0], *source.choices(FRAMES, k=source.randint(0, 3))])
            plan = plan[:1] + edited(stream, plan[1 : 1 + 4 * source.randint(0, 3)])
        return bytes((names.index(name),)) + plan

    return generate


def loop(runs: int, seed: int, part: str = "") -> None:
    """`runs` inputs, the same for the same seed; for all parts in turn unless one is named."""
    harness.loop(inputs_of(part), check, runs, seed)


def parts_of(arguments: list[str]) -> tuple[str, list[str]]:
    """(the part that `--part` names, the other arguments)."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--part", choices=PARTS, default="")
    own, rest = parser.parse_known_args(arguments)
    return own.part, rest


if __name__ == "__main__":
    chosen, sys.argv[1:] = parts_of(sys.argv[1:])
    main(__doc__, lambda runs, seed: loop(runs, seed, chosen), check)
