"""What a TLS server shows to a client without a certificate: version, cipher, chain, whether it asks for one.

Nothing is trusted and nothing is refused here: that a browser would not accept the certificate is a fact among others.
Three handshakes at the same time: one that accepts everything, one that verifies as any client would, and the clear
text of a TLS 1.2 one, where chain and certificate request can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from plantgate.errors import PlantgateError
from plantgate.ports.probe_certificate import CertificateFacts, certificate_facts
from plantgate.protocols.hello import ALERTS, FirstFlight
from plantgate.protocols.hello.conversation import HEAD_BYTES
from plantgate.runtime.clock import Clock


class Wire(Protocol):
    """What of a Stream is used here."""

    async def read(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None: ...

    async def wait_closed(self) -> None: ...


Opener = Callable[[], Awaitable[Wire]]
_ALERT_SECONDS = 0.25
_PROTOCOLS = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """`client_certificate` is "required", "asked for", "not asked for" or "not required" (TLS 1.3 hides the rest).

    `trust` is empty if this machine trusts the certificate for that name, else why not. `version` and `cipher` are
    empty if no handshake came to its end; then `failure` says why.
    """

    version: str
    cipher: str
    chain: Sequence[CertificateFacts]
    client_certificate: str
    trust: str
    failure: str


@dataclass(frozen=True, slots=True)
class NoTls:
    """No TLS there. `head` is how the peer's answer to a ClientHello began, `silent` that none came in time.

    `unreachable` is why nobody accepted.
    """

    head: bytes = b""
    silent: bool = False
    unreachable: PlantgateError | None = None


class TlsChannel:
    """A TLS client over a Stream: `read` and `write` as a Stream has them. ssl.SSLError where the handshake fails."""

    def __init__(self, stream: Wire, context: ssl.SSLContext, name: str) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name or None)
        self.flight = FirstFlight()
        self.head = b""

    @property
    def version(self) -> str:
        return self._object.version() or ""

    @property
    def cipher(self) -> str:
        cipher = self._object.cipher()
        return cipher[0] if cipher else ""

    def chain(self) -> list[bytes]:
        """All certificates that were sent where this Python tells them (3.13), else the first."""
        tell = getattr(self._object, "get_unverified_chain", None)
        if tell is not None:
            return [bytes(item) for item in tell()]
        first = self._object.getpeercert(binary_form=True)
        return [first] if first else []

    async def handshake(self) -> None:
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            except ssl.SSLError:
                self._flush()
                raise
            else:
                self._flush()
                return

    async def read(self) -> bytes:
        """b"" at the end. ssl.SSLError for an alert."""
        while True:
            try:
                return self._object.read(65_536)
            except ssl.SSLWantReadError:
                await self._exchange()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def accepted(self) -> None:
        """Wait for what a TLS 1.3 server says to our Finished: a ticket, or the alert that raises ssl.SSLError."""
        for last in (False, True):
            try:
                self._object.read(1)
            except ssl.SSLWantReadError:
                if not last:
                    await self._exchange()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return

    def write(self, data: bytes) -> None:
        self._object.write(data)
        self._flush()

    async def _exchange(self) -> None:
        self._flush()
        data = await self._stream.read()
        self.flight.receive(data)
        self.head += data[: HEAD_BYTES - len(self.head)]
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending:
            data = self._outgoing.read()
            with contextlib.suppress(PlantgateError):  # it has hung up: reading tells
                self._stream.write(data)


async def old_version(opener: Opener, name: str, timeout: float) -> str:
    """The version and cipher with which a server takes a client of TLS 1.0 and 1.1; empty if it refuses (RFC 8996).

    Raises PlantgateError if nobody accepts, TimeoutError if nothing is answered.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old on purpose
        context = lenient_context(newest=ssl.TLSVersion.TLSv1_1)
        context.minimum_version = ssl.TLSVersion.TLSv1
    async with opened(opener) as stream, asyncio.timeout(timeout):
        channel = TlsChannel(stream, context, name)
        try:
            await channel.handshake()
        except ssl.SSLError:
            return ""
        return f"{channel.version} ({channel.cipher})"


