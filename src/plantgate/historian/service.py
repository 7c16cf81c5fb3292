"""The historian as the gateway runs it: takes every change on the event loop, stores on a thread of its own.

    changed() -> queue (bounded) -> writer task -> thread: Store.commit (fsync) -> counted as stored, seen by queries

A disk that fails costs no live value: points wait in the queue, what does not fit is counted and written down as a gap,
and the file is opened anew every few seconds until it works. A file that is damaged is set aside and a new one begun.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from plantgate.errors import StorageError, Unavailable
from plantgate.historian.condition import Condition, HistoryCounters
from plantgate.historian.hot import Columns, clean, join, pack
from plantgate.historian.intake import Intake, IntakeQueue, Routes
from plantgate.historian.readers import Readers
from plantgate.historian.reading import Wanted, series, unknown_tag
from plantgate.historian.schema import FILE_NAME, Gap
from plantgate.historian.store import Store
from plantgate.limits import HISTORY_COMMIT_MS, HISTORY_COMMIT_POINTS, HISTORY_QUEUE_POINTS
from plantgate.model.history import Series, StoreStats
from plantgate.model.status import PartStatus
from plantgate.model.tag import TagDefinition, full_path
from plantgate.model.value import Batch
from plantgate.runtime import sqlite_file
from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker

_log = get_logger("historian")

_MOST_PER_COMMIT: Final = 4 * HISTORY_COMMIT_POINTS
_RETRY_FIRST, _RETRY_CEILING = 0.5, 4.0
_UPKEEP_SECONDS: Final = 60.0
_DAY_US: Final = 86_400_000_000


def state_file(data: Path) -> Path:
    """Where the history of a data directory is."""
    return data / "state" / FILE_NAME


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """`keep_days` is the setting `history.keep` (None: for ever); the others may only lower the limits."""

    keep_days: float | None = None
    commit_ms: int = HISTORY_COMMIT_MS
    queue_points: int = HISTORY_QUEUE_POINTS


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A commit that was begun: what it held, and the newest row of the log before it."""

    items: Sequence[Intake]
    gap: Gap | None
    last_seq: int


