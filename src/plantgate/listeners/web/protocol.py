"""What uvicorn's HTTP/1.1 and WebSocket protocols lack: admission, deadlines and bounds for every phase.

Without them 300 connections that send a header byte every 5 s are all held for ever (`reliability.md`, R08), and so
are peers that dribble a body nobody waits for, or never read their answer (R09).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from enum import Enum, auto
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from plantgate.errors import PeerError
from plantgate.limits import (
    ACCESS_CSV_BYTES,
    HTTP_BODY_BYTES,
    HTTP_BODY_SECONDS,
    HTTP_HEADER_BYTES,
    HTTP_HEADER_SECONDS,
    HTTP_PIPELINED,
    HTTP_STALL_SECONDS,
    STREAM_MESSAGE_BYTES,
)
from plantgate.listeners.web.page import SECURITY_HEADERS
from plantgate.runtime.admission import Admission


class ListenerConfig(uvicorn.Config):
    """uvicorn's settings of one listener, with the connections it holds."""

    def __init__(self, application: ASGIApp, *, keep_alive: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            application,
            http=GatewayHttp,
            ws=GatewayWebSocket,
            lifespan="off",
            log_config=None,
            # What uvicorn logs below `error` is chosen by peers: their garbage and their paths would fill the log.
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # On every answer, also on those that uvicorn makes by itself.
            headers=SECURITY_HEADERS,
            timeout_keep_alive=keep_alive,
            timeout_graceful_shutdown=1,
            ws_max_size=STREAM_MESSAGE_BYTES,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            # One text goes to every page: compressing it anew for each would cost more than all the rest.
            ws_per_message_deflate=False,
        )
        self.admission = Admission()
        self.held: dict[asyncio.Transport, str] = {}
        self.load()
        self.ssl = tls

    def admit(self, transport: asyncio.Transport, place: str | None = None) -> bool:
        """Count `transport`; `place` is the address if it was counted before its TLS handshake."""
        address = place
        if address is None:
            peer = transport.get_extra_info("peername")
            address = str(peer[0]) if isinstance(peer, tuple) else ""
            if not self.admission.admit(address):
                return False
        self.held[transport] = address
        if (connected := transport.get_extra_info("socket")) is not None:
            # asyncio forgets it where the listening socket was made without naming TCP; header and body are two
            # writes, and the second would wait 40 ms for the peer's delayed acknowledgement.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return True

    def release(self, transport: asyncio.Transport) -> None:
        address = self.held.pop(transport, None)
        if address is not None:
            self.admission.release(address)


class _Unsent:
    """Cuts off a peer that takes nothing of what waits for it within HTTP_STALL_SECONDS, also while closing."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _stall: asyncio.TimerHandle | None = None
    _unsent = 0

    def watch_unsent(self) -> None:
        if self._stall is None and (unsent := self.transport.get_write_buffer_size()):
            self._unsent = unsent
            self._stall = self.loop.call_later(HTTP_STALL_SECONDS, self._look)

    def forget_unsent(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _look(self) -> None:
        self._stall = None
        if self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self.watch_unsent()


class _Phase(Enum):
    """Where in a request the parser is."""

    BETWEEN = auto()
    HEADER = auto()
    BODY = auto()


class GatewayHttp(_Unsent, HttpToolsProtocol):
    """One HTTP connection: counted from its first moment; header and body of each request have a deadline and a bound.

    Whenever no request is being answered a timer runs: uvicorn's keep-alive, or the deadline of the phase.
    """

    config: ListenerConfig
    place: str | None = None
    _deadline: asyncio.TimerHandle | None = None
    _phase = _Phase.BETWEEN
    _chunk = 0
    _received = 0
    _turned = False
    _over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        admitted = self.config.admit(transport, self.place)
        self.place = None
        if admitted:
            self._due(HTTP_HEADER_SECONDS)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        self.forget_unsent()
        self._unset_keepalive_if_required()
        self.config.release(self.transport)
        super().connection_lost(exc)

    # deadlines

    def _due(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._deadline = None
        self.transport.abort()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # what arrives

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._chunk, self._turned = len(data), False
        super().data_received(data)
        self._received = 0 if self._turned else self._received + len(data)
        self._judge()

    def _judge(self) -> None:
        """After each piece: is it too much, or must a deadline run?"""
        if self._over or self.transport.is_closing():
            return
        if self._phase is _Phase.HEADER and self._received > HTTP_HEADER_BYTES:
            self.send_400_response("The request header is too large.")
        elif self._phase is _Phase.BODY and self._received > 2 * self._longest_body:
            self.transport.abort()
        elif self._deadline is None and not self._answering():
            self._due(HTTP_BODY_SECONDS + 1 if self._phase is _Phase.BODY else HTTP_HEADER_SECONDS)

    @property
    def _longest_body(self) -> int:
        """Bodies are read, and refused with an answer, by their routes: the bound is for what no route reads any more.

        While one reads it knows its own bound; the longest is a file of cards.
        """
        return HTTP_BODY_BYTES if self._open_cycle is None else ACCESS_CSV_BYTES

    def _answering(self) -> bool:
        """A whole request is here and its answer is not out yet."""
        return self._phase is _Phase.BETWEEN and self._open_cycle is not None

    @property
    def _open_cycle(self) -> RequestResponseCycle | None:
        """The newest request, if its answer is not out yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def _turn(self, phase: _Phase) -> None:
        self._phase, self._turned = phase, True

    def on_message_begin(self) -> None:
        self._phase = _Phase.HEADER
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._received + self._chunk > HTTP_HEADER_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > HTTP_HEADER_BYTES:
                raise PeerError("WEB-431", "the request header is too large")
        if len(self.pipeline) >= HTTP_PIPELINED:
            raise PeerError("WEB-429", "too many requests at once")
        self._turn(_Phase.BODY)
        self._forget_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._turn(_Phase.BETWEEN)
        self._forget_deadline()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._over = True
        super().handle_websocket_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        """The parser stops at an upgrade, whichever it is: answer the request as if none were asked for, then end."""
        self._end_after_answers()

    def send_400_response(self, msg: str) -> None:
        """Answers that are being made go out whole; the complaint must not get in between."""
        cycle = self._open_cycle
        if cycle is None or (cycle.more_body and not cycle.response_started and not self.pipeline):
            self._over = True
            self._forget_deadline()
            super().send_400_response(msg)
            self.watch_unsent()
        else:
            self._end_after_answers()

    def _end_after_answers(self) -> None:
        self._over = True
        self._forget_deadline()
        if (cycle := self._open_cycle) is not None:
            cycle.keep_alive = False
        else:
            self.transport.close()

    # what leaves

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.watch_unsent()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch_unsent()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.forget_unsent()


class GatewayWebSocket(_Unsent, WebSocketsSansIOProtocol):
    """A WebSocket keeps the place that its HTTP connection was admitted to."""

    config: ListenerConfig

    def connection_lost(self, exc: Exception | None) -> None:
        self.forget_unsent()
        self.config.release(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # A header that HTTP allows and the WebSocket library does not (a line of 8 KiB): nobody would answer.
            self.transport.abort()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            # Must not wait for a peer that does not read: this is how it is told.
            self.writable.set()
        await super().send(message)
        self.watch_unsent()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch_unsent()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.forget_unsent()
