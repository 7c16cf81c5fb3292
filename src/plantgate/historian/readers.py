"""The reading side of the running historian: queries on a thread of their own, beside the one that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from plantgate.historian.codec import Points
from plantgate.historian.reading import NOTHING, BlockReader, Wanted
from plantgate.historian.store import Store
from plantgate.runtime import sqlite_file
from plantgate.runtime.worker import Worker


class Readers:
    """The thread that answers queries, with a connection of its own that can't write."""

    def __init__(self, path: Path, damaged: Callable[[str], None]) -> None:
        self._path = path
        self._damaged = damaged
        self._worker = Worker("historian-read")
        self._connection: sqlite3.Connection | None = None
        self.run = self._worker.run

    async def points(self, store: Store, tag: int, wanted: Wanted) -> Points:
        found: list[str] = []
        try:
            return await self._worker.run(self._points, store, tag, wanted, found.append)
        finally:
            for what in found:
                self._damaged(what)

    def _points(self, store: Store, tag: int, wanted: Wanted, damaged: Callable[[str], None]) -> Points:
        buffer = store.hot.get(tag)  # before the blocks: see Buffer.newest_block
        hot = NOTHING if buffer is None else buffer.points()
        try:
            if self._connection is None:
                self._connection = sqlite_file.connect_reader(self._path)
            reader = BlockReader(self._connection, damaged)
            return reader.points(tag, wanted, hot, None if buffer is None else buffer.newest_block)
        except sqlite3.Error as error:
            self._close()
            raise sqlite_file.storage_error(self._path, error) from error

    def _close(self) -> None:
        if self._connection is not None:
            sqlite_file.discard(self._connection)
            self._connection = None

    async def reset(self) -> None:
        """Let go of the file."""
        await self._worker.run(self._close)

    async def close(self) -> None:
        await self.reset()
        await self._worker.close()
