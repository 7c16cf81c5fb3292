"""The other direction of `hot`: writes asked, and what a server tells our client. Values as described there.

Nothing here raises for wrong bytes: None means that the general way (`decoding`) has to look.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from plantgate.limits import OPCUA_PLAIN_BYTES
from plantgate.protocols.opcua.hot import (
    DATETIME,
    FORMATS,
    HAS_SERVER,
    HAS_SOURCE,
    HAS_STATUS,
    HAS_VALUE,
    PLAIN_WRITE,
    nodeid_end,
)
from plantgate.protocols.opcua.plain_values import FAULTS, AnyVariant, data_value
from plantgate.protocols.opcua.status import END_OF_9999, UNIX_EPOCH, wall_time

_INT_OF = struct.Struct("<i").unpack_from
_UINT_OF = struct.Struct("<I").unpack_from
_BLOCK_ROWS = 64  # unpacked at once: no object is made per row


class Write(NamedTuple):
    """One WriteValue: the encoded NodeId, the value and its kind (0 if there is none), what else the client sent."""

    key: bytes
    kind: int
    value: Any
    status: int
    source: int | None
    server: int | None


class Columns(NamedTuple):
    """Values by position; `handles` is empty for those of a read. Times are microseconds since 1970, None for none."""

    handles: Sequence[int]
    values: Sequence[Any]
    statuses: Sequence[int]
    sources: Sequence[int | None]
    servers: Sequence[int | None]


class Published(NamedTuple):
    """A PublishResponse. `changes` are its DataChangeNotifications together, `rest` other types with their bodies."""

    subscription: int
    available: tuple[int, ...]
    more: bool
    sequence: int
    publish_time: int | None
    changes: Columns
    rest: list[tuple[int, bytes]]
    results: tuple[int, ...]


def plain_writes(body: bytes, at: int, most: int) -> list[Write] | None:
    """The WriteValue[] at `at` if each writes a whole value of a built-in type, else None."""
    try:
        count: int = _INT_OF(body, at)[0]
        if not 0 < count <= most or len(body) > OPCUA_PLAIN_BYTES:
            return None
        at += 4
        writes: list[Write] = []
        for _ in range(count):
            end = nodeid_end(body, at)
            if end < 0:
                return None
            short = _SHORT_WRITES.get(body[end : end + 10])
            if short is not None:
                unpack, size, kind = short
                value, status = unpack(body, end + 10)
                writes.append(Write(body[at:end], kind, value, status, None, None))
                at = end + size
            elif body[end : end + 8] == PLAIN_WRITE:
                *parts, stop = data_value(body, end + 8, None)
                writes.append(Write(body[at:end], *parts))
                at = stop
            else:
                return None
    except FAULTS:
        return None
    return writes if at == len(body) else None


def _short_writes() -> dict[bytes, tuple[Callable[[bytes, int], tuple[Any, int]], int, int]]:
    """By attribute, range, mask and kind: a good number, as nearly every client writes it (mask 1, asyncua 3)."""
    short: dict[bytes, tuple[Callable[[bytes, int], tuple[Any, int]], int, int]] = {}
    for kind, code in FORMATS.items():
        if kind != DATETIME:
            both = struct.Struct(f"<{code}I")
            value = struct.Struct(f"<{code}")
            with_status: Any = both.unpack_from
            short[PLAIN_WRITE + bytes((HAS_VALUE | HAS_STATUS, kind))] = (with_status, 10 + both.size, kind)
            short[PLAIN_WRITE + bytes((HAS_VALUE, kind))] = (_good(value), 10 + value.size, kind)
    return short


def _good(value: struct.Struct) -> Callable[[bytes, int], tuple[Any, int]]:
    unpack = value.unpack_from
    return lambda data, at: (unpack(data, at)[0], 0)


_SHORT_WRITES = _short_writes()


def item_notifications(body: bytes, at: int, other: AnyVariant | None = None) -> tuple[Columns, int] | None:
    """The MonitoredItemNotification[] at `at`, and where it ends. `other` reads values that are not plain."""
    return _columns(body, at, 4, other)


def data_values(body: bytes, at: int, other: AnyVariant | None = None) -> tuple[Columns, int] | None:
    """The DataValue[] at `at`, the Results of a ReadResponse, and where it ends."""
    return _columns(body, at, 0, other)


def published(body: bytes, at: int, other: AnyVariant | None = None) -> Published | None:
    """What follows the header in a PublishResponse."""
    try:
        subscription: int = _UINT_OF(body, at)[0]
        available, at = _numbers(body, at + 4)
        more = body[at] != 0
        sequence, time, count = struct.unpack_from("<Iqi", body, at + 1)
        at += 17
        changes: list[Columns] = []
        rest: list[tuple[int, bytes]] = []
        for _ in range(count):
            kind, inner, end = _notification(body, at)
            if kind == _DATA_CHANGE:
                found = _columns(body, inner, 4, other)
                if found is None or found[1] > end:
                    return None
                changes.append(found[0])
            else:
                rest.append((kind, body[inner:end]))
            at = end
        results, at = _numbers(body, at)
    except FAULTS:
        return None
    return Published(subscription, available, more, sequence, wall_time(time), _joined(changes), rest, results)


_DATA_CHANGE = 811
_EMPTY = Columns((), (), (), (), ())


def _joined(found: list[Columns]) -> Columns:
    if len(found) == 1:  # nearly all
        return found[0]
    return Columns(*(list(chain.from_iterable(columns)) for columns in zip(*found, strict=True))) if found else _EMPTY


def _notification(body: bytes, at: int) -> tuple[int, int, int]:
    """Type, begin and end of the body of the ExtensionObject at `at`."""
    end = nodeid_end(body, at)
    if body[at] != 1 or body[end] != 1:
        raise ValueError("no notification")
    length: int = _INT_OF(body, end + 1)[0]
    begin = end + 5
    if not 0 <= length <= len(body) - begin:
        raise ValueError("too long")
    return body[at + 2] | body[at + 3] << 8, begin, begin + length


def _numbers(body: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """A UInt32[] and where it ends."""
    count = max(_INT_OF(body, at)[0], 0)
    if count * 4 > len(body) - at - 4:
        raise ValueError("too many")
    return struct.unpack_from(f"<{count}I", body, at + 4), at + 4 + count * 4


def _columns(body: bytes, at: int, head: int, other: AnyVariant | None) -> tuple[Columns, int] | None:
    """`head` is the size of what stands before each DataValue: a client handle, or nothing."""
    try:
        count = max(_INT_OF(body, at)[0], 0)
        at += 4
        if count == 0:
            return _EMPTY, at
        if count * (head + 1) > len(body) - at or len(body) > OPCUA_PLAIN_BYTES:
            return None
        found = _uniform(body, at, head, count)
        if found is None:
            found = _mixed(body, at, head, count, other)
    except FAULTS:
        return None
    return found


class _Shape(NamedTuple):
    """A row with a number in it and without picoseconds: handle, value, status, times, those of them that it has."""

    row: str
    size: int
    fields: int
    unpack: Callable[[bytes, int], tuple[Any, ...]]


@functools.cache
def _shape(head: int, mask: int, kind: int) -> _Shape | None:
    """None for a row of any other shape."""
    code = FORMATS.get(kind)
    if code is None or not mask & HAS_VALUE or mask & ~(HAS_VALUE | HAS_STATUS | HAS_SOURCE | HAS_SERVER):
        return None
    handle, status = "I" if head else "", "I" if mask & HAS_STATUS else ""
    times = ("q" if mask & HAS_SOURCE else "") + ("q" if mask & HAS_SERVER else "")
    row = f"{handle}xx{code}{status}{times}"
    form = struct.Struct("<" + row)
    return _Shape(row, form.size, len(row) - 2, form.unpack_from)


@functools.lru_cache(1_024)
def _block(row: str, rows: int) -> struct.Struct:
    return struct.Struct("<" + row * rows)


def _uniform(body: bytes, at: int, head: int, count: int) -> tuple[Columns, int] | None:
    """All rows at once if they look the same: the first has its size, so the second begins there, and so on."""
    mask, kind = body[at + head], body[at + head + 1]
    shape = _shape(head, mask, kind)
    if shape is None:
        return None
    size, fields = shape.size, shape.fields
    end = at + size * count
    if end > len(body) or body[at + head : end : size] != bytes((mask,)) * count:
        return None
    if body[at + head + 1 : end : size] != bytes((kind,)) * count:
        return None
    columns: list[list[Any]] = [[] for _ in range(fields)]
    for begin in range(0, count, _BLOCK_ROWS):
        flat = _block(shape.row, min(_BLOCK_ROWS, count - begin)).unpack_from(body, at + begin * size)
        for place, column in enumerate(columns):
            column.extend(flat[place::fields])
    nothing: list[None] = [None] * count
    rest = iter(columns)
    handles = next(rest) if head else []
    values = next(rest)
    return (
        Columns(
            handles,
            [wall_time(value) for value in values] if kind == DATETIME else values,
            next(rest) if mask & HAS_STATUS else [0] * count,
            _times(next(rest)) if mask & HAS_SOURCE else nothing,
            _times(next(rest)) if mask & HAS_SERVER else nothing,
        ),
        end,
    )


def _times(column: Sequence[int]) -> list[int | None]:
    return [
        (ticks - UNIX_EPOCH) // 10 if 0 < ticks < END_OF_9999 else wall_time(ticks) for ticks in column
    ]  # a call a value would double the time


def _mixed(body: bytes, at: int, head: int, count: int, other: AnyVariant | None) -> tuple[Columns, int]:
    """Row by row; nearly all have a number and both times."""
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    handles, values, statuses, sources, servers = (column.append for column in columns)
    for _ in range(count):
        mask, kind = body[at + head], body[at + head + 1]
        shape = _shape(head, mask, kind) if mask & _BOTH == _BOTH and kind != DATETIME else None
        if shape is not None:
            *first, source, server = shape.unpack(body, at)
            status = first.pop() if mask & HAS_STATUS else 0
            value = first.pop()
            handle = first[0] if head else 0
            source, server = wall_time(source), wall_time(server)
            at += shape.size
        else:
            handle = _UINT_OF(body, at)[0] if head else 0
            _, value, status, source, server, at = data_value(body, at + head, other)
        handles(handle)
        values(value)
        statuses(status)
        sources(source)
        servers(server)
    return Columns(columns[0] if head else (), *columns[1:]), at


_BOTH = HAS_SOURCE | HAS_SERVER