class Historian:
    """ChangeSink, HistoryReader and StatusSource. Every method is called on the event loop."""

    def __init__(
        self,
        data: Path,
        clock: Clock,
        options: HistoryOptions | None = None,
        *,
        connect: sqlite_file.Connect = sqlite_file.connect,
    ) -> None:
        self.counters = HistoryCounters()
        self._condition = Condition(clock, self.counters)
        self._path = state_file(data)
        self._clock = clock
        self._options = options or HistoryOptions()
        self._connect = connect
        self._tasks = TaskGroup("historian", clock)
        self._writer = Worker("historian-write")
        self._readers = Readers(self._path, self._condition.note_damage)
        self._queue = IntakeQueue(self._options.queue_points)
        self._backoff = Backoff(_RETRY_FIRST, _RETRY_CEILING, random.random)
        self._wake = asyncio.Event()
        self._stopping = False
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._store: Store | None = None  # while it can be written
        self._view: Store | None = None  # what queries see; stays when writing fails
        self._attempt: _Attempt | None = None
        self._resolved: tuple[Routes, dict[int, int]] | None = None
        self._upkeep_at = clock.mono()

    # --- intake -----------------------------------------------------------------------------------------

    def register(self, definitions: Sequence[tuple[int, TagDefinition]]) -> None:
        """Tell which tag index is which tag; replaces what was told before. Only tags with `history` are stored."""
        self._queue.register(definitions)

    def change(self, put: Sequence[tuple[int, TagDefinition]], removed: Sequence[int] = ()) -> None:
        """Tags are new or have another definition (`put`), or are gone; all others are as they were."""
        self._queue.change(put, removed)

    def changed(self, batch: Batch) -> None:
        """Queue the points of tags that have history; returns at once."""
        refused = self._queue.put(batch)
        if refused is not None:
            problem = self._condition.problem
            reason = problem.message if problem else "the disk is too slow"
            if self._queue.gap is None:
                _log.error("history is being lost: the queue is full", reason=reason)
            self._queue.lose(refused, reason)
            self.counters.lost += len(refused.columns)
        elif len(self._queue) == 1 or self._queue.weight >= HISTORY_COMMIT_POINTS:
            self._wake.set()

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the store and begin to write. A store that can't be opened is a problem to show, never raised."""
        await self._open()
        self._tasks.spawn("write", self._write, restart=True)

    async def stop(self) -> None:
        """Store what waits, close the file, end the threads. What the disk refuses now is lost, and logged."""
        self._stopping = True
        self._wake.set()
        await self._at_rest.wait()  # a commit that runs is not cut off: it would be repeated
        await self._tasks.stop()
        while len(self._queue) and self._store is not None:
            await self._commit(self._store)
        if len(self._queue):
            _log.error("points could not be stored before the end", points=self._queue.points)
        if self._store is not None:
            try:
                await self._writer.run(self._store.close)
            except StorageError as error:
                _log.warning("the history file was not closed in order", error=str(error))
        self._store = self._view = None
        await self._readers.close()
        await self._writer.close()
        self._wake_flushes(everything=True)

    async def flush(self) -> None:
        """Return when all that was queued before this call is on disk, or lost, or the historian has stopped."""
        if self._queue.settled >= self._queue.taken or self._stopping:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append((self._queue.taken, done))
        self._wake.set()
        await done

    def _wake_flushes(self, *, everything: bool = False) -> None:
        waiting, self._flushes = self._flushes, []
        for target, done in waiting:
            if everything or target <= self._queue.settled:
                if not done.done():
                    done.set_result(None)
            else:
                self._flushes.append((target, done))

    # --- writing ----------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while not self._stopping:
            await self._pause()
            self._at_rest.clear()
            try:
                await self._step()
            finally:
                self._at_rest.set()

    async def _step(self) -> None:
        if self._store is None:
            await self._open()
        if self._store is not None and (len(self._queue) or self._queue.gap):
            await self._commit(self._store)
        if self._store is not None and self._clock.mono() >= self._upkeep_at:
            await self._upkeep(self._store)

    async def _pause(self) -> None:
        """Until something waits and is old or much enough; after a failure until the next attempt."""
        if self._store is None:
            await self._clock.sleep(self._backoff.next())
            return
        self._wake.clear()
        try:
            async with asyncio.timeout(_UPKEEP_SECONDS):
                while not len(self._queue):
                    await self._wake.wait()
                    self._wake.clear()
            async with asyncio.timeout(self._options.commit_ms / 1000):
                while self._queue.weight < HISTORY_COMMIT_POINTS and not self._flushes:
                    await self._wake.wait()
                    self._wake.clear()
        except TimeoutError:
            return

    async def _commit(self, store: Store) -> None:
        items, gap = self._queue.next(_MOST_PER_COMMIT), self._queue.gap
        self._attempt = _Attempt(items, gap, store.last_seq)
        began = self._clock.mono_ns()
        try:
            stored = await self._writer.run(self._store_items, store, items, [gap] if gap else [])
        except StorageError as error:
            await self._give_up(store, error)
            return
        self.counters.commits += 1
        self.counters.commit_ms.append((self._clock.mono_ns() - began) / 1e6)
        self._settle(self._attempt, stored)
        self._backoff.reset()
        self._condition.show(None)

    def _settle(self, attempt: _Attempt, stored: int) -> None:
        self._attempt = None
        self._queue.settle(attempt.items, attempt.gap)
        self.counters.stored += stored
        self.counters.lost += sum(len(item.columns) for item in attempt.items) - stored
        self._wake_flushes()

    def _store_items(self, store: Store, items: Sequence[Intake], gaps: Sequence[Gap]) -> int:
        """On the writer's thread: one commit. Gives the number of points stored."""
        parts: list[Columns] = []
        for item in items:
            ids, columns = self._ids(store, item.routes), item.columns
            tags = list(map(ids.__getitem__, columns.tags))
            part = Columns(tags, columns.times, columns.qualities, columns.values)
            parts.append(clean(part) if item.has_texts else part)
        try:
            whole = join(parts) if parts else Columns([], [], [], [])
            packed = pack(whole)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
            whole, lost = _storable(items, parts)
            gaps, packed = [*gaps, *lost], pack(whole)
        store.commit(whole, gaps, packed)
        store.tidy()
        return len(whole)

    def _ids(self, store: Store, routes: Routes) -> dict[int, int]:
        if self._resolved is None or self._resolved[0] is not routes:
            self._resolved = (routes, dict(zip(routes, store.resolve(routes.values()), strict=True)))
        return self._resolved[1]

    async def _upkeep(self, store: Store) -> None:
        """Retention by age, in small portions."""
        self._upkeep_at = self._clock.mono() + _UPKEEP_SECONDS
        if self._options.keep_days is None:
            return
        before = self._clock.wall() - int(self._options.keep_days * _DAY_US)
        try:
            if await self._writer.run(store.expire, before):
                self._upkeep_at = self._clock.mono()
        except StorageError as error:
            await self._give_up(store, error)

    # --- failure and recovery ---------------------------------------------------------------------------

    async def _give_up(self, store: Store, error: StorageError) -> None:
        """Never try again on this connection: what its fsync says from now on is worth nothing."""
        self.counters.failures += 1
        self._store = None
        self._condition.show(error)
        await self._writer.run(store.discard)
        if error.code == sqlite_file.DAMAGED:
            await self._replace(error, store)

    async def _open(self) -> None:
        """Open the store, after a failure only once everything in it is fsynced anew."""
        attempt = self._attempt
        try:
            store = await self._writer.run(Store.open, self._path, self._connect, settle=attempt is not None)
        except StorageError as error:
            self._condition.show(error)
            if error.code == sqlite_file.DAMAGED:
                await self._replace(error, None)
            return
        self._use(store)
        if attempt is not None and store.last_seq > attempt.last_seq:
            # The commit that failed is in the file all the same: repeating it would store its points twice.
            self._settle(attempt, sum(len(item.columns) for item in attempt.items))
        self._attempt = None
        if not len(self._queue):
            self._condition.show(None)

    async def _replace(self, error: StorageError, old: Store | None) -> None:
        """Set the damaged file aside and begin a new one with what is still in memory."""
        await self._readers.reset()
        try:
            target = await self._writer.run(sqlite_file.set_aside, self._path, self._clock.wall())
            _log.error("the history file is damaged and was set aside", kept_as=str(target), error=error.message)
            store = await self._writer.run(Store.open, self._path, self._connect)
            self._attempt = None
            if old is not None:
                await self._writer.run(store.adopt, old)
        except OSError as failure:
            self._condition.show(sqlite_file.storage_error(self._path, failure))
            return
        except StorageError as failure:
            self._condition.show(failure)
            return
        self._condition.set_aside = target.name
        self._use(store)
        self._condition.show(None)

    def _use(self, store: Store) -> None:
        self._store = self._view = store
        self._resolved = None
        for what in store.damaged:
            self._condition.note_damage(what)

    # --- reading ----------------------------------------------------------------------------------------

    async def query(
        self, path: str, start: int, end: int, max_points: int | None = None, *, seed: bool = False
    ) -> Series:
        """Points with `start` <= time <= `end`, all of them or at most `max_points` (>= 3) that keep peaks and gaps.

        With `seed` also the newest point before `start`. A tag of which nothing was stored yet gives an empty series.
        Raises UsageError (HI-201 unknown tag, 202, 203), Overload (HI-204), Unavailable (HI-205), StorageError.
        """
        full, wanted = full_path(path), Wanted(start, end, max_points, seed)
        if self._view is None or full not in self._view.tags:
            if self._queue.has_path(full):
                return Series(full, [], [], [])
            if self._view is None:
                raise Unavailable("HI-205", "the history can't be read now", "see the status of the historian")
            raise unknown_tag(full, [*self._view.tags, *self._queue.paths()])
        return series(full, await self._readers.points(self._view, self._view.tags[full], wanted))

    async def stats(self) -> StoreStats:
        """Raises Unavailable HI-205 when there is no store."""
        if self._view is None:
            raise Unavailable("HI-205", "the history can't be read now", "see the status of the historian")
        return await self._readers.run(self._view.stats)

    def status(self) -> Sequence[PartStatus]:
        """One tile."""
        points = self._view.points if self._view else None
        return [self._condition.tile(storing=self._store is not None, points=points, queued=self._queue.points)]


def _storable(items: Sequence[Intake], parts: Sequence[Columns]) -> tuple[Columns, list[Gap]]:
    """What of `parts` can be stored once values are within bounds; the rest (a value of no known type) are gaps."""
    kept: list[Columns] = []
    lost: list[Gap] = []
    for item, part in zip(items, parts, strict=True):
        try:
            cleaned = clean(part)
            pack(cleaned)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            lost.append(item.gap(f"a value that history can't hold: {error}"))
        else:
            kept.append(cleaned)
    return (join(kept) if kept else Columns([], [], [], [])), lost
