"""Alarms among the other parts of the tag engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from plantgate.config.tags.document import TagGroup
from plantgate.model.alarm import AlarmCounts, AlarmKey, AlarmMode, Priority
from plantgate.model.command import AcknowledgeAlarm, WriteTag
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import DataType
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.alarms import alarm_tag_definitions
from plantgate.tags.engine import TagEngine
from tests.conftest import Eventually
from tests.tags.alarms.plant import ADA, alarm

LEVEL = TagDefinition("[default]Level", DataType.FLOAT8, writable=True, persist=True, initial=0.0)


class Engine:
    def __init__(self, data: Path, *definitions: TagDefinition) -> None:
        clock = SystemClock()
        self.tasks = TaskGroup("gateway", clock)
        given = [*definitions, *alarm_tag_definitions(definitions)]
        self.tags = TagEngine(given, [TagGroup(name="default")], data, clock, self.tasks)

    async def start(self) -> TagEngine:
        await self.tags.start([])
        return self.tags

    async def stop(self) -> None:
        await self.tasks.stop()
        await self.tags.stop()


async def test_values_that_outlive_a_restart_are_judged_first(tmp_path: Path, eventually: Eventually) -> None:
    definition = replace(LEVEL, alarms=(alarm(),))
    engine = Engine(tmp_path, definition)
    tags = await engine.start()
    assert (await tags.gate.submit(WriteTag("Level", 81.0), ADA)).done
    await eventually(lambda: tags.alarms.counts().active == 1)
    before = list(tags.alarms.live())
    assert tags.status() == []
    await engine.stop()

    engine = Engine(tmp_path, definition)
    tags = await engine.start()
    assert list(tags.alarms.live()) == before, "cleared by no initial value, and the same event"
    assert (await tags.gate.submit(WriteTag("Level", 1.0), ADA)).done
    await eventually(lambda: tags.alarms.counts().active == 0)
    assert (await tags.gate.submit(AcknowledgeAlarm(before[0].id), ADA)).done
    assert tags.alarms.live() == []
    await engine.stop()


async def test_alarms_of_tags_that_are_made_of_others(tmp_path: Path, eventually: Eventually) -> None:
    twice = TagDefinition(
        "[default]Twice", DataType.FLOAT8, TagKind.EXPRESSION, expression="{Level} * 2", alarms=(alarm(),)
    )
    engine = Engine(tmp_path, LEVEL, twice)
    tags = await engine.start()
    assert (await tags.gate.submit(WriteTag("Level", 41.0), ADA)).done
    await eventually(lambda: tags.alarms.counts().active == 1)
    assert tags.alarms.live()[0].value == 82.0
    await engine.stop()


async def test_a_change_of_the_configuration(tmp_path: Path, eventually: Eventually) -> None:
    engine = Engine(tmp_path, LEVEL)
    tags = await engine.start()
    assert (await tags.gate.submit(WriteTag("Level", 81.0), ADA)).done
    assert not tags.alarms.started
    changed = tags.change([replace(LEVEL, alarms=(alarm(),))], [])
    paths = {tags.tree.definitions()[tag].path for tag in changed.fresh}
    assert "[default]Level/Alarms/High/Active" in paths
    assert "[default]Alarms/ActiveCount" in paths
    tags.tree.announce(changed.fresh)
    await eventually(lambda: tags.alarms.counts().active == 1)
    active = tags.tree.find("Level/Alarms/High/Active")
    assert active is not None
    await eventually(lambda: tags.tree.read(active).value)
    assert (await tags.gate.submit(AcknowledgeAlarm(tags.alarms.live()[0].id), ADA)).done
    low = alarm("Low", AlarmMode.BELOW, setpoint=90.0, priority=Priority.CRITICAL)
    changed = tags.change([replace(LEVEL, alarms=(low,))], [])
    assert active in changed.removed
    await asyncio.sleep(0)
    assert tags.alarms.counts() == AlarmCounts(1, 1, 0, Priority.CRITICAL)
    changed = tags.change([], ["[default]Level"])
    assert tags.alarms.counts() == AlarmCounts()
    assert [each for each, _ in tags.alarms.configured()] == list[AlarmKey]()
    await engine.stop()
