"""The loops that run once per value: reads asked, values and notifications encoded. No object is built per value.

A `kind` is the first byte of a Variant (Part 6, 5.2.2.16): the number of a built-in type, plus ARRAY for an array.
Values are plain Python: a DateTime is microseconds since 1970, a ByteString, Guid or XmlElement bytes as on the wire,
a NodeId its encoded bytes, a StatusCode an int, a LocalizedText its text. The bytes are those that asyncua's codec
gives (tests hold this for every type).

Parsers give None for whatever is not plain, wrong bytes included: the caller then takes the bounded general way
(`decoding`), which says what is wrong. They never raise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from plantgate.protocols.opcua.status import BAD_ENCODING_ERROR, UNIX_EPOCH, filetime

BOOLEAN, SBYTE, BYTE, INT16, UINT16, INT32, UINT32, INT64, UINT64, FLOAT, DOUBLE = range(1, 12)
STRING, DATETIME, GUID, BYTESTRING, XMLELEMENT, NODEID = range(12, 18)
STATUSCODE, LOCALIZEDTEXT = 19, 21
ARRAY = 0x80

# Bits of a DataValue (Part 6, 5.2.2.17); TimestampsToReturn as the sum of the two it asks for.
HAS_VALUE, HAS_STATUS, HAS_SOURCE, HAS_SERVER = 1, 2, 4, 8
NEITHER, SOURCE, SERVER, BOTH = 0, HAS_SOURCE, HAS_SERVER, HAS_SOURCE | HAS_SERVER
# By the number in a request (Part 4, 7.40).
TIMESTAMPS = (SOURCE, SERVER, BOTH, NEITHER)

FORMATS = {
    BOOLEAN: "?", SBYTE: "b", BYTE: "B", INT16: "h", UINT16: "H", INT32: "i", UINT32: "I", INT64: "q", UINT64: "Q",
    FLOAT: "f", DOUBLE: "d", DATETIME: "q", STATUSCODE: "I",
}  # fmt: skip
_VALUE_ATTRIBUTE = 13
# AttributeId Value, no IndexRange, no DataEncoding: what follows the NodeId of a plain ReadValueId.
PLAIN_TAIL = struct.pack("<IiHi", _VALUE_ATTRIBUTE, -1, 0, -1)
PLAIN_WRITE = PLAIN_TAIL[:8]
_READ_HEAD = struct.Struct("<dIi")
_INT = struct.Struct("<i")
_INT_OF = _INT.unpack_from
_NULL = b"\xff\xff\xff\xff"

V = TypeVar("V")
# kind, value, status, source time (microseconds since 1970, None for none)
Row: TypeAlias = tuple[int, Any, int, int | None]
# client handle first
ItemRow: TypeAlias = tuple[int, int, Any, int, int | None]
_Pack: TypeAlias = Callable[..., bytes]


def nodeid_end(data: bytes, at: int) -> int:
    """Where the NodeId at `at` ends (Part 6, 5.2.2.9), maybe beyond the data; -1 for an unknown or expanded one.

    Raises IndexError or struct.error where not even its head is there.
    """
    kind = data[at]
    if kind == 3 or kind == 5:  # noqa: PLR1714 - measured: half the time of a set
        length: int = _INT_OF(data, at + 3)[0]
        return at + 7 + length if length > 0 else at + 7 if length >= -1 else -1
    if kind == 1:
        return at + 4
    if kind == 0:
        return at + 2
    return at + 7 if kind == 2 else at + 19 if kind == 4 else -1


class PlainRead(NamedTuple):
    """A ReadRequest for nothing but whole values. `found` are the table's entries, None where it has none."""

    max_age_ms: float
    timestamps: int
    keys: list[bytes]
    found: list[Any]


def plain_read(body: bytes, at: int, table: Mapping[bytes, V], most: int) -> PlainRead | None:
    """The ReadParameters at `at`, nodes looked up by their encoded NodeId. None: not plain, wrong, or over `most`.

    What lies between two tails is a NodeId if it is a key of the table, or if its own length says so: no NodeId is the
    beginning of another, so by induction each is where it has to be, whatever texts in them look like.
    """
    if len(body) < at + 16:
        return None
    max_age, timestamps, count = _READ_HEAD.unpack_from(body, at)
    if not 0 < count <= most or timestamps > 3 or not max_age >= 0:
        return None
    keys = body[at + 16 :].split(PLAIN_TAIL, count + 1)
    if len(keys) != count + 1 or keys.pop():
        return None
    found = list(map(table.get, keys))
    if None in found:
        for key, entry in zip(keys, found, strict=True):
            if entry is None and not _is_nodeid(key):
                return None
    return PlainRead(max_age, TIMESTAMPS[timestamps], keys, found)


def _is_nodeid(key: bytes) -> bool:
    try:
        return nodeid_end(key, 0) == len(key)
    except (IndexError, struct.error):
        return False


def _text(value: str | bytes | None) -> bytes:
    if value is None:
        return _NULL
    data = value.encode() if isinstance(value, str) else value
    return _INT.pack(len(data)) + data


def _localized(value: str) -> bytes:
    return b"\x02" + _text(value)


