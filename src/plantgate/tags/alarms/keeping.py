"""What must outlive a restart, on its way to the disk: collected on the event loop, written by a thread.

What the plant does is written within a moment, many events together; what a person does at once. While the disk fails
everything lives on in memory, and is written as it then is when the disk is back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from plantgate.errors import StorageError
from plantgate.limits import ALARM_COMMITS_PER_SECOND, ALARM_JOURNAL_LINES, ALARM_LINES_WAITING
from plantgate.model.alarm import AlarmEvent, AlarmKey, Shelf
from plantgate.model.status import Health, PartStatus
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker
from plantgate.tags.alarms import schema
from plantgate.tags.alarms.alarm import Line
from plantgate.tags.alarms.ledger import Ledger
from plantgate.tags.alarms.store import AlarmStore, Changes, Stored

_log = get_logger("alarms")
_RETRY_SECONDS = 2.0
_PATIENCE_SECONDS = 5.0
ALARMS_KEPT_SECONDS: Final = 365 * 86_400.0


class AlarmKeeper:
    """Is the `Record` of the ledger. `start`, at the end `stop`."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        adopt: Callable[[Stored], None],
        *,
        keep_seconds: float = ALARMS_KEPT_SECONDS,
        most: int = ALARM_JOURNAL_LINES,
        connect: sqlite_file.Connect = sqlite_file.connect,
    ) -> None:
        """`adopt` is called once, with what was stored, as soon as that can be read."""
        self.path = data_dir / "state" / schema.FILE_NAME
        self._clock = clock
        self._adopt = adopt
        self._store = AlarmStore(self.path, clock, keep_seconds, most, connect)
        self._worker: Worker | None = None
        self._ledger: Ledger | None = None
        self._open = False
        self._doubtful = False
        self._lines: deque[Line] = deque()
        self._events: dict[int, AlarmEvent | None] = {}
        self._shelves: dict[AlarmKey, Shelf | None] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._tasks = TaskGroup("alarms", clock)
        self._writing = asyncio.Lock()
        self._ready = asyncio.Event()
        self._urgent = asyncio.Event()
        self._error: StorageError | None = None
        self._since = clock.wall()
        self._set_aside = ""
        self.stored = self.commits = self.lost = 0

    # Record

    def line(self, line: Line) -> None:
        if len(self._lines) >= ALARM_LINES_WAITING:
            self._lines.popleft()
            self.lost += 1
        self._lines.append(line)
        self._ready.set()

    def event(self, event: AlarmEvent, *, live: bool) -> None:
        if not self._doubtful:  # else all of them are written
            self._events[event.id] = event if live else None
        self._ready.set()

    def shelf(self, key: AlarmKey, shelf: Shelf | None) -> None:
        if not self._doubtful:
            self._shelves[key] = shelf
        self._ready.set()

    # life

    async def start(self, ledger: Ledger) -> None:
        """Open the file. One that can't be opened is shown, and tried again."""
        self._ledger, self._worker = ledger, Worker("alarms")
        try:
            await self._try_open(self._worker)
        except StorageError as error:
            self._failed(error)
        self._tasks.spawn("write", self._write, restart=True)
        self._tasks.spawn("write-at-once", self._write_at_once, restart=True)

    async def _try_open(self, worker: Worker) -> None:
        stored = await worker.run(self._store.open)
        self._open = True
        self._show(None)
        self._lost(stored.lost)
        self._adopt(stored)

    def _lost(self, name: str) -> None:
        if name:
            self._set_aside = name

    async def _write(self) -> None:
        """What the plant does: together, for ever."""
        while True:
            await self._ready.wait()
            await self._commit()
            await self._clock.sleep(_RETRY_SECONDS if self._error is not None else 1 / ALARM_COMMITS_PER_SECOND)

    async def _write_at_once(self) -> None:
        """What people do, for ever. What comes while a commit runs goes into the next one together."""
        while True:
            await self._urgent.wait()
            self._urgent.clear()
            await self._commit()

    async def _commit(self) -> None:
        """One transaction with all that waits. What fails waits on; whoever asked for it is told."""
        async with self._writing:
            worker, ledger = self._worker, self._ledger
            if worker is None or ledger is None:
                return
            waiting, self._waiting = self._waiting, []
            self._ready.clear()
            try:
                await self._write_once(worker, ledger)
            except StorageError as error:
                self._failed(error)
            finally:
                for future in waiting:
                    if not future.done():
                        future.set_result(None)

    async def _write_once(self, worker: Worker, ledger: Ledger) -> None:
        if not self._open:
            await self._try_open(worker)
        if not self._unwritten:
            return
        changes = self._take(ledger)
        try:
            self._lost(await worker.run(self._store.write, changes))
        except StorageError:
            self._take_back(changes)
            raise
        self._doubtful = False
        self.commits += 1
        self.stored += len(changes.lines)
        self._show(None)

    @property
    def _unwritten(self) -> bool:
        return bool(self._lines or self._events or self._shelves or self._doubtful)

    def _take(self, ledger: Ledger) -> Changes:
        lines, self._lines = list(self._lines), deque()
        events, self._events = self._events, {}
        shelves, self._shelves = self._shelves, {}
        if self._doubtful:
            events = {event.id: event for event in ledger.live()}
            shelves = {shelf.key: shelf for shelf in ledger.shelves()}
        return Changes(lines, events, shelves, ledger.next_id, self._doubtful)

    def _take_back(self, changes: Changes) -> None:
        """The write failed: nobody knows what is on disk now."""
        self._doubtful = True
        self._events, self._shelves = {}, {}
        self._lines.extendleft(reversed(changes.lines))
        while len(self._lines) > ALARM_LINES_WAITING:
            self._lines.popleft()
            self.lost += 1

    def _failed(self, error: StorageError) -> None:
        if self._error is None:
            _log.error("the alarm journal can't be stored", reason=error.message, next=error.hint)
        self._ready.set()  # to try again
        self._show(error)

    def _show(self, error: StorageError | None) -> None:
        if (self._error is None) != (error is None):
            self._since = self._clock.wall()
        self._error = error

    async def written(self) -> None:
        """Returns when what was recorded before is on disk. Raises StorageError if it is not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._urgent.set()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await done
        except TimeoutError:
            raise StorageError("ALM-120", "done, but the disk has not confirmed it", "check the disk") from None
        if self._error is not None:
            raise StorageError("ALM-121", f"done, but not stored: {self._error.message}", self._error.hint)

    async def stop(self) -> None:
        """Write what waits and close."""
        worker, ledger = self._worker, self._ledger
        if worker is None or ledger is None:
            return
        async with self._writing:  # nothing that is being written is cut off
            await self._tasks.stop()
        if self._unwritten:
            await self._commit()
        self._worker = None
        await worker.run(self._store.close, ledger.next_id)
        await worker.close()

    # what others ask

    @property
    def waiting_lines(self) -> int:
        return len(self._lines)

    def status(self) -> Sequence[PartStatus]:
        """A tile only while something is wrong, or was lost."""
        error = self._error
        reason, step, state = "", "", ""
        if error is not None:
            reason, step, state = error.message, error.hint, "not stored"
        elif self._set_aside:
            reason = f"the alarm journal was damaged and is kept as {self._set_aside}"
            step, state = "restore a backup if its alarms are needed; a restart ends this message", "journal set aside"
        else:
            return []
        details: dict[str, str | int | float | None] = {"waiting": len(self._lines), "lost": self.lost}
        return [PartStatus("store", "alarm journal", Health.FAILED, state, self._since, reason, step, details)]
