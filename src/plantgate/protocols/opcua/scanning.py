"""How long a value is that asyncua's codec would build, and what it would cost: the scan in front of `decoding`.

It walks the bytes as asyncua will, along the same annotations of its dataclasses, and builds nothing.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum, IntFlag
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary
from asyncua.ua.uaerrors import UaError

from plantgate.limits import OPCUA_NESTING, OPCUA_OBJECTS
from plantgate.protocols.opcua.messages import DecodingError
from plantgate.protocols.opcua.status import (
    BAD_BROWSE_DIRECTION_INVALID,
    BAD_DECODING_ERROR,
    BAD_ENCODING_LIMITS_EXCEEDED,
    BAD_MONITORING_MODE_INVALID,
    BAD_TIMESTAMPS_TO_RETURN_INVALID,
)

_INT_OF = struct.Struct("<i").unpack_from
_SIZES = {
    "Boolean": 1, "SByte": 1, "Byte": 1, "Char": 1, "Int16": 2, "UInt16": 2, "Int32": 4, "UInt32": 4, "Int64": 8,
    "UInt64": 8, "Float": 4, "Double": 8, "DateTime": 8, "Guid": 16,
}  # fmt: skip
_BUILT_ONE_BY_ONE = {"DateTime", "Guid"}
_PER_OBJECT = 4  # numbers of an array that cost as much as one object
_NODEID_BYTES = {0: 1, 1: 3, 2: 6, 4: 18}
_LARGEST_TYPE = 25
_ENUM_STATUS = {
    "TimestampsToReturn": BAD_TIMESTAMPS_TO_RETURN_INVALID,
    "BrowseDirection": BAD_BROWSE_DIRECTION_INVALID,
    "MonitoringMode": BAD_MONITORING_MODE_INVALID,
}
_nodeid_of: Any = ua.NodeId
CODEC_ERRORS = (
    UaError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, AssertionError,
    NameError, struct.error,
)  # fmt: skip


class Scan:
    """A place where bytes are looked at: up to `end`, with so many objects and levels left."""

    __slots__ = ("data", "end", "left", "levels")

    def __init__(self, data: bytes, end: int, objects: int) -> None:
        self.data = data
        self.end = end
        self.left = objects
        self.levels = OPCUA_NESTING

    def length(self, at: int) -> int:
        """The Int32 at `at`: -1 for null."""
        if at + 4 > self.end:
            raise malformed("ends too early")
        length: int = _INT_OF(self.data, at)[0]
        if length < -1:
            raise malformed("has a negative length")
        return length

    def spend(self, objects: int) -> None:
        self.left -= objects
        if self.left < 0:
            raise DecodingError(
                "UA-190",
                "the peer's message holds more values than are taken at once",
                "let it ask for less at once",
                status=BAD_ENCODING_LIMITS_EXCEEDED,
            )

    def deeper(self) -> None:
        self.levels -= 1
        if self.levels < 0:
            raise DecodingError(
                "UA-191",
                f"the peer's message nests values more than {OPCUA_NESTING} deep",
                status=BAD_ENCODING_LIMITS_EXCEEDED,
            )


# Where what begins at a place ends.
_Step: TypeAlias = Callable[[Scan, int], int]


def scan(kind: Any, body: bytes, at: int = 0, *, objects: int = OPCUA_OBJECTS) -> int:
    """Where the value of type `kind` at `at` ends. Raises DecodingError, also where it would cost too much."""
    return walked(Scan(body, len(body), objects), kind, at)


def walked(state: Scan, kind: Any, at: int) -> int:
    try:
        end = _step(kind)(state, at)
    except (AttributeError, TypeError, NameError):  # a type of asyncua's that it can't decode itself
        raise malformed("holds a type that is not supported") from None
    except RecursionError:
        raise malformed("nests values too deep") from None
    if end > state.end:
        raise malformed("ends too early")
    return end


def _fixed(size: int) -> _Step:
    return lambda _, at: at + size


def _bytes(state: Scan, at: int) -> int:
    state.spend(1)
    return at + 4 + max(state.length(at), 0)


def _string(state: Scan, at: int) -> int:
    end = at + 4 + max(state.length(at), 0)
    if end > state.end:
        raise malformed("ends too early")
    state.spend(1)
    try:
        state.data[at + 4 : end].decode()
    except UnicodeDecodeError:
        raise malformed("has a text that is not UTF-8") from None
    return end


def _nodeid(state: Scan, at: int) -> int:
    if at >= state.end:
        raise malformed("ends too early")
    encoding = state.data[at]
    kind = encoding & 0x3F
    size = _NODEID_BYTES.get(kind)
    state.spend(1)
    if size is not None:
        at += 1 + size
    elif kind in (3, 5):
        at = (_string if kind == 3 else _bytes)(state, at + 3)
    else:
        raise malformed("has a NodeId of an unknown kind")
    if encoding & 0x80:
        at = _string(state, at)
    return at + 4 if encoding & 0x40 else at


def _enum(kind: type[Enum]) -> _Step:
    if issubclass(kind, IntFlag):
        datatype = getattr(kind, "datatype", None)
        return _fixed(_SIZES[datatype()] if datatype else 4)
    known = frozenset(member.value for member in kind)
    status = _ENUM_STATUS.get(kind.__name__, BAD_DECODING_ERROR)

    def step(state: Scan, at: int) -> int:
        if at + 4 > state.end:
            raise malformed("ends too early")
        if _INT_OF(state.data, at)[0] not in known:
            raise DecodingError("UA-192", f"the peer sent a {kind.__name__} that does not exist", status=status)
        return at + 4

    return step


def _list(element: str, size: int | None, inner: _Step) -> _Step:
    """`size` of the elements if all are equally long."""
    one_by_one = size is None or element in _BUILT_ONE_BY_ONE

    def step(state: Scan, at: int) -> int:
        count = state.length(at)
        at += 4
        if count <= 0:
            return at
        if size is not None:
            if count > (state.end - at) // size:
                raise malformed("ends too early")
            state.spend(count if one_by_one else count // _PER_OBJECT)
            return at + count * size
        if count > state.left:
            state.spend(count)
        for _ in range(count):
            state.spend(1)  # an element may take no bytes, and cost nothing else
            at = inner(state, at)
        return at

    return step


@functools.cache
def _variant_step(kind: int) -> tuple[_Step, _Step]:
    """A scalar of this built-in type, and an array."""
    name = ua.VariantType(kind).name
    inner = _step(getattr(ua, name))
    return inner, _list(name, _SIZES.get(name), inner)


def _variant(state: Scan, at: int) -> int:
    if at >= state.end:
        raise malformed("ends too early")
    encoding = state.data[at]
    kind = encoding & 0x3F
    at += 1
    state.spend(1)
    if kind > _LARGEST_TYPE or (kind == 0 and encoding) or encoding & 0xC0 == 0x40:
        raise malformed("has a Variant of an unknown kind")
    if kind == 0:
        return at
    scalar, array = _variant_step(kind)
    state.deeper()
    if encoding & 0x80:
        count = state.length(at)
        at = array(state, at)
        if encoding & 0x40:
            at = _dimensions(state, at, count)
    else:
        at = scalar(state, at)
    state.levels += 1
    return at


def _dimensions(state: Scan, at: int, count: int) -> int:
    """Their product is the number of elements; asyncua takes a zero behind the first for a one."""
    dimensions = state.length(at)
    at += 4
    if not 0 < dimensions <= min(OPCUA_NESTING, (state.end - at) // 4):
        raise malformed("has a Variant with wrong dimensions")
    product, built = 1, 1
    for place in range(at, at + 4 * dimensions, 4):
        size: int = _INT_OF(state.data, place)[0]
        product *= size
        built *= size if place == at else max(size, 1)
        if size < 0 or built > OPCUA_OBJECTS * _PER_OBJECT:
            raise malformed("has a Variant with wrong dimensions")
    if product != max(count, 0):
        raise malformed("has a Variant with wrong dimensions")
    state.spend(built * 2)
    return at + 4 * dimensions


def _extension_object(state: Scan, at: int) -> int:
    begin = at
    at = _nodeid(state, at)
    if at >= state.end or state.data[at] > 1:
        raise malformed("has an ExtensionObject that is not binary")
    has_body = state.data[at] == 1
    at += 1
    state.spend(1)
    kind = _type_of(state.data, begin, at - 1)
    length = state.length(at) if has_body else 0
    at += 4 * has_body
    if length > state.end - at or (length == -1 and kind is not None):
        raise malformed("has an ExtensionObject of the wrong length")
    end = at + max(length, 0)
    if kind is not None and kind is not _Opaque:
        if not has_body:
            raise malformed("has an ExtensionObject without a body")
        _within(state, _step(kind), at, end)
    return end


def _within(state: Scan, step: _Step, at: int, end: int) -> None:
    outer = state.end
    state.end = end
    state.deeper()
    if step(state, at) > end:
        raise malformed("has an ExtensionObject that ends too early")
    state.levels += 1
    state.end = outer


def _type_of(data: bytes, begin: int, end: int) -> Any:
    """The class that asyncua will build for this scanned NodeId, None for the null one."""
    kind = data[begin] & 0x3F
    if kind == 1:  # nearly all
        node = _nodeid_of(data[begin + 2] | data[begin + 3] << 8, data[begin + 1])
    else:
        try:
            node = ua_binary.nodeid_from_binary(Buffer(data, begin, end - begin))
        except CODEC_ERRORS:
            raise malformed("has a NodeId of an unknown kind") from None
    return None if node.Identifier == 0 else ua.extension_objects_by_typeid.get(node, _Opaque)


class _Opaque:
    """Stands for a type that nobody has described: its body stays bytes."""


_SPECIAL: dict[str, _Step] = {
    "Null": _fixed(0),
    "String": _string,
    "CharArray": _string,
    "ByteString": _bytes,
    "Bytes": _bytes,
    "NodeId": _nodeid,
    "ExpandedNodeId": _nodeid,
    "Variant": _variant,
    "ExtensionObject": _extension_object,
    **{name: _fixed(size) for name, size in _SIZES.items()},
}


@functools.cache
def _step(kind: Any) -> _Step:
    """How a value of this annotation is walked. Raises TypeError, AttributeError or NameError for one unknown."""
    origin = get_origin(kind)
    if origin is list:
        (element,) = get_args(kind)
        name = getattr(element, "__name__", "") if get_origin(element) is None else ""
        return _list(name, _SIZES.get(name), _step(element))
    if origin is type:  # any subtype may stand here, so each says what it is
        return _extension_object
    if origin in (Union, UnionType):
        raise TypeError(kind)
    special = _SPECIAL.get(kind.__name__)
    if special is not None:
        return special
    if issubclass(kind, Enum):
        return _enum(kind)
    if issubclass(kind, ua.UaUnion) or not is_dataclass(kind):
        raise TypeError(kind)
    return _structure(kind)


@functools.cache
def _fields(kind: Any) -> list[tuple[int, _Step]]:
    """Each field with its bit in the mask of optional ones, 0 if it is always there, less than 0 for the mask."""
    hints = ua_binary.get_safe_type_hints(kind, {"ua": ua})
    found: list[tuple[int, _Step]] = []
    bit = 1
    for field in fields(kind):
        hint = hints[field.name]
        if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
            found.append((bit, _step(get_args(hint)[0])))
            bit <<= 1
        elif field.name == "Encoding":
            found.append((-_SIZES[hint.__name__], _step(hint)))
        else:
            found.append((0, _step(hint)))
    return found


def _structure(kind: Any) -> _Step:
    def step(state: Scan, at: int) -> int:
        state.spend(1)
        state.deeper()
        bits = 0
        for bit, inner in _fields(kind):  # on use, not when made: structures may hold themselves
            if bit < 0:
                bits = int.from_bytes(state.data[at : at - bit], "little")
            if bit <= 0 or bits & bit:
                at = inner(state, at)
        state.levels += 1
        if at > state.end:
            raise malformed("ends too early")
        return at

    return step


def malformed(what: str) -> DecodingError:
    return DecodingError("UA-193", f"the peer's message {what}", status=BAD_DECODING_ERROR)
