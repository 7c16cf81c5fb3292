"""Where siblings meet: the Protocols of the tree (polling: seams_polling.py). Only `app.py` introduces them.

device -> drivers --BatchSink--> tags --ChangeSink--> historian, listeners
reader -> drivers --BadgeSink--> access --DecisionSink--> journal, listeners
listeners, access --CommandGate--> tags/gate --CommandTarget--> drivers
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from plantgate.model.access import (
    AccessChange,
    AccessData,
    CardImport,
    Explanation,
    Presence,
    Put,
    RecordedChange,
    Rule,
    WhatIf,
)
from plantgate.model.alarm import (
    EVERY_RECORD,
    AlarmCounts,
    AlarmDefinition,
    AlarmEvent,
    AlarmFilter,
    AlarmKey,
    AlarmRecord,
    Shelf,
)
from plantgate.model.badge import AccessDecision, BadgeRead, JournalEntry
from plantgate.model.command import AlarmCommand, Command, Origin, Verdict
from plantgate.model.gateway import PortChange
from plantgate.model.history import Series, StoreStats
from plantgate.model.journal import EVERY_ENTRY, ChainHead, ExportForm, JournalCheck, JournalFilter
from plantgate.model.status import PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.model.tagedit import ConfiguredTag, Conflict, EntryOrigin, TagEdit, TagsEdited
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


class AlarmTarget(Protocol):
    """The owner of the alarms: what the gate has allowed is in the journal, on disk, when the verdict says so."""

    async def execute(self, command: AlarmCommand, origin: Origin) -> Verdict: ...


class CommandGate(Protocol):
    """The one way back to a device: checks rights, writes the audit line, routes to the owner."""

    async def submit(self, command: Command, origin: Origin) -> Verdict: ...


class CommandListGate(CommandGate, Protocol):
    """The gate for whoever sends several commands at once."""

    async def submit_many(
        self, commands: Sequence[Command], origin: Origin, seconds: float | None = None
    ) -> list[Verdict]:
        """A verdict for each: devices side by side, those of one device in the order given.

        What was not begun within `seconds` is not sent. Raises Overload.
        """
        ...


class DecisionSink(Protocol):
    """Told of each access decision once it is on disk."""

    def decided(self, entry: JournalEntry) -> None: ...


class DecisionJournal(Protocol):
    """The durable badge journal."""

    async def append(self, decision: AccessDecision) -> JournalEntry:
        """Returns after fsync; raises StorageError if the entry is not on disk."""
        ...

    async def newest(
        self, limit: int, before: int | None = None, wanted: JournalFilter = EVERY_ENTRY
    ) -> Sequence[JournalEntry]:
        """Newest first, with ids below `before`."""
        ...

    def entries(self, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[Sequence[JournalEntry]]:
        """All that are stored now, oldest first, a group at a time."""
        ...

    def export(self, form: ExportForm, wanted: JournalFilter = EVERY_ENTRY) -> AsyncIterator[bytes]:
        """The same as a file with the hash of each entry; its last line holds the chain's head."""
        ...

    async def head(self) -> ChainHead: ...

    async def verify(self) -> JournalCheck:
        """Recompute the chain of hashes."""
        ...


class TagReader(Protocol):
    """The live tree, read side."""

    def definitions(self) -> Sequence[TagDefinition]:
        """By id. One that was removed stands there as a memory tag with its path: see `ids`."""
        ...

    def ids(self) -> Sequence[int]:
        """Of the tags that are there now."""
        ...

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


