"""Talks to the control socket of a reader simulator, from the command line, the bench and tests."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any

from plantgate.errors import PeerError, Refused, Unavailable, UsageError
from plantgate.limits import SIMULATOR_REQUEST_BYTES
from plantgate.runtime.streams import Stream, connect

_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 5.0


class ControlClient:
    """One connection to a control socket: `async with ControlClient("127.0.0.1", 14000) as control: ...`."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._stream: Stream | None = None
        self._pending = bytearray()

    async def __aenter__(self) -> ControlClient:
        self._stream = await connect(self._host, self._port, timeout=_CONNECT_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()
            await self._stream.wait_closed()

    async def request(self, op: str, *, within: float = _ANSWER_SECONDS, **request: Any) -> dict[str, Any]:
        """The response to one request.

        Raises Unavailable if the simulator is gone or silent for `within` seconds, Refused with its own code and
        words if it can't meet the request, PeerError if that is no simulator at all.
        """
        if self._stream is None:
            raise UsageError("SIM-501", "the control connection is not open")
        self._stream.write(json.dumps({"op": op, **request}).encode() + b"\n")
        try:
            async with asyncio.timeout(within):
                response = json.loads(await self._line())
        except TimeoutError:
            raise Unavailable(
                "SIM-502", f"the control socket {self._where} did not answer within {within:g} s"
            ) from None
        except ValueError:
            response = None
        if not isinstance(response, dict):
            raise PeerError(
                "SIM-503", f"{self._where} is not the control socket of a reader simulator", "see its --control-port"
            )
        if not response.pop("ok", False):
            raise Refused(str(response.get("code")), str(response.get("error")), str(response.get("hint", "")))
        return response

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"

    async def _line(self) -> bytes:
        assert self._stream is not None
        while (end := self._pending.find(b"\n")) < 0:
            data = await self._stream.read()
            if not data:
                raise Unavailable("SIM-504", f"the control socket {self._where} closed the connection")
            self._pending += data
            if len(self._pending) > SIMULATOR_REQUEST_BYTES:
                raise ValueError
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line


def control_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` or `PORT` (of this host). Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UsageError("SIM-505", f"{text!r} is no control address", "HOST:PORT, for example 127.0.0.1:14000")
    return host.strip("[]") or "127.0.0.1", int(port)


async def ask(host: str, port: int, op: str, *, within: float = 0.0, **request: Any) -> dict[str, Any]:
    """One request on a connection of its own; its answer may take `within` seconds more than usual."""
    async with ControlClient(host, port) as control:
        return await control.request(op, within=within + _ANSWER_SECONDS, **request)


async def present(host: str, port: int, uid: str, *, wait: float = 1.0) -> dict[str, Any]:
    """Show one card and wait up to `wait` seconds for the host's answer (see `control.py` for the response)."""
    return await ask(host, port, "present", within=wait, uid=uid, wait=wait)


async def measure(host: str, port: int, count: int, uids: list[str] | None = None) -> dict[str, Any]:
    """Show `count` cards, each as soon as the one before is answered: latencies as the simulator measured them.

    Without `uids` each card is another one (`04` and a number), so the host does not know them and denies.
    """
    return await ask(host, port, "measure", within=count * 1.0, count=count, uids=uids)
