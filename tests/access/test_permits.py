from __future__ import annotations

import pytest

from plantgate.access.origin import AccessOrigin
from plantgate.access.permits import Permits, PermitSettings
from plantgate.model.access import Ruling, Why
from plantgate.model.badge import AccessVerdict
from plantgate.model.command import Origin
from plantgate.runtime.clock import ManualClock

ADA = Origin("ada", may_write=True)
SPEED = "[default]Line 1/Speed"


def ruling(
    *groups: str, verdict: AccessVerdict = AccessVerdict.ACCEPTED, holder: str = "Ada", holder_id: str = "P1"
) -> Ruling:
    return Ruling(verdict, Why.RULE, "", holder_id=holder_id, holder=holder, groups=groups)


def setup(
    *, once: bool = False, tags: tuple[str, ...] = (SPEED,), groups: tuple[str, ...] = ("setters",)
) -> PermitSettings:
    return PermitSettings("setup", tags, frozenset({"machine-1"}), frozenset(groups), 30.0, once=once)


@pytest.fixture
def permits(clock: ManualClock) -> Permits:
    return Permits([setup()], clock)


def test_a_tag_that_is_not_listed_needs_nothing(permits: Permits) -> None:
    assert permits.problem("[default]Line 1/Level", ADA) is None
    assert permits.permitted_by("[default]Line 1/Level", ADA) == ""


async def test_it_is_good_for_its_time_and_not_longer(permits: Permits, clock: ManualClock) -> None:
    needed = f"{SPEED} needs an accepted badge of setters at machine-1 within 30 s"
    assert permits.problem(SPEED, ADA) == needed
    permits.badge("machine-1", ruling("staff", "setters"))
    await clock.advance(30)
    assert permits.problem(SPEED, ADA) is None
    assert permits.problem(SPEED, ADA) is None, "as often as you like"
    assert permits.permitted_by(SPEED, ADA) == "Ada"
    await clock.advance(0.1)
    assert permits.problem(SPEED, ADA) == needed
    assert permits.permitted_by(SPEED, ADA) == ""


@pytest.mark.parametrize(
    ("reader", "shown"),
    [
        ("entrance", ruling("setters")),
        ("machine-1", ruling("staff")),
        ("machine-1", ruling()),
        ("machine-1", ruling("setters", verdict=AccessVerdict.DENIED)),
        ("machine-1", ruling("setters", holder="", holder_id="")),
    ],
)
def test_what_does_not_count(permits: Permits, reader: str, shown: Ruling) -> None:
    permits.badge(reader, shown)
    assert permits.problem(SPEED, ADA) is not None


@pytest.mark.parametrize("groups", [(), ("*",)])
def test_any_known_holder(clock: ManualClock, groups: tuple[str, ...]) -> None:
    permits = Permits([setup(groups=groups)], clock)
    permits.badge("machine-1", ruling(holder="", holder_id=""))
    assert permits.problem(SPEED, ADA) == f"{SPEED} needs an accepted badge at machine-1 within 30 s"
    permits.badge("machine-1", ruling())
    assert permits.problem(SPEED, ADA) is None


def test_once_is_once(clock: ManualClock) -> None:
    permits = Permits([setup(once=True)], clock)
    permits.badge("machine-1", ruling("setters"))
    assert permits.permitted_by(SPEED, ADA) == "Ada"
    assert permits.problem(SPEED, ADA) is None
    problem = permits.problem(SPEED, ADA)
    assert problem is not None
    assert problem.endswith("within 30 s for each write")
    permits.badge("machine-1", ruling("setters"))
    assert permits.problem(SPEED, ADA) is None


@pytest.mark.parametrize(
    ("path", "needs"),
    [
        ("[default]Line 1/Speed", True),
        ("[default]Line 1/Filler/Speed", True),
        ("[default]Line 1", False),
        ("[default]Line 10/Speed", False),
        ("[other]Line 1/Speed", False),
    ],
)
def test_a_folder_is_all_that_is_below_it(clock: ManualClock, path: str, needs: bool) -> None:
    permits = Permits([setup(tags=("[default]Line 1/*",))], clock)
    assert (permits.problem(path, ADA) is not None) is needs


def test_of_several_permits_one_will_do(clock: ManualClock) -> None:
    chief = PermitSettings(
        "chief", ("[default]Line 1/*",), frozenset({"*"}), frozenset({"chiefs", "owners"}), 300.0, once=False
    )
    permits = Permits([setup(), chief], clock)
    assert permits.problem(SPEED, ADA) == (
        f"{SPEED} needs an accepted badge of setters at machine-1 within 30 s, "
        "or an accepted badge of chiefs or owners at any reader within 300 s"
    )
    permits.badge("office", ruling("chiefs", holder="Grace", holder_id="P2"))
    assert permits.permitted_by(SPEED, ADA) == "Grace"
    assert permits.problem(SPEED, ADA) is None


def test_doors_and_effects_need_no_badge_and_nobody_can_pass_for_them(clock: ManualClock) -> None:
    permits = Permits([setup()], clock)
    assert permits.problem(SPEED, AccessOrigin.of("entrance")) is None
    permits.badge("machine-1", ruling("setters"))
    assert permits.permitted_by(SPEED, AccessOrigin.of("entrance")) == "", "not because of Ada"
    permits = Permits([setup()], clock)
    assert permits.problem(SPEED, Origin("access:entrance", may_write=True)) is not None
