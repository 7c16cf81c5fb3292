"""The desk: where access data is kept, changed and asked. It implements `AccessDesk` and serves the decisions.

Decisions are made on the event loop from what is in memory; the disk is asked by nobody who stands at a door. A change
is judged and stored on a worker thread, then swapped in as a whole.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Final

from plantgate.access import cardkey, csvfile, trail, whatif
from plantgate.access.cardkey import CardKey
from plantgate.access.decide import NoData, Rulebook
from plantgate.access.edit import Edit, edit, is_lockdown
from plantgate.access.faults import LAST_MOMENT
from plantgate.access.keeper import Keeper
from plantgate.access.past import events_since, forgotten_before
from plantgate.access.presence import PresenceBook
from plantgate.access.tomlcards import TomlCard, hashed
from plantgate.config.document import Card as CardEntry
from plantgate.errors import Overload, PlantgateError, Refused, StorageError
from plantgate.limits import ACCESS_CHANGES_WAITING, ACCESS_RESTORED_EVENTS, ACCESS_WHAT_IF_EVENTS
from plantgate.model.access import (
    AccessChange,
    AccessData,
    AccessKind,
    Card,
    CardImport,
    Explanation,
    Presence,
    Put,
    RecordedChange,
    ReplaceRules,
    Rule,
    Ruling,
    WhatIf,
)
from plantgate.model.badge import AccessDecision, JournalEntry
from plantgate.model.command import Origin
from plantgate.model.seams import DecisionJournal
from plantgate.model.status import PartStatus
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker

_log = get_logger("access.desk")
_RETRY_SECONDS: Final = 5.0
_FIRST_MOMENT: Final = 86_400_000_000  # microseconds UTC: every time zone can show it


@dataclass(frozen=True, slots=True)
class _Request:
    changes: Sequence[AccessChange]
    origin: Origin
    revision: int | None
    answer: asyncio.Future[AccessData]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A change that is ready to be stored and swapped in; `gone` are holders that it removes."""

    edit: Edit
    rulebook: Rulebook
    lines: Sequence[str]
    gone: Sequence[str]


