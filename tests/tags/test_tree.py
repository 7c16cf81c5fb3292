from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from plantgate.errors import ConfigError, Overload, UsageError
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.ageing import Ageing
from plantgate.tags.tree import TagTree

GOOD, BAD = int(Quality.GOOD), int(Quality.BAD_NOT_CONNECTED)


class Sink:
    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def changed(self, batch: Batch) -> None:
        self.batches.append(batch)

    def rows(self) -> list[tuple[int, Scalar, int, int, str]]:
        """Every row that was told since the last call."""
        rows = [
            (tag, value, quality, when, batch.reason)
            for batch in self.batches
            for tag, value, quality, when in zip(batch.tags, batch.values, batch.qualities, batch.times, strict=True)
        ]
        self.batches.clear()
        return rows


def device_tag(path: str, group: str = "default", device: str = "PLC1") -> TagDefinition:
    return TagDefinition(f"[default]{path}", DataType.FLOAT8, TagKind.DEVICE, device, "HR1", group=group)


def row(tag: int, value: Scalar, quality: int = GOOD, at: int = 5, reason: str = "") -> Batch:
    return Batch([tag], [value], [quality], [at], at, reason)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tree(clock: ManualClock) -> TagTree:
    memory = TagDefinition("[default]Setpoint", DataType.INT4, initial=7)
    return TagTree([device_tag("a"), device_tag("b"), device_tag("c", "fast"), memory], clock)


@pytest.fixture
def sink(tree: TagTree) -> Sink:
    sink = Sink()
    tree.add_sink(sink)
    return sink


def test_before_any_value(tree: TagTree) -> None:
    first = tree.read(0)
    assert (first.value, first.quality) == (None, Quality.UNCERTAIN_INITIAL_VALUE)
    assert first.reason == "no value has arrived yet"
    memory = tree.read(3)
    assert (memory.value, memory.quality, memory.reason) == (7, Quality.GOOD, "")
    assert tree.good_count() == 1


def test_find_with_and_without_provider(tree: TagTree) -> None:
    assert tree.find("b") == tree.find("[default]b") == 1
    assert tree.find("[other]b") is None
    assert tree.find("") is None


def test_a_path_names_one_tag(clock: ManualClock) -> None:
    same = device_tag("a")
    with pytest.raises(ConfigError, match=r"\[default\]a"):
        TagTree([same, device_tag("b"), same], clock)
    with pytest.raises(ConfigError) as caught:
        TagTree([device_tag(f"t{number}") for number in range(1_000)] * 2, clock)
    assert len(caught.value.message) < 200


def test_only_changes_are_told_and_as_one_batch(tree: TagTree, sink: Sink) -> None:
    tree.publish(Batch([0, 1, 2], [1.0, 2.0, 3.0], [GOOD] * 3, [10, 11, 12], 13))
    assert len(sink.batches) == 1
    assert sink.batches[0].arrived == 13
    assert sink.rows() == [(0, 1.0, GOOD, 10, ""), (1, 2.0, GOOD, 11, ""), (2, 3.0, GOOD, 12, "")]
    tree.publish(Batch([0, 1, 2], [1.0, 2.5, 3.0], [GOOD] * 3, [20, 21, 22], 23))
    assert sink.rows() == [(1, 2.5, GOOD, 21, "")]
    tree.publish(Batch([0, 1, 2], [1.0, 2.5, 3.0], [GOOD] * 3, [30, 31, 32], 33))
    assert sink.batches == []
    assert [tree.read(tag).timestamp for tag in (0, 1, 2)] == [10, 21, 12]
    assert tree.changes == 4


def test_every_sink_is_told_and_batches_are_not_shared_with_the_driver(tree: TagTree, sink: Sink) -> None:
    second = Sink()
    tree.add_sink(second)
    values: list[Scalar] = [1.0]
    tree.publish(Batch([0], values, [GOOD], [1], 1))
    values[0] = 9.0
    assert sink.rows() == second.rows() == [(0, 1.0, GOOD, 1, "")]


def test_a_bad_row_keeps_the_last_value_and_says_why(tree: TagTree, sink: Sink) -> None:
    tree.publish(row(0, 42.0))
    sink.rows()
    tree.publish(row(0, None, BAD, 6, "connection refused"))
    assert sink.rows() == [(0, 42.0, BAD, 6, "connection refused")]
    held = tree.read(0)
    assert (held.value, held.quality, held.reason, held.timestamp) == (42.0, BAD, "connection refused", 6)
    tree.publish(row(0, None, BAD, 7, "connection refused"))
    tree.publish(row(0, 99.0, BAD, 8, "connection refused"))
    assert sink.rows() == []
    tree.publish(row(0, None, BAD, 9, "no answer"))
    assert sink.rows() == [(0, 42.0, BAD, 9, "no answer")]
    tree.publish(row(0, 42.0, GOOD, 10))
    assert sink.rows() == [(0, 42.0, GOOD, 10, "")]
    assert tree.read(0).reason == ""


