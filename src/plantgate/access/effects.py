"""What a badge sets off beside the door: tags that are written when one is accepted or denied.

The reply and the door never wait for it. One writer per tag: of badges that come while a write is under way only the
newest counts, so that neither a crowd nor a forged reader fills the queue of a PLC. A write that fails is shown and not
repeated, because it would come too late; taking a pulse back is repeated until it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plantgate.access.origin import AccessOrigin
from plantgate.access.permits import counts
from plantgate.model.access import Ruling
from plantgate.model.badge import AccessVerdict
from plantgate.model.command import Outcome, Verdict, WriteTag
from plantgate.model.quality import is_good
from plantgate.model.seams import CommandGate
from plantgate.model.status import Health, PartStatus
from plantgate.model.value import Batch, Scalar
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import TaskGroup

_log = get_logger("access.effects")
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class BadgeWriteSettings:
    """`value` is written to `tag` (a full path), and `after` is `pulse` seconds later (None: it stays).

    `readers` may hold EVERYWHERE; empty `groups` mean any badge, also an unknown one.
    """

    name: str
    tag: str
    value: Scalar
    on: AccessVerdict
    readers: frozenset[str]
    groups: frozenset[str]
    pulse: float | None
    after: Scalar


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be written back, and when (mono)."""

    at: float
    value: Scalar
    name: str


class _TagWriter:
    """Writes one tag: the newest badge's value, and what takes a pulse back."""

    def __init__(self, tag: str, gate: CommandGate, clock: Clock, tasks: TaskGroup) -> None:
        self.tag = tag
        self._gate = gate
        self._clock = clock
        self._tasks = tasks
        self._pending: tuple[BadgeWriteSettings, str] | None = None
        self._due: _Due | None = None
        self._over: _Due | None = None
        self._alarm: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._observed = self._closed = False
        self.problem = ""
        self.since = clock.wall()
        self.writes = 0
        self.failures = 0

    def fire(self, write: BadgeWriteSettings, reader: str) -> None:
        if self._closed:
            return
        self._pending = (write, reader)
        self._wake.set()

    def observe(self, value: Scalar, quality: int, pulses: Sequence[BadgeWriteSettings]) -> None:
        """The first good value tells whether an earlier run, that was killed, left a pulse on."""
        if self._observed or not is_good(quality):
            return
        self._observed = True
        for write in pulses:
            if value == write.value and self._due is None and self._pending is None:
                _log.warning("a pulse was left on by an earlier run: taking it back", tag=self.tag, name=write.name)
                self._arm(_Due(self._clock.mono(), write.after, write.name))

    async def run(self) -> None:
        """Run for ever."""
        while True:
            self._wake.clear()
            if self._pending is not None:
                (write, reader), self._pending = self._pending, None
                await self._begin(write, reader)
            elif self._due is not None and self._over is self._due:
                await self._take_back(self._due)
            else:
                await self._wake.wait()

    def _arm(self, due: _Due | None) -> None:
        """From now on `due` is what is to be written back."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._due = due
        if due is not None:
            self._alarm = self._tasks.spawn(f"pulse {self.tag}", lambda: self._ring(due))

    async def _ring(self, due: _Due) -> None:
        await self._clock.sleep_until(due.at)
        self._over = due
        self._wake.set()

    async def _begin(self, write: BadgeWriteSettings, reader: str) -> None:
        # What takes it back is armed first: a write whose reply is lost may have been carried out all the same.
        before, pulse = self._due, write.pulse
        self._arm(None if pulse is None else _Due(self._clock.mono() + pulse, write.after, write.name))
        verdict = await self._write(write.value, f"{reader} (badge_write {write.name})")
        if verdict.outcome is Outcome.REFUSED:
            self._arm(before)  # nothing was sent

    async def _take_back(self, due: _Due) -> None:
        verdict = await self._write(due.value, f"badge_write {due.name}")
        if not verdict.done:
            self._arm(_Due(self._clock.mono() + _RETRY_SECONDS, due.value, due.name))
        elif self._due is due:
            self._arm(None)

    async def _write(self, value: Scalar, actor: str) -> Verdict:
        verdict = await self._gate.submit(WriteTag(self.tag, value), AccessOrigin.of(actor))
        problem = "" if verdict.done else verdict.message or "the write failed"
        if problem:
            self.failures += 1
        self.writes += 1
        if bool(problem) != bool(self.problem):
            self.since = self._clock.wall()
            if problem:
                _log.error("a tag can't be written after a badge", tag=self.tag, reason=problem)
        self.problem = problem
        return verdict

    async def close(self) -> None:
        """Take a pulse back now: the gateway is stopping."""
        due, self._pending, self._closed = self._due, None, True
        self._arm(None)
        if due is not None:
            await self._write(due.value, "shutdown")


class BadgeWrites:
    """The `[[badge_write]]` entries: a ChangeSink for the tags, and a StatusSource."""

    def __init__(
        self,
        writes: Sequence[BadgeWriteSettings],
        tag_of: Callable[[str], int],
        gate: CommandGate,
        clock: Clock,
        tasks: TaskGroup,
    ) -> None:
        """`tag_of` gives the id of a tag's path."""
        self._writes = writes
        self._tasks = tasks
        self._writers = {write.tag: _TagWriter(write.tag, gate, clock, tasks) for write in writes}
        pulses = [write for write in writes if write.pulse is not None]
        self._pulses = {
            tag_of(path): (self._writers[path], [write for write in pulses if write.tag == path])
            for path in {write.tag for write in pulses}
        }

    def start(self) -> None:
        for writer in self._writers.values():
            self._tasks.spawn(f"badge_write {writer.tag}", writer.run, restart=True)

    async def close(self) -> None:
        """Take back every pulse that is on."""
        await asyncio.gather(*(writer.close() for writer in self._writers.values()))

    def badge(self, reader: str, ruling: Ruling) -> None:
        """A badge was decided and answered. Returns at once."""
        for write in self._writes:
            if write.on is ruling.verdict and counts(reader, ruling, write.readers, write.groups):
                self._writers[write.tag].fire(write, reader)

    def changed(self, batch: Batch) -> None:
        for position, tag in enumerate(batch.tags):
            if (found := self._pulses.get(tag)) is not None:
                writer, pulses = found
                writer.observe(batch.values[position], batch.qualities[position], pulses)

    def status(self) -> Sequence[PartStatus]:
        """A tile for each tag that could not be written; none while all is well."""
        return [
            PartStatus(
                "badge_write",
                writer.tag,
                Health.FAILED,
                "not written",
                writer.since,
                reason=writer.problem,
                next_step="check the device of the tag; the next badge tries again",
                details={"writes": writer.writes, "failures": writer.failures},
            )
            for writer in self._writers.values()
            if writer.problem
        ]
