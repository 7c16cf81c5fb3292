"""Speaks to the gateway that runs on a data directory of this machine, as whoever may write there.

The right is proved the way a sign-in link proves it: a one-time token is put into the data directory and redeemed over
HTTP, on a socket that the gateway's own process holds. No password is asked for.
"""

from __future__ import annotations

import getpass
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from plantgate.config.document import Configuration
from plantgate.errors import ConfigError, PlantgateError, Refused, StorageError, Unavailable, UsageError
from plantgate.ports.owners import Listening
from plantgate.ports.running import Running
from plantgate.runtime.clock import SystemClock
from plantgate.security import sign_in

_SECONDS = 10.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, nothing is bound
_JSON = "application/json"
_KINDS: Mapping[int, type[PlantgateError]] = {
    400: UsageError,
    403: Refused,
    404: UsageError,
    409: ConfigError,
    412: Refused,
    413: UsageError,
    503: Unavailable,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway answered. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """The JSON object in it. Raises the gateway's error as ours."""
        try:
            value = json.loads(self.content or b"null")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Unavailable("LIVE-103", "what answered is no gateway", "see plantgate ports list")
        if self.status >= HTTPStatus.BAD_REQUEST:
            kind = _KINDS.get(self.status, Unavailable)
            code, words = value.get("code", "LIVE-104"), value.get("detail", f"the gateway answered {self.status}")
            raise kind(str(code), str(words), str(value.get("hint", "")))
        return value

    def errors(self) -> dict[str, Any]:
        """Of an import that refused a file: its bad rows; else empty."""
        if self.status != HTTPStatus.BAD_REQUEST:
            return {}
        found: dict[str, Any] = json.loads(self.content)
        return found if "errors" in found else {}

    def file(self) -> bytes:
        """A file. Raises the gateway's error as ours."""
        if self.status >= HTTPStatus.BAD_REQUEST:
            self.json()
        return self.content


class Asked(Protocol):
    """Somebody who answers the gateway's HTTP API: one that runs, or its data directory."""

    def send(self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Raises Unavailable if nobody answers; what the answer says is the caller's to look at."""
        ...


def ask(asked: Asked, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """JSON there and back. Raises the gateway's error as ours, Unavailable if it does not answer."""
    content = b"" if body is None else json.dumps(body).encode()
    return asked.send(method, path, content, {"content-type": _JSON}).json()


class GatewayClient:
    """A signed-in connection; see `gateway_client`."""

    def __init__(self, connection: http.client.HTTPConnection, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._headers = dict(headers)

    def send(self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        return _send(self._connection, method, path, content, {**self._headers, **(headers or {})})

    def patience(self, seconds: float) -> None:
        """Wait so long for answers from now on."""
        self._connection.timeout = seconds
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return ask(self, method, path, body)

    def stream(self, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The live stream after `{"subscribe": wanted}`: each message, until the gateway ends it.

        Raises Unavailable if it is silent or gone. It pings, so that silence means something.
        """
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        connection = self._connection
        context = getattr(connection, "_context", None) if isinstance(connection, http.client.HTTPSConnection) else None
        host = f"[{connection.host}]" if ":" in connection.host else connection.host
        url = f"{'ws' if context is None else 'wss'}://{host}:{connection.port}/api/v1/stream"
        try:
            with connect(
                url, ssl=context, additional_headers=self._headers, proxy=None, open_timeout=_SECONDS, max_size=None
            ) as socket:
                socket.send(json.dumps({"subscribe": wanted}))
                while True:
                    yield json.loads(socket.recv(_SECONDS))
        except (OSError, WebSocketException) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(
                "LIVE-105", f"the live stream of the gateway ended: {reason}", "is it still running?"
            ) from None


@contextmanager
def gateway_client(data: Path, configuration: Configuration, running: Running) -> Iterator[GatewayClient]:
    """A client of `running`, signed in for the time of the block.

    Raises Unavailable if none of its ports answers, StorageError if this user may not write the data directory.
    """
    connection = _connect(data, configuration, running)
    try:
        try:
            token = sign_in.create(data, f"{user_name()} (command line)", SystemClock())
        except OSError as error:
            raise StorageError(
                "LIVE-101",
                f"{data} can't be written: {(error.strerror or str(error)).lower()}",
                "run this as the user that runs the gateway",
            ) from None
        answer = _send(connection, "POST", "/api/v1/session", json.dumps({"token": token}).encode(), {})
        answer.json()
        client = GatewayClient(connection, {"cookie": answer.headers.get("set-cookie", "").partition(";")[0]})
        try:
            yield client
        finally:
            with suppress(PlantgateError):  # the session ends by itself; what happened before is what counts
                client.ask("DELETE", "/api/v1/session")
    finally:
        connection.close()


def user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user id without a name
        return "somebody"


def _connect(data: Path, configuration: Configuration, running: Running) -> http.client.HTTPConnection:
    """A connection on which the gateway has answered StatusPing."""
    server = configuration.web_server
    encrypted = server.require_ssl or server.force_secure_redirect
    for item in _likeliest(running.sockets, configuration):
        for secure in (True,) if encrypted else (False, True):
            connection = _connection(_LOOPBACK.get(item.address, item.address), item.port, data, secure=secure)
            if connection is None:
                continue
            try:
                _send(connection, "GET", "/StatusPing", b"", {}).json()
            except PlantgateError:
                connection.close()
            else:
                return connection
    raise Unavailable(
        "LIVE-102",
        f"a gateway runs on {data} (pid {running.pid}), but it does not answer on any port that this user can see",
        "run this as the user that runs the gateway, or stop the gateway and try again",
    )


def _likeliest(sockets: Sequence[Listening], configuration: Configuration) -> list[Listening]:
    """The web ports of the file first; then others: a port on trial is in no file."""
    server = configuration.web_server
    order = {server.port: 0, server.ssl_port: 1}
    return sorted(sockets, key=lambda item: order.get(item.port, 2))


def _connection(host: str, port: int, data: Path, *, secure: bool) -> http.client.HTTPConnection | None:
    if not secure:
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        # Trust the gateway's own certificate and nothing else, whoever has signed it and for whatever name.
        context = ssl.create_default_context(cafile=str(data / "pki" / "own" / "https.crt.pem"))
    except (OSError, ssl.SSLError):
        return None
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)


def _send(
    connection: http.client.HTTPConnection, method: str, path: str, content: bytes, headers: Mapping[str, str]
) -> Answer:
    try:
        connection.request(method, path, content or None, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unavailable(
            "LIVE-103",
            f"the gateway did not answer on port {connection.port} ({type(error).__name__})",
            "is it still running? see plantgate ports check",
        ) from None
