"""Keeps access data on disk: the key of the cards and the store, on a thread of their own, and how both are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from plantgate.access import cardkey
from plantgate.access.cardkey import CardKey
from plantgate.access.edit import Edit
from plantgate.access.store import FILE_NAME, AccessStore, Stored
from plantgate.errors import StorageError
from plantgate.model.access import AccessData, RecordedChange
from plantgate.model.status import Health, PartStatus
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.worker import Worker

P = ParamSpec("P")
R = TypeVar("R")

_log = get_logger("access.keeper")


@dataclass(frozen=True, slots=True)
class Loaded:
    key: CardKey
    stored: Stored


class _Watched:
    """Unlike a generator's, this block is known to type checkers not to swallow what is raised in it."""

    def __init__(self, show: Callable[[StorageError | None], None]) -> None:
        self._show = show

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if error is None or isinstance(error, StorageError):
            self._show(error)


class Keeper:
    """Every method is called on the event loop."""

    def __init__(self, data: Path, clock: Clock, connect: sqlite_file.Connect) -> None:
        self._folder = data
        self._clock = clock
        self._store = AccessStore(data / "state" / FILE_NAME, clock, connect)
        self._worker = Worker("access")
        self._since = clock.wall()
        self.problem: StorageError | None = None

    @property
    def doubtful(self) -> bool:
        """Whether the file may hold other data than memory."""
        return self._store.doubtful

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run something on the thread, after what it does now."""
        return await self._worker.run(function, *args, **kwargs)

    async def load(self) -> Loaded:
        """The key and what is stored; made where there is nothing yet. Raises StorageError."""
        with self._watched():
            return await self._worker.run(self._load)

    def _load(self) -> Loaded:
        key = cardkey.load(self._folder)
        stored = self._store.open()
        try:
            if key is None:
                if stored.data.cards:
                    raise cardkey.lost(self._folder, FILE_NAME)
                key = cardkey.create(self._folder)
            elif stored.data.cards and stored.key_fingerprint != key.fingerprint():
                raise cardkey.foreign(self._folder, FILE_NAME)
            self._store.keep_fingerprint(key.fingerprint())
        except StorageError:
            self._store.close()
            raise
        return Loaded(key, stored)

    async def nothing_there(self) -> bool:
        """Whether there is neither a key nor a store: then it is known that there is no data."""
        return await self._worker.run(self._nothing_there)

    def _nothing_there(self) -> bool:
        try:
            return not (self._store.path.exists() or cardkey.path_of(self._folder).exists())
        except OSError:
            return False

    async def write(self, before: AccessData, edited: Edit, who: str) -> None:
        """Raises StorageError."""
        with self._watched():
            await self._worker.run(self._store.write, before, edited.data, edited.rows, self._clock.wall(), who)

    async def rewrite(self, data: AccessData) -> None:
        """Make the file what memory says. Raises StorageError."""
        with self._watched():
            await self._worker.run(self._store.rewrite, data)

    async def pardon(self, holder_id: str, at: int, since: int) -> None:
        """Raises StorageError."""
        with self._watched():
            await self._worker.run(self._store.pardon, holder_id, at, since)

    async def changes(self, limit: int, before: int | None) -> Sequence[RecordedChange]:
        """Raises StorageError."""
        return await self._worker.run(self._store.changes, limit, before)

    async def stop(self, data: AccessData) -> None:
        """Close the file and end the thread; what is only in memory gets a last try."""
        if self.doubtful:
            with contextlib.suppress(StorageError):
                await self.rewrite(data)
        await self._worker.run(self._store.close)
        await self._worker.close()

    def _watched(self) -> _Watched:
        """What the disk says in this block is on the tile."""
        return _Watched(self.show)

    def show(self, problem: StorageError | None) -> None:
        if (self.problem is None) != (problem is None):
            self._since = self._clock.wall()
            if problem is not None:
                _log.error("access data can't be read or stored", reason=problem.message, next=problem.hint)
        self.problem = problem

    def status(self, data: AccessData, lost: str, inside: int) -> PartStatus:
        """The tile. `lost` is what happened to the data of before, if they are lost."""
        problem = self.problem
        reason, step = (problem.message, problem.hint) if problem else (lost, "")
        if lost and not problem:
            step = "restore a backup or import the cards: until something is changed every badge is denied"
        return PartStatus(
            kind="store",
            name="access data",
            health=Health.FAILED if reason else Health.OK,
            state="waiting for the disk" if problem else "lost" if lost else "in force",
            since=self._since,
            reason=reason,
            next_step=step,
            details={
                "revision": data.revision,
                "holders": len(data.holders),
                "cards": len(data.cards),
                "rules": len(data.rules),
                "inside": inside,
            },
        )