class Desk:
    """Implements `AccessDesk` and StatusSource. Every method is called on the event loop."""

    def __init__(
        self,
        data: Path,
        clock: Clock,
        journal: DecisionJournal,
        *,
        cards: Sequence[CardEntry] = (),
        readers: Collection[str] | None = None,
        accept_without_data: bool = False,
        zone: tzinfo | None = None,
        connect: sqlite_file.Connect = sqlite_file.connect,
    ) -> None:
        """`cards` are those of plantgate.toml, `readers` the names that rules may use (None: any).

        `zone` is the one of dates in reasons and files without an offset, None for this host's.
        """
        self._clock = clock
        self._journal = journal
        self._cards, self._readers = tuple(cards), readers
        self._accept, self._zone = accept_without_data, zone
        self._keeper = Keeper(data, clock, connect)
        self._helper = Worker("access-helper")
        self._tasks = TaskGroup("access-desk", clock)
        self._waiting: deque[Callable[[], Awaitable[None]]] = deque()
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._healing: asyncio.Task[None] | None = None
        self._running = self._loaded = False
        self._key: CardKey | None = None
        self._toml: dict[str, TomlCard] = {}
        self._rulebook = self._without_data("it is not loaded yet")
        self._presence = PresenceBook()
        self._watchers: list[Callable[[], None]] = []

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the data, and from the journal (which must be open) who is inside.

        Data that can't be read is a problem to show; it is tried again until it can.
        """
        self._running = True
        if not await self._load():
            self._tasks.spawn("load", self._load_later, restart=True)
        self._tasks.spawn("write", self._write, restart=True)

    async def stop(self) -> None:
        """Wait for the changes that wait for the disk, close the file, end the threads."""
        self._running = False
        await self._idle.wait()
        await self._tasks.stop()
        await self._keeper.stop(self._rulebook.data)
        await self._helper.close()

    async def _load_later(self) -> None:
        while not self._loaded:
            await self._clock.sleep(_RETRY_SECONDS)
            await self._load()

    async def _load(self) -> bool:
        try:
            loaded = await self._keeper.load()
        except StorageError as error:
            if self._key is None and await self._keeper.nothing_there():
                # A new installation whose disk takes nothing: it is known that there are no cards but the file's.
                self._use(cardkey.random_key(), AccessData())
            elif self._key is None:
                self._rulebook = self._without_data(error.message)
            return False
        data, lost = loaded.stored.data, loaded.stored.lost
        past = await self._past(data)
        self._presence = PresenceBook(data.zones)
        self._presence.restore(past, loaded.stored.pardons)
        self._use(loaded.key, data, NoData(f"it was damaged and is kept as {lost}", self._accept) if lost else None)
        self._loaded = True
        self._tell()
        return True

    def _without_data(self, problem: str) -> Rulebook:
        return Rulebook(AccessData(), no_data=NoData(problem, self._accept), zone=self._zone)

    def _use(self, key: CardKey, data: AccessData, no_data: NoData | None = None) -> None:
        self._key = key
        self._toml = hashed(self._cards, key)
        self._rulebook = Rulebook(data, self._toml, no_data=no_data, zone=self._zone)

    async def _past(self, data: AccessData) -> list[JournalEntry]:
        """The events that can still say where somebody is."""
        since = forgotten_before(self._clock.wall(), data.zones.values())
        return await events_since(self._journal, since, ACCESS_RESTORED_EVENTS) if data.passages else []

    # --- decisions --------------------------------------------------------------------------------------

    def rule(self, reader: str, credential: str, at: int) -> Ruling:
        """May whoever showed `credential` at `reader` pass at `at` (microseconds UTC)? Asks memory only."""
        card = self._key.card_id(credential) if self._key is not None else ""
        return self._rulebook.decide(reader, card, at, self._presence)

    def entered(self, decision: AccessDecision) -> None:
        """An accepted badge: its holder is beyond the reader from now on. Called before the next badge is decided."""
        self._moved(self._presence.entered, decision)

    def not_entered(self, decision: AccessDecision) -> None:
        """The reply or the door failed after all: the holder is where they were before."""
        self._moved(self._presence.not_entered, decision)

    def _moved(self, move: Callable[[AccessDecision], None], decision: AccessDecision) -> None:
        revision = self._presence.revision
        move(decision)
        if self._presence.revision != revision:
            self._tell()

    # --- AccessDesk: looking ----------------------------------------------------------------------------

    @property
    def presence_revision(self) -> int:
        return self._presence.revision

    def data(self) -> AccessData:
        return self._rulebook.data

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()

    def card_id(self, credential: str) -> str:
        if self._key is None:
            raise self._unusable()
        return self._key.card_id(credential)

    def last4(self, credential: str) -> str:
        return cardkey.last4(credential)

    def enrol(self, event: JournalEntry, holder_id: str, label: str = "") -> Put:
        decision = event.decision
        if not decision.card:
            raise Refused("ACC-208", f"badge event {event.id} has no card that could be enrolled")
        known = self._rulebook.data.cards.get(decision.card)
        if known is not None:
            raise Refused("ACC-208", f"the card …{known.last4} belongs to {known.holder} already", "change that card")
        return Put(Card(id=decision.card, last4=decision.last4, holder=holder_id, label=label))

    def explain(self, reader: str, card: str, at: int) -> Explanation:
        if not _FIRST_MOMENT <= at <= LAST_MOMENT:
            raise Refused("ACC-209", f"{printable(at)} is no time between 1970 and 9998", "give microseconds UTC")
        return self._rulebook.explain(reader, card, at, self._presence)

    def presences(self) -> Sequence[Presence]:
        return self._presence.all(self._clock.wall())

    async def changes(self, limit: int, before: int | None = None) -> Sequence[RecordedChange]:
        return await self._keeper.changes(limit, before)

    async def what_if(self, rules: Sequence[Rule], since: int) -> WhatIf:
        book = self._rulebook
        proposed = await self._helper.run(edit, book.data, [ReplaceRules(tuple(rules))], self._readers)
        entries = await events_since(self._journal, since, ACCESS_WHAT_IF_EVENTS)
        now, then = (Rulebook(data, self._toml, zone=self._zone) for data in (book.data, proposed.data))
        return await self._helper.run(whatif.simulate, now, then, entries, lambda: not self._running)

    async def export_csv(self) -> str:
        key = self._key
        if key is None:
            raise self._unusable()
        return await self._helper.run(csvfile.export, self._rulebook.data, key)

    # --- AccessDesk: changing ---------------------------------------------------------------------------

    async def apply(self, changes: Sequence[AccessChange], origin: Origin, revision: int | None = None) -> AccessData:
        self._may_change(origin)
        if len(self._waiting) >= ACCESS_CHANGES_WAITING:
            raise Overload("ACC-204", "too many changes of access data wait for the disk", "try again in a moment")
        request = _Request(tuple(changes), origin, revision, asyncio.get_running_loop().create_future())
        self._enqueue(lambda: self._answer(request))
        return await request.answer

    async def import_csv(
        self, data: bytes, origin: Origin, *, create: bool = False, dry_run: bool = False, revision: int | None = None
    ) -> CardImport:
        self._may_change(origin)
        key, now = self._key, self._rulebook.data
        assert key is not None  # else nobody may change
        if revision is not None and revision != now.revision:
            raise _outdated(revision, now)
        found = await self._helper.run(csvfile.read, data, now, key, create=create, zone=self._zone)
        summary, changes = found
        if summary.bad or dry_run or not changes:
            return csvfile.at_revision(summary, now.revision)
        applied = await self.apply(changes, origin, now.revision)
        return csvfile.at_revision(summary, applied.revision)

    async def forgive(self, holder_id: str, origin: Origin) -> None:
        self._may_change(origin)
        data, now = self._rulebook.data, self._clock.wall()
        if self._rulebook.holder(holder_id) is None:
            raise Refused("ACC-207", f"there is no holder {printable(holder_id)}")
        self._presence.forget(holder_id)
        self._tell()
        trail.note(origin, f"presence of {holder_id} forgiven")
        try:
            await self._keeper.pardon(holder_id, now, forgotten_before(now, data.zones.values()))
        except StorageError:
            self._heal()
            raise

    def _may_change(self, origin: Origin) -> None:
        if not origin.may_write:
            who = printable(origin.actor) or "nobody"
            raise Refused("ACC-201", f"{who} may look at access data but not change it", "sign in first")
        if not self._running or not self._loaded:
            raise self._unusable()

    def _unusable(self) -> StorageError:
        if self._keeper.problem is not None:
            return self._keeper.problem
        return StorageError("ACC-203", "access data can't be changed now", "the gateway is starting or stopping")

    def _enqueue(self, work: Callable[[], Awaitable[None]]) -> None:
        self._waiting.append(work)
        self._idle.clear()
        self._wake.set()

    async def _write(self) -> None:
        """One change after the other: each is judged against what the one before has left."""
        while True:
            while self._waiting:
                await self._waiting.popleft()()
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()

    def _heal(self) -> None:
        if self._healing is None or self._healing.done():
            self._healing = self._tasks.spawn("settle", self._settle)

    async def _settle(self) -> None:
        """Something failed half-way: write what memory says until the disk takes it."""
        while self._keeper.doubtful:
            await self._clock.sleep(_RETRY_SECONDS)
            if self._keeper.doubtful:
                self._enqueue(self._rewrite)
                await self._idle.wait()

    async def _rewrite(self) -> None:
        with contextlib.suppress(StorageError):  # on the tile, and tried again
            await self._keeper.rewrite(self._rulebook.data)

    async def _answer(self, request: _Request) -> None:
        failure: PlantgateError = StorageError("ACC-205", "the change was interrupted", "look whether it was made")
        try:
            data = await self._change(request)
        except PlantgateError as error:
            failure = error
        else:
            if not request.answer.done():
                request.answer.set_result(data)
        finally:
            if not request.answer.done():  # not given up by its caller
                request.answer.set_exception(failure)

    async def _change(self, request: _Request) -> AccessData:
        book = self._rulebook
        before = book.data
        if request.revision is not None and request.revision != before.revision:
            raise _outdated(request.revision, before)
        ready = await self._keeper.run(self._prepare, book, request.changes)
        if not ready.edit.rows:
            return before
        try:
            await self._keeper.write(before, ready.edit, printable(request.origin.actor))
        except StorageError as error:
            self._heal()
            if not all(is_lockdown(change) for change in request.changes):
                raise
            self._swap(ready, request.origin)
            text = f"it is in force now, but a restart would forget it: {error.message}"
            raise StorageError("ACC-206", text, error.hint) from error
        self._swap(ready, request.origin)
        return ready.edit.data

    def _prepare(self, book: Rulebook, changes: Sequence[AccessChange]) -> _Ready:
        """On the worker thread: everything that takes longer for a longer change. Raises ConfigError."""
        edited = edit(book.data, changes, self._readers)
        gone = [row.key for row in edited.rows if row.kind is AccessKind.HOLDERS and row.after is None]
        rulebook = Rulebook(edited.data, self._toml, zone=self._zone, before=book)
        return _Ready(edited, rulebook, trail.lines(edited.rows), gone)

    def _swap(self, ready: _Ready, origin: Origin) -> None:
        self._rulebook = ready.rulebook
        self._presence.use(ready.edit.data.zones)
        for holder_id in ready.gone:
            self._presence.forget(holder_id)
        trail.record(origin, ready.edit.data.revision, ready.lines)
        self._tell()

    # --- StatusSource -----------------------------------------------------------------------------------

    def status(self) -> Sequence[PartStatus]:
        """One tile."""
        no_data = self._rulebook.no_data
        lost = f"the access data were lost: {no_data.problem}" if no_data is not None else ""
        return [self._keeper.status(self._rulebook.data, lost, len(self.presences()))]


def _outdated(revision: int, now: AccessData) -> Refused:
    return Refused(
        "ACC-202",
        f"somebody has changed the access data meanwhile (revision {now.revision}, not {revision})",
        "look at them again and repeat the change",
    )
