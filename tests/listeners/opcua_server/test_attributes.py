from __future__ import annotations

import math
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from hypothesis import given as examples
from hypothesis import strategies as st

from plantgate.limits import OPCUA_NODES_PER_READ, OPCUA_NODES_PER_WRITE, OPCUA_READ_BYTES, WRITE_LIST_ITEMS
from plantgate.listeners.opcua_server.outcomes import status_of_verdict
from plantgate.listeners.opcua_server.space import nodes
from plantgate.listeners.opcua_server.space.rights import EVERYTHING, Rights
from plantgate.listeners.opcua_server.space.values import time_of
from plantgate.model.command import DONE, Outcome, Verdict
from plantgate.model.quality import Quality
from plantgate.model.value import DataType, Scalar
from plantgate.protocols.opcua.status import StatusError, status_of
from tests.listeners.opcua_server.space.plant import (
    ADA,
    STARTED,
    Plant,
    asked,
    everybody,
    given,
    node,
    refused,
    tag,
    variant,
)

A, C, V = AttributeIds, StatusCodes, ua.VariantType
SPEED, COUNT, NAME, ROW, TEXTS, FIXED = (
    f"[default]{name}" for name in ("Speed", "Count", "Name", "Row", "Texts", "Fixed")
)
TAGS = (
    tag("Speed", writable=True, initial=1.5),
    tag("Count", DataType.INT4, writable=True, initial=7),
    tag("Name", DataType.STRING, writable=True, initial="plantgate"),
    tag("Row", DataType.INT2_ARRAY, writable=True, initial=(1, 2, 3, 4)),
    tag("Texts", DataType.STRING_ARRAY, writable=True, initial=("plant", "gate")),
    tag("Fixed", DataType.BOOLEAN, initial=True),
)
# Part 3, clause 5: what a node of a class has to have.
_COMMON = {A.NodeId, A.NodeClass, A.BrowseName, A.DisplayName, A.Description, A.WriteMask, A.UserWriteMask}
_OF_CLASS = {
    nodes.OBJECT: {A.EventNotifier},
    nodes.VARIABLE: {
        A.Value, A.DataType, A.ValueRank, A.AccessLevel, A.UserAccessLevel, A.MinimumSamplingInterval, A.Historizing,
        A.AccessLevelEx,
    },
    nodes.METHOD: {A.Executable, A.UserExecutable},
    nodes.OBJECT_TYPE: {A.IsAbstract},
    nodes.VARIABLE_TYPE: {A.Value, A.DataType, A.ValueRank, A.IsAbstract},
    nodes.REFERENCE_TYPE: {A.IsAbstract, A.Symmetric},
    nodes.DATA_TYPE: {A.IsAbstract},
}  # fmt: skip
_OPTIONAL = {A.ArrayDimensions, A.InverseName}


@pytest.fixture
def plant() -> Plant:
    return Plant(TAGS)


# Read


def test_a_value_with_its_times(plant: Plant) -> None:
    plant.tree.put("Speed", 2.5, time=STARTED + 123_456)
    (found,) = plant.read(asked(node(SPEED)))
    assert found.Value == variant(2.5, V.Double)
    assert found.SourceTimestamp == time_of(STARTED + 123_456)
    assert found.ServerTimestamp == time_of(plant.clock.wall())


@pytest.mark.parametrize(
    ("stamps", "source", "server"),
    [
        (ua.TimestampsToReturn.Source, True, False),
        (ua.TimestampsToReturn.Server, False, True),
        (ua.TimestampsToReturn.Both, True, True),
        (ua.TimestampsToReturn.Neither, False, False),
    ],
)
def test_timestamps_to_return(plant: Plant, stamps: ua.TimestampsToReturn, source: bool, server: bool) -> None:
    found = plant.read(asked(node(SPEED)), asked(node(SPEED)), stamps=stamps)
    for each in found:
        assert (each.SourceTimestamp is not None, each.ServerTimestamp is not None) == (source, server)
    # only values come from a source
    (found_name,) = plant.read(asked(node(SPEED), A.DisplayName), stamps=stamps)
    assert found_name.SourceTimestamp is None
    # the next one asks anew
    (found_again,) = plant.read(asked(node(SPEED)), stamps=ua.TimestampsToReturn.Both)
    assert found_again.SourceTimestamp is not None


