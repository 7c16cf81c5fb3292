"""Tags that are written because of a badge: in order, bounded, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from plantgate.access.effects import BadgeWrites, BadgeWriteSettings
from plantgate.access.origin import AccessOrigin
from plantgate.model.access import Ruling, Why
from plantgate.model.badge import AccessVerdict
from plantgate.model.command import DONE, Command, Outcome, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.value import Batch, Scalar
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from tests.access.conftest import FakeGate

LAMP = 5
ACCEPTED = Ruling(AccessVerdict.ACCEPTED, Why.RULE, "", holder_id="P1", holder="Ada", groups=("setters",))
DENIED = Ruling(AccessVerdict.DENIED, Why.UNKNOWN_CARD, "")
NO_PLC = Verdict(Outcome.FAILED, "MB-101", "PLC1 does not answer")


def write(
    name: str = "light",
    *,
    tag: str = "[default]Lamp",
    value: Scalar = True,
    on: AccessVerdict = AccessVerdict.ACCEPTED,
    readers: tuple[str, ...] = ("*",),
    groups: tuple[str, ...] = (),
    pulse: float | None = None,
    after: Scalar = None,
) -> BadgeWriteSettings:
    return BadgeWriteSettings(name, tag, value, on, frozenset(readers), frozenset(groups), pulse, after)


@dataclass
class Site:
    writes: BadgeWrites
    gate: FakeGate
    clock: ManualClock

    async def badge(self, ruling: Ruling = ACCEPTED, reader: str = "entrance") -> None:
        self.writes.badge(reader, ruling)
        await self.clock.advance(0)

    def told(self) -> list[tuple[float, str, Scalar]]:
        return [(when, each.path, each.value) for when, each in self.gate.log if isinstance(each, WriteTag)]


class Opener:
    """Makes sites, and ends their tasks."""

    def __init__(self, gate: FakeGate, clock: ManualClock) -> None:
        self._gate, self._clock = gate, clock
        self.tasks = TaskGroup("access", clock)

    async def __call__(self, *writes: BadgeWriteSettings) -> Site:
        found = BadgeWrites(writes, lambda _: LAMP, self._gate, self._clock, self.tasks)
        found.start()
        await self._clock.advance(0)
        return Site(found, self._gate, self._clock)


@pytest_asyncio.fixture
async def opened(gate: FakeGate, clock: ManualClock) -> AsyncIterator[Opener]:
    opener = Opener(gate, clock)
    yield opener
    await opener.tasks.stop()


async def test_a_badge_writes_its_tag_and_says_who_asked(opened: Opener) -> None:
    site = await opened(write(value=7))
    await site.badge()
    assert site.told() == [(0, "[default]Lamp", 7)]
    (origin,) = site.gate.origins
    assert isinstance(origin, AccessOrigin)
    assert (origin.actor, origin.may_write) == ("access:entrance (badge_write light)", True)


@pytest.mark.parametrize(
    ("settings", "reader", "ruling", "writes"),
    [
        (write(on=AccessVerdict.DENIED), "entrance", ACCEPTED, 0),
        (write(on=AccessVerdict.DENIED), "entrance", DENIED, 1),
        (write(), "entrance", DENIED, 0),
        (write(readers=("exit",)), "entrance", ACCEPTED, 0),
        (write(readers=("exit", "entrance")), "entrance", ACCEPTED, 1),
        (write(groups=("chiefs",)), "entrance", ACCEPTED, 0),
        (write(groups=("chiefs", "setters")), "entrance", ACCEPTED, 1),
        (write(groups=("*",)), "entrance", ACCEPTED, 1),
        (write(on=AccessVerdict.DENIED, groups=("*",)), "entrance", DENIED, 0),
    ],
)
async def test_whose_badge_counts(
    opened: Opener, settings: BadgeWriteSettings, reader: str, ruling: Ruling, writes: int
) -> None:
    site = await opened(settings)
    await site.badge(ruling, reader)
    assert len(site.told()) == writes


async def test_a_pulse_is_taken_back_and_a_second_badge_makes_it_longer(opened: Opener) -> None:
    site = await opened(write(value=3, pulse=5.0, after=0))
    await site.badge()
    await site.clock.advance(3)
    await site.badge()
    await site.clock.advance(20)
    assert site.told() == [(0, "[default]Lamp", 3), (3, "[default]Lamp", 3), (8, "[default]Lamp", 0)]


async def test_the_newest_badge_of_a_tag_wins(opened: Opener) -> None:
    """Green for 10 s, then red for 2 s after another badge: it is dark 2 s after that one."""
    site = await opened(
        write("green", value=1, pulse=10.0, after=0),
        write("red", value=2, on=AccessVerdict.DENIED, pulse=2.0, after=0),
    )
    await site.badge(ACCEPTED)
    await site.clock.advance(1)
    await site.badge(DENIED)
    await site.clock.advance(30)
    assert [(when, value) for when, _, value in site.told()] == [(0, 1), (1, 2), (3, 0)]


async def test_a_crowd_fills_no_queue(opened: Opener) -> None:
    """While the PLC is busy with one write, the newest badge waits and no other."""
    site = await opened(write("green", value=1), write("red", value=2, on=AccessVerdict.DENIED))
    busy = asyncio.Event()
    site.gate.hold = lambda _: busy
    await site.badge(ACCEPTED)
    for _ in range(100):
        await site.badge(ACCEPTED)
    await site.badge(DENIED)
    assert len(site.told()) == 1
    busy.set()
    await site.clock.advance(0)
    assert [value for _, _, value in site.told()] == [1, 2]


async def test_a_write_that_fails_is_shown_and_not_repeated(opened: Opener) -> None:
    site = await opened(write())
    site.gate.answer = lambda _: NO_PLC
    await site.badge()
    await site.clock.advance(60)
    assert len(site.told()) == 1
    (tile,) = site.writes.status()
    assert (tile.kind, tile.name, tile.reason) == ("badge_write", "[default]Lamp", "PLC1 does not answer")
    assert tile.details == {"writes": 1, "failures": 1}
    site.gate.answer = lambda _: DONE
    await site.badge()
    assert site.writes.status() == []


async def test_taking_a_pulse_back_is_repeated_until_it_is_done(opened: Opener) -> None:
    site = await opened(write(pulse=2.0, after=False))
    await site.badge()
    site.gate.answer = lambda _: NO_PLC
    await site.clock.advance(4.5)
    assert [value for _, _, value in site.told()] == [True, False, False, False]
    site.gate.answer = lambda _: DONE
    await site.clock.advance(10)
    assert [value for _, _, value in site.told()] == [True, False, False, False, False]
    assert site.writes.status() == []


async def test_a_write_that_was_refused_needs_nothing_taken_back_and_one_that_was_lost_does(opened: Opener) -> None:
    site = await opened(write(pulse=2.0, after=False))
    refused = Verdict(Outcome.REFUSED, "CMD-106", "the device is not running")
    site.gate.answer = lambda _: refused
    await site.badge()
    await site.clock.advance(5)
    assert [value for _, _, value in site.told()] == [True]
    site.gate.answer = lambda command: NO_PLC if _is(command, True) else DONE
    await site.badge()
    await site.clock.advance(5)
    assert [value for _, _, value in site.told()] == [True, True, False]


def _is(command: Command, value: Scalar) -> bool:
    return isinstance(command, WriteTag) and command.value is value


async def test_the_end_takes_a_pulse_back_at_once_and_nothing_comes_after_it(opened: Opener) -> None:
    site = await opened(write(pulse=60.0, after=False), write("other", tag="[default]Other"))
    await site.badge()
    await site.clock.advance(1)
    await site.writes.close()
    await site.badge()
    await site.clock.advance(100)
    assert [(when, path, value) for when, path, value in site.told()] == [
        (0, "[default]Lamp", True),
        (0, "[default]Other", True),
        (1, "[default]Lamp", False),
    ]


async def test_a_pulse_that_an_earlier_run_left_on_is_taken_back(opened: Opener) -> None:
    site = await opened(write(value=3, pulse=60.0, after=0))
    site.writes.changed(Batch([LAMP], [3], [Quality.BAD_STALE], [1], 1))
    await site.clock.advance(0)
    assert site.told() == []
    site.writes.changed(Batch([1, LAMP], [9, 3], [Quality.GOOD, Quality.GOOD], [1, 1], 1))
    await site.clock.advance(0)
    assert site.told() == [(0, "[default]Lamp", 0)]
    await site.badge()
    site.writes.changed(Batch([LAMP], [3], [Quality.GOOD], [1], 1))
    await site.clock.advance(1)
    assert [value for _, _, value in site.told()] == [0, 3], "what we wrote ourselves is no leftover"


async def test_other_values_are_nobody_s_leftovers(opened: Opener) -> None:
    site = await opened(write(value=3, pulse=60.0, after=0))
    site.writes.changed(Batch([LAMP], [2], [Quality.GOOD], [1], 1))
    site.writes.changed(Batch([LAMP], [3], [Quality.GOOD], [1], 1))
    await site.clock.advance(100)
    assert site.told() == []
