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
from pathlib import Path
from typing import Any

from plantgate.config.document import Configuration
from plantgate.errors import ConfigError, PlantgateError, Refused, StorageError, Unavailable, UsageError
from plantgate.ports.owners import Listening
from plantgate.ports.running import Running
from plantgate.runtime.clock import SystemClock
from plantgate.security import sign_in

_SECONDS = 10.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, nothing is bound
_REPLY_BYTES = 1_048_576
_KINDS: Mapping[int, type[PlantgateError]] = {400: UsageError, 403: Refused, 409: ConfigError}


class GatewayClient:
    """A signed-in connection; see `gateway_client`."""

    def __init__(self, connection: http.client.HTTPConnection, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._headers = dict(headers)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The gateway's answer. Raises its error as ours, Unavailable if it does not answer."""
        return _ask(self._connection, method, path, body, self._headers)[0]


@contextmanager
def gateway_client(data: Path, configuration: Configuration, running: Running) -> Iterator[GatewayClient]:
    """A client of `running`, signed in for the time of the block.

    Raises Unavailable if none of its ports answers, StorageError if this user may not write the data directory.
    """
    connection = _connect(data, configuration, running)
    try:
        try:
            token = sign_in.create(data, f"{_user()} (command line)", SystemClock())
        except OSError as error:
            raise StorageError(
                "LIVE-101",
                f"{data} can't be written: {(error.strerror or str(error)).lower()}",
                "run this as the user that runs the gateway",
            ) from None
        _, cookie = _ask(connection, "POST", "/api/v1/session", {"token": token}, {})
        client = GatewayClient(connection, {"cookie": cookie})
        try:
            yield client
        finally:
            with suppress(PlantgateError):  # the session ends by itself; what happened before is what counts
                client.ask("DELETE", "/api/v1/session")
    finally:
        connection.close()


def _user() -> str:
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
                _ask(connection, "GET", "/StatusPing", None, {})
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


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str],
) -> tuple[dict[str, Any], str]:
    """The JSON answer and the cookie of its first Set-Cookie."""
    try:
        connection.request(method, path, None if body is None else json.dumps(body), dict(headers))
        response = connection.getresponse()
        status, cookie = response.status, response.headers.get("set-cookie", "")
        answer = json.loads(response.read(_REPLY_BYTES) or b"null")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unavailable(
            "LIVE-103",
            f"the gateway did not answer on port {connection.port} ({type(error).__name__})",
            "is it still running? see plantgate ports check",
        ) from None
    if not isinstance(answer, dict):
        raise Unavailable(
            "LIVE-103", f"what answers on port {connection.port} is no gateway", "see plantgate ports list"
        )
    if status != http.client.OK:
        kind = _KINDS.get(status, Unavailable)
        code, words = answer.get("code", "LIVE-104"), answer.get("detail", f"the gateway answered {status}")
        raise kind(str(code), str(words), str(answer.get("hint", "")))
    return answer, cookie.partition(";")[0]
