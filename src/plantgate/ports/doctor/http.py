"""A small HTTP and TLS client that looks and never judges: one GET, every certificate accepted and handed over.

TLS runs on memory buffers over our own stream, so that one deadline covers name, connect, handshake and answer.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import httptools

from plantgate.errors import PeerError, Unavailable
from plantgate.limits import DOCTOR_ANSWER_BYTES
from plantgate.ports.tls import TlsChannel, lenient_context
from plantgate.runtime import streams
from plantgate.runtime.log import printable
from plantgate.runtime.streams import Stream

SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What a handshake showed. `certificate` is DER."""

    version: str
    cipher: str
    certificate: bytes


@dataclass(slots=True)
class Answer:
    """An HTTP answer; header names in lower case, the body cut at DOCTOR_ANSWER_BYTES."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


async def _shake(stream: Stream, host: str, context: ssl.SSLContext) -> TlsChannel:
    """Raises PeerError if the other side does not speak TLS, or not a version of ours."""
    channel = TlsChannel(stream, context, host)
    try:
        await channel.handshake()
    except ssl.SSLError as error:
        raise PeerError("DOC-102", f"{stream.peer} does not speak TLS as we do ({_words(error)})") from None
    return channel


def _words(error: ssl.SSLError) -> str:
    return printable(error.reason or error, 80).replace("_", " ").lower()


async def get(host: str, port: int, path: str, *, tls: bool = False, seconds: float = SECONDS) -> Answer:
    """GET `path`. Raises Unavailable if nobody answers in time, PeerError if it is no HTTP (or no TLS)."""
    stream = await streams.connect(host, port, timeout=seconds)
    try:
        async with asyncio.timeout(seconds):
            channel = await _shake(stream, host, lenient_context()) if tls else stream
            return await _ask(channel, host, port, path)
    except TimeoutError:
        raise Unavailable(
            "DOC-103", f"{streams.address_text((host, port))} gave no answer within {seconds:g} s"
        ) from None
    finally:
        stream.abort()
        await stream.wait_closed()


async def handshake(
    host: str, port: int, *, context: ssl.SSLContext | None = None, seconds: float = SECONDS
) -> TlsFacts:
    """The TLS facts of a port. Raises Unavailable, or PeerError if there is no TLS."""
    stream = await streams.connect(host, port, timeout=seconds)
    try:
        async with asyncio.timeout(seconds):
            channel = await _shake(stream, host, context or lenient_context())
            return TlsFacts(channel.version, channel.cipher, channel.leaf() or b"")
    except TimeoutError:
        raise Unavailable(
            "DOC-104", f"{streams.address_text((host, port))} did not finish the TLS handshake within {seconds:g} s"
        ) from None
    finally:
        stream.abort()
        await stream.wait_closed()


async def _ask(channel: Stream | TlsChannel, host: str, port: int, path: str) -> Answer:
    name = f"[{host}]" if ":" in host else host
    request = f"GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    channel.write(request.encode("ascii", "replace"))
    reading = _Reading()
    parser = httptools.HttpResponseParser(reading)
    received = 0
    while not reading.answer.complete and received < DOCTOR_ANSWER_BYTES:
        data = await _read(channel)
        if not data:
            break
        received += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise PeerError("DOC-105", f"port {port} does not speak HTTP ({printable(error, 80)})") from None
        reading.answer.status = parser.get_status_code()
    if not reading.answer.status:
        raise PeerError("DOC-106", f"port {port} ended the connection without an HTTP answer")
    return reading.answer


async def _read(channel: Stream | TlsChannel) -> bytes:
    try:
        return await channel.read()
    except ssl.SSLError:  # its end was not in order; what came before it counts
        return b""


class _Reading:
    """Callbacks of the parser."""

    def __init__(self) -> None:
        self.answer = Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.answer.headers[name.decode("latin-1").lower()] = printable(value.decode("latin-1"))

    def on_body(self, data: bytes) -> None:
        self.answer.body += data

    def on_message_complete(self) -> None:
        self.answer.complete = True


def old_context() -> ssl.SSLContext:
    """A client that speaks TLS 1.0 and 1.1 only: a server that takes it should not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old on purpose
        context = lenient_context(newest=ssl.TLSVersion.TLSv1_1)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def pairs_of(body: str) -> Mapping[str, str]:
    """The `Key=Value;` pairs of /system/gwinfo."""
    found = (part.partition("=") for part in body.split(";"))
    return {printable(key.strip(), 60): printable(value.strip(), 120) for key, sign, value in found if sign}
