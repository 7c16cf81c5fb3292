"""One connection over real loopback sockets, on both event loops."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plantgate.errors import Overload, Unavailable, UsageError
from plantgate.limits import STREAM_READ_BYTES, STREAM_WRITE_BYTES
from plantgate.runtime import streams
from plantgate.runtime.streams import Stream, bind, connect
from tests.conftest import Eventually


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[Stream, socket.socket]]:
    """A stream of ours, and the plain non-blocking socket at its other end."""
    listener = bind("127.0.0.1", 0)
    stream = await connect("127.0.0.1", listener.getsockname()[1], timeout=5)
    peer, _ = await asyncio.get_running_loop().sock_accept(listener)
    listener.close()
    yield stream, peer
    peer.close()
    stream.abort()
    await stream.wait_closed()


def _send_until_full(peer: socket.socket, data: bytes) -> int:
    sent = 0
    while sent < len(data):
        try:
            sent += peer.send(data[sent : sent + 65_536])
        except BlockingIOError:
            break
    return sent


async def test_bytes_go_both_ways_and_the_peer_is_named(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    loop = asyncio.get_running_loop()
    stream.write(b"ping")
    assert await loop.sock_recv(peer, 10) == b"ping"
    await loop.sock_sendall(peer, b"pong")
    assert await stream.read() == b"pong"
    host, port = peer.getsockname()
    assert stream.peer == f"{host}:{port}"


async def test_small_segments_are_sent_at_once(pair: tuple[Stream, socket.socket]) -> None:
    stream, _ = pair
    assert stream._transport is not None
    connected = stream._transport.get_extra_info("socket")
    assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_refused_port_is_told_from_silence() -> None:
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(Unavailable) as caught:
        await connect("127.0.0.1", port, timeout=5)
    assert caught.value.code == "NET-112"
    assert f"127.0.0.1:{port}" in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="a full accept queue drops SYNs on Linux only")
async def test_a_peer_that_does_not_answer_costs_the_timeout_only() -> None:
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(0)
    fill = [socket.socket() for _ in range(4)]
    try:
        for each in fill:
            each.setblocking(False)
            each.connect_ex(silent.getsockname())
        with pytest.raises(Unavailable) as caught:
            await connect("127.0.0.1", silent.getsockname()[1], timeout=0.2)
        assert caught.value.code == "NET-113"
        assert "0.2 s" in caught.value.message
    finally:
        for each in [*fill, silent]:
            each.close()


@pytest.mark.parametrize("host", ["plantgate-test.invalid", "reader..plant", "x" * 70 + ".plant"])
async def test_unknown_and_impossible_names_are_unavailable(host: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await connect(host, 4000, timeout=20)
    assert caught.value.code == "NET-111"
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_keep_alive_is_set_as_asked() -> None:
    listener = bind("127.0.0.1", 0)
    stream = await connect("127.0.0.1", listener.getsockname()[1], timeout=5, keepalive=(7, 3, 4))
    assert stream._transport is not None
    connected = stream._transport.get_extra_info("socket")
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if sys.platform == "linux":
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        assert [connected.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [7, 3, 4, 19_000]
    stream.abort()
    await stream.wait_closed()
    listener.close()


async def test_an_orderly_end_is_no_error(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    peer.sendall(b"last words")
    peer.shutdown(socket.SHUT_WR)
    assert await stream.read() == b"last words"
    assert await stream.read() == b""
    assert await stream.read() == b""
    assert stream.error is None


async def test_a_reset_is_an_error_and_wakes_the_reader(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    assert await stream.read() == b""
    await stream.wait_closed()
    assert isinstance(stream.error, OSError)
    with pytest.raises(Unavailable, match="NET-101"):
        stream.write(b"x")


async def test_half_close_leaves_our_side_open(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    peer.shutdown(socket.SHUT_WR)
    assert await stream.read() == b""
    stream.write(b"answer")
    assert await asyncio.get_running_loop().sock_recv(peer, 10) == b"answer"


async def test_close_delivers_what_was_written_and_then_ends(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    loop = asyncio.get_running_loop()
    payload = bytes(range(256)) * 3_000
    stream.write(payload)
    stream.close()
    with pytest.raises(Unavailable, match="NET-101"):
        stream.write(b"too late")
    received = bytearray()
    while data := await loop.sock_recv(peer, 65_536):
        received += data
    assert received == payload


async def test_reading_pauses_at_the_bound_and_loses_nothing(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    payload = b"0123456789abcdef" * (1 << 20)
    sent, idle = 0, 0
    while idle < 200:  # until the kernel's buffers are full and the stream takes no more
        more = _send_until_full(peer, payload[sent:])
        sent, idle = sent + more, 0 if more else idle + 1
        await asyncio.sleep(0)
    assert sent < len(payload)
    assert STREAM_READ_BYTES < len(stream._waiting) <= STREAM_READ_BYTES + 300_000
    received = bytearray()
    while len(received) < len(payload):
        received += await stream.read()
        sent += _send_until_full(peer, payload[sent:])
    assert received == payload


async def test_a_peer_that_sends_single_bytes_holds_no_more_than_the_bound() -> None:
    stream = Stream()
    for _ in range(100_000):
        stream.data_received(b"x")
    assert sys.getsizeof(stream._waiting) < 2 * 100_000
    assert await stream.read() == b"x" * 100_000


async def test_writing_to_a_peer_that_does_not_read_is_overload(pair: tuple[Stream, socket.socket]) -> None:
    stream, _ = pair

    async def write_without_end() -> None:
        while True:
            stream.write(b"x" * 65_536)
            await asyncio.sleep(0)

    with pytest.raises(Overload, match="NET-102"):
        await write_without_end()
    assert stream._transport is not None
    assert stream._transport.get_write_buffer_size() <= STREAM_WRITE_BYTES


async def test_a_cancelled_read_loses_nothing(pair: tuple[Stream, socket.socket]) -> None:
    stream, peer = pair
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream.read()
    peer.sendall(b"later")
    assert await stream.read() == b"later"


async def test_a_second_reader_is_refused(pair: tuple[Stream, socket.socket], eventually: Eventually) -> None:
    stream, peer = pair
    first = asyncio.get_running_loop().create_task(stream.read())
    await eventually(lambda: stream._reader is not None)
    with pytest.raises(UsageError, match="NET-103"):
        await stream.read()
    peer.sendall(b"for the first")
    assert await first == b"for the first"


async def test_bytes_are_delivered_as_they_come_until_the_peer_ends(
    pair: tuple[Stream, socket.socket], eventually: Eventually
) -> None:
    stream, peer = pair
    loop = asyncio.get_running_loop()
    got: list[bytes] = []
    await loop.sock_sendall(peer, b"early ")
    await eventually(lambda: stream._waiting)
    delivery = asyncio.get_running_loop().create_task(stream.deliver(got.append))
    await eventually(lambda: got)
    await loop.sock_sendall(peer, b"later")
    await eventually(lambda: b"".join(got) == b"early later")
    assert not delivery.done()
    peer.shutdown(socket.SHUT_WR)
    await delivery
    assert stream.error is None
    await stream.deliver(got.append)
    assert await stream.read() == b""


async def test_what_comes_between_two_deliveries_waits_for_the_second(
    pair: tuple[Stream, socket.socket], eventually: Eventually
) -> None:
    stream, peer = pair
    loop = asyncio.get_running_loop()
    got: list[bytes] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream.deliver(got.append)
    await loop.sock_sendall(peer, b"kept")
    await eventually(lambda: stream._waiting)
    assert got == []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream.deliver(got.append)
    assert got == [b"kept"]


async def test_an_error_of_the_receiver_belongs_to_the_task_that_waits(
    pair: tuple[Stream, socket.socket], eventually: Eventually
) -> None:
    stream, peer = pair

    def receive(data: bytes) -> None:
        raise ValueError(data.decode())

    delivery = asyncio.get_running_loop().create_task(stream.deliver(receive))
    await eventually(lambda: stream._reader is not None)
    peer.sendall(b"wrong")
    with pytest.raises(ValueError, match="wrong"):
        await delivery
    stream.write(b"the connection is still there")
    assert await asyncio.get_running_loop().sock_recv(peer, 100)


async def test_a_delivery_is_a_reader(pair: tuple[Stream, socket.socket], eventually: Eventually) -> None:
    stream, _ = pair
    delivery = asyncio.get_running_loop().create_task(stream.deliver(lambda data: None))
    await eventually(lambda: stream._reader is not None)
    with pytest.raises(UsageError) as caught:
        await stream.read()
    assert caught.value.code == "NET-103"
    stream.abort()
    await delivery


@pytest.mark.parametrize(
    ("address", "text"),
    [(("10.0.0.7", 4000), "10.0.0.7:4000"), (("::1", 4000, 0, 0), "[::1]:4000"), (None, ""), ("/a/path", "")],
)
def test_address_text(address: object, text: str) -> None:
    assert streams.address_text(address) == text


async def test_a_peer_that_is_behind_is_waited_for(pair: tuple[Stream, socket.socket], eventually: Eventually) -> None:
    stream, peer = pair
    assert not stream.behind
    await stream.taken()
    written = 0
    while not stream.behind:
        stream.write(b"x" * 65_536)
        written += 65_536
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream.taken()
    waiting = asyncio.ensure_future(stream.taken())  # noqa: TID251 - a test may
    loop, read = asyncio.get_running_loop(), 0
    while read < written:
        read += len(await loop.sock_recv(peer, 1 << 20))
    await waiting
    assert not stream.behind
    stream.close()
    await stream.wait_closed()


async def test_a_peer_that_is_lost_is_not_waited_for(pair: tuple[Stream, socket.socket]) -> None:
    stream, _ = pair
    while not stream.behind:
        stream.write(b"x" * 65_536)
    waiting = asyncio.ensure_future(stream.taken())  # noqa: TID251 - a test may
    await asyncio.sleep(0)
    stream.abort()
    await waiting
    await stream.wait_closed()