class AccessDesk(Protocol):
    """What people do with access data: look, change, ask why. Changes are on disk when the call returns."""

    @property
    def presence_revision(self) -> int:
        """Grows each time somebody enters or leaves a zone."""
        ...

    def data(self) -> AccessData:
        """The version that decisions are made from now."""
        ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` on the event loop after each change of the data or of a presence. It must return at once."""
        ...

    async def apply(self, changes: Sequence[AccessChange], origin: Origin, revision: int | None = None) -> AccessData:
        """All of `changes` or none. Raises ConfigError with every fault, Refused without rights.

        With `revision`: Refused ACC-202 if the data is no longer that version. A lockdown or its release that can't be
        stored is in force all the same, and StorageError ACC-206 says so.
        """
        ...

    async def changes(self, limit: int, before: int | None = None) -> Sequence[RecordedChange]:
        """Who changed what, newest first, with ids below `before`."""
        ...

    def card_id(self, credential: str) -> str:
        """The keyed hash of a card as a reader tells it, for asking and for adding cards. Raises StorageError."""
        ...

    def last4(self, credential: str) -> str:
        """What people see of it, for adding cards."""
        ...

    def enrol(self, event: JournalEntry, holder_id: str, label: str = "") -> Put:
        """The change that gives `holder_id` the unknown card of a denied badge. Raises Refused if it is known."""
        ...

    def explain(self, reader: str, card: str, at: int) -> Explanation:
        """Every check that a badge of `card` (its keyed hash) at `reader` at `at` would go through, and the verdict.

        Who is where is known for now only. Raises Refused for a time that no calendar shows.
        """
        ...

    def presences(self) -> Sequence[Presence]:
        """Who is in which zone now, by zone, the longest first."""
        ...

    async def forgive(self, holder_id: str, origin: Origin) -> None:
        """Forget where somebody is: their next badge is no passback. Raises Refused if there is no such holder."""
        ...

    async def what_if(self, rules: Sequence[Rule], since: int) -> WhatIf:
        """Decide the journal's events since then anew, with `rules` in place of those of now."""
        ...

    async def export_csv(self) -> str:
        """Every card with its holder; `import_csv` takes it back."""
        ...

    async def import_csv(
        self, data: bytes, origin: Origin, *, create: bool = False, dry_run: bool = False, revision: int | None = None
    ) -> CardImport:
        """Take over the rows of a CSV file, all or none. `create` allows new holders and groups.

        A row that is wrong is no error: the answer lists all of them.
        """
        ...


class HolderPictures(Protocol):
    """Pictures of holders by their ids. Every method but `has` raises StorageError."""

    def has(self, holder_id: str) -> bool: ...

    async def read(self, holder_id: str) -> bytes | None: ...

    async def write(self, holder_id: str, picture: bytes) -> None: ...

    async def remove(self, holder_id: str) -> None: ...


class WritePermits(Protocol):
    """Asked by the gate before a tag is written."""

    def problem(self, path: str, origin: Origin) -> str | None:
        """Why `path` may not be written now ("needs a badge of setters at machine-1 within 30 s"), None if it may.

        A permit that is good for one write is used up by it.
        """
        ...

    def permitted_by(self, path: str, origin: Origin) -> str:
        """Whose badge permits to write `path` now; empty if nobody's does, or none is needed."""
        ...


class AlarmBoard(Protocol):
    """The alarms of all tags: what is active or not acknowledged now, what is shelved, what was.

    People acknowledge and shelve through the command gate.
    """

    @property
    def revision(self) -> int:
        """Grows with every change of an event or a shelf."""
        ...

    def configured(self) -> Sequence[tuple[AlarmKey, AlarmDefinition]]:
        """Every alarm that is defined."""
        ...

    def live(self) -> Sequence[AlarmEvent]:
        """Events that are active or not acknowledged, shelved ones too, in no order."""
        ...

    def shelves(self) -> Sequence[Shelf]: ...

    def counts(self) -> AlarmCounts: ...

    def watch(self, changed: Callable[[Sequence[AlarmEvent]], None]) -> None:
        """Call `changed` on the event loop with the events that changed (none: a shelf did). It must return at once."""
        ...

    async def journal(
        self, limit: int, before: int | None = None, wanted: AlarmFilter = EVERY_RECORD
    ) -> Sequence[AlarmRecord]:
        """Newest first, with ids below `before`. Raises StorageError."""
        ...


class TagConfiguration(Protocol):
    """The definitions of tags, changed while everything runs: applied whole or not at all, and written to the files.

    With `revision` an edit is refused (Refused CFG-450) if the definitions are no longer those. What is wrong comes as
    TagFaults (a ConfigError with each fault by tag and key), files that were edited by hand as Refused CFG-413.
    """

    @property
    def revision(self) -> int:
        """Another number after each change, also after a restart."""
        ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` on the event loop after each change. It must return at once."""
        ...

    async def origins(self) -> Callable[[str], EntryOrigin]:
        """What a tag, by its full path, is made of."""
        ...

    async def instances(self) -> Collection[str]:
        """Full paths of the instances of types."""
        ...

    async def configured(self, path: str) -> ConfiguredTag | None:
        """None if there is no such tag."""
        ...

    async def edit(
        self, edit: TagEdit, origin: Origin, revision: int | None = None, *, dry_run: bool = False
    ) -> TagsEdited: ...

    async def import_tags(
        self,
        data: bytes,
        name: str,
        conflict: Conflict,
        origin: Origin,
        revision: int | None = None,
        *,
        into: str = "",
        file: str = "",
        dry_run: bool = False,
    ) -> TagsEdited:
        """`data` is a file, its format the ending of `name`; `into` is a folder for all paths."""
        ...

    async def export_tags(self, form: str, path: str = "") -> tuple[bytes, Sequence[tuple[str, str]]]:
        """A file (toml, json, csv, ignition) with what is below `path`, and (path, reason) of what is not in it."""
        ...

    async def reload(self, origin: Origin) -> TagsEdited:
        """Take over what is in the files."""
        ...

    async def put_group(self, name: str, keys: Mapping[str, Any] | None, origin: Origin) -> None:
        """The tag group with these keys and no others; None takes it away."""
        ...
