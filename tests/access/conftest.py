"""A gate, a journal and a page that a test can look into, break and hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from plantgate.errors import StorageError
from plantgate.model.badge import AccessDecision, JournalEntry
from plantgate.model.command import DONE, Command, Origin, SignalReader, Verdict, WriteTag
from plantgate.model.journal import EVERY_ENTRY, ChainHead, ExportForm, JournalCheck, JournalFilter
from plantgate.runtime.clock import ManualClock


class FakeGate:
    """Notes every command with its time. `answer` decides what becomes of it; `hold` makes it wait."""

    def __init__(self, clock: ManualClock, order: list[str]) -> None:
        self._clock = clock
        self._order = order
        self.log: list[tuple[float, Command]] = []
        self.origins: list[Origin] = []
        self.answer: Callable[[Command], Verdict] = lambda _: DONE
        self.hold: Callable[[Command], asyncio.Event | None] = lambda _: None

    async def submit(self, command: Command, origin: Origin) -> Verdict:
        self.log.append((self._clock.mono() - 1_000, command))
        self.origins.append(origin)
        self._order.append("reply" if isinstance(command, SignalReader) else "strike")
        if (event := self.hold(command)) is not None:
            await event.wait()
        return self.answer(command)

    def writes(self) -> list[tuple[float, object]]:
        return [(when, command.value) for when, command in self.log if isinstance(command, WriteTag)]


class FakeJournal:
    def __init__(self, order: list[str]) -> None:
        self._order = order
        self.rows: list[AccessDecision] = []
        self.broken = False
        self.crashes = 0
        self.appending = 0
        self.disk: asyncio.Event | None = None

    async def append(self, decision: AccessDecision) -> JournalEntry:
        if self.disk is not None:
            self.appending += 1
            await self.disk.wait()
            self.appending -= 1
        if self.crashes:
            self.crashes -= 1
            raise ZeroDivisionError
        if self.broken:
            raise StorageError("HIS-301", "the disk is full", "free some space")
        self.rows.append(decision)
        self._order.append("journal")
        return JournalEntry(len(self.rows), decision)

    async def newest(
        self, limit: int, before: int | None = None, wanted: JournalFilter = EVERY_ENTRY
    ) -> Sequence[JournalEntry]:
        raise NotImplementedError

    def entries(self, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[Sequence[JournalEntry]]:
        raise NotImplementedError

    def export(self, form: ExportForm, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def head(self) -> ChainHead:
        raise NotImplementedError

    async def verify(self) -> JournalCheck:
        raise NotImplementedError


class FakePage:
    def __init__(self, order: list[str]) -> None:
        self._order = order
        self.entries: list[JournalEntry] = []

    def decided(self, entry: JournalEntry) -> None:
        self._order.append("page")
        self.entries.append(entry)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(mono=1_000.0)


@pytest.fixture
def order() -> list[str]:
    return []


@pytest.fixture
def gate(clock: ManualClock, order: list[str]) -> FakeGate:
    return FakeGate(clock, order)


@pytest.fixture
def journal(order: list[str]) -> FakeJournal:
    return FakeJournal(order)


@pytest.fixture
def page(order: list[str]) -> FakePage:
    return FakePage(order)
