"""The plan: every point covered, every request legal, as few as there can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plantgate.drivers.modbus.address import Area, parse_address
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.planner import Point, plan
from plantgate.model.value import DataType

OPTIONS = ModbusOptions("plc")
ADDRESSES = st.builds(
    lambda name, number, tail: f"{name}{number}{':20' if name.endswith('S') and name != 'HRUS' else tail}",
    st.sampled_from(["C", "DI", "HR", "IR", "HRUS", "HRF", "IRD", "HRS", "HRUI_64"]),
    st.integers(1, 900),
    st.just(""),
)
POINTS = st.lists(st.tuples(ADDRESSES, st.integers(1, 3)), max_size=120).map(
    lambda rows: [Point(tag, unit, parse_address(text), DataType.INT4) for tag, (text, unit) in enumerate(rows)]
)
LIMITS = st.builds(
    lambda words, bits, gaps: ModbusOptions(
        "plc",
        span_gaps=gaps,
        max_holding_registers_per_request=words,
        max_input_registers_per_request=words,
        max_coils_per_request=bits,
        max_discrete_inputs_per_request=bits,
    ),
    st.integers(10, 125),
    st.integers(1, 2000),
    st.booleans(),
)


def points(designator: str, step: int, count: int) -> list[Point]:
    return [Point(tag, 1, parse_address(f"{designator}{1 + tag * step}"), DataType.FLOAT4) for tag in range(count)]


@given(POINTS, LIMITS)
def test_every_point_is_covered_once_and_every_request_is_legal(wanted: list[Point], options: ModbusOptions) -> None:
    blocks = plan(wanted, options)
    assert sorted(point.tag for block in blocks for point in block.points) == [point.tag for point in wanted]
    for block in blocks:
        limit = options.max_coils_per_request if block.area.has_bits else options.max_holding_registers_per_request
        assert 1 <= block.count <= limit
        assert block.stop <= 0x10000
        for point in block.points:
            assert (point.unit, point.address.area) == (block.unit, block.area)
            assert block.start <= point.address.start
            assert point.address.stop <= block.stop
        if not options.span_gaps:
            covered = {at for p in block.points for at in range(p.address.start, p.address.stop)}
            assert covered == set(range(block.start, block.stop))


@given(st.lists(st.integers(1, 600), min_size=1, max_size=40, unique=True), st.integers(1, 125))
def test_no_plan_needs_fewer_requests(numbers: list[int], limit: int) -> None:
    options = ModbusOptions("plc", max_holding_registers_per_request=limit)
    blocks = plan([Point(n, 1, parse_address(f"HR{n}"), DataType.INT2) for n in numbers], options)
    # Points that are further apart than one request reaches need a request each: a lower bound for any plan.
    apart, last = 0, -limit
    for number in sorted(numbers):
        if number - last >= limit:
            apart, last = apart + 1, number
    assert len(blocks) == apart


def test_known_sizes() -> None:
    assert len(plan(points("HR", 1, 1000), OPTIONS)) == 8
    # 62 floats fill 124 registers; a 63rd would be torn over two requests and could be of two moments.
    assert len(plan(points("HRF", 2, 1000), OPTIONS)) == 17
    assert len(plan(points("C", 1, 4000), OPTIONS)) == 2
    assert len(plan(points("HR", 2, 100), ModbusOptions("plc", span_gaps=False))) == 100
    assert len(plan(points("HR", 2, 100), OPTIONS)) == 2


def test_the_same_points_give_the_same_plan_in_any_order() -> None:
    some = points("HRF", 3, 90)
    assert plan(some, OPTIONS) == plan(list(reversed(some)), OPTIONS)


def test_units_and_areas_are_never_mixed() -> None:
    texts = ["HR1", "IR1", "C1", "DI1"]
    mixed = [Point(i, unit, parse_address(t), DataType.INT2) for i, t in enumerate(texts) for unit in (1, 2)]
    assert [(block.unit, block.area) for block in plan(mixed, OPTIONS)] == [
        (unit, area)
        for unit in (1, 2)
        for area in (Area.COILS, Area.DISCRETE_INPUTS, Area.HOLDING_REGISTERS, Area.INPUT_REGISTERS)
    ]
