"""The process that test_retained kills: writes a memory tag for ever and prints what is acknowledged.

python retain_writer.py DIR  ->  the number that is on disk, line by line
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from plantgate.model.command import Origin, WriteTag
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.gate import Gate
from plantgate.tags.retained import RetainedValues
from plantgate.tags.tree import TagTree


async def main(data: Path) -> None:
    clock = SystemClock()
    tag = TagDefinition("[default]Count", DataType.INT8, writable=True, persist=True, initial=0)
    tree = TagTree([tag], clock)
    retained = RetainedValues(data, tree, clock)
    tree.add_sink(retained)
    gate = Gate(tree, clock)
    gate.retained = retained
    await retained.start()
    TaskGroup("tags", clock).spawn("retained", retained.run)
    while True:
        number = int(str(tree.read(0).value)) + 1
        verdict = await gate.submit(WriteTag("Count", number), Origin("writer", may_write=True))
        assert verdict.done, verdict
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