@pytest.mark.parametrize("quality", Quality)
def test_qualities_are_statuses_and_a_bad_value_is_not_told(plant: Plant, quality: Quality) -> None:
    plant.tree.put("Speed", 2.5, quality)
    (found,) = plant.read(asked(node(SPEED)))
    assert found.StatusCode is not None
    assert found.StatusCode.value == status_of(quality)
    assert found.Value == (variant(None) if quality >= Quality.BAD else variant(2.5, V.Double))
    assert found.SourceTimestamp is not None


@pytest.mark.parametrize(
    ("path", "expected", "kind"),
    [
        (SPEED, 1.5, V.Double),
        (COUNT, 7, V.Int32),
        (NAME, "plantgate", V.String),
        (ROW, [1, 2, 3, 4], V.Int16),
        (TEXTS, ["plant", "gate"], V.String),
        (FIXED, True, V.Boolean),
    ],
)
def test_values_have_the_types_of_their_tags(plant: Plant, path: str, expected: Any, kind: ua.VariantType) -> None:
    (found,) = plant.read(asked(node(path)))
    assert found.Value == variant(expected, kind)


def test_every_class_of_node_has_its_attributes_and_no_others(plant: Plant) -> None:
    for each in [*plant.space.standard.nodes.values(), *(plant.space.find(node(p), EVERYTHING) for p in (SPEED, ROW))]:
        assert each is not None
        found = plant.read(*(asked(each.node_id, attribute) for attribute in range(29)))
        has = {
            number
            for number, result in enumerate(found)
            if result.StatusCode is not None and result.StatusCode.value != C.BadAttributeIdInvalid
        }
        assert has - _OPTIONAL == _COMMON | _OF_CLASS[each.node_class], each.name


@pytest.mark.parametrize("attribute", [0, 28, 99, 0xFFFF_FFFF])
def test_attributes_that_nobody_has(plant: Plant, attribute: int) -> None:
    assert plant.value(node(SPEED), attribute) == C.BadAttributeIdInvalid
    assert plant.value(node("[default]"), attribute) == C.BadAttributeIdInvalid


def test_each_item_has_its_own_status(plant: Plant) -> None:
    found = plant.read(asked(node(SPEED)), asked(node("[default]None")), asked(node(85)), asked(node(COUNT)))
    assert [each.StatusCode.value for each in found if each.StatusCode] == [
        C.Good,
        C.BadNodeIdUnknown,
        C.BadAttributeIdInvalid,
        C.Good,
    ]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (ROW, "1:2", [2, 3]),
        (ROW, "3", [4]),
        (ROW, "2:99", [3, 4]),
        (ROW, "4", C.BadIndexRangeNoData),
        (ROW, "1,1", C.BadIndexRangeNoData),
        (ROW, "2:1", C.BadIndexRangeInvalid),
        (ROW, "x", C.BadIndexRangeInvalid),
        (TEXTS, "0:1,1:2", ["la", "at"]),
        (NAME, "0:4", "plant"),
        (SPEED, "0", C.BadIndexRangeNoData),
        (SPEED, "a", C.BadIndexRangeInvalid),
    ],
)
def test_parts_of_values(plant: Plant, path: str, text: str, expected: Any) -> None:
    (found,) = plant.read(asked(node(path), index_range=text))
    assert found.Value is not None
    assert found.StatusCode is not None
    assert (found.StatusCode.value or found.Value.Value) == expected


