"""The little of OPC UA binary (Part 6, 5.2) that GetEndpoints and FindServers need, bounded by the message's bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

from plantgate.limits import HELLO_ENDPOINTS, PEER_TEXT_CHARS
from plantgate.protocols.hello.conversation import Malformed

T = TypeVar("T")

NULL = b"\xff\xff\xff\xff"
_DIAGNOSTICS_DEPTH = 4


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<i", len(data)) + data


def type_id(number: int) -> bytes:
    """A NodeId of namespace 0 in four bytes."""
    return struct.pack("<BBH", 1, 0, number)


def request_header(handle: int, timeout_ms: int) -> bytes:
    """No session, no time (a probe has no clock), no diagnostics."""
    return struct.pack("<BBqII", 0, 0, 0, handle, 0) + NULL + struct.pack("<IBBB", timeout_ms, 0, 0, 0)


class Cursor:
    """Reads one message from its start. Malformed where it ends too early or counts what can't be."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def place(self) -> int:
        """How many bytes were read."""
        return self._place

    def take(self, count: int) -> bytes:
        end = self._place + count
        if end > len(self._data):
            raise Malformed("sent an OPC UA message that ends too early")
        data = self._data[self._place : end]
        self._place = end
        return data

    def byte(self) -> int:
        return self.take(1)[0]

    def uint32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def bytestring(self) -> bytes:
        """Null is empty."""
        length = self.uint32()
        return b"" if length == 0xFFFFFFFF else self.take(length)

    def text(self) -> str:
        """A string; what nobody could read is cut."""
        return self.bytestring()[: 4 * PEER_TEXT_CHARS].decode("utf-8", "replace")[:PEER_TEXT_CHARS]

    def localized_text(self) -> str:
        mask = self.byte()
        if mask & 1:
            self.text()
        return self.text() if mask & 2 else ""

    def list_of(self, read: Callable[[Cursor], T]) -> list[T]:
        """At most HELLO_ENDPOINTS entries."""
        count = self.uint32()
        if count == 0xFFFFFFFF:
            return []
        if count > HELLO_ENDPOINTS:
            raise Malformed(f"sent a list of {count} entries; {HELLO_ENDPOINTS} are the most that is read")
        return [read(self) for _ in range(count)]

    def node_id(self) -> int:
        """The number of a numeric NodeId; 0 for the other kinds."""
        kind = self.byte() & 0x3F
        if kind == 0:
            return self.byte()
        if kind == 1:
            self.byte()
            return int.from_bytes(self.take(2), "little")
        self.take(2)
        if kind == 2:
            return self.uint32()
        if kind in (3, 5):
            self.bytestring()
        elif kind == 4:
            self.take(16)
        else:
            raise Malformed("sent an OPC UA NodeId of an unknown kind")
        return 0

    def response_header(self) -> int:
        """The service result."""
        self.take(12)
        result = self.uint32()
        self._diagnostics()
        self.list_of(Cursor.text)
        self.node_id()
        if self.byte():
            self.bytestring()
        return result

    def _diagnostics(self) -> None:
        for _ in range(_DIAGNOSTICS_DEPTH):
            mask = self.byte()
            for bit in (0x01, 0x02, 0x08, 0x04):
                if mask & bit:
                    self.take(4)
            if mask & 0x10:
                self.bytestring()
            if mask & 0x20:
                self.take(4)
            if not mask & 0x40:
                return
        raise Malformed("sent OPC UA diagnostics without end")
