"""One alarm as a state machine: every mode, deadbands, delays, bad values, against a plain reference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.model.alarm import AlarmDefinition, AlarmMode
from plantgate.model.quality import Quality
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType, Scalar
from plantgate.tags.alarms.conditions import band_of
from plantgate.tags.alarms.watch import ChangeWatch, Watch

GOOD, BAD, INITIAL = int(Quality.GOOD), int(Quality.BAD_NOT_CONNECTED), int(Quality.UNCERTAIN_INITIAL_VALUE)
TAG = TagDefinition("[default]T", DataType.FLOAT8, low=0.0, high=200.0)
M = AlarmMode


def alarm(mode: AlarmMode, **more: object) -> AlarmDefinition:
    return AlarmDefinition("A", mode, **more)  # type: ignore[arg-type]


def states(definition: AlarmDefinition, values: list[Scalar], tag: TagDefinition = TAG) -> list[bool]:
    watch, found = Watch(definition, tag), []
    for value in values:
        watch.take(value, GOOD, 0.0)
        found.append(watch.active)
    return found


RANGE = {"low": 10.0, "high": 90.0}
TABLE: list[tuple[AlarmDefinition, list[tuple[Scalar, bool]]]] = [
    (alarm(M.EQUAL, setpoint=5), [(4, False), (5, True), (5.0, True), (6, False), ("5", False)]),
    (alarm(M.EQUAL, setpoint="stop"), [("go", False), ("stop", True), ("Stop", False)]),
    (alarm(M.EQUAL, setpoint=True), [(False, False), (True, True)]),
    (alarm(M.EQUAL, setpoint=5, deadband=2), [(4, False), (5, True), (6.9, True), (3.1, True), (7, False), (6, False)]),
    (alarm(M.NOT_EQUAL, setpoint=5), [(5, False), (4, True), (5, False)]),
    (alarm(M.ABOVE, setpoint=80), [(79.9, False), (80, True), (79.9, False), (math.inf, True), (-math.inf, False)]),
    (alarm(M.ABOVE, setpoint=80, inclusive=Bounds.HIGH), [(80, False), (80.1, True), (80, False)]),
    (
        alarm(M.ABOVE, setpoint=80, inclusive=Bounds.NONE, deadband=2),
        [(80, False), (81, True), (80, True), (78, False)],
    ),
    (alarm(M.ABOVE, setpoint=80, deadband=2), [(79, False), (81, True), (78.1, True), (78, False), (79, False)]),
    (alarm(M.BELOW, setpoint=20), [(20.1, False), (20, True), (20.1, False)]),
    (alarm(M.BELOW, setpoint=20, inclusive=Bounds.LOW), [(20, False), (19.9, True), (20, False)]),
    (alarm(M.BELOW, setpoint=20, deadband=2), [(19, True), (21.9, True), (22, False), (21, False)]),
    (
        alarm(M.ABOVE, setpoint=80, deadband=5, deadband_mode=DeadbandMode.PERCENT),
        [(81, True), (70.1, True), (70, False)],
    ),
    (alarm(M.BETWEEN, **RANGE), [(9.9, False), (10, True), (50, True), (90, True), (90.1, False)]),
    (alarm(M.BETWEEN, **RANGE, inclusive=Bounds.LOW), [(90, False), (10, True), (90, False)]),
    (alarm(M.BETWEEN, **RANGE, inclusive=Bounds.HIGH), [(10, False), (90, True)]),
    (alarm(M.BETWEEN, **RANGE, inclusive=Bounds.NONE), [(10, False), (90, False), (89, True)]),
    (alarm(M.BETWEEN, **RANGE, deadband=3), [(8, False), (10, True), (7.1, True), (92.9, True), (93, False)]),
    (alarm(M.OUTSIDE, **RANGE, inclusive=Bounds.NONE), [(10, False), (9.9, True), (90, False), (90.1, True)]),
    (alarm(M.OUTSIDE, **RANGE), [(10, True), (50, False), (90, True)]),
    (alarm(M.OUTSIDE, **RANGE, inclusive=Bounds.HIGH), [(10, False), (90, True)]),
    (alarm(M.OUTSIDE, **RANGE, deadband=3), [(9, True), (12.9, True), (13, False), (91, True), (87, False)]),
    (alarm(M.OUTSIDE, low=10.0), [(1e9, False), (9, True)]),
    (alarm(M.OUT_OF_RANGE), [(0, False), (-0.1, True), (200, False), (200.1, True), (1, False)]),
    (alarm(M.OUT_OF_RANGE, deadband=5), [(201, True), (195.1, True), (195, False)]),
    (alarm(M.BIT, bit=3), [(7, False), (8, True), (8.0, True), (-1, True), (0, False)]),
    (alarm(M.BIT), [(True, True), (False, False)]),
    (alarm(M.ON_CONDITION, expression="{value} > 1"), [(False, False), (True, True), (0, False), (2.5, True)]),
    (alarm(M.WHEN_TRUE), [(False, False), (True, True), (0, False), (0.5, True)]),
    (alarm(M.WHEN_FALSE), [(True, False), (False, True), (0.0, True), (1, False)]),
]


@pytest.mark.parametrize(("definition", "steps"), TABLE, ids=lambda each: getattr(each, "mode", ""))
def test_every_mode(definition: AlarmDefinition, steps: list[tuple[Scalar, bool]]) -> None:
    assert states(definition, [value for value, _ in steps]) == [active for _, active in steps]


def test_the_table_has_every_mode() -> None:
    apart = {M.BAD_QUALITY, M.ANY_CHANGE}  # tests of their own
    assert {definition.mode for definition, _ in TABLE} | apart == set(AlarmMode)


def test_bad_quality() -> None:
    watch = Watch(alarm(M.BAD_QUALITY), TAG)
    qualities = [GOOD, BAD, int(Quality.BAD_STALE), INITIAL, int(Quality.UNCERTAIN), BAD, INITIAL, GOOD]
    found = []
    for quality in qualities:
        watch.take(1.0, quality, 0.0)
        found.append(watch.active)
    assert found == [False, True, True, True, False, True, True, False], "what was before the first value says nothing"


@pytest.mark.parametrize("value", [math.nan, None, "text", (1, 2)])
@pytest.mark.parametrize("active", [False, True])
def test_what_cannot_be_compared_changes_nothing(value: Scalar, active: bool) -> None:
    for mode in (M.ABOVE, M.BELOW, M.BETWEEN, M.OUTSIDE, M.OUT_OF_RANGE, M.BIT, M.WHEN_TRUE, M.WHEN_FALSE):
        watch = Watch(alarm(mode, setpoint=5, low=1.0, high=2.0), TAG, active=active)
        assert not watch.take(value, GOOD, 0.0)
        assert watch.active is active


def test_without_a_setpoint_nothing_changes() -> None:
    for mode in (M.EQUAL, M.NOT_EQUAL, M.ABOVE, M.BELOW):
        assert states(alarm(mode), [1.0, 2.0]) == [False, False]


@pytest.mark.parametrize("bad", [BAD, int(Quality.ERROR_EXPRESSION_EVAL), INITIAL])
@pytest.mark.parametrize("active", [False, True])
def test_a_bad_value_neither_raises_nor_clears(bad: int, active: bool) -> None:
    watch = Watch(alarm(M.ABOVE, setpoint=80), TAG, active=active)
    assert not watch.take(0.0 if active else 100.0, bad, 0.0)
    assert watch.active is active


def test_a_delay_must_last() -> None:
    watch = Watch(alarm(M.ABOVE, setpoint=80, active_delay=5.0, clear_delay=2.0), TAG)
    assert not watch.take(81.0, GOOD, 100.0)
    assert watch.due == 105.0
    assert not watch.take(85.0, GOOD, 102.0), "still above: the delay goes on"
    assert not watch.pass_time(104.9)
    assert watch.pass_time(105.0)
    assert (watch.active, watch.value) == (True, 85.0)
    watch.take(79.0, GOOD, 110.0)
    watch.take(81.0, GOOD, 111.0)
    assert watch.due is None, "it came back"
    watch.take(79.0, GOOD, 112.0)
    assert watch.pass_time(114.0)
    assert not watch.active


def test_a_delay_begins_anew_after_a_bad_value() -> None:
    watch = Watch(alarm(M.ABOVE, setpoint=80, active_delay=5.0), TAG)
    watch.take(81.0, GOOD, 100.0)
    watch.take(81.0, BAD, 104.0)
    assert not watch.pass_time(106.0), "nobody knows whether it lasted"
    watch.take(81.0, GOOD, 107.0)
    assert watch.due == 112.0


def test_while_a_delay_runs_the_deadband_helps_nobody() -> None:
    watch = Watch(alarm(M.ABOVE, setpoint=80, active_delay=5.0, deadband=10), TAG)
    watch.take(81.0, GOOD, 100.0)
    watch.take(75.0, GOOD, 101.0)
    assert watch.due is None


def test_any_change() -> None:
    watch = ChangeWatch(alarm(M.ANY_CHANGE), TAG)
    steps: list[tuple[Scalar, int, bool]] = [
        (1.0, GOOD, False),  # the first value of all
        (1.0, GOOD, False),
        (2.0, GOOD, True),
        (9.0, BAD, False),
        (2.0, GOOD, False),
        (math.nan, GOOD, True),
        (math.nan, GOOD, False),
        ("a", GOOD, True),
    ]
    assert [watch.take(value, quality) for value, quality, _ in steps] == [changed for *_, changed in steps]


def test_a_small_change_is_none() -> None:
    watch = ChangeWatch(alarm(M.ANY_CHANGE, deadband=1), TAG)
    assert [watch.take(value, GOOD) for value in (0.0, 0.6, 0.9, 1.0, 1.5, 0.0)] == [
        False, False, False, True, False, True,
    ]  # fmt: skip


def test_percent_of_a_tag_without_range_are_units() -> None:
    definition = alarm(M.ABOVE, setpoint=80, deadband=5, deadband_mode=DeadbandMode.PERCENT)
    assert band_of(definition, TAG) == 10.0
    assert band_of(definition, replace(TAG, low=None)) == 5.0


# --- against a plain reference ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    seconds: float
    value: float
    quality: int


def holds(definition: AlarmDefinition, value: float, active: bool) -> bool:
    """The words of `AlarmDefinition`."""
    low, high, setpoint, band = definition.low, definition.high, definition.setpoint, definition.deadband
    assert isinstance(setpoint, float)
    assert low is not None
    assert high is not None
    at_low, at_high = (
        definition.inclusive in (Bounds.LOW, Bounds.BOTH),
        definition.inclusive in (Bounds.HIGH, Bounds.BOTH),
    )
    if definition.mode is M.ABOVE:
        return value > setpoint or (at_low and value == setpoint) or (active and setpoint - value < band)
    if definition.mode is M.BELOW:
        return value < setpoint or (at_high and value == setpoint) or (active and value - setpoint < band)
    if (at_low and value == low) or (at_high and value == high):
        return True
    if definition.mode is M.BETWEEN:
        return low < value < high or (active and low - value < band and value - high < band and band > 0)
    return value < low or value > high or (active and (value - low < band or high - value < band))


def reference(definition: AlarmDefinition, steps: list[Step], end: float) -> list[tuple[float, bool]]:
    """(time, active) of each turn, by looking at every half second."""
    turns: list[tuple[float, bool]] = []
    active, since = False, None
    moments = {step.seconds: step for step in steps}
    for tick in range(int(end * 2) + 1):
        now = tick / 2
        delay = definition.clear_delay if active else definition.active_delay
        if since is not None and now - since >= delay > 0:
            active, since = not active, None
            turns.append((now, active))
        step = moments.get(now)
        if step is None:
            continue
        if step.quality >= Quality.BAD or holds(definition, step.value, active) is active:
            since = None
        elif (definition.clear_delay if active else definition.active_delay) == 0:
            active, since = not active, None
            turns.append((now, active))
        elif since is None:
            since = now
    return turns


def of_machine(definition: AlarmDefinition, steps: list[Step], end: float) -> list[tuple[float, bool]]:
    watch, turns = Watch(definition, TAG), list[tuple[float, bool]]()

    def pass_time(now: float) -> None:
        due = watch.due
        if watch.pass_time(now):
            assert due is not None
            turns.append((due, watch.active))

    for step in steps:
        pass_time(step.seconds)
        if watch.take(step.value, step.quality, step.seconds):
            turns.append((step.seconds, watch.active))
    pass_time(end)
    return turns


values = st.one_of(st.integers(0, 12).map(float), st.sampled_from([2.5, 7.5]))


@settings(max_examples=600)
@given(
    st.builds(
        AlarmDefinition,
        name=st.just("A"),
        mode=st.sampled_from([M.ABOVE, M.BELOW, M.BETWEEN, M.OUTSIDE]),
        setpoint=st.just(6.0),
        low=st.just(4.0),
        high=st.just(9.0),
        inclusive=st.sampled_from(list(Bounds)),
        deadband=st.sampled_from([0.0, 1.0, 2.0]),
        active_delay=st.sampled_from([0.0, 0.5, 1.5]),
        clear_delay=st.sampled_from([0.0, 1.0, 2.0]),
    ),
    st.lists(st.tuples(st.integers(1, 6), values, st.sampled_from([GOOD, GOOD, GOOD, BAD])), max_size=25),
)
def test_the_machine_does_what_the_words_say(definition: AlarmDefinition, rows: list[tuple[int, float, int]]) -> None:
    steps, now = list[Step](), 0.0
    for halves_later, value, quality in rows:
        now += halves_later / 2
        steps.append(Step(now, value, quality))
    end = now + 5.0
    assert of_machine(definition, steps, end) == reference(definition, steps, end)