def test_a_part_of_a_bad_value_is_as_bad(plant: Plant) -> None:
    plant.tree.put("Row", (1, 2), Quality.BAD_NOT_CONNECTED)
    (found,) = plant.read(asked(node(ROW), index_range="0"))
    assert found.StatusCode is not None
    assert found.StatusCode.value == C.BadNotConnected


def test_parts_of_other_attributes(plant: Plant) -> None:
    found = plant.read(
        asked(node(ROW), A.ArrayDimensions, "0"),
        asked(node(ROW), A.ValueRank, "0"),
        asked(node(2255), A.Value, "1:2"),
    )
    assert [each.StatusCode.value for each in found if each.StatusCode] == [C.Good, C.BadIndexRangeNoData, C.Good]
    assert found[2].Value == variant(["urn:here:plantgate", "urn:plantgate:tags"], V.String)


@pytest.mark.parametrize(
    ("of", "attribute", "encoding", "status"),
    [
        (node(2256), A.Value, ua.QualifiedName("Default Binary", 0), C.Good),
        (node(2256), A.Value, ua.QualifiedName("Default XML", 0), C.BadDataEncodingUnsupported),
        (node(2256), A.Value, ua.QualifiedName("Default Binary", 3), C.BadDataEncodingUnsupported),
        (node(2256), A.Value, ua.QualifiedName("", 0), C.Good),
        (node(2256), A.DisplayName, ua.QualifiedName("Default Binary", 0), C.BadDataEncodingInvalid),
        (node(SPEED), A.Value, ua.QualifiedName("Default Binary", 0), C.BadDataEncodingInvalid),
        (node(SPEED), A.Value, ua.QualifiedName(None, 0), C.Good),
    ],
)
def test_data_encodings(plant: Plant, of: ua.NodeId, attribute: int, encoding: Any, status: int) -> None:
    (found,) = plant.read(asked(of, attribute, encoding=encoding))
    assert found.StatusCode is not None
    assert found.StatusCode.value == status


@pytest.mark.parametrize("max_age", [0.0, 500.0, math.inf])
def test_the_newest_value_serves_any_age(plant: Plant, max_age: float) -> None:
    (found,) = plant.read(asked(node(SPEED)), max_age=max_age)
    assert found.Value == variant(1.5, V.Double)


@pytest.mark.parametrize(
    ("count", "max_age", "stamps", "status"),
    [
        (1, -1.0, ua.TimestampsToReturn.Both, C.BadMaxAgeInvalid),
        (1, math.nan, ua.TimestampsToReturn.Both, C.BadMaxAgeInvalid),
        (1, 0.0, ua.TimestampsToReturn.Invalid, C.BadTimestampsToReturnInvalid),
        (1, 0.0, 17, C.BadTimestampsToReturnInvalid),
        (0, 0.0, ua.TimestampsToReturn.Both, C.BadNothingToDo),
        (OPCUA_NODES_PER_READ + 1, 0.0, ua.TimestampsToReturn.Both, C.BadTooManyOperations),
    ],
)
def test_requests_that_are_wrong_as_a_whole(plant: Plant, count: int, max_age: float, stamps: Any, status: int) -> None:
    with pytest.raises(StatusError) as raised:
        plant.read(*[asked(node(SPEED))] * count, max_age=max_age, stamps=stamps)
    assert raised.value.status == status


def test_as_much_as_is_advertised_can_be_read(plant: Plant) -> None:
    most = plant.value(node(11705))
    assert most == OPCUA_NODES_PER_READ
    parameters: Any = ua.ReadParameters()
    parameters.NodesToRead = [asked(node(SPEED))] * most
    assert len(plant.attributes.read(parameters, everybody())) == most


def test_an_answer_has_an_end(plant: Plant) -> None:
    plant.tree.put("Name", "x" * 65_536)
    many = OPCUA_READ_BYTES // 65_536 + 1
    with pytest.raises(StatusError) as raised:
        plant.read(*[asked(node(NAME))] * many)
    assert raised.value.status == C.BadResponseTooLarge
    caller = everybody()
    caller.most_bytes = 100_000
    with pytest.raises(StatusError):
        plant.read(*[asked(node(NAME))] * 2, caller=caller)
    assert len(plant.read(asked(node(NAME)), caller=caller)) == 1