def test_an_uncertain_value_changes_with_its_reason(tree: TagTree, sink: Sink) -> None:
    uncertain = int(Quality.UNCERTAIN)
    tree.publish(row(0, 1.0, uncertain, reason="first"))
    tree.publish(row(0, 2.0, uncertain, reason="second"))
    assert [each[4] for each in sink.rows()] == ["first", "second"]
    assert (tree.read(0).value, tree.read(0).reason) == (2.0, "second")


def test_a_nan_is_no_change_for_ever(tree: TagTree, sink: Sink) -> None:
    """NaN differs from itself: a float tag whose sensor is broken would fill the history at every poll."""
    tree.publish(row(0, math.nan))
    assert len(sink.rows()) == 1
    for _ in range(3):
        tree.publish(row(0, float("nan")))
    assert sink.rows() == []
    tree.publish(row(0, 1.0))
    tree.publish(row(0, float("nan")))
    assert len(sink.rows()) == 2
    assert math.isnan(float(str(tree.read(0).value)))


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), (0, False), (1, 1.0), (1.0, True), ("1", 1)])
def test_values_that_python_calls_equal_but_look_different_are_changes(
    tree: TagTree, sink: Sink, before: Scalar, after: Scalar
) -> None:
    tree.publish(row(0, before))
    sink.rows()
    tree.publish(row(0, after))
    ((_, value, *_),) = sink.rows()
    assert value is after or (value == after and type(value) is type(after))


def test_a_tag_twice_in_one_batch_tells_both_values(tree: TagTree, sink: Sink) -> None:
    tree.publish(Batch([0, 0], [1.0, 2.0], [GOOD, GOOD], [1, 2], 3))
    assert [(value, when) for _, value, _, when, _ in sink.rows()] == [(1.0, 1), (2.0, 2)]
    assert (tree.read(0).value, tree.read(0).timestamp) == (2.0, 2)


@pytest.mark.parametrize("short", [0, 1, 2, 3])
def test_columns_of_different_length_change_nothing(tree: TagTree, sink: Sink, short: int) -> None:
    columns: list[Sequence[int]] = [[0, 1], [1, 2], [GOOD, GOOD], [1, 2]]
    columns[short] = columns[short][:1]
    with pytest.raises(UsageError, match="TAG-102"):
        tree.publish(Batch(columns[0], columns[1], columns[2], columns[3], 1))
    assert sink.batches == []
    assert tree.read(0).quality == Quality.UNCERTAIN_INITIAL_VALUE


def test_stale_is_set_by_the_clock_once(tree: TagTree, sink: Sink, clock: ManualClock) -> None:
    limits = [(0, 2.0), (1, 2.0), (2, 10.0)]
    tree.publish(Batch([0, 2], [1.0, 2.0], [GOOD] * 2, [5, 5], 5))
    sink.rows()
    clock._move(clock.mono() + 2.0)
    assert tree.mark_stale(limits) == 0
    clock._move(clock.mono() + 0.1)
    assert tree.mark_stale(limits) == 1  # 1 never had a value, 2 has more time
    stale = tree.read(0)
    assert (stale.value, stale.quality, stale.timestamp) == (1.0, Quality.BAD_STALE, clock.wall())
    assert "two poll periods" in stale.reason
    assert [each[:3] for each in sink.rows()] == [(0, 1.0, Quality.BAD_STALE)]
    assert tree.mark_stale(limits) == 0
    tree.publish(row(0, 1.0))  # the same value is news after silence
    assert [each[:3] for each in sink.rows()] == [(0, 1.0, GOOD)]


def test_an_unchanged_value_that_is_polled_does_not_become_stale(tree: TagTree, sink: Sink, clock: ManualClock) -> None:
    for _ in range(10):
        tree.publish(row(0, 1.0))
        clock._move(clock.mono() + 1.5)
        assert tree.mark_stale([(0, 2.0)]) == 0
    assert len(sink.rows()) == 1


def test_a_drivers_own_reason_is_not_overwritten_by_the_clock(tree: TagTree, clock: ManualClock) -> None:
    tree.publish(row(0, None, BAD, reason="connection refused"))
    clock._move(clock.mono() + 100)
    assert tree.mark_stale([(0, 2.0)]) == 0
    assert tree.read(0).reason == "connection refused"


