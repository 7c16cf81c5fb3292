"""Where siblings meet: every Protocol of the tree on one page. Only `app.py` introduces them to each other.

device -> drivers --BatchSink--> tags --ChangeSink--> historian, listeners
reader -> drivers --BadgeSink--> access --DecisionSink--> journal, listeners
listeners, access --CommandGate--> tags/gate --CommandTarget--> drivers
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plantgate.model.badge import AccessDecision, BadgeRead, JournalEntry
from plantgate.model.command import Command, Origin, Verdict
from plantgate.model.gateway import PortChange
from plantgate.model.history import Series, StoreStats
from plantgate.model.status import PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, TagValue


class BatchSink(Protocol):
    """Where drivers put what they read: the tag tree."""

    def publish(self, batch: Batch) -> None: ...


class ChangeSink(Protocol):
    """Told of every change of tags, in order, on the event loop. Must return at once: queue, don't work."""

    def changed(self, batch: Batch) -> None: ...


class BadgeSink(Protocol):
    """Where reader drivers put badges. Returns at once; the decision follows through the command gate."""

    def badge(self, read: BadgeRead) -> None: ...


class CommandTarget(Protocol):
    """The owner of a device or reader: carries out what the gate has allowed.

    For a reader the bytes are handed to the socket before the first await, so that the reply is not delayed.
    """

    async def execute(self, command: Command) -> Verdict: ...


class CommandGate(Protocol):
    """The one way back to a device: checks rights, writes the audit line, routes to the owner."""

    async def submit(self, command: Command, origin: Origin) -> Verdict: ...


class DecisionSink(Protocol):
    """Told of each access decision once it is on disk."""

    def decided(self, entry: JournalEntry) -> None: ...


class DecisionJournal(Protocol):
    """The durable badge journal."""

    async def append(self, decision: AccessDecision) -> JournalEntry:
        """Returns after fsync; raises StorageError if the entry is not on disk."""
        ...

    async def newest(self, limit: int, before: int | None = None) -> Sequence[JournalEntry]: ...


class TagReader(Protocol):
    """The live tree, read side."""

    def definitions(self) -> Sequence[TagDefinition]: ...

    def find(self, path: str) -> int | None: ...

    def read(self, tag: int) -> TagValue: ...


class HistoryReader(Protocol):
    async def query(
        self, path: str, start: int, end: int, max_points: int | None = None, *, seed: bool = False
    ) -> Series:
        """Points from `start` to `end`; with `seed` also the newest one before, which still held at `start`."""
        ...

    async def stats(self) -> StoreStats: ...


class StatusSource(Protocol):
    """A part that has tiles on the overview."""

    def status(self) -> Sequence[PartStatus]: ...


class Rebindable(Protocol):
    """A listener whose port can change while it runs."""

    port: int

    async def rebind(self, port: int) -> None:
        """The new port is open before the old one closes. Raises Unavailable, and is then as it was."""
        ...


class PortControl(Protocol):
    """Changes ports of the running gateway, for a while or for good."""

    async def change(self, name: str, port: int, revert_after: float | None, origin: Origin) -> PortChange:
        """`revert_after` seconds later the old port is back unless `confirm` came. Raises our errors."""
        ...

    async def confirm(self, name: str, origin: Origin) -> PortChange: ...

    def waiting(self) -> Sequence[PortChange]:
        """The changes that still wait to be confirmed."""
        ...
