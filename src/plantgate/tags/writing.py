"""Optimistic writes: a tag shows what was written at once, as Good_WritePending, until its device has it.

What the device says meanwhile is held back unless it is the written value, so that a poll with the old one does not
make the tag flicker. When it says the written value the tag is good again; when the time is over, or the device has
refused, the tag shows what the device has said last.

Pages see the written value. Whoever acts on a value or stores it (history, alarms, badge rules, tags made of others)
hears of the tag only once the device has answered: see `TagTree.add_sink` and `PendingWrites.settled`.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from plantgate.config.tags.document import TagGroup
from plantgate.model.quality import Quality
from plantgate.model.value import Batch, Scalar, TagValue
from plantgate.runtime.clock import Clock

if TYPE_CHECKING:
    from plantgate.tags.tree import TagTree

PENDING: Final = int(Quality.GOOD_WRITE_PENDING)
_SWEEP_SECONDS = 0.1  # so much later than its time a write may be given up
_FILLERS = " \0"
_FLOAT4_SHARE = 1e-6  # two Float4 that differ by less are neighbours


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """How the tags of a group are written (Ignition: readAfterWrite, optimisticWrites, its timeout in seconds)."""

    read_back: bool = False
    optimistic: bool = False
    timeout: float = 5.0


def write_policies(groups: Iterable[TagGroup]) -> dict[str, WritePolicy]:
    """By the names of the groups, for `Gate.policies`."""
    return {
        group.name: WritePolicy(group.read_after_write, group.optimistic_writes, group.optimistic_write_timeout)
        for group in groups
    }


class End(Enum):
    """How the wait for a device ended; `LOST`: the tag became bad."""

    CONFIRMED = 1
    EXPIRED = 2
    SUPERSEDED = 3
    LOST = 4
    WITHDRAWN = 5


class _Row(NamedTuple):
    """What the device has said, as it says it: not scaled."""

    value: Scalar
    quality: int
    time: int
    reason: str


@dataclass(slots=True, eq=False)
class Pending:
    """One write on its way. `expected` is what the device will say, `before` what the tag showed until now."""

    tag: int
    expected: Scalar
    before: TagValue
    raw_before: Scalar
    seconds: float
    deadline: float
    end: asyncio.Future[End]
    held: _Row | None = None

    def is_old(self, value: Scalar) -> bool:
        """Whether the device still says what it said before the write."""
        if isinstance(value, int | float) and isinstance(self.raw_before, int | float):
            return math.isclose(value, self.raw_before, rel_tol=_FLOAT4_SHARE)
        return value == self.raw_before


class PendingWrites:
    """All of them, by tag: one at most for each. `run` as an owned task."""

    def __init__(self, tree: TagTree, clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._waiting: dict[int, Pending] = {}
        self._begun = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, tag: int, value: Scalar, raw: Scalar, seconds: float) -> Pending | None:
        """Show `value`, and wait for the device to say `raw`. None where the tag is bad: it goes on saying why."""
        old = self._waiting.pop(tag, None)
        before = self._tree.read(tag) if old is None else old.before
        if old is not None:
            _set(old, End.SUPERSEDED)
        elif before.quality >= Quality.BAD:
            return None
        end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        raw_before, _ = self._tree.raw(tag, before.value)
        pending = Pending(tag, raw, before, raw_before, seconds, self._clock.mono() + seconds, end)
        pending.held = None if old is None else old.held
        self._waiting[tag] = pending
        self._tree.show(tag, TagValue(value, PENDING, self._clock.wall()))
        self._begun.set()
        return pending

    def withdraw(self, pending: Pending) -> None:
        """The device has not taken it: its own value comes back."""
        self._give_up(pending, End.WITHDRAWN)

    def accept(self, pending: Pending) -> None:
        """What the device has said last is true, whatever was written."""
        self._give_up(pending, End.CONFIRMED)

    def settled(self, tag: int) -> TagValue:
        """What the tag showed before a write that its device has not confirmed; without one what it shows now."""
        pending = self._waiting.get(tag)
        return self._tree.read(tag) if pending is None else pending.before

    # what devices say

    def concern(self, tags: Sequence[int]) -> bool:
        return bool(self._waiting) and not self._waiting.keys().isdisjoint(tags)

    def sifted(self, batch: Batch) -> Batch:
        """`batch` without what is held back."""
        rows = zip(batch.tags, batch.values, batch.qualities, batch.times, strict=True)
        passing = [row for row in rows if self._passes(_Row(row[1], row[2], row[3], batch.reason), row[0])]
        if len(passing) == len(batch.tags):
            return batch
        tags, values, qualities, times = zip(*passing, strict=True) if passing else ((), (), (), ())
        return replace(batch, tags=tags, values=values, qualities=qualities, times=times)

    def _passes(self, row: _Row, tag: int) -> bool:
        pending = self._waiting.get(tag)
        if pending is None:
            return True
        if row.quality >= Quality.BAD:
            self._give_up(pending, End.LOST)
            return True
        if _is_same(pending.expected, row.value):
            del self._waiting[tag]
            _set(pending, End.CONFIRMED)
            return True
        pending.held = row
        self._tree.heard(tag)
        return False

    # ends

    async def run(self) -> None:
        """Give up what was not confirmed in its time, for ever."""
        while True:
            await self._begun.wait()
            now = self._clock.mono()
            for pending in [each for each in self._waiting.values() if each.deadline <= now]:
                self._give_up(pending, End.EXPIRED)
            if self._waiting:
                await self._clock.sleep(_SWEEP_SECONDS)
            else:
                self._begun.clear()

    def _give_up(self, pending: Pending, end: End) -> None:
        if self._waiting.get(pending.tag) is not pending:
            return
        del self._waiting[pending.tag]
        _set(pending, end)
        shown, row = self._tree.read(pending.tag), pending.held
        if shown.quality == Quality.BAD_NOT_FOUND:
            return  # the tag is gone
        if shown.quality >= Quality.BAD:  # stale, say: it stays so, with the device's value
            self._tree.show(pending.tag, replace(shown, value=pending.before.value))
        elif shown.quality == PENDING and row is not None:
            arrived = self._clock.wall()
            self._tree.publish(Batch([pending.tag], [row.value], [row.quality], [row.time], arrived, row.reason))
        elif shown.quality == PENDING:
            self._tree.show(pending.tag, replace(pending.before, timestamp=self._clock.wall()))


def _set(pending: Pending, end: End) -> None:
    if not pending.end.done():  # whoever waited may have gone
        pending.end.set_result(end)


def _is_same(expected: Scalar, value: Scalar) -> bool:
    """Is `value`, as a device says it, what was written? Registers may hold a Float4, and texts are filled up."""
    if isinstance(expected, str) and isinstance(value, str):
        return expected.strip(_FILLERS) == value.strip(_FILLERS)
    return value == expected or (isinstance(expected, float) and value == _as_float4(expected))


def _as_float4(number: float) -> float | None:
    try:
        (rounded,) = struct.unpack(">f", struct.pack(">f", number))
    except OverflowError:
        return None
    return float(rounded)
