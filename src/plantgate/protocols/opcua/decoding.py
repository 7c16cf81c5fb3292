"""Requests and answers decoded by asyncua's codec, after a scan that bounds what it will build.

asyncua 2.1 decodes whatever the bytes say. Of a peer that means harm, left alone:

- A ByteString of a negative length other than -1 moves its cursor backwards, so that nine bytes are an array of two
  billion texts; an array of Null takes no bytes per entry, and five are enough.
- Dimensions of a Variant fill up to a million empty lists, each time.
- A Variant, DataValue or ExtensionObject of one byte becomes an object of 200 bytes and more, and 16 MB of them a
  minute of work. Variants nest until the interpreter's stack ends (RecursionError).
- An ExtensionObject without a length takes the rest of the message for its body.
- Invalid UTF-8 becomes text with surrogates, which fails later, where it is printed or encoded.
- It raises a dozen kinds of exceptions, TypeError and AttributeError among them.
"""

from __future__ import annotations

from typing import TypeVar

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

from plantgate.limits import OPCUA_OBJECTS
from plantgate.protocols.opcua.messages import DecodingError
from plantgate.protocols.opcua.plain_values import AnyVariant
from plantgate.protocols.opcua.scanning import CODEC_ERRORS, Scan, malformed, scan, walked

T = TypeVar("T")


def decode(kind: type[T], body: bytes, at: int = 0, *, objects: int = OPCUA_OBJECTS) -> T:
    """A value of asyncua's type `kind` at `at`; what is behind it is let go. Raises DecodingError."""
    return decode_at(kind, body, at, objects=objects)[0]


def decode_at(kind: type[T], body: bytes, at: int, *, objects: int = OPCUA_OBJECTS) -> tuple[T, int]:
    """The same, and where it ends."""
    end = scan(kind, body, at, objects=objects)
    return _built(kind, body, at, end), end


def variants(objects: int = OPCUA_OBJECTS) -> AnyVariant:
    """For `hot_decode`, one for each message: reads Variants that have no plain value, all of them so many objects."""
    left = objects

    def read(body: bytes, at: int) -> tuple[ua.Variant, int]:
        nonlocal left
        state = Scan(body, len(body), left)
        try:
            end = walked(state, ua.Variant, at)
            left = state.left
            return _built(ua.Variant, body, at, end), end
        except DecodingError as error:
            raise ValueError(error.message) from None

    return read


def _built(kind: type[T], body: bytes, at: int, end: int) -> T:
    try:
        return ua_binary.from_binary(kind, Buffer(body, at, end - at))
    except CODEC_ERRORS:
        raise malformed(f"is no {kind.__name__}") from None