# Write


@pytest.mark.parametrize(
    ("path", "value", "kind", "expected"),
    [
        (SPEED, 2.5, V.Double, 2.5),
        (COUNT, -3, V.Int32, -3),
        (NAME, "neu", V.String, "neu"),
        (NAME, None, V.String, ""),
        (ROW, [9, 8], V.Int16, (9, 8)),
        (TEXTS, [], V.String, ()),
    ],
)
async def test_what_is_written_goes_through_the_gate(
    plant: Plant, path: str, value: Any, kind: ua.VariantType, expected: Scalar
) -> None:
    sent = given(node(path), ua.DataValue(ua.Variant(value, kind)))
    assert await plant.write(sent, seconds=3.0) == [C.Good]
    assert plant.gate.written == [(path, expected)]
    assert plant.gate.origins == [ADA]
    assert plant.gate.seconds == [3.0]


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        (SPEED, 2.5, V.Float),
        (SPEED, 2, V.Int32),
        (SPEED, [2.5], V.Double),
        (SPEED, None, V.Null),
        (COUNT, 1.0, V.Double),
        (COUNT, 1, V.Int64),
        (COUNT, True, V.Boolean),
        (COUNT, "1", V.String),
        (NAME, b"x", V.ByteString),
        (ROW, 1, V.Int16),
        (ROW, [1], V.Int32),
        (ROW, [[1, 2], [3, 4]], V.Int16),
    ],
)
async def test_a_value_of_another_type_is_refused(plant: Plant, path: str, value: Any, kind: ua.VariantType) -> None:
    assert await plant.write(given(node(path), value, kind)) == [C.BadTypeMismatch]
    assert plant.gate.lists == []


@pytest.mark.parametrize(
    ("to", "attribute", "status"),
    [
        (node("[default]None"), A.Value, C.BadNodeIdUnknown),
        (node(FIXED), A.Value, C.BadNotWritable),
        (node(SPEED), A.DisplayName, C.BadNotWritable),
        (node(SPEED), A.AccessLevel, C.BadNotWritable),
        (node(SPEED), A.EventNotifier, C.BadAttributeIdInvalid),
        (node(SPEED), 77, C.BadAttributeIdInvalid),
        (node(85), A.Value, C.BadAttributeIdInvalid),
        (node(85), A.EventNotifier, C.BadNotWritable),
        (node(2267), A.Value, C.BadNotWritable),
        (node(68), A.Value, C.BadNotWritable),
    ],
)
async def test_what_can_not_be_written(plant: Plant, to: ua.NodeId, attribute: int, status: int) -> None:
    item = given(to, 2.5)
    item.AttributeId = attribute
    assert await plant.write(item) == [status]
    assert plant.gate.lists == []


async def test_rights_to_write(plant: Plant) -> None:
    caller = everybody(Rights(browse=["*"], read=["*"], write=["Count"]))
    statuses = await plant.write(given(node(SPEED), 2.5), given(node(COUNT), 1, V.Int32), caller=caller)
    assert statuses == [C.BadUserAccessDenied, C.Good]
    assert plant.gate.written == [(COUNT, 1)]
    nobody = everybody(Rights(browse=["[other]*"]))
    assert await plant.write(given(node(SPEED), 2.5), caller=nobody) == [C.BadNodeIdUnknown]


async def test_a_status_can_not_be_written_and_times_are_not_kept(plant: Plant) -> None:
    bad: Any = ua.DataValue(variant(2.5))
    bad.StatusCode = ua.StatusCode(C.UncertainInitialValue)  # type: ignore[arg-type]
    assert await plant.write(given(node(SPEED), bad)) == [C.BadWriteNotSupported]
    timed: Any = ua.DataValue(variant(2.5))
    timed.SourceTimestamp = time_of(STARTED - 1)
    timed.StatusCode = None
    assert await plant.write(given(node(SPEED), timed)) == [C.Good]
    assert plant.gate.written == [(SPEED, 2.5)]
    none: Any = ua.DataValue()
    none.Value = None
    assert await plant.write(given(node(SPEED), none)) == [C.BadTypeMismatch]