def lenient_context(*, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    """Accepts every certificate and small keys: it is looked at, no secret is sent to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = newest
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


@contextlib.asynccontextmanager
async def opened(opener: Opener) -> AsyncIterator[Wire]:
    """A connection that is gone when the block is left."""
    stream = await opener()
    try:
        yield stream
    finally:
        stream.abort()
        await stream.wait_closed()


async def inspect(opener: Opener, name: str, timeout: float, clock: Clock) -> TlsFacts | NoTls:
    """What TLS shows, or what there is in its place.

    `opener` gives a new connection each time; `name` is whom we mean to reach.
    """
    main, clear, trust = await asyncio.gather(
        _main(opener, name, timeout), _clear(opener, name, timeout), _trust(opener, name, timeout)
    )
    if isinstance(main, NoTls):
        if not clear.is_tls:
            return main
        main = _Main("", "", [], required=False, failure="no handshake came to its end")
    chain = clear.certificates if len(clear.certificates) > len(main.chain) else main.chain
    return TlsFacts(
        main.version or _PROTOCOLS.get(clear.version or 0, ""),
        main.cipher,
        tuple(certificate_facts(der, clock) for der in chain),
        _client_certificate(main, clear),
        trust,
        main.failure,
    )


@dataclass(frozen=True, slots=True)
class _Main:
    version: str
    cipher: str
    chain: list[bytes]
    required: bool
    failure: str = ""


async def _main(opener: Opener, name: str, timeout: float) -> _Main | NoTls:
    """The handshake that accepts everything, and what the server says to our lack of a certificate."""
    head = b""
    try:
        async with opened(opener) as stream, asyncio.timeout(timeout):
            channel = TlsChannel(stream, lenient_context(), name)
            try:
                await channel.handshake()
            except ssl.SSLError as error:
                flight = channel.flight
                if not flight.is_tls:
                    return NoTls(channel.head)
                return _Main("", "", flight.certificates, flight.asks_certificate, _failure(error, flight))
            finally:
                head = channel.head
            found = _Main(channel.version, channel.cipher, channel.chain(), required=False)
            return found if not await _refused(channel) else _Main(found.version, found.cipher, found.chain, True)
    except TimeoutError:
        return NoTls(head, silent=True)
    except PlantgateError as error:
        return NoTls(unreachable=error)


async def _refused(channel: TlsChannel) -> bool:
    """True if the server ends a finished handshake with an alert, as TLS 1.3 does for a missing certificate."""
    if channel.version != "TLSv1.3":
        return False
    try:
        async with asyncio.timeout(_ALERT_SECONDS):
            await channel.accepted()
    except TimeoutError:
        return False
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    return False


async def _clear(opener: Opener, name: str, timeout: float) -> FirstFlight:
    """A TLS 1.2 handshake as far as the server's first flight goes."""
    flight = FirstFlight()
    with contextlib.suppress(TimeoutError, PlantgateError, ssl.SSLError):
        async with opened(opener) as stream, asyncio.timeout(timeout):
            channel = TlsChannel(stream, lenient_context(newest=ssl.TLSVersion.TLSv1_2), name)
            flight = channel.flight
            await channel.handshake()
    return flight


async def _trust(opener: Opener, name: str, timeout: float) -> str:
    """Why a client of this machine would not trust the server; empty if it would."""
    try:
        async with opened(opener) as stream, asyncio.timeout(timeout):
            await TlsChannel(stream, ssl.create_default_context(), name).handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")
    except (ssl.SSLError, ValueError) as error:
        return f"not checked: {getattr(error, 'reason', '') or error}"
    except (TimeoutError, PlantgateError):
        return "not checked: no answer in time"
    return ""


def _failure(error: ssl.SSLError, flight: FirstFlight) -> str:
    if flight.alert is not None:
        return ALERTS.get(flight.alert, f"alert {flight.alert}")
    return (error.reason or "the handshake failed").replace("_", " ").lower()


def _client_certificate(main: _Main, clear: FirstFlight) -> str:
    if main.required:
        return "required"
    if clear.asks_certificate:
        return "asked for"
    return "not asked for" if clear.over and clear.version is not None else "not required"
