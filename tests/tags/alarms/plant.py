"""A plant with alarms for tests: a tree, the alarms of its tags, a gate, and a clock that stands still."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from plantgate.model.alarm import AlarmDefinition, AlarmEvent, AlarmFilter, AlarmKey, AlarmMode, AlarmRecord
from plantgate.model.command import AcknowledgeAlarm, Origin, ShelveAlarm, UnshelveAlarm, Verdict
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime import sqlite_file
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.alarms import Alarms, alarm_tag_definitions
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

ADA = Origin("ada", may_write=True)
GOOD = int(Quality.GOOD)
BAD = int(Quality.BAD_NOT_CONNECTED)


def alarm(name: str = "High", mode: AlarmMode = AlarmMode.ABOVE, **more: object) -> AlarmDefinition:
    wanted: dict[str, object] = {"setpoint": 80.0} if mode is AlarmMode.ABOVE else {}
    return AlarmDefinition(name, mode, **(wanted | more))  # type: ignore[arg-type]


def tag(path: str, *alarms: AlarmDefinition, **more: object) -> TagDefinition:
    given: dict[str, object] = {"kind": TagKind.DEVICE, "device": "PLC1", "address": "HRF1"}
    return TagDefinition(f"[default]{path}", DataType.FLOAT8, alarms=alarms, **(given | more))  # type: ignore[arg-type]


def key(path: str, name: str = "High") -> AlarmKey:
    return AlarmKey(f"[default]{path}", name)


class World:
    """One run of a gateway on `data`."""

    def __init__(
        self,
        data: Path,
        *definitions: TagDefinition,
        clock: ManualClock | None = None,
        connect: sqlite_file.Connect = sqlite_file.connect,
        most: int = 5_000_000,
        keep_seconds: float = 365 * 86_400.0,
    ) -> None:
        self.clock = clock or ManualClock()
        self.tasks = TaskGroup("tags", self.clock)
        self.tree = TagTree([*definitions, *alarm_tag_definitions(definitions)], self.clock)
        self.alarms = Alarms(
            self.tree, data, self.clock, self.tasks, connect=connect, most=most, keep_seconds=keep_seconds
        )
        self.tree.add_sink(self.alarms)
        self.gate = Gate(self.tree, self.clock)
        self.gate.alarms = self.alarms
        self.told: list[Sequence[AlarmEvent]] = []
        self.alarms.watch(self.told.append)

    async def start(self) -> World:
        await self.alarms.start()
        return self

    async def stop(self) -> None:
        await self.tasks.stop()
        await self.alarms.stop()

    # the plant

    def put(self, quality: int = GOOD, /, **values: Scalar) -> None:
        """New values, looked at at once."""
        self.publish(quality, **values)
        self.alarms.engine.settle()

    def publish(self, quality: int = GOOD, /, **values: Scalar) -> None:
        tags = [self.id(path) for path in values]
        now, count = self.clock.wall(), len(tags)
        self.tree.publish(Batch(tags, list(values.values()), [quality] * count, [5] * count, now))

    def id(self, path: str) -> int:
        found = self.tree.find(path)
        assert found is not None, path
        return found

    async def passes(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    # what people see

    def shown(self) -> list[tuple[str, str]]:
        """(alarm name, state) of what is live, the oldest first."""
        return [(event.key.name, event.state.value) for event in self.live()]

    def live(self) -> list[AlarmEvent]:
        return sorted(self.alarms.live(), key=lambda event: event.id)

    async def lines(self, wanted: AlarmFilter | None = None, limit: int = 1_000) -> list[AlarmRecord]:
        """The journal, the oldest first, with all that waits."""
        await self.alarms.keeper.written()
        found = await self.alarms.journal(limit, None, wanted or AlarmFilter())
        return list(reversed(found))

    async def words(self) -> list[str]:
        return [line.change.name.lower() for line in await self.lines()]

    # what people do

    async def acknowledge(self, event: int, note: str = "") -> Verdict:
        return await self.gate.submit(AcknowledgeAlarm(event, note), ADA)

    async def shelve(self, alarm_key: AlarmKey, seconds: float = 3_600.0, reason: str = "") -> Verdict:
        return await self.gate.submit(ShelveAlarm(alarm_key, seconds, reason), ADA)

    async def unshelve(self, alarm_key: AlarmKey) -> Verdict:
        return await self.gate.submit(UnshelveAlarm(alarm_key), ADA)


class Disk:
    """A `connect` whose commits can be made to fail: `Disk().broken = sqlite3.SQLITE_FULL`."""

    def __init__(self) -> None:
        self.broken = 0
        self.opened = 0

    def connect(self, path: Path) -> sqlite3.Connection:
        self.opened += 1
        if self.broken == sqlite3.SQLITE_CANTOPEN:
            raise _error(self.broken)
        inner = sqlite_file.connect(path)
        return _Connection(inner, self)  # type: ignore[return-value]


class _Connection:
    def __init__(self, inner: sqlite3.Connection, disk: Disk) -> None:
        self._inner = inner
        self._disk = disk

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def execute(self, sql: str, *values: object) -> object:
        if self._disk.broken > 0 and sql == "COMMIT":
            raise _error(self._disk.broken)
        found = self._inner.execute(sql, *values)  # type: ignore[arg-type]
        if self._disk.broken < 0 and sql == "COMMIT":  # it is on disk, and nobody heard so
            raise _error(sqlite3.SQLITE_IOERR)
        return found


def _error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as told by the test")
    error.sqlite_errorcode = code
    return error


async def pass_time(clock: ManualClock) -> None:
    while True:
        await clock.advance(0.1)
        await asyncio.sleep(0.001)