async def test_what_is_right_is_written_whatever_else_is_wrong(plant: Plant) -> None:
    statuses = await plant.write(
        given(node(SPEED), 1.0), given(node(SPEED), "no"), given(node("[default]None"), 1.0), given(node(SPEED), 2.0)
    )
    assert statuses == [C.Good, C.BadTypeMismatch, C.BadNodeIdUnknown, C.Good]
    assert plant.gate.written == [(SPEED, 1.0), (SPEED, 2.0)]


async def test_parts_of_an_array_are_put_into_what_it_has(plant: Plant) -> None:
    assert await plant.write(given(node(ROW), [9, 8], V.Int16, "1:2")) == [C.Good]
    assert plant.gate.written == [(ROW, (1, 9, 8, 4))]
    assert plant.value(node(ROW)) == [1, 9, 8, 4]


async def test_parts_of_one_request_add_up(plant: Plant) -> None:
    statuses = await plant.write(
        given(node(ROW), [9], V.Int16, "0"),
        given(node(ROW), [8], V.Int16, "3"),
        given(node(ROW), [5, 6], V.Int16),
        given(node(ROW), [7], V.Int16, "1"),
        given(node(ROW), [0], V.Int16, "2"),
    )
    assert statuses == [C.Good, C.Good, C.Good, C.Good, C.BadIndexRangeNoData]
    assert [value for _, value in plant.gate.written] == [(9, 2, 3, 4), (9, 2, 3, 8), (5, 6), (5, 7)]


@pytest.mark.parametrize(
    ("path", "value", "kind", "text", "status"),
    [
        (ROW, [1], V.Int16, "4", C.BadIndexRangeNoData),
        (ROW, [1, 2], V.Int16, "3:4", C.BadIndexRangeNoData),
        (ROW, [1], V.Int16, "0:1", C.BadIndexRangeDataMismatch),
        (ROW, [1], V.Int16, "0,0", C.BadIndexRangeNoData),
        (ROW, [1], V.Int16, "x", C.BadIndexRangeInvalid),
        (ROW, 1, V.Int16, "0", C.BadTypeMismatch),
        (ROW, [1], V.Int32, "0", C.BadTypeMismatch),
        (SPEED, 1.0, V.Double, "0", C.BadIndexRangeNoData),
        (NAME, "x", V.String, "0", C.BadWriteNotSupported),
    ],
)
async def test_parts_that_can_not_be_put(
    plant: Plant, path: str, value: Any, kind: ua.VariantType, text: str, status: int
) -> None:
    assert await plant.write(given(node(path), value, kind, text)) == [status]
    assert plant.gate.lists == []


async def test_nothing_is_put_into_an_array_that_is_not_known(plant: Plant) -> None:
    plant.tree.put("Row", (1, 2, 3), Quality.BAD_NOT_CONNECTED)
    assert await plant.write(given(node(ROW), [9], V.Int16, "0")) == [C.BadIndexRangeNoData]
    plant.tree.put("Row", None)
    assert await plant.write(given(node(ROW), [9], V.Int16, "0")) == [C.BadIndexRangeNoData]


async def test_a_long_write_goes_in_parts_that_the_gate_takes(plant: Plant) -> None:
    count = 2 * WRITE_LIST_ITEMS + 5
    statuses = await plant.write(*(given(node(COUNT), number, V.Int32) for number in range(count)))
    assert statuses == [C.Good] * count
    assert [len(each) for each in plant.gate.lists] == [WRITE_LIST_ITEMS, WRITE_LIST_ITEMS, 5]
    assert [value for _, value in plant.gate.written] == list(range(count))


