"""What a connection that can't be made is called, and a port that can't be bound."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

from plantgate.errors import Unavailable
from plantgate.runtime.streams import PortUnavailable, bind, connect


async def test_a_name_whose_addresses_all_refuse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()

    def two_addresses(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    with pytest.raises(Unavailable) as caught:
        await connect("plc.plant", port, timeout=5)
    assert caught.value.code == "NET-112"
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_no_route_is_said_in_the_systems_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_route(*_: object) -> None:
        raise OSError(errno.EHOSTUNREACH, "Connect call failed ('10.0.0.7', 502)")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", no_route)
    with pytest.raises(Unavailable) as caught:
        await connect("10.0.0.7", 502, timeout=5)
    assert caught.value.code == "NET-114"
    assert "no route to host" in caught.value.message
    assert "call failed" not in caught.value.message


def test_a_taken_port_is_named() -> None:
    holder = bind("127.0.0.1", 0)
    port = holder.getsockname()[1]
    with pytest.raises(PortUnavailable) as caught:
        bind("127.0.0.1", port)
    holder.close()
    assert (caught.value.code, caught.value.port, caught.value.taken) == ("NET-121", port, True)


def test_a_forbidden_port_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoRights(socket.socket):
        def bind(self, _address: object, /) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", NoRights)
    with pytest.raises(PortUnavailable) as caught:
        bind("127.0.0.1", 80)
    assert (caught.value.code, caught.value.port, caught.value.taken) == ("NET-122", 80, False)


def test_an_address_of_another_host_is_not_called_taken() -> None:
    with pytest.raises(PortUnavailable) as caught:
        bind("192.0.2.1", 0)
    assert (caught.value.code, caught.value.taken) == ("NET-123", False)
