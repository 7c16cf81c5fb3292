"""Scaling, engineering limits and deadband on the way into the tree, and the way back of writes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.model.command import DONE, Command, Origin, Outcome, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.tag import ScaleMode, Scaling, TagDefinition, TagKind
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import ManualClock
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

GOOD, BAD = int(Quality.GOOD), int(Quality.BAD_NOT_CONNECTED)
BEYOND = int(Quality.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED)
PLAIN = TagDefinition("[default]Level", DataType.FLOAT8, TagKind.DEVICE, "PLC1", "HR1")
LINEAR = Scaling(ScaleMode.LINEAR, 0, 27_648, 0, 100)


class Sink:
    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def changed(self, batch: Batch) -> None:
        self.batches.append(batch)

    def rows(self) -> list[tuple[int, Scalar, int, str]]:
        rows = [
            (tag, value, quality, batch.reason)
            for batch in self.batches
            for tag, value, quality in zip(batch.tags, batch.values, batch.qualities, strict=True)
        ]
        self.batches.clear()
        return rows


def tree_of(*definitions: TagDefinition) -> tuple[TagTree, Sink]:
    named = [replace(each, path=f"[default]T{number}") for number, each in enumerate(definitions)]
    tree, sink = TagTree(named, ManualClock()), Sink()
    tree.add_sink(sink)
    return tree, sink


def publish(tree: TagTree, *rows: tuple[int, Scalar], quality: int = GOOD, reason: str = "") -> None:
    count = len(rows)
    tree.publish(Batch([tag for tag, _ in rows], [each for _, each in rows], [quality] * count, [5] * count, 6, reason))


def scaled(scaling: Scaling, raw: Scalar, data_type: DataType = DataType.FLOAT8) -> Scalar:
    tree, _ = tree_of(replace(PLAIN, scaling=scaling, data_type=data_type))
    publish(tree, (0, raw))
    return tree.read(0).value


def test_linear() -> None:
    assert scaled(LINEAR, 13_824) == 50.0
    assert scaled(LINEAR, 30_000) == pytest.approx(108.507, abs=1e-3)
    assert scaled(replace(LINEAR, clamp=Bounds.HIGH), 30_000) == 100.0
    assert scaled(replace(LINEAR, clamp=Bounds.HIGH), -27_648) == -100.0
    assert scaled(replace(LINEAR, clamp=Bounds.LOW), -27_648) == 0.0
    assert scaled(replace(LINEAR, clamp=Bounds.BOTH), 30_000) == 100.0


def test_a_scale_that_falls() -> None:
    falling = Scaling(ScaleMode.LINEAR, 4, 20, 100, 0, Bounds.BOTH)
    assert scaled(falling, 4) == 100.0
    assert scaled(falling, 3) == 100.0
    assert scaled(falling, 25) == 0.0
    assert scaled(replace(falling, clamp=Bounds.LOW), 25) == 0.0


def test_square_root() -> None:
    root = Scaling(ScaleMode.SQUARE_ROOT, 4, 20, 0, 80)
    assert scaled(root, 8) == 40.0
    assert scaled(root, 20) == 80.0
    assert scaled(root, 3.9) == 0.0, "below the range nothing flows"


def test_bits_are_inverted() -> None:
    inverted = Scaling(ScaleMode.BIT_INVERSION)
    assert scaled(inverted, 0, DataType.INT2) == -1
    assert scaled(inverted, -32_768, DataType.INT2) == 32_767
    assert scaled(inverted, True, DataType.BOOLEAN) is False


def test_an_exponential_filter_begins_anew_after_a_gap() -> None:
    tree, sink = tree_of(replace(PLAIN, scaling=Scaling(ScaleMode.EXPONENTIAL_FILTER, factor=0.25)))
    for value in (10.0, 20.0, 20.0):
        publish(tree, (0, value))
    assert [row[1] for row in sink.rows()] == [10.0, 12.5, 14.375]
    publish(tree, (0, None), quality=BAD, reason="gone")
    publish(tree, (0, 30.0))
    assert [row[1:3] for row in sink.rows()] == [(14.375, BAD), (30.0, GOOD)]


def test_whole_numbers_stay_whole_and_what_does_not_fit_says_so() -> None:
    assert scaled(LINEAR, 13_900, DataType.INT2) == 50
    tree, _ = tree_of(replace(PLAIN, scaling=Scaling(ScaleMode.LINEAR, 0, 1, 0, 100), data_type=DataType.INT1))
    publish(tree, (0, 2))
    found = tree.read(0)
    assert (found.quality, found.value) == (Quality.ERROR_TYPE_CONVERSION, None)
    assert "data type" in found.reason


def test_bad_rows_and_texts_pass_as_they_are() -> None:
    tree, sink = tree_of(replace(PLAIN, scaling=LINEAR, deadband=5.0))
    publish(tree, (0, 27_648))
    publish(tree, (0, 1_000), quality=BAD, reason="gone")
    assert sink.rows() == [(0, 100.0, GOOD, ""), (0, 100.0, BAD, "gone")]
    publish(tree, (0, "what?"))
    assert sink.rows() == [(0, "what?", GOOD, "")]


def test_a_deadband_is_about_the_value_that_was_told_last() -> None:
    tree, sink = tree_of(replace(PLAIN, deadband=1.0))
    for value in (10.0, 10.6, 10.9, 11.2, 10.5, 10.2):
        publish(tree, (0, value))
    assert [row[1] for row in sink.rows()] == [10.0, 11.2, 10.2]
    publish(tree, (0, 10.3), quality=int(Quality.GOOD_PROVISIONAL))
    assert [row[1:3] for row in sink.rows()] == [(10.3, Quality.GOOD_PROVISIONAL)], "another quality is news"


def test_a_deadband_of_percent_is_one_of_the_engineering_range() -> None:
    tree, sink = tree_of(replace(PLAIN, deadband=1.0, deadband_mode=DeadbandMode.PERCENT, low=0, high=600))
    for value in (100.0, 105.9, 106.0):
        publish(tree, (0, value))
    assert [row[1] for row in sink.rows()] == [100.0, 106.0]


def test_a_deadband_knows_nan_and_a_tag_twice_in_a_batch() -> None:
    tree, sink = tree_of(replace(PLAIN, deadband=1.0), PLAIN)
    publish(tree, (0, 1.0), (1, 7.0), (0, 1.5), (0, 2.5), (0, 3.0), (0, math.nan))
    rows = sink.rows()
    assert [row[:2] for row in rows[:3]] == [(0, 1.0), (1, 7.0), (0, 2.5)]
    assert math.isnan(float(str(rows[3][1])))
    publish(tree, (0, math.nan))
    assert sink.rows() == []


def test_what_is_beyond_its_limits_is_uncertain_and_says_so() -> None:
    limited = replace(PLAIN, low=0, high=100, limit=Bounds.BOTH)
    tree, sink = tree_of(limited, PLAIN, replace(limited, limit=Bounds.HIGH))
    publish(tree, (0, 120.0), (1, 120.0), (2, -5.0))
    assert sorted(sink.rows()) == [
        (0, 120.0, BEYOND, "beyond the engineering range"),
        (1, 120.0, GOOD, ""),
        (2, -5.0, GOOD, ""),
    ]
    publish(tree, (0, 100.0), (0, 101.0), (0, 99.0))
    assert [row[1:3] for row in sink.rows()] == [(100.0, GOOD), (101.0, BEYOND), (99.0, GOOD)]
    assert tree.read(0).value == 99.0


def test_writes_are_unscaled() -> None:
    tree, _ = tree_of(
        replace(PLAIN, scaling=LINEAR), replace(PLAIN, scaling=Scaling(ScaleMode.SQUARE_ROOT, 4, 20, 0, 80))
    )
    assert tree.raw(0, 50.0) == (13_824, "")
    assert isinstance(tree.raw(0, 50.0)[0], int)
    assert tree.raw(1, 40.0) == (8, "")
    assert "square root" in tree.raw(1, -1.0)[1]
    value, _ = tree.raw(0, 33.3)
    assert value == pytest.approx(9_206.784)


def test_a_write_that_a_clamp_or_limit_would_change_is_refused() -> None:
    tree, _ = tree_of(
        replace(PLAIN, scaling=replace(LINEAR, clamp=Bounds.BOTH)),
        replace(PLAIN, low=0, high=10, limit=Bounds.BOTH),
        PLAIN,
    )
    assert tree.raw(0, 100.1) == (None, "100.1 is outside 0 to 100, its scaled range")
    assert tree.raw(1, 10.5)[1] == "10.5 is above 10, the end of its range"
    assert tree.raw(1, -0.5)[1] == "-0.5 is below 0, the end of its range"
    assert tree.raw(2, 1e9) == (1e9, "")


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.floats(0, 1),
    st.sampled_from([ScaleMode.LINEAR, ScaleMode.SQUARE_ROOT]),
)
def test_there_and_back(low: float, span: float, shown: float, height: float, share: float, mode: ScaleMode) -> None:
    scaling = Scaling(mode, low, low + span, shown, shown + height)
    tree, _ = tree_of(replace(PLAIN, scaling=scaling))
    value = shown + share * height
    raw, problem = tree.raw(0, value)
    assert problem == ""
    publish(tree, (0, raw))
    # Near zero a root is steep: the last digits of the raw range decide.
    room = max(abs(value), abs(height), 1e-6)
    digits = 1e-5 if mode is ScaleMode.LINEAR else 1e-2
    assert tree.read(0).value == pytest.approx(
        value, abs=room * digits + height * (1e-9 + (abs(low) / span * 1e-15) ** 0.5)
    )


class Device:
    """Registers that take whole numbers only."""

    def __init__(self) -> None:
        self.got: list[Scalar] = []

    async def execute(self, command: Command) -> Verdict:
        assert isinstance(command, WriteTag)
        self.got.append(command.value)
        return DONE if isinstance(command.value, int) else Verdict(Outcome.REFUSED, "MB-403", "a whole number")


async def test_a_write_reaches_the_device_as_raw_counts() -> None:
    tree, _ = tree_of(
        replace(PLAIN, scaling=replace(LINEAR, clamp=Bounds.BOTH), writable=True), replace(PLAIN, writable=True)
    )
    gate, device = Gate(tree, ManualClock()), Device()
    gate.add_device("PLC1", device)
    ada = Origin("ada", may_write=True)
    assert (await gate.submit(WriteTag("T0", 50), ada)).done
    assert (await gate.submit(WriteTag("T0", 33.3), ada)).done
    assert device.got == [13_824, pytest.approx(9_206.784), 9_207]
    assert (await gate.submit(WriteTag("T0", 101), ada)).code == "CMD-109"
    assert (await gate.submit(WriteTag("T1", 33.3), ada)).code == "MB-403", "unscaled: nobody asked for the nearest"
    assert len(device.got) == 4
