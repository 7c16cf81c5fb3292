"""The process that test_kill9_historian kills: stores points and badge events for ever and prints what is acknowledged.

    python history_writer.py DIR  ->  "H <count>" when points 0..count-1 of every tag are on disk, "J <id>" for an event

The limits are so low that blocks are made, the log is cut and slow tags are carried on all the time.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from plantgate.historian import store
from plantgate.historian.journal import Journal
from plantgate.historian.service import Historian, HistoryOptions
from plantgate.model.badge import AccessDecision, AccessVerdict
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import SystemClock

T0 = 1_700_000_000_000_000
STEP = 40
TAGS = [
    TagDefinition("[default]Count", DataType.INT8, history=True),
    TagDefinition("[default]Level", DataType.FLOAT8, history=True),
    TagDefinition("[default]State", DataType.STRING, history=True),
    TagDefinition("[default]Shift", DataType.INT4, history=True),
]
SHIFT_EVERY = 400


def batch(first: int) -> Batch:
    """Points `first` to `first + STEP - 1` of three tags, and one of the slow tag now and then."""
    tags: list[int] = []
    values: list[Scalar] = []
    times: list[int] = []
    for number in range(first, first + STEP):
        tags += [0, 1, 2]
        values += [number, number / 4, f"state {number}"]
        times += [T0 + number] * 3
        if number % SHIFT_EVERY == 0:
            tags.append(3)
            values.append(number // SHIFT_EVERY)
            times.append(T0 + number)
    return Batch(tags, values, [192] * len(tags), times, T0)


async def main(data: Path) -> None:
    store.HISTORY_SEAL_POINTS = 150  # type: ignore[attr-defined]
    store.HISTORY_LOG_ROWS = 25  # type: ignore[attr-defined]
    store.HISTORY_HOT_POINTS = 4_000  # type: ignore[attr-defined]
    clock = SystemClock()
    historian, journal = (
        Historian(data, clock, HistoryOptions(commit_ms=1)),
        Journal(data, clock, lambda number: (number, number)),
    )
    historian.register(list(enumerate(TAGS)))
    await historian.start()
    await journal.start()
    known = await historian.query("Count", 0, 1 << 61, 3)
    count = known.times[-1] - T0 + 1 if known.times else 0
    while True:
        historian.changed(batch(count))
        count += STEP
        entry = await journal.append(
            AccessDecision(
                reader="Gate",
                card=f"{count:032x}",
                last4=f"{count:08X}"[-4:],
                at=T0 + count,
                verdict=AccessVerdict.ACCEPTED,
                why="rule",
                reason="listed",
                holder="Ada",
            )
        )
        sys.stdout.write(f"J {entry.id}\n")
        await historian.flush()
        sys.stdout.write(f"H {count}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
