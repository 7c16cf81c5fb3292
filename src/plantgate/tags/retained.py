"""Values of memory tags that outlive a restart (`persist = true`): read at the start, stored when they change.

Commits are bounded in number whatever is written: the newest value of each tag goes with the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

from plantgate.errors import PlantgateError, StorageError
from plantgate.limits import RETAIN_COMMITS_PER_SECOND
from plantgate.model.quality import Quality
from plantgate.model.status import Health, PartStatus
from plantgate.model.value import Batch
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.worker import Worker
from plantgate.tags.coerce import coerce
from plantgate.tags.retainfile import RetainFile, Row
from plantgate.tags.tree import TagTree

_log = get_logger("tags")
_PATIENCE_SECONDS = 5.0
_RETRY_SECONDS = 2.0


class RetainedValues:
    """Is a `ChangeSink` and a `StatusSource`. `start`, then `run` as an owned task; at the end `stop`."""

    def __init__(self, data_dir: Path, tree: TagTree, clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._kept = {tag for tag, each in enumerate(tree.definitions()) if each.persist}
        self._file = RetainFile(data_dir)
        self._worker: Worker | None = None
        self._open = False
        self._pending: dict[int, Row] = {}
        self._forgotten: set[str] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self._busy = False
        self._ready = asyncio.Event()
        self._error: PlantgateError | None = None
        self._since = clock.wall()
        self.commits = 0

    def __bool__(self) -> bool:
        """Whether any tag keeps its value."""
        return bool(self._kept)

    def change(self, put: Collection[int], removed: Collection[int]) -> None:
        """Tags of the tree are new or have another definition (`put`), or are gone."""
        definitions = self._tree.definitions()
        keeps = {tag for tag in put if definitions[tag].persist}
        for tag in self._kept.intersection((*put, *removed)) - keeps:
            self._kept.discard(tag)
            self._pending.pop(tag, None)
            self._forgotten.add(definitions[tag].path)
        for tag in keeps:
            now = self._tree.read(tag)
            self._pending[tag] = Row(definitions[tag].path, now.value, now.timestamp)
        self._kept |= keeps
        if self._pending or self._forgotten:
            self._ready.set()

    # ChangeSink

    def changed(self, batch: Batch) -> None:
        if self._kept.isdisjoint(batch.tags):
            return
        definitions = self._tree.definitions()
        for tag, value, time in zip(batch.tags, batch.values, batch.times, strict=True):
            if tag in self._kept:
                self._pending[tag] = Row(definitions[tag].path, value, time)
        self._ready.set()

    # life

    async def start(self) -> None:
        """Put what was stored into the tree. A file that can't be read is shown, and nothing waits for it."""
        if not self._kept or self._worker is not None:
            return
        self._worker = Worker("retained-values")
        await self._try_open()

    async def _try_open(self) -> None:
        assert self._worker is not None
        try:
            rows = await self._worker.run(self._file.open, self._clock.wall())
        except StorageError as error:
            self._failed(error)
            return
        self._open, self._error = True, None
        if self._file.set_aside:
            _log.error("the retained values could not be read", reason=self._file.set_aside)
        self._restore(rows)

    def _restore(self, rows: Sequence[Row]) -> None:
        tags: list[int] = []
        good: list[Row] = []
        for row in rows:
            tag = self._tree.find(row.path)
            if tag is None or tag not in self._kept or tag in self._pending:
                continue
            value, problem = coerce(row.value, self._tree.definitions()[tag].data_type)
            if problem:
                _log.warning("a retained value is left out", tag=row.path, reason=printable(problem))
                continue
            tags.append(tag)
            good.append(Row(row.path, value, row.time))
        qualities = [int(Quality.GOOD)] * len(tags)
        self._tree.publish(
            Batch(tags, [row.value for row in good], qualities, [row.time for row in good], self._clock.wall())
        )
        for tag, row in zip(tags, good, strict=True):
            if self._pending.get(tag) == row:  # what has just been read need not be written
                del self._pending[tag]

    async def run(self) -> None:
        """Store what changed, for ever."""
        while True:
            await self._ready.wait()
            await self._commit()
            await self._clock.sleep(_RETRY_SECONDS if self._error else 1 / RETAIN_COMMITS_PER_SECOND)
            if self._error and (self._pending or self._forgotten):
                self._ready.set()

    async def _commit(self) -> None:
        """One commit of all that waits. What fails waits on; whoever asked for it is told."""
        if self._worker is None:
            return
        if not self._open:
            await self._try_open()
        rows, self._pending = self._pending, {}
        forgotten, self._forgotten = self._forgotten, set()
        waiting, self._waiting = self._waiting, []
        self._ready.clear()
        self._busy = True
        try:
            if rows or forgotten:
                await self._worker.run(self._file.store, list(rows.values()), sorted(forgotten))
                self.commits += 1
            self._error = None
        except StorageError as error:
            self._failed(error)
            self._pending = {**{tag: row for tag, row in rows.items() if tag in self._kept}, **self._pending}
            self._forgotten |= forgotten
        finally:
            self._busy = False
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def _failed(self, error: PlantgateError) -> None:
        if self._error is None:
            self._since = self._clock.wall()
            _log.error("values of memory tags are not stored", reason=printable(error.message), code=error.code)
        self._error = error

    async def stored(self) -> None:
        """Returns when what was published before is on disk. Raises StorageError if it is not."""
        if not self._pending and not self._busy:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._ready.set()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await done
        except TimeoutError:
            raise StorageError("TAG-111", "written, but the disk has not confirmed it", "check the disk") from None
        if self._error is not None:
            raise StorageError("TAG-112", f"written, but not stored: {self._error.message}", self._error.hint)

    async def stop(self) -> None:
        """Store what waits and close. `run` has been stopped."""
        worker = self._worker
        if worker is None:
            return
        if self._pending or self._forgotten:
            await self._commit()
        self._worker = None
        await worker.run(self._file.close)
        await worker.close()

    # StatusSource

    def status(self) -> Sequence[PartStatus]:
        """A tile only while something is wrong."""
        error = self._error
        if error is None:
            return []
        return [
            PartStatus(
                "tags",
                "retained values",
                Health.FAILED,
                "not stored",
                self._since,
                printable(error.message),
                error.hint,
                {"waiting": len(self._pending)},
            )
        ]
