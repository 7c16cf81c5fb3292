"""Access decisions: how long one takes, and what many cards and rules cost in memory and at start."""

from __future__ import annotations

import gc
import random
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from bench.table import percentile, table
from plantgate.access.cardkey import random_key
from plantgate.access.decide import Rulebook
from plantgate.access.edit import edit
from plantgate.access.presence import PresenceBook
from plantgate.access.store import AccessStore
from plantgate.model.access import (
    AccessData,
    AntiPassback,
    Calendar,
    Card,
    Effect,
    Group,
    Holder,
    Holiday,
    Hours,
    Passage,
    Put,
    Rule,
    Schedule,
    Zone,
)
from plantgate.runtime.clock import SystemClock

DECISIONS = 50_000
READERS, ZONES, GROUPS, SCHEDULES = 200, 50, 100, 20
START = 1_790_000_000_000_000


def main() -> None:
    rows: list[list[object]] = []
    sizes: list[list[object]] = []
    for cards in (1_000, 10_000, 100_000):
        for rules in (50, 500):
            data = make(cards, rules)
            rows.append([f"{cards:,} cards, {rules} rules", *decisions(data)])
        sizes.append([f"{cards:,} cards, 500 rules", *storage(make(cards, 500))])
    table(
        f"Access decisions, µs; {DECISIONS:,} badges of {READERS} readers, 3 a second, one in ten unknown",
        ["", "accepted", "median", "p99", "max", "first at a reader"],
        rows,
    )
    print()
    table(
        "Access data on disk and in memory",
        ["", "file MB", "memory MB", "load s", "one card ms", "of it on the loop µs", "1,000 cards ms"],
        sizes,
    )


def make(cards: int, rules: int) -> AccessData:
    """A plant: holders of one to three groups with a card each, and rules for some groups at some zones and hours."""
    dice = random.Random(f"{cards} {rules}")
    groups = [f"group {number}" for number in range(GROUPS)]
    zones = [f"zone {number}" for number in range(ZONES)]
    holders = [
        Holder(id=f"{number:06}", name=f"Holder {number}", groups=tuple(dice.sample(groups, dice.randint(1, 3))))
        for number in range(cards)
    ]
    ids = [f"{number:032x}" for number in range(cards)]
    made = [
        Rule(
            name=f"rule {number}",
            effect=Effect.DENY if number % 25 == 0 else Effect.ALLOW,
            groups=tuple(dice.sample(groups, 4)),
            zones=tuple(dice.sample(zones, 8)),
            schedule=f"shift {number % SCHEDULES}",
        )
        for number in range(rules)
    ]
    week = tuple(range(5))
    return AccessData(
        holders={holder.id: holder for holder in holders},
        cards={
            card: Card(id=card, last4=card[-4:], holder=holder.id) for card, holder in zip(ids, holders, strict=True)
        },
        groups={name: Group(name=name) for name in groups},
        zones={
            name: Zone(name=name, anti_passback=AntiPassback.SOFT, limit=5_000 if number % 2 else None)
            for number, name in enumerate(zones)
        },
        passages={f"reader {n}": Passage(reader=f"reader {n}", enters=zones[n % ZONES]) for n in range(READERS)},
        calendars={"Saxony": Calendar(name="Saxony", holidays=(Holiday(date="2026-12-25", yearly=True),))},
        schedules={
            f"shift {n}": Schedule(
                name=f"shift {n}",
                time_zone="Europe/Berlin",
                week=(Hours(days=week, start=n * 60, end=(n * 60 + 480) % 1_440),),
                calendar="Saxony",
            )
            for n in range(SCHEDULES)
        },
        rules=tuple(made),
    )


def decisions(data: AccessData) -> list[object]:
    """Each decision timed by itself; presence moves along as at a real door."""
    book, presence = Rulebook(data), PresenceBook(data.zones)
    dice = random.Random(1)
    cards = list(data.cards)
    badges = [
        (f"reader {dice.randrange(READERS)}", "f" * 32 if dice.random() < 0.1 else dice.choice(cards))
        for _ in range(DECISIONS)
    ]
    gc.collect()
    first = [_decide(book, f"reader {number}", cards[0], START, presence)[1] for number in range(READERS)]
    took: list[float] = []
    accepted = 0
    for number, (reader, card) in enumerate(badges):
        verdict, micros = _decide(book, reader, card, START + number * 333_333, presence)
        took.append(micros)
        accepted += verdict == "accepted"
    return [accepted, median(took), percentile(took, 0.99), max(took), median(first)]


def _decide(book: Rulebook, reader: str, card: str, at: int, presence: PresenceBook) -> tuple[str, float]:
    begin = time.perf_counter_ns()
    ruling = book.decide(reader, card, at, presence)
    return ruling.verdict, (time.perf_counter_ns() - begin) / 1_000


def storage(data: AccessData) -> list[object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state" / "access.sqlite"
        clock = SystemClock()
        store = AccessStore(path, clock)
        store.open()
        store.rewrite(data)
        store.close()
        size = path.stat().st_size / 1e6
        del data
        gc.collect()
        process = psutil.Process()
        before = process.memory_info().rss
        store = AccessStore(path, clock)
        begin = time.perf_counter()
        loaded = store.open().data
        book = Rulebook(loaded)
        load = time.perf_counter() - begin
        memory = (process.memory_info().rss - before) / 1e6
        one: list[float] = []
        many: list[float] = []
        swap: list[float] = []
        for number in range(20):
            for count, times in ((1, one), (1_000, many)):
                key = random_key()
                puts = [Put(Card(id=key.card_id(f"{number} {n}"), last4="0000", holder="000001")) for n in range(count)]
                begin = time.perf_counter()
                edited = edit(loaded, puts)
                new = Rulebook(edited.data, before=book)
                store.write(loaded, edited.data, edited.rows, clock.wall(), "bench")
                times.append((time.perf_counter() - begin) * 1e3)
                begin = time.perf_counter()
                loaded, book = edited.data, new
                swap.append((time.perf_counter() - begin) * 1e6)
        store.close()
    return [size, memory, load, median(one), median(swap), median(many)]


if __name__ == "__main__":
    main()
