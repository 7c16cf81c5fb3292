"""The answer to Read Device Identification ([AP] 6.21, function 2B/0E): objects by their numbers.

The answer after its prefix: level, conformity level, more follows (FF or 00), next object, how many, the objects
(number, length, text).
"""

from __future__ import annotations

from typing import NamedTuple

from plantgate.errors import PeerError

NAMES = {
    0: "vendor",
    1: "product_code",
    2: "revision",
    3: "vendor_url",
    4: "product_name",
    5: "model",
    6: "application",
}
_HEAD = 5
_MORE = 0xFF


class Identification(NamedTuple):
    """`objects` is text by number; `following` the object to ask for next, None if these were all."""

    objects: dict[int, str]
    following: int | None


def identification(data: bytes) -> Identification:
    """What an answer says, without its prefix. Raises PeerError for one that is cut or longer than it says."""
    if len(data) < _HEAD:
        raise _cut()
    objects: dict[int, str] = {}
    at = _HEAD
    for _ in range(data[4]):
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise _cut()
        size = data[at + 1]
        objects[data[at]] = data[at + 2 : at + 2 + size].decode("utf-8", "replace").strip("\0 ")
        at += 2 + size
    if at != len(data):
        raise PeerError("MB-115", f"the device's identification has {len(data) - at} bytes too many")
    return Identification(objects, data[3] if data[2] == _MORE and objects else None)


def named(objects: dict[int, str]) -> dict[str, str]:
    """Objects by the names of [AP] 6.21; private ones by their number."""
    return {NAMES.get(number, f"object_{number:02X}"): text for number, text in sorted(objects.items()) if text}


def encode_identification(level: int, objects: dict[int, bytes]) -> bytes:
    """The data of an answer that holds all `objects`: for simulators and tests of the other side."""
    parts = [bytes((number, len(text))) + text for number, text in sorted(objects.items())]
    return bytes((level, 0x80 | min(level, 3), 0, 0, len(parts))) + b"".join(parts)


def _cut() -> PeerError:
    return PeerError("MB-115", "the device's identification is cut off")
