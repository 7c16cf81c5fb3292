"""How a reader is: the state of its link, its errors, and the log lines about both."""

from __future__ import annotations

import asyncio

from plantgate.drivers.springcore import tags as tag
from plantgate.drivers.springcore.budget import LogBudget
from plantgate.drivers.springcore.figures import Figures
from plantgate.drivers.springcore.link import Link
from plantgate.drivers.springcore.tags import ReaderTags
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup

_log = get_logger("drivers.springcore")
# Two lines at once, "lost" and "connected", then less than one a minute however often the link changes.
_LINES, _LINE_SECONDS = 2, 90.0


class Condition:
    """The link of one reader. `where` is its address in words."""

    def __init__(
        self, name: str, where: str, first: Link, clock: Clock, tasks: TaskGroup, tags: ReaderTags, figures: Figures
    ) -> None:
        self.name = name
        self.where = where
        self.link = first
        self.since = clock.wall()
        self._clock = clock
        self._tasks = tasks
        self._tags = tags
        self._figures = figures
        self._lines = LogBudget(clock, _LINES, _LINE_SECONDS)
        self._told = first
        self._later: asyncio.Task[None] | None = None

    @property
    def why(self) -> str:
        """In a word or a sentence, for whoever wanted to use the reader."""
        return self.link.reason or self.link.state.value

    def become(self, link: Link) -> None:
        """The link has changed, or only what is said about it."""
        if link == self.link:
            return
        if (link.state, link.up) != (self.link.state, self.link.up):
            self.since = self._clock.wall()
        self.link = link
        self._tags.set(tag.CONNECTED, link.up)
        self._tell()

    def error(self, text: str) -> None:
        """Count an error; `text` is printable."""
        self._figures.errors += 1
        self._figures.last_error = text
        self._tags.set(tag.ERRORS, self._figures.errors)

    def stop(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _tell(self) -> None:
        """One log line per change, within the budget; what it ends up as is told in any case, if later."""
        left_out = self._lines.allow()
        if left_out is not None:
            self._write(left_out)
        elif self._later is None or self._later.done():
            self._later = self._tasks.spawn(f"reader-{self.name}-log", self._tell_later)

    async def _tell_later(self) -> None:
        await self._clock.sleep(self._lines.wait())
        if self.link != self._told and (left_out := self._lines.allow()) is not None:
            self._write(left_out - 1)

    def _write(self, left_out: int) -> None:
        self._told = self.link
        write = _log.info if not self.link.reason else _log.warning
        more = {"reason": self.link.reason} if self.link.reason else {}
        write(f"reader {self.name} at {self.where}: {self.link.state.value}", **more, left_out=left_out)
