"""Access control put together, and tiles of what crashed: parts of the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from plantgate.access import cardkey
from plantgate.access.cardkey import CardKey
from plantgate.access.control import AccessControl
from plantgate.access.desk import Desk
from plantgate.access.door import Door, DoorSettings
from plantgate.access.effects import BadgeWrites, BadgeWriteSettings
from plantgate.access.permits import Permits, PermitSettings
from plantgate.access.pictures import Pictures
from plantgate.access.store import FILE_NAME as ACCESS_FILE
from plantgate.access.zonetags import AccessTags
from plantgate.config.badges import WithoutData
from plantgate.config.document import Configuration
from plantgate.errors import StorageError
from plantgate.historian.journal import Journal
from plantgate.model.access import EVERYWHERE
from plantgate.model.badge import JournalEntry
from plantgate.model.seams import DecisionSink
from plantgate.model.status import Health, PartStatus
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger
from plantgate.runtime.tasks import Crash, TaskGroup
from plantgate.runtime.worker import Worker
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

_log = get_logger("gateway")
# Readers wait so long for the access data; then they connect, and `[access] without_data` decides.
_OPEN_SECONDS = 5.0


class AccessParts:
    """Journal, desk, pictures, control, permits and tags.

    `start_opening`, then `start` before the readers connect; at the end `control.stop`, then `stop_stores`.
    """

    def __init__(
        self,
        configuration: Configuration,
        data_dir: Path,
        tree: TagTree,
        gate: Gate,
        sinks: Sequence[DecisionSink],
        tags_added: Callable[[], None],
        tag_of: Callable[[str], int],
        clock: Clock,
        tasks: TaskGroup,
    ) -> None:
        self._configuration = configuration
        self._tasks = tasks
        self._opening: asyncio.Task[None] | None = None
        self._data_dir = data_dir
        self._key: CardKey | None = None
        self.journal = Journal(data_dir, clock, self._hidden)
        self.desk = Desk(
            data_dir,
            clock,
            self.journal,
            cards=configuration.cards,
            readers=frozenset(reader.name for reader in configuration.readers),
            accept_without_data=configuration.access.without_data is WithoutData.ACCEPT,
        )
        self.pictures = Pictures(data_dir)
        doors = {
            door.name: Door(DoorSettings(door.name, door.strike, door.pulse), gate, clock)
            for door in configuration.doors
        }
        self.permits = Permits(_permits(configuration), clock)
        gate.permits = self.permits
        self.control = AccessControl(
            self.desk,
            {name: doors[door.name] for door in configuration.doors for name in door.readers},
            {tag_of(door.settings.strike): door for door in doors.values()},
            gate,
            self.journal,
            [*sinks, self],
            clock,
            tasks,
            writes=BadgeWrites(_writes(configuration), tag_of, gate, clock, tasks),
            permits=self.permits,
        )
        self.tags = AccessTags(tree, self.desk, self._counts, tags_added, clock)

    def _counts(self) -> Sequence[int]:
        return (self.journal.stored, self.journal.waiting, self.control.counters.unjournaled)

    def decided(self, _: JournalEntry) -> None:
        """DecisionSink: a badge is stored."""
        self.tags.touch()

    def _hidden(self, number: str) -> tuple[str, str]:
        """A card's number of an old journal as keyed hash and last characters. On a worker thread."""
        key = self._key or _key(self._data_dir)
        return key.card_id(number), cardkey.last4(number)

    # life

    def start_opening(self) -> None:
        """Open the journal and the access data, beside what else starts."""
        self._opening = self._tasks.spawn("open", self.open)

    async def open(self) -> None:
        """Journal and access data, and nothing that decides: also for commands while no gateway runs.

        An old journal, which takes its time to become one of the new format, holds up nobody who has access data.
        """
        worker = Worker("access-key")
        try:
            self._key = await worker.run(_key, self._data_dir)
        except StorageError:
            pass  # the desk meets the same, says so and tries again
        finally:
            await worker.close()
        await asyncio.gather(self.journal.start(), self.desk.start(), self.pictures.start())
        for what, names in _groups(self._configuration).items():
            if unknown := sorted(names - self.desk.data().groups.keys()):
                _log.warning(f"{what} names groups that the access data do not have", groups=", ".join(unknown))

    async def start(self) -> None:
        """When this returns readers may connect."""
        if self._opening is not None:
            await asyncio.wait({self._opening}, timeout=_OPEN_SECONDS)
            if not self._opening.done():
                _log.error("the access data are still being read: until then [access] without_data decides")
        self.control.start()
        if self._configuration.readers:
            self._tasks.spawn("tags", self.tags.run, restart=True)
            self._tasks.spawn("presence-ends", self.tags.tick, restart=True)

    async def stop_stores(self) -> None:
        """After `control.stop`."""
        await asyncio.gather(self.desk.stop(), self.pictures.stop())
        await self.journal.stop()

    def status(self) -> Sequence[PartStatus]:
        """Doors first."""
        return [*self.control.status(), *self.desk.status(), *self.journal.status()]


def crash_tiles(groups: Iterable[Sequence[Crash]]) -> list[PartStatus]:
    """The newest crash of each task: two tiles of one name can't be told apart."""
    return [
        PartStatus(
            "task",
            crash.task,
            Health.FAILED,
            "crashed",
            crash.at,
            crash.text,
            "a defect of plantgate: see wrapper.log and report it",
        )
        for crash in {crash.task: crash for crashes in groups for crash in crashes}.values()
    ]


def _key(data_dir: Path) -> CardKey:
    """The key of the cards; made where nothing needs an old one. Raises StorageError."""
    key = cardkey.load(data_dir)
    if key is None:
        if (data_dir / "state" / ACCESS_FILE).exists():
            raise cardkey.lost(data_dir, ACCESS_FILE)
        key = cardkey.create(data_dir)
    return key


def _writes(configuration: Configuration) -> list[BadgeWriteSettings]:
    return [
        BadgeWriteSettings(
            name=write.name,
            tag=write.tag,
            value=write.value,
            on=write.on,
            readers=frozenset(write.readers),
            groups=frozenset(write.groups),
            pulse=write.pulse,
            after=write.after,
        )
        for write in configuration.badge_writes
    ]


def _permits(configuration: Configuration) -> list[PermitSettings]:
    return [
        PermitSettings(
            name=permit.name,
            tags=permit.tags,
            readers=frozenset(permit.readers),
            groups=frozenset(permit.groups),
            within=permit.within,
            once=permit.once,
        )
        for permit in configuration.write_permits
    ]


def _groups(configuration: Configuration) -> Mapping[str, frozenset[str]]:
    """The groups that sections of plantgate.toml name."""
    named = {f"badge_write {write.name}": write.groups for write in configuration.badge_writes}
    named |= {f"write_permit {permit.name}": permit.groups for permit in configuration.write_permits}
    return {what: frozenset(groups) - {EVERYWHERE} for what, groups in named.items()}
