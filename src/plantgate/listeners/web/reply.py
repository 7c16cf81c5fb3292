"""Answers: JSON, and problems that say whose fault it is and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from plantgate.errors import ConfigError, Overload, PeerError, PlantgateError, Refused, StorageError, Unavailable
from plantgate.limits import HTTP_BODY_BYTES, HTTP_BODY_SECONDS
from plantgate.listeners.web.wire import Problem, encode

_OPENAPI = "see /openapi.json"
_STATUS: list[tuple[type[PlantgateError], int, str]] = [
    (Refused, 403, "Not allowed"),
    (Overload, 503, "Too much at once"),
    (Unavailable, 503, "Not available"),
    (StorageError, 503, "The disk did not do it"),
    (PeerError, 400, "The request is wrong"),
    (ConfigError, 409, "The configuration forbids it"),
]
# Where HTTP has a status of its own for what we found.
_STATUS_OF_CODE = {"WEB-408": 408, "WEB-413": 413, "WEB-421": 421, "ACC-202": 412, "CFG-413": 412, "CFG-450": 412}
T = TypeVar("T")


def json(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json", headers={"cache-control": "no-store"})


def problem(status: int, title: str, detail: str, code: str, hint: str = "") -> Response:
    body = encode(Problem(title, status, detail, code, hint))
    return Response(body, status, media_type="application/problem+json", headers={"cache-control": "no-store"})


def of_error(error: PlantgateError) -> Response:
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return problem(_STATUS_OF_CODE.get(error.code, status), title, error.message, error.code, error.hint)
    return problem(500, "A defect of plantgate", error.message, error.code, error.hint)


async def content(request: Request, most: int) -> bytes:
    """The request's body as it came. Raises PeerError: larger than `most` bytes, too slow."""
    data = bytearray()
    try:
        async with asyncio.timeout(HTTP_BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > most:
                    raise PeerError("WEB-413", f"the body is larger than {most} bytes", _OPENAPI)
    except TimeoutError:
        raise PeerError("WEB-408", f"the body did not arrive within {HTTP_BODY_SECONDS} s", "try again") from None
    return bytes(data)


async def body(request: Request, shape: type[T]) -> T:
    """The request's JSON body as `shape`. Raises PeerError: too big, too slow, not JSON, not that shape."""
    data = await content(request, HTTP_BODY_BYTES)
    return _shaped(lambda: msgspec.json.decode(data, type=shape))


def shaped(value: object, shape: type[T]) -> T:
    """What `body` gave as plain values, as `shape`. Raises PeerError."""
    return _shaped(lambda: msgspec.convert(value, shape))


def _shaped(make: Callable[[], T]) -> T:
    try:
        return make()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("WEB-400", f"the body is not what this route takes: {error}", _OPENAPI) from None


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Query parameter `name` as a whole number in `low`..`high`. Raises PeerError naming it."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        raise PeerError("WEB-401", f"{name} takes a whole number, not {text[:40]!r}", _OPENAPI) from None
    if not low <= value <= high:
        raise PeerError("WEB-402", f"{name} = {text[:40]} is outside {low} to {high}", _OPENAPI)
    return value