def _raw(value: bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return value


def _fixed(kind: int) -> Callable[[Any], bytes]:
    pack = struct.Struct("<" + FORMATS[kind]).pack
    return (lambda value: pack(filetime(value))) if kind == DATETIME else pack


SCALARS: dict[int, Callable[[Any], bytes]] = {
    **{kind: _fixed(kind) for kind in FORMATS},
    **dict.fromkeys((STRING, BYTESTRING, XMLELEMENT), _text),
    **dict.fromkeys((GUID, NODEID), _raw),
    LOCALIZEDTEXT: _localized,
}
_NAN = float("nan")
_MISFITS = (struct.error, TypeError, ValueError, OverflowError, AttributeError, KeyError)


def variant(kind: int, value: Any) -> bytes:
    """A Variant of any value of this module; None is the null Variant.

    None inside an array is NaN, a null text, or what its type can't carry. Raises one of _MISFITS for what does not
    fit its kind.
    """
    if value is None:
        return b"\x00"
    if kind & ARRAY == 0:
        return bytes((kind,)) + SCALARS[kind](value)
    base = kind & ~ARRAY
    code = FORMATS.get(base)
    if code is None or base == DATETIME:
        pack = SCALARS[base]
        data = b"".join([pack(one) for one in value])
    else:
        if base in (FLOAT, DOUBLE) and None in value:
            value = [_NAN if one is None else one for one in value]
        elif base == BOOLEAN and None in value:
            raise TypeError
        data = struct.pack(f"<{len(value)}{code}", *value)
    return bytes((kind,)) + _INT.pack(len(value)) + data


def data_value(kind: int, value: Any, status: int, source: int | None, server: int, stamps: int) -> bytes:
    """One DataValue of any value, `server` a DateTime. What its type can't carry is sent as BadEncodingError."""
    mask = HAS_VALUE | stamps & HAS_SERVER
    try:
        body = variant(kind, value)
    except _MISFITS:
        body, status = b"\x00", BAD_ENCODING_ERROR
    if status:
        mask |= HAS_STATUS
        body += status.to_bytes(4, "little")
    if source is not None and stamps & HAS_SOURCE:
        mask |= HAS_SOURCE
        body += struct.pack("<q", filetime(source))
    if stamps & HAS_SERVER:
        body += struct.pack("<q", server)
    return bytes((mask,)) + body


def _packers(head: str) -> list[_Pack]:
    """By kind: how a good value with both times is packed. Boolean as a byte, for "?" takes None for False.

    Times are unsigned so that one before 1601 fails and takes the general way.
    """
    packs: list[_Pack] = []
    for kind in range(256):
        code = {BOOLEAN: "B", DATETIME: ""}.get(kind, FORMATS.get(kind, ""))
        if code:
            packs.append(struct.Struct(f"<{head}BB{code}QQ").pack)
        else:
            packs.append(_text_packer(head) if kind == STRING else _none)
    return packs


def _none(*_: object) -> bytes:
    """No short way."""
    raise TypeError


def _text_packer(head: str) -> _Pack:
    front, back = struct.Struct(f"<{head}BBi").pack, struct.Struct("<QQ").pack

    def pack(*what: Any) -> bytes:
        *first, value, source, server = what
        data: bytes = value.encode()
        return front(*first, len(data)) + data + back(source, server)

    return pack


_VALUES, _ITEMS = _packers(""), _packers("I")
_GOOD_BOTH = HAS_VALUE | BOTH


def data_values(rows: Iterable[Row], server: int, stamps: int = BOTH) -> bytes:
    """DataValue[]: the Results of a ReadResponse. `server` is a DateTime (`status.filetime`)."""
    out = [b""]
    add, packs, mask, epoch = out.append, _VALUES, _GOOD_BOTH, UNIX_EPOCH
    for kind, value, status, source in rows:
        if status or stamps != BOTH:
            add(data_value(kind, value, status, source, server, stamps))
            continue
        try:
            add(packs[kind](mask, kind, value, source * 10 + epoch, server))  # type: ignore[operator]
        except _MISFITS:
            add(data_value(kind, value, status, source, server, stamps))
    out[0] = _INT.pack(len(out) - 1)
    return b"".join(out)


def item_notifications(rows: Iterable[ItemRow], server: int, stamps: int = BOTH) -> bytes:
    """MonitoredItemNotification[]: what a DataChangeNotification holds."""
    out = [b""]
    add, packs, mask, epoch = out.append, _ITEMS, _GOOD_BOTH, UNIX_EPOCH
    for handle, kind, value, status, source in rows:
        if status or stamps != BOTH:
            add(handle.to_bytes(4, "little") + data_value(kind, value, status, source, server, stamps))
            continue
        try:
            add(packs[kind](handle, mask, kind, value, source * 10 + epoch, server))  # type: ignore[operator]
        except _MISFITS:
            add(handle.to_bytes(4, "little") + data_value(kind, value, status, source, server, stamps))
    out[0] = _INT.pack(len(out) - 1)
    return b"".join(out)


_DATA_CHANGE = b"\x01\x00\x2b\x03\x01"  # ExtensionObject of type i=811 with a binary body


def data_change(items: bytes) -> bytes:
    """The ExtensionObject of a DataChangeNotification with `item_notifications`."""
    return _DATA_CHANGE + _INT.pack(len(items) + 4) + items + _NULL


def notification_message(sequence: int, publish_time: int, data: Sequence[bytes]) -> bytes:
    """A NotificationMessage; kept as these bytes until it is acknowledged. None in `data` is a keep-alive."""
    return struct.pack("<Iqi", sequence, publish_time, len(data)) + b"".join(data)


def publish_result(
    subscription: int, available: Sequence[int], more: bool, message: bytes, results: Sequence[int] = ()
) -> bytes:
    """What follows the header in a PublishResponse. `available` are sequence numbers, `results` status codes."""
    head = struct.pack(f"<Ii{len(available)}I?", subscription, len(available), *available, more)
    return head + message + struct.pack(f"<i{len(results)}I", len(results), *results) + _NULL


def write_result(statuses: Sequence[int]) -> bytes:
    """What follows the header in a WriteResponse; any answer made of status codes is the same."""
    return struct.pack(f"<i{len(statuses)}I", len(statuses), *statuses) + _NULL
