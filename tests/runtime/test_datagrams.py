"""Sockets that several owners share: each gets its own source's datagrams, strangers are counted, all is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from plantgate.errors import Unavailable, UsageError
from plantgate.limits import DATAGRAM_WAITING_BYTES
from plantgate.runtime.datagrams import DatagramSockets, Mailbox
from plantgate.runtime.streams import PortUnavailable

Eventually = Callable[..., Awaitable[None]]


def udp(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    bound.setblocking(False)
    return bound


def free_port(family: socket.AddressFamily = socket.AF_INET) -> int:
    with udp(family) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def opened(sockets: DatagramSockets, host: str, port: int, local_port: int) -> AsyncIterator[Mailbox]:
    box = await sockets.open(host, port, local_port)
    try:
        yield box
    finally:
        await box.close()
        await box.close()  # a second time changes nothing


async def read(box: Mailbox) -> bytes:
    async with asyncio.timeout(10):
        return await box.read()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
async def test_there_and_back(family: socket.AddressFamily, host: str, eventually: Eventually) -> None:
    with udp(family) as device:
        async with opened(DatagramSockets(), host, device.getsockname()[1], 0) as box:
            assert box.source == (host, device.getsockname()[1])
            device.sendto(b"badge", (host, box.local_port))
            device.sendto(b"another", (host, box.local_port))
            assert [await read(box), await read(box)] == [b"badge", b"another"]
            box.send(b"accept")
            async with asyncio.timeout(10):
                answer, address = await asyncio.get_running_loop().sock_recvfrom(device, 100)
            assert (answer, address[1]) == (b"accept", box.local_port)


async def test_two_owners_of_one_port_get_each_their_own_and_strangers_nobody(eventually: Eventually) -> None:
    sockets, local = DatagramSockets(), free_port()
    with udp() as north, udp() as south, udp() as stranger:
        async with (
            opened(sockets, "127.0.0.1", north.getsockname()[1], local) as first,
            opened(sockets, "127.0.0.1", south.getsockname()[1], local) as second,
        ):
            assert first.local_port == second.local_port == local
            for sender in (stranger, south, north):
                sender.sendto(b"from %d" % sender.getsockname()[1], ("127.0.0.1", local))
            assert await read(first) == b"from %d" % north.getsockname()[1]
            assert await read(second) == b"from %d" % south.getsockname()[1]
            await eventually(lambda: first.strangers == 1)
            assert first.last_stranger == f"127.0.0.1:{stranger.getsockname()[1]}"
            with pytest.raises(UsageError, match="NET-132"):
                await sockets.open("127.0.0.1", north.getsockname()[1], local)
        # The last one closed the socket: another program may have the port.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", local))


async def test_the_only_owner_of_an_address_is_sent_to_from_any_port_of_it() -> None:
    with udp() as device, udp() as elsewhere:
        async with opened(DatagramSockets(), "127.0.0.1", device.getsockname()[1], 0) as box:
            elsewhere.sendto(b"from another port", ("127.0.0.1", box.local_port))
            assert await read(box) == b"from another port"


async def test_what_waits_is_bounded_per_source(eventually: Eventually) -> None:
    sockets, local = DatagramSockets(), free_port()
    with udp() as flood, udp() as calm:
        async with (
            opened(sockets, "127.0.0.1", flood.getsockname()[1], local) as first,
            opened(sockets, "127.0.0.1", calm.getsockname()[1], local) as second,
        ):
            for _ in range(3):
                for _ in range(DATAGRAM_WAITING_BYTES // 256):
                    with contextlib.suppress(BlockingIOError):
                        flood.sendto(b"x", ("127.0.0.1", local))
                calm.sendto(b"badge", ("127.0.0.1", local))
                assert await read(second) == b"badge"
            assert first.dropped > 0
            assert second.dropped == 0
            waiting = 0
            while first._waiting:
                await read(first)
                waiting += 1
            assert waiting == DATAGRAM_WAITING_BYTES // 256
            flood.sendto(b"again", ("127.0.0.1", local))
            assert await read(first) == b"again"


async def test_a_port_that_is_taken_and_a_name_that_is_unknown() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        with pytest.raises(PortUnavailable, match="NET-131") as raised:
            await DatagramSockets().open("127.0.0.1", 4000, taken.getsockname()[1])
        assert raised.value.taken
    with pytest.raises(Unavailable, match="NET-134"):
        await DatagramSockets().open("reader..invalid", 4000, 0)


async def test_a_lost_socket_is_told_to_whoever_reads_or_sends() -> None:
    async with opened(DatagramSockets(), "127.0.0.1", 4000, 0) as box:
        waiting = asyncio.ensure_future(box.read())  # noqa: TID251 - ended two lines below
        await asyncio.sleep(0)
        transport = box._shared._transport
        assert transport is not None
        transport.abort()
        with pytest.raises(Unavailable, match="NET-133"):
            await waiting
        with pytest.raises(Unavailable, match="NET-133"):
            box.send(b"accept")
