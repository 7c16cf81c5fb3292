"""The demo's people, the zone behind the entrance and the rules: written once, then anybody's to change."""

from __future__ import annotations

import asyncio
from pathlib import Path

from plantgate.access.desk import Desk
from plantgate.access.store import FILE_NAME
from plantgate.cli.demo_plant import CARDS, READERS
from plantgate.historian.journal import Journal
from plantgate.model.access import (
    EVERYWHERE,
    AccessChange,
    Calendar,
    Card,
    Group,
    Holder,
    Holiday,
    Hours,
    Passage,
    Put,
    ReplaceRules,
    Rule,
    Schedule,
    Zone,
)
from plantgate.model.command import Origin
from plantgate.runtime.clock import SystemClock

HALL = "Production hall"
_OPERATORS, _FIRE_BRIGADE, _VISITORS = "Operators", "Fire brigade", "Visitors"
_HOLDERS = (
    Holder(id="1001", name="Ada Lovelace", groups=(_OPERATORS, _FIRE_BRIGADE)),
    Holder(id="1002", name="Grace Hopper", groups=(_OPERATORS,)),
    Holder(id="1003", name="Linus Pauling", groups=(_VISITORS,), note="may use the filler, is let in by somebody"),
)
_WORKING_DAYS, _EVERY_DAY = (0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5, 6)


def write_access(directory: Path) -> None:
    """Write the demo's access data if there are none yet. Raises our errors."""
    if not (directory / "state" / FILE_NAME).exists():
        asyncio.run(_write(directory))


async def _write(directory: Path) -> None:
    clock = SystemClock()
    desk = Desk(directory, clock, Journal(directory, clock, lambda number: ("", number[-4:])))
    await desk.start()
    try:
        await desk.apply(_changes(desk), Origin("demo", may_write=True))
    finally:
        await desk.stop()


def _changes(desk: Desk) -> list[AccessChange]:
    entrance, filler = (reader.name for reader in READERS)
    people = {holder.name: holder for holder in _HOLDERS}
    cards = [
        Card(id=desk.card_id(number), last4=desk.last4(number), holder=people[name].id)
        for number, name in CARDS.items()
    ]
    return [
        Put(Group(name=_OPERATORS)),
        Put(Group(name=_FIRE_BRIGADE, in_lockdown=True, note="pass while a zone is locked down")),
        Put(Group(name=_VISITORS)),
        *(Put(holder) for holder in _HOLDERS),
        *(Put(card) for card in cards),
        Put(Zone(name=HALL, limit=12, reset_after=3_600.0)),
        Put(Passage(reader=entrance, enters=HALL)),
        Put(
            Calendar(name="Public holidays", holidays=(Holiday(date="2026-12-25", name="Christmas Day", yearly=True),))
        ),
        Put(
            Schedule(
                name="Guided tours",
                time_zone="UTC",
                week=(Hours(days=_WORKING_DAYS, start=9 * 60, end=16 * 60),),
                calendar="Public holidays",
            )
        ),
        Put(Schedule(name="Around the clock", time_zone="UTC", week=(Hours(days=_EVERY_DAY, start=0, end=24 * 60),))),
        ReplaceRules(
            (
                Rule(name="Operators everywhere", groups=(_OPERATORS,), readers=(EVERYWHERE,)),
                Rule(
                    name="Anybody at the filler", groups=(EVERYWHERE,), readers=(filler,), schedule="Around the clock"
                ),
                Rule(
                    name="Visitors on a tour",
                    groups=(_VISITORS,),
                    readers=(entrance,),
                    schedule="Guided tours",
                    enabled=False,
                    note="switch it on when a tour comes",
                ),
            )
        ),
    ]
