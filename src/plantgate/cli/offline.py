"""The HTTP API of a gateway that does not run, on its data directory: no port is opened, no device is touched.

So a command has one way to ask, and what it may and what is checked is the same whether the gateway runs or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp

from plantgate.app import Gateway, configuration_of
from plantgate.cli.gateway_client import Answer, user_name
from plantgate.runtime import log
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.lockfile import LockFile


class OfflineGateway:
    """Answers as the gateway would. See `offline_gateway`."""

    def __init__(self, runner: asyncio.Runner, application: ASGIApp, cookie: str) -> None:
        self._runner = runner
        self._application = application
        self._cookie = cookie

    def send(self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        return self._runner.run(self._send(method, path, content, headers or {}))

    async def _send(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(path)
        given = {"host": "localhost", "cookie": self._cookie, **headers}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 0),
            "server": ("localhost", 0),
        }
        heard: list[Mapping[str, Any]] = []
        asked = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not asked:
                await asyncio.Event().wait()  # nobody hangs up: whoever streams an answer listens for that
            return asked.pop()

        async def send(message: Mapping[str, Any]) -> None:
            heard.append(message)

        await self._application(scope, receive, send)
        start, *bodies = heard
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], names, b"".join(body.get("body", b"") for body in bodies))


@contextmanager
def offline_gateway(data: Path) -> Iterator[OfflineGateway]:
    """Holds the data directory during the block.

    Raises Unavailable RUN-101 if a gateway runs on it after all, ConfigError for its configuration.
    """
    log.configure(None, console=True, level="ERROR")
    with LockFile.of(data), asyncio.Runner() as runner:
        gateway = Gateway(configuration_of(data), data, SystemClock())
        application, cookie = gateway.api(f"{user_name()} (command line)")
        runner.run(gateway.access.open())
        try:
            yield OfflineGateway(runner, application, cookie)
        finally:
            runner.run(gateway.access.stop_stores())
            log.close()
