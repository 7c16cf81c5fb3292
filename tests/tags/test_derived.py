"""Expression, derived and reference tags: computed when something changes, each once, after its inputs."""

from __future__ import annotations

import pytest

from plantgate.model.command import Origin, Outcome, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.tag import Execution, TagDefinition, TagKind
from plantgate.model.value import Batch, DataType, Scalar, TagValue
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.derived import DerivedTags, formula_inputs
from plantgate.tags.fitting import fitted
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

GOOD, BAD = int(Quality.GOOD), int(Quality.BAD_NOT_CONNECTED)
ADA = Origin("ada", may_write=True)


def memory(path: str, initial: Scalar = 0.0, data_type: DataType = DataType.FLOAT8) -> TagDefinition:
    return TagDefinition(f"[default]{path}", data_type, initial=initial, writable=True)


def made(path: str, expression: str, data_type: DataType = DataType.FLOAT8, **more: object) -> TagDefinition:
    return TagDefinition(f"[default]{path}", data_type, TagKind.EXPRESSION, expression=expression, **more)  # type: ignore[arg-type]


def reference(path: str, source: str, data_type: DataType = DataType.FLOAT8) -> TagDefinition:
    return TagDefinition(f"[default]{path}", data_type, TagKind.REFERENCE, source=f"[default]{source}", writable=True)


def derived(path: str, source: str, expression: str, back: str = "") -> TagDefinition:
    return TagDefinition(
        f"[default]{path}",
        DataType.FLOAT8,
        TagKind.DERIVED,
        source=f"[default]{source}",
        expression=expression,
        write_expression=back,
        writable=bool(back),
    )


class World:
    def __init__(self, *definitions: TagDefinition) -> None:
        self.clock = ManualClock()
        self.tree = TagTree(definitions, self.clock)
        self.derived = DerivedTags(self.tree, {"default": 1.0, "slow": 10.0, "never": 0.0}, self.clock)
        self.tree.add_sink(self.derived)
        self.batches: list[Batch] = []
        self.tree.add_sink(self)
        self.gate = Gate(self.tree, self.clock)
        self.gate.derived = self.derived
        self.derived.settle()

    def changed(self, batch: Batch) -> None:
        self.batches.append(batch)

    def put(self, **values: Scalar) -> None:
        tags = [self.id(path) for path in values]
        count = len(tags)
        self.tree.publish(Batch(tags, list(values.values()), [GOOD] * count, [5] * count, 5))
        self.derived.settle()

    def id(self, path: str) -> int:
        tag = self.tree.find(path)
        assert tag is not None
        return tag

    def read(self, path: str) -> TagValue:
        return self.tree.read(self.id(path))

    def value(self, path: str) -> Scalar:
        return self.read(path).value


def test_an_expression_follows_its_inputs() -> None:
    world = World(memory("a", 2.0), memory("b", 3.0), made("sum", "{a} + {b}"), made("twice", "{sum} * 2"))
    assert world.value("twice") == 10.0
    world.put(a=5.0)
    assert (world.value("sum"), world.value("twice")) == (8.0, 16.0)


def test_each_is_computed_once_in_a_pass_and_told_in_one_batch() -> None:
    world = World(memory("a", 1.0), made("l", "{a} + 1"), made("r", "{a} + 2"), made("top", "{l} * {r}"))
    world.batches.clear()
    before = world.derived.evaluations
    world.put(a=2.0)
    assert world.derived.evaluations - before == 3
    assert [sorted(batch.tags) for batch in world.batches] == [[0], [1, 2, 3]]
    assert world.value("top") == 12.0


def test_what_no_expression_reads_moves_nothing() -> None:
    world = World(memory("a"), memory("b"), made("x", "{a}"))
    before = world.derived.evaluations
    world.put(b=2.0)
    assert world.derived.evaluations == before