async def test_the_sweep_marks_polled_devices_only(tree: TagTree, clock: ManualClock) -> None:
    ageing = Ageing(tree, {"default": 3.0, "fast": 0.1}, clock)
    ageing.start(["PLC1"])
    tree.publish(Batch([0, 2], [1.0, 2.0], [GOOD] * 2, [5, 5], 5))
    group = TaskGroup("gateway", clock)
    group.spawn("ageing", ageing.run)
    await clock.advance(2)
    assert [tree.read(tag).quality for tag in (0, 2)] == [GOOD, Quality.BAD_STALE]
    await clock.advance(5)
    assert tree.read(0).quality == Quality.BAD_STALE
    await group.stop()


def test_the_cost_of_many_tags_is_linear(clock: ManualClock) -> None:
    """Ten times the tags must not cost a hundred times as much; processor time, so that others do not count."""

    def cost(count: int) -> float:
        tree = TagTree([device_tag(f"t{number}") for number in range(count)], clock)
        tree.add_sink(Sink())
        tags, times = list(range(count)), [5] * count
        limits = [(tag, 1.0) for tag in tags]
        begun = time.process_time()
        for number in range(3):
            tree.publish(Batch(tags, [float(number)] * count, [GOOD] * count, times, 5))
            tree.publish(Batch(tags, [None] * count, [BAD] * count, times, 5, "gone"))
            tree.mark_stale(limits)
        return time.process_time() - begun

    assert min(cost(20_000) for _ in range(2)) < 40 * max(min(cost(2_000) for _ in range(3)), 0.001)


# tags that come later


def test_tags_can_be_added_while_everything_runs() -> None:
    clock = ManualClock()
    tree, sink = TagTree([device_tag("Speed")], clock), Sink()
    tree.add_sink(sink)
    occupancy = TagDefinition("[default]Hall/Occupancy", DataType.INT4, initial=0)
    locked = TagDefinition("[default]Hall/Locked", DataType.BOOLEAN, initial=False)
    assert tree.add([occupancy, locked]) == [1, 2]
    assert tree.find("Hall/Locked") == 2
    assert (tree.read(1).value, tree.read(1).quality) == (0, GOOD)
    tree.publish(row(1, 5))
    assert sink.rows() == [(1, 5, GOOD, 5, "")]
    assert tree.add([locked, occupancy]) == [2, 1], "those that are there stay as they are"
    assert tree.read(1).value == 5
    assert len(tree.definitions()) == 3


def test_tags_of_any_kind_are_added_and_announced_by_the_caller(tree: TagTree, sink: Sink) -> None:
    (new,) = tree.add([device_tag("New")])
    assert tree.read(new).quality == Quality.UNCERTAIN_INITIAL_VALUE
    assert sink.rows() == []
    tree.announce([new])
    assert [row[0] for row in sink.rows()] == [new]


def test_a_removed_tag_is_told_once_and_its_id_is_nobody_elses(tree: TagTree, sink: Sink) -> None:
    tree.publish(row(0, 1.0))
    path, count = tree.definitions()[0].path, len(tree.definitions())
    tree.remove([0])
    tree.remove([0])
    assert [each[:3] for each in sink.rows()] == [(0, 1.0, GOOD), (0, 1.0, Quality.BAD_NOT_FOUND)]
    assert tree.find(path) is None
    assert 0 not in tree.ids()
    tree.publish(row(0, 5.0))  # a poll that was under way
    assert sink.rows() == []
    assert tree.add([device_tag("Other")]) == [count]
    assert tree.add([device_tag(path.partition("]")[2])]) == [0], "the same path is the same tag"
    assert list(tree.ids()) == list(range(count + 1))


def test_removed_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plantgate.tags.tree.TAGS_REMOVED", 1)
    tree = TagTree([device_tag("A"), device_tag("B")], ManualClock())
    with pytest.raises(Overload, match="TAG-105"):
        tree.remove([0, 1])
    assert tree.find("A") == 0
    tree.remove([0])
    with pytest.raises(Overload, match="TAG-105"):
        tree.remove([1])


def test_another_definition_keeps_the_value_while_it_is_one_of_the_same_source(tree: TagTree) -> None:
    tree.publish(row(0, 1.0))
    old = tree.definitions()[0]
    tree.replace(0, replace(old, description="new words"))
    assert (tree.read(0).value, tree.read(0).quality) == (1.0, GOOD)
    tree.replace(0, replace(old, address="HR999"))
    assert (tree.read(0).value, tree.read(0).quality) == (None, Quality.UNCERTAIN_INITIAL_VALUE)
    with pytest.raises(UsageError, match="TAG-103"):
        tree.replace(1, old)
