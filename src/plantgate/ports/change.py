"""Ports of the running gateway change here: live at once, in the file when it is meant for good.

A change with `revert_after` is a question: unless somebody who came through the new port confirms, the old one is back.
Nothing is written before, so that a restart gives the old port too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from plantgate.config.document import Configuration
from plantgate.config.problems import one_of
from plantgate.errors import ConfigError, PeerError, PlantgateError, Refused, StorageError
from plantgate.limits import PORT_REVERT_SECONDS
from plantgate.model.command import Origin, Outcome
from plantgate.model.gateway import PortChange
from plantgate.model.seams import Rebindable
from plantgate.ports.atlas import listening
from plantgate.ports.settings import LAST_PORT, file_of, plan, setting_of
from plantgate.ports.specs import Direction, spec_of
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker

_audit = get_logger("audit")
_log = get_logger("ports")
# Where the configuration has the port of each that can change: section and field.
_FIELDS = {
    "http": ("web_server", "port"),
    "https": ("web_server", "ssl_port"),
    "modbus": ("modbus_server", "port"),
}
# Without one of these nobody reaches the gateway.
_WEB = ("http", "https")
# The old port may have been taken in the meantime: it is asked for again until it can be had.
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """`source` is where the old port came from."""

    change: PortChange
    source: str
    task: asyncio.Task[None]


class PortChanger:
    """Implements `PortControl`. `listeners` by atlas name; `changed` is handed the configuration as it is then."""

    def __init__(
        self,
        listeners: Mapping[str, Rebindable],
        configuration: Callable[[], Configuration],
        changed: Callable[[Configuration], None],
        data_dir: Path,
        clock: Clock,
        tasks: TaskGroup,
    ) -> None:
        self._listeners = listeners
        self._configuration = configuration
        self._changed = changed
        self._data_dir = data_dir
        self._clock = clock
        self._tasks = tasks
        self._one_at_a_time = asyncio.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._started_from = {name: configuration().source_of(spec_of(name, Direction.LISTEN).key) for name in _FIELDS}

    def waiting(self) -> Sequence[PortChange]:
        return [each.change for each in self._waiting.values()]

    async def change(self, name: str, port: int, revert_after: float | None, origin: Origin) -> PortChange:
        """Open `port` for `name`, then close the old one; for good, or for `revert_after` seconds.

        Raises PeerError for what can't be meant, Refused for a port that another of our listeners has, Unavailable if
        it can't be had, ConfigError or StorageError if the file can't be changed: everything is then as it was.
        """
        async with self._one_at_a_time:
            return await self._told(
                origin, f"port {printable(name)} = {port}", lambda: self._change(name, port, revert_after)
            )

    async def confirm(self, name: str, origin: Origin) -> PortChange:
        """Keep the change of `name` that waits, in the file too. Raises Refused if none does, or as `change`."""
        async with self._one_at_a_time:
            return await self._told(origin, f"port {printable(name)} confirmed", lambda: self._confirm(name))

    async def _told(self, origin: Origin, command: str, work: Callable[[], Awaitable[PortChange]]) -> PortChange:
        """One audit line, whatever becomes of it."""
        outcome, reason = Outcome.FAILED, "given up before it was done"
        try:
            if not origin.may_write:
                raise Refused("PORT-437", f"{printable(origin.actor) or 'nobody'} may look but not change ports")
            made = await work()
            outcome, reason = Outcome.DONE, "-" if made.revert_at is None else f"back to {made.previous} if unconfirmed"
        except PlantgateError as error:
            outcome = Outcome.REFUSED if isinstance(error, Refused) else Outcome.FAILED
            reason = error.message
            raise
        finally:
            _audit.info(
                "command",
                actor=printable(origin.actor),
                address=origin.address or "-",
                command=command,
                outcome=outcome,
                reason=reason,
            )
        return made

    async def _confirm(self, name: str) -> PortChange:
        waiting = self._waiting.get(name)
        if waiting is None:
            raise Refused(
                "PORT-431",
                f"no change of {printable(name)} waits to be confirmed",
                "it was confirmed or undone before: see plantgate ports list",
            )
        note = await self._keep(name, waiting.change.port)
        self._forget(name)
        return replace(waiting.change, revert_at=None, note=note)

    async def _change(self, name: str, port: int, revert_after: float | None) -> PortChange:
        self._check(name, port, revert_after)
        waiting = self._waiting.get(name)
        key, now = spec_of(name, Direction.LISTEN).key, self._listeners[name].port
        previous = waiting.change.previous if waiting is not None else now
        source = waiting.source if waiting is not None else self._configuration().source_of(key)
        await self._apply(name, port, "changed while running")
        change = PortChange(name, key, port, previous)
        if waiting is not None and port == previous:  # taken back: the file has never known of it
            self._forget(name)
            self._say(name, port, source)
            return change
        if revert_after is None:
            try:
                note = await self._keep(name, port)
            except (ConfigError, StorageError):
                await self._apply(name, now, source)
                raise
            self._forget(name)
            return replace(change, note=note)
        self._forget(name)
        if port != previous:
            until = self._clock.mono() + revert_after
            change = replace(change, revert_at=self._clock.wall() + round(revert_after * 1e6))
            task = self._tasks.spawn(f"revert-{name}", lambda: self._revert(name, until))
            self._waiting[name] = _Waiting(change, source, task)
        return change

    def _check(self, name: str, port: int, revert_after: float | None) -> None:
        if name not in _FIELDS or name not in self._listeners:
            raise PeerError(
                "PORT-432",
                f"{printable(name)} can't change while the gateway runs",
                f"{one_of(set(_FIELDS) & set(self._listeners))} can; for others: plantgate ports set, then restart",
            )
        if not 0 <= port <= LAST_PORT:
            raise PeerError("PORT-433", f"{port} is not a port number from 0 (off) to {LAST_PORT}")
        if revert_after is not None and not 1 <= revert_after <= PORT_REVERT_SECONDS:
            raise PeerError("PORT-434", f"{revert_after:g} s to revert is not from 1 s to {PORT_REVERT_SECONDS} s")
        others = [other for other in self._listeners if other != name]
        if port == 0 and name in _WEB and not any(self._listeners[each].port for each in others if each in _WEB):
            raise Refused("PORT-435", f"without {name} nobody could reach this gateway", "open another port first")
        if port == 0:
            return
        holder = next((each.name for each in listening(self._configuration()) if each.port == port), name)
        back = next((other for other in others if self._goes_back_to(other) == port), name)
        if holder != name or back != name:
            other = holder if holder != name else back
            raise Refused(
                "PORT-436",
                f"port {port} belongs to {other} of this gateway",
                f"give {name} another port, or move {other} first",
            )

    def _goes_back_to(self, name: str) -> int | None:
        waiting = self._waiting.get(name)
        return waiting.change.previous if waiting is not None else None

    async def _apply(self, name: str, port: int, source: str) -> None:
        await self._listeners[name].rebind(port)
        self._say(name, port, source)

    def _say(self, name: str, port: int, source: str) -> None:
        """Everything that tells of ports tells of this one from now on."""
        configuration = self._configuration()
        section, field = _FIELDS[name]
        changed = msgspec.structs.replace(getattr(configuration, section), **{field: port})
        sources = {**configuration.sources, spec_of(name, Direction.LISTEN).key: source}
        self._changed(msgspec.structs.replace(configuration, **{section: changed}, sources=sources))

    async def _keep(self, name: str, port: int) -> str:
        """Write `port` into the file; gives what else there is to know. Raises ConfigError or StorageError."""
        configuration = self._configuration()
        worker = Worker("port-change")
        try:
            path = await worker.run(_write, configuration, self._data_dir, name, port)
        finally:
            await worker.close()
        self._say(name, port, path.name)
        source = self._started_from[name]
        if source.startswith(("--set", "environment")):
            return f"this gateway was started with another port ({source}), which beats {path.name}: change that too"
        return ""

    def _forget(self, name: str) -> None:
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            waiting.task.cancel()

    async def _revert(self, name: str, until: float) -> None:
        await self._clock.sleep_until(until)
        told = False
        while True:
            async with self._one_at_a_time:
                waiting = self._waiting[name]
                previous = waiting.change.previous
                try:
                    await self._apply(name, previous, waiting.source)
                except PlantgateError as error:
                    if not told:
                        _log.error("a port can't go back yet", listener=name, reason=error.message, next=error.hint)
                    told = True
                else:
                    del self._waiting[name]
                    _log.warning("nobody confirmed a port: the old one is back", listener=name, port=previous)
                    return
            await self._clock.sleep(RETRY_SECONDS)


def _write(configuration: Configuration, data_dir: Path, name: str, port: int) -> Path:
    setting = setting_of(name, configuration)
    path = file_of(setting, data_dir, configuration.gateway_xml)
    plan(setting, port, path).write()
    return path