def test_the_worst_quality_of_the_inputs_with_its_reason() -> None:
    world = World(memory("a", 1.0), memory("b", 1.0), made("sum", "{a} + {b}"), reference("r", "sum"))
    world.tree.publish(Batch([0], [None], [BAD], [5], 5, "connection refused"))
    world.derived.settle()
    for path in ("sum", "r"):
        assert world.read(path).quality == BAD
        assert "connection refused" in world.read(path).reason
    world.put(a=4.0)
    assert (world.value("r"), world.read("r").quality, world.read("r").reason) == (5.0, GOOD, "")


def test_a_circle_is_not_computed_and_says_so() -> None:
    world = World(
        memory("a", 1.0), made("x", "{y} + {a}"), made("y", "{x}"), made("after", "{x} + 1"), made("ok", "{a}")
    )
    assert world.read("x").quality == world.read("y").quality == Quality.ERROR_CYCLE_DETECTED
    assert world.read("after").quality >= Quality.BAD
    world.put(a=2.0)
    assert world.value("ok") == 2.0
    assert "x" in world.read("y").reason


def test_a_source_that_is_not_there() -> None:
    world = World(reference("r", "nobody"), made("x", "{nobody} + 1"))
    for path in ("r", "x"):
        assert world.read(path).quality == Quality.BAD_REFERENCE_NOT_FOUND
        assert "[default]nobody" in world.read(path).reason


def test_a_source_that_comes_later() -> None:
    world = World(memory("a"), made("x", "{late} + 1"))
    world.tree.add([memory("late", 4.0)])
    world.put(late=5.0)
    assert world.value("x") == 6.0


def test_a_reference_passes_value_time_and_quality_on() -> None:
    world = World(memory("a", 1.0), reference("r", "a"), reference("rr", "r"))
    world.tree.publish(Batch([0], [7.5], [int(Quality.GOOD_PROVISIONAL)], [1234], 2000))
    world.derived.settle()
    assert world.read("rr") == TagValue(7.5, int(Quality.GOOD_PROVISIONAL), 1234)


def test_a_derived_tag_sees_its_source_as_value() -> None:
    world = World(memory("litres", 10.0), memory("value", 99.0), derived("ml", "litres", "{value} * 1000"))
    assert world.value("ml") == 10_000.0


def test_properties_of_definitions_are_known_to_formulas() -> None:
    speed = TagDefinition("[default]speed", DataType.FLOAT8, unit="rpm", high=200.0, initial=50.0)
    world = World(
        speed, made("share", "{speed} / {speed.high} * 100"), made("unit", "{speed.EngUnit}", DataType.STRING)
    )
    assert (world.value("share"), world.value("unit")) == (25.0, "rpm")
    world = World(speed, derived("rest", "speed", "{value.high} - {value}", back="{value.high} - {value}"))
    assert world.value("rest") == 150.0
    rest = world.tree.definitions()[world.id("rest")]
    assert world.derived.source_value(rest, 20.0) == (180.0, "")


def test_a_folder() -> None:
    world = World(memory("L/a", 1.0), memory("L/b", 2.0), made("all", "sum({L/*})"))
    assert world.value("all") == 3.0
    world.tree.publish(Batch([1], [5.0], [GOOD], [5], 5))
    world.derived.settle()
    assert world.value("all") == 6.0


async def test_writes_pass_through_references_and_derived_tags() -> None:
    world = World(
        memory("a", 1.0),
        reference("r", "a"),
        derived("d", "r", "{value} * 10", "{value} / 10"),
        derived("root", "a", "{value}", "sqrt({value})"),
    )
    assert (await world.gate.submit(WriteTag("d", 50.0), ADA)).done
    world.derived.settle()
    assert [world.value(path) for path in ("a", "r", "d")] == [5.0, 5.0, 50.0]
    refused = await world.gate.submit(WriteTag("root", -1.0), ADA)
    assert (refused.outcome, refused.code) == (Outcome.REFUSED, "CMD-110")
    assert world.value("a") == 5.0


