"""The process that test_kill9 kills: alarms come and go for ever, and it prints what is acknowledged.

    python alarm_writer.py DIR  ->  lines "ack EVENT" and "shelf NUMBER", each once it is on disk

Event n is acknowledged with the note "n"; the alarm Tn is shelved with the reason "n".
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from plantgate.model.alarm import AckMode, AlarmDefinition, AlarmKey, AlarmMode
from plantgate.model.command import AcknowledgeAlarm, Origin, ShelveAlarm
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.alarms import Alarms
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

COUNT = 20
HIGH = AlarmDefinition("High", AlarmMode.ABOVE, setpoint=80.0, ack=AckMode.MANUAL)


def definitions() -> list[TagDefinition]:
    return [
        TagDefinition(f"[default]T{number}", DataType.FLOAT8, initial=0.0, alarms=(HIGH,)) for number in range(COUNT)
    ]


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def main(data: Path) -> None:
    clock = SystemClock()
    tasks = TaskGroup("tags", clock)
    tree = TagTree(definitions(), clock)
    alarms = Alarms(tree, data, clock, tasks)
    tree.add_sink(alarms)
    gate = Gate(tree, clock)
    gate.alarms = alarms
    await alarms.start()
    writer, turn = Origin("writer", may_write=True), 0
    while True:
        turn += 1
        value, now = float(100 + turn if turn % 2 else turn % 50), clock.wall()
        tree.publish(Batch(range(COUNT), [value] * COUNT, [192] * COUNT, [now] * COUNT, now))
        await asyncio.sleep(0)
        for event in alarms.live()[:3]:
            if (await gate.submit(AcknowledgeAlarm(event.id, str(event.id)), writer)).done:
                say(f"ack {event.id}")
        number = turn % COUNT
        if (await gate.submit(ShelveAlarm(AlarmKey(f"[default]T{number}", "High"), 600.0, str(number)), writer)).done:
            say(f"shelf {number}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