@pytest.mark.parametrize(
    ("count", "status"), [(0, C.BadNothingToDo), (OPCUA_NODES_PER_WRITE + 1, C.BadTooManyOperations)]
)
async def test_writes_that_are_wrong_as_a_whole(plant: Plant, count: int, status: int) -> None:
    with pytest.raises(StatusError) as raised:
        await plant.write(*[given(node(SPEED), 1.0)] * count)
    assert raised.value.status == status
    assert plant.gate.lists == []


async def test_a_busy_gate(plant: Plant) -> None:
    plant.gate.overloaded = True
    statuses = await plant.write(given(node(SPEED), 1.0), given(node(COUNT), "x"))
    assert statuses == [C.BadServerTooBusy, C.BadTypeMismatch]


async def test_verdicts_are_statuses(plant: Plant) -> None:
    plant.gate.verdicts = {SPEED: refused("CMD-108"), COUNT: refused("MB-404", Outcome.FAILED)}
    statuses = await plant.write(given(node(SPEED), 1.0), given(node(COUNT), 1, V.Int32), given(node(NAME), "a"))
    assert statuses == [C.BadUserAccessDenied, C.BadDeviceFailure, C.Good]


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (DONE, C.Good),
        (Verdict(Outcome.DONE, "MB-410", "holds another value now"), C.Good),
        (refused("CMD-101"), C.BadUserAccessDenied),
        (refused("CMD-103"), C.BadNodeIdUnknown),
        (refused("CMD-105"), C.BadOutOfRange),
        (refused("CMD-106"), C.BadNotConnected),
        (refused("MB-403"), C.BadOutOfRange),
        (refused("CMD-115", Outcome.FAILED), C.BadTimeout),
        (refused("MB-408", Outcome.FAILED), C.BadDeviceFailure),
    ],
)
def test_statuses_of_verdicts(verdict: Verdict, status: int) -> None:
    assert status_of_verdict(verdict) == status


_VARIANTS = st.one_of(
    st.tuples(st.booleans(), st.just(V.Boolean)),
    st.tuples(st.integers(-128, 127), st.sampled_from([V.SByte, V.Int16, V.Int32, V.Int64])),
    st.tuples(st.integers(0, 255), st.sampled_from([V.Byte, V.UInt16, V.UInt32, V.UInt64])),
    st.tuples(st.floats(width=32), st.sampled_from([V.Float, V.Double])),
    st.tuples(st.text(max_size=5), st.just(V.String)),
    st.tuples(st.binary(max_size=5), st.just(V.ByteString)),
    st.tuples(st.lists(st.integers(-9, 9), max_size=5), st.sampled_from([V.Int16, V.Int32])),
    st.tuples(st.lists(st.text(max_size=3), max_size=3), st.just(V.String)),
    st.just((None, V.Null)),
)


@examples(
    st.sampled_from([SPEED, COUNT, NAME, ROW, TEXTS, FIXED, "[default]", "[default]None"]),
    _VARIANTS,
    st.text(alphabet="0123:,", max_size=4),
    st.sampled_from([0, 3, 13, 13, 13, 17, 99]),
)
async def test_any_write_has_a_status_and_only_values_of_the_right_type_reach_the_gate(
    path: str, value: tuple[Any, ua.VariantType], text: str, attribute: int
) -> None:
    plant = PLANT
    plant.gate.lists.clear()
    item = given(node(path), ua.DataValue(ua.Variant(*value)), index_range=text)
    item.AttributeId = attribute
    (status,) = await plant.write(item)
    if status == C.Good:
        ((written, found),) = plant.gate.written
        assert (written, attribute) == (path, 13)
        kinds = {SPEED: float, COUNT: int, NAME: str, ROW: tuple, TEXTS: tuple}
        assert type(found) is kinds[path]
    else:
        assert status & 0x8000_0000
        assert plant.gate.lists == []


PLANT = Plant(TAGS)
