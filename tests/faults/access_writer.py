"""The process that test_kill9_access kills: changes access data for ever and prints what is acknowledged.

    python access_writer.py DIR  ->  the revision that is on disk, line by line

Revision n has holder n, and holder n - 20 no more: a file that holds half of a change is told from a whole one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from plantgate.access.desk import Desk
from plantgate.historian.journal import Journal
from plantgate.model.access import AccessChange, AccessKind, Card, Holder, Put, Remove
from plantgate.model.command import Origin
from plantgate.runtime.clock import SystemClock

KEPT = 20


def changes(revision: int) -> Sequence[AccessChange]:
    new: list[AccessChange] = [
        Put(Holder(id=str(revision), name=f"Holder {revision}")),
        Put(Card(id=f"{revision:032x}", last4=f"{revision % 10_000:04}", holder=str(revision))),
    ]
    old = revision - KEPT
    if old > 0:
        new += [Remove(AccessKind.CARDS, f"{old:032x}"), Remove(AccessKind.HOLDERS, str(old))]
    return new


async def main(data: Path) -> None:
    clock = SystemClock()
    desk = Desk(data, clock, Journal(data, clock, lambda number: (number, number)))
    await desk.start()
    while True:
        revision = desk.data().revision + 1
        await desk.apply(changes(revision), Origin("writer", may_write=True))
        sys.stdout.write(f"{revision}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