async def test_a_write_through_a_reference_asks_the_source_too() -> None:
    plain = TagDefinition("[default]a", DataType.INT2, initial=1)
    world = World(plain, reference("r", "a", DataType.INT2), reference("gone", "nobody"))
    refused = await world.gate.submit(WriteTag("r", 2), ADA)
    assert (refused.code, "[default]a" in refused.message) == ("CMD-104", True)
    assert (await world.gate.submit(WriteTag("gone", 2.0), ADA)).code == "CMD-103"


async def test_a_circle_of_references_can_not_be_written() -> None:
    world = World(reference("x", "y"), reference("y", "x"))
    assert (await world.gate.submit(WriteTag("x", 2.0), ADA)).code == "CMD-111"


async def test_it_runs_by_itself_and_by_the_clock() -> None:
    world = World(
        memory("a", 1.0),
        made("now", "{a} + 1"),
        made("slow", "{a} * 2", execute=Execution.RATE, group="slow"),
        made("never", "{a} * 3", execute=Execution.RATE, group="never"),
    )
    group = TaskGroup("tags", world.clock)
    group.spawn("run", world.derived.run)
    group.spawn("tick", world.derived.tick)
    await world.clock.advance(1)
    world.tree.publish(Batch([0], [5.0], [GOOD], [5], 5))
    await world.clock.advance(1)
    assert (world.value("now"), world.value("slow")) == (6.0, 2.0)
    await world.clock.advance(10)
    assert world.value("slow") == 10.0
    assert world.value("never") == 3.0, "only once, at the start"
    await group.stop()


async def test_many_are_computed_in_slices_and_others_have_a_turn() -> None:
    count = 2_000
    world = World(memory("a", 1.0), *(made(f"x{number}", "{a} + 1") for number in range(count)))
    world.batches.clear()
    group = TaskGroup("tags", world.clock)
    group.spawn("run", world.derived.run)
    world.tree.publish(Batch([0], [5.0], [GOOD], [5], 5))
    await world.clock.advance(0)
    assert [len(batch.tags) for batch in world.batches] == [1, 500, 500, 500, 500]
    await group.stop()


@pytest.mark.parametrize(
    ("value", "data_type", "expected"),
    [
        (2.6, DataType.INT2, 3),
        (True, DataType.INT4, 1),
        (3, DataType.FLOAT4, 3.0),
        (0.0, DataType.BOOLEAN, False),
        (True, DataType.STRING, "true"),
        (2.5, DataType.STRING, "2.5"),
        ((1, 2.6), DataType.INT4_ARRAY, (1, 3)),
        ("[1]", DataType.DOCUMENT, "[1]"),
    ],
)
def test_results_take_the_type_of_their_tag(value: Scalar, data_type: DataType, expected: Scalar) -> None:
    found = fitted(TagValue(value, GOOD, 1), data_type).value
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "data_type"),
    [
        ("x", DataType.FLOAT8),
        (40_000, DataType.INT2),
        ("yes", DataType.BOOLEAN),
        ((1,), DataType.STRING),
        (1, DataType.INT4_ARRAY),
        (float("nan"), DataType.INT4),
        (float("inf"), DataType.INT4),
    ],
)
def test_results_that_do_not_fit(value: Scalar, data_type: DataType) -> None:
    found = fitted(TagValue(value, GOOD, 1), data_type)
    assert (found.value, found.quality) == (None, Quality.ERROR_TYPE_CONVERSION)
    assert str(data_type) in found.reason


def test_formulas_are_checked_for_the_configuration() -> None:
    assert formula_inputs(made("L/x", "{./a} + {b}"), "expression") == ["[default]L/a", "[default]b"]
    assert "column" in str(formula_inputs(made("x", "{a} +"), "expression"))
    assert formula_inputs(derived("d", "a", "{value}", "{value} +"), "expression") == []
    assert isinstance(formula_inputs(derived("d", "a", "{value}", "{value} +"), "write_expression"), str)
