"""One Variant or DataValue from its bytes, as plain Python (what that is, `hot` says); no object for it is built.

Wrong bytes raise one of FAULTS, which the callers turn into "not plain".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from plantgate.protocols.opcua.hot import (
    ARRAY,
    BYTESTRING,
    DATETIME,
    FORMATS,
    GUID,
    HAS_SERVER,
    HAS_SOURCE,
    HAS_STATUS,
    HAS_VALUE,
    LOCALIZEDTEXT,
    NODEID,
    STRING,
    XMLELEMENT,
    nodeid_end,
)
from plantgate.protocols.opcua.status import wall_time

FAULTS = (struct.error, IndexError, ValueError, OverflowError)
_INT_OF = struct.Struct("<i").unpack_from
_UINT_OF = struct.Struct("<I").unpack_from
_TIME_OF = struct.Struct("<q").unpack_from
_SOURCE_PICOSECONDS, _SERVER_PICOSECONDS = 0x10, 0x20
_ALL_BITS = 0x3F
# Their elements take one or two bytes and each a call: left to the general way, which counts them.
_TINY_ARRAYS = frozenset((ARRAY | NODEID, ARRAY | LOCALIZEDTEXT))
# Reads a Variant that has no plain value: what it is and where it ends. Raises ValueError.
AnyVariant: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
# Kind, value, status, source and server time, and where it ends.
DataValue: TypeAlias = tuple[int, Any, int, int | None, int | None, int]


def data_value(body: bytes, at: int, other: AnyVariant | None) -> DataValue:
    """The DataValue at `at`; `other` reads a value that is not plain."""
    mask = body[at]
    at += 1
    kind, value, status = 0, None, 0
    source: int | None = None
    server: int | None = None
    if mask & HAS_VALUE:
        kind = body[at]
        value, at = variant(body, at, other)
    if mask & HAS_STATUS:
        status = _UINT_OF(body, at)[0]
        at += 4
    if mask & HAS_SOURCE:
        source = wall_time(_TIME_OF(body, at)[0])
        at += 8
    if mask & _SOURCE_PICOSECONDS:  # before the server's time (Part 6, 5.2.2.17), where asyncua expects it behind
        at += 2
    if mask & HAS_SERVER:
        server = wall_time(_TIME_OF(body, at)[0])
        at += 8
    if mask & _SERVER_PICOSECONDS:
        at += 2
    if mask & ~_ALL_BITS or at > len(body):
        raise ValueError("no DataValue")
    return kind, value, status, source, server, at


def variant(body: bytes, at: int, other: AnyVariant | None) -> tuple[Any, int]:
    kind = body[at]
    scalar = _SCALARS.get(kind & ~ARRAY)
    if kind == 0:
        return None, at + 1
    if scalar is None or kind & 0x40 or kind in _TINY_ARRAYS:
        if other is None:
            raise ValueError("no plain value")
        return other(body, at)
    return _array(body, at + 1, kind & ~ARRAY, scalar) if kind & ARRAY else scalar(body, at + 1)


def _array(body: bytes, at: int, kind: int, scalar: AnyVariant) -> tuple[Any, int]:
    """An array is a tuple; a null one is None."""
    count: int = _INT_OF(body, at)[0]
    at += 4
    if count == -1:
        return None, at
    if not 0 <= count <= len(body) - at:
        raise ValueError("too many")
    code = FORMATS.get(kind)
    if code is not None and kind != DATETIME:
        layout = f"<{count}{code}"
        return struct.unpack_from(layout, body, at), at + struct.calcsize(layout)
    values = []
    for _ in range(count):
        value, at = scalar(body, at)
        values.append(value)
    return tuple(values), at


def _number(code: str) -> AnyVariant:
    form = struct.Struct("<" + code)
    unpack, size = form.unpack_from, form.size
    return lambda body, at: (unpack(body, at)[0], at + size)


def _bytes(body: bytes, at: int) -> tuple[bytes | None, int]:
    length: int = _INT_OF(body, at)[0]
    at += 4
    if length == -1:
        return None, at
    if not 0 <= length <= len(body) - at:
        raise ValueError("too long")
    return body[at : at + length], at + length


def _string(body: bytes, at: int) -> tuple[str | None, int]:
    data, at = _bytes(body, at)
    return (None if data is None else data.decode()), at


def _time(body: bytes, at: int) -> tuple[int | None, int]:
    return wall_time(_TIME_OF(body, at)[0]), at + 8


def _guid(body: bytes, at: int) -> tuple[bytes, int]:
    data = body[at : at + 16]
    if len(data) != 16:
        raise ValueError("too short")
    return data, at + 16


def _nodeid(body: bytes, at: int) -> tuple[bytes, int]:
    end = nodeid_end(body, at)
    if not at < end <= len(body):
        raise ValueError("no NodeId")
    return body[at:end], end


def _localized(body: bytes, at: int) -> tuple[str | None, int]:
    """Its text; the locale is let go."""
    mask = body[at]
    if mask & ~3:
        raise ValueError("no LocalizedText")
    text: str | None = None
    at += 1
    if mask & 1:
        _, at = _string(body, at)
    if mask & 2:
        text, at = _string(body, at)
    return text, at


_SCALARS: dict[int, AnyVariant] = {
    **{kind: _number(code) for kind, code in FORMATS.items()},
    DATETIME: _time,
    **dict.fromkeys((BYTESTRING, XMLELEMENT), _bytes),
    STRING: _string,
    GUID: _guid,
    NODEID: _nodeid,
    LOCALIZEDTEXT: _localized,
}
