"""What every listener does to get its port: bind it, keep trying while somebody else holds it, say how it is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

from plantgate.model.status import Health, PartStatus, PortOwner
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.streams import PortUnavailable, bind
from plantgate.runtime.worker import Worker

_log = get_logger("listeners")
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who holds the port and what to do; asked of the port atlas when binding fails."""

    owner: PortOwner | None
    next_step: str


class Binding:
    """The port of one listener and its tile. `name` is the atlas name; port 0 means off."""

    def __init__(self, name: str, address: str, port: int, clock: Clock, explain: Callable[[int], Conflict]) -> None:
        self.name = name
        self.address = address
        self.port = port
        self._clock = clock
        self._explain = explain
        self._ready: socket.socket | None = None
        self._told = ""
        self.say(Health.DISABLED, "off")

    def say(self, health: Health, state: str, reason: str = "", next_step: str = "") -> None:
        """The tile from now on."""
        details: dict[str, str | int | float | None] = {"address": self.address, "port": self.port}
        self.status = PartStatus("listener", self.name, health, state, self._clock.wall(), reason, next_step, details)

    def bind(self, port: int) -> socket.socket | None:
        """Another port of this address, None for 0. Raises PortUnavailable."""
        return bind(self.address, port) if port else None

    def hold(self, listener: socket.socket | None) -> None:
        """A port that was bound already: `open` gives it."""
        self._ready = listener

    def close(self) -> None:
        """Let go of a port that nobody came for."""
        if self._ready is not None:
            self._ready.close()
            self._ready = None

    async def open(self, tried: asyncio.Event) -> socket.socket:
        """The port, as soon as it can be had; sets `tried` when the first attempt has failed."""
        if self._ready is not None:
            listener, self._ready = self._ready, None
            return listener
        while True:
            try:
                return bind(self.address, self.port)
            except PortUnavailable as error:
                try:
                    await self._refused(error)
                finally:
                    tried.set()
            await self._clock.sleep(RETRY_SECONDS)

    async def _refused(self, error: PortUnavailable) -> None:
        """Say it once, with the process that holds the port; keep saying it on the overview."""
        state = "port taken" if error.taken else "can't bind"
        if self.status.health is not Health.FAILED:
            # Should the look-up itself fail, this much is known.
            self.say(Health.FAILED, state, error.message, error.hint)
        conflict = Conflict(None, error.hint)
        if error.taken:
            conflict = await self._look_up(self.port)
        holder = f", held by {conflict.owner}" if conflict.owner is not None else ""
        reason = f"{error.message}{holder}"
        if self._told != reason:
            self._told = reason
            self.say(Health.FAILED, state, reason, conflict.next_step or error.hint)
            _log.error(
                "a port can't be opened, the other listeners go on",
                listener=self.name,
                reason=reason,
                next=self.status.next_step,
            )

    async def _look_up(self, port: int) -> Conflict:
        """Asking the operating system for every process takes too long for the event loop."""
        worker = Worker("port-owner")
        try:
            return await worker.run(self._explain, port)
        finally:
            await worker.close()
