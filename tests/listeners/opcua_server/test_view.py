from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.limits import (
    OPCUA_BROWSE_BYTES,
    OPCUA_BROWSE_POINTS,
    OPCUA_NODES_PER_BROWSE,
    OPCUA_NODES_PER_REGISTER,
    OPCUA_NODES_PER_TRANSLATE,
    OPCUA_PATH_STEPS,
)
from plantgate.listeners.opcua_server.caller import BrowsePoints, BrowseRest, Caller, Peekable
from plantgate.listeners.opcua_server.space.rights import Rights
from plantgate.model.value import DataType
from plantgate.protocols.opcua.status import StatusError
from tests.listeners.opcua_server.space.plant import Plant, below, everybody, node, tag

C = StatusCodes
Direction = ua.BrowseDirection
MANY = 3_000
FOLDER = node("[default]Many")


PAGED = Plant(
    [
        *(tag(f"Many/Tag {number:05}", unit="V") for number in range(MANY)),
        *(tag(f"Many/Sub {number}/Tag", DataType.INT4) for number in range(20)),
        tag("Line 1/Speed", unit="rpm", low=0.0, high=9.0),
    ]
)


@pytest.fixture
def plant() -> Plant:
    return PAGED


def identifiers(references: list[ua.ReferenceDescription]) -> list[Any]:
    return [each.NodeId.Identifier for each in references]


def everything(plant: Plant, item: Any, most: int, caller: Caller) -> list[list[ua.ReferenceDescription]]:
    """All pages."""
    (result,) = plant.browse(item, most=most, caller=caller)
    pages = [list(result.References)]
    while result.ContinuationPoint:
        (result,) = plant.browse_next(result.ContinuationPoint, caller=caller)
        assert result.StatusCode.value == C.Good
        pages.append(list(result.References))
    return pages


# pages


@given(st.integers(1, 4_000), st.sampled_from([0, 1, 2, 3]), st.sampled_from(["*", "Many/Tag 000*", "Many/*1*"]))
@settings(max_examples=30)
def test_pages_are_the_whole_without_doubles(most: int, classes: int, pattern: str) -> None:
    caller = everybody(Rights(browse=[pattern]))
    rights = caller.rights
    item = below(FOLDER, classes=classes)
    pages = everything(PAGED, item, most, caller)
    found = [each for page in pages for each in identifiers(page)]
    expected = [
        row.path
        for row in PAGED.tree.rows
        if row.path.startswith("[default]Many/Tag") and rights.of(row.path) and classes in (0, 2, 3)
    ]
    folders = [
        f"[default]Many/Sub {number}"
        for number in range(20)
        if rights.of(f"[default]Many/Sub {number}/Tag") and classes in (0, 1, 3)
    ]
    assert found == folders + expected
    assert all(0 < len(page) <= most for page in pages[:-1])
    assert len(caller.points) == 0


def test_an_answer_has_an_end_without_a_limit_of_the_client(plant: Plant) -> None:
    caller = everybody()
    pages = everything(plant, below(FOLDER), 0, caller)
    assert len(pages) > 1
    assert sum(map(len, pages)) == MANY + 20
    size = sum(32 + len(each.NodeId.Identifier) + 2 * len(each.BrowseName.Name) for each in pages[0])
    assert OPCUA_BROWSE_BYTES <= size < OPCUA_BROWSE_BYTES + 1_000


def test_the_largest_answer_that_a_client_takes(plant: Plant) -> None:
    caller = everybody()
    caller.most_bytes = 8_192
    pages = everything(plant, below(FOLDER), 0, caller)
    assert sum(map(len, pages)) == MANY + 20
    assert max(map(len, pages)) < 200


def test_every_node_of_a_request_gets_something_and_the_rest_waits(plant: Plant) -> None:
    caller = everybody()
    results = plant.browse(*[below(FOLDER)] * 5, caller=caller)
    assert all(result.References and result.ContinuationPoint for result in results)
    assert [len(result.References) for result in results[1:]] == [1, 1, 1, 1]
    rest = plant.browse_next(*(result.ContinuationPoint for result in results), caller=caller)
    assert all(result.StatusCode.value == C.Good for result in rest)
    # the pages of one node go on where they were
    assert identifiers(results[1].References)[0] == "[default]Many/Sub 0"
    assert identifiers(rest[1].References)[0] == "[default]Many/Sub 1"


def test_exactly_as_many_as_wanted_need_no_continuation(plant: Plant) -> None:
    caller = everybody()
    (result,) = plant.browse(below(node("[default]")), most=2, caller=caller)
    assert len(result.References) == 2
    assert result.ContinuationPoint is None
    (result,) = plant.browse(below(node("[default]")), most=1, caller=caller)
    assert result.ContinuationPoint


# continuation points


def test_a_point_is_good_for_once(plant: Plant) -> None:
    caller = everybody()
    (first,) = plant.browse(below(FOLDER), most=10, caller=caller)
    (second,) = plant.browse_next(first.ContinuationPoint, caller=caller)
    assert second.ContinuationPoint != first.ContinuationPoint
    (again,) = plant.browse_next(first.ContinuationPoint, caller=caller)
    assert again.StatusCode.value == C.BadContinuationPointInvalid
    (third,) = plant.browse_next(second.ContinuationPoint, caller=caller)
    assert len({*identifiers(first.References), *identifiers(second.References), *identifiers(third.References)}) == 30


def test_a_point_of_another_session_is_none(plant: Plant) -> None:
    (first,) = plant.browse(below(FOLDER), most=10, caller=everybody())
    other = everybody()
    (result,) = plant.browse_next(first.ContinuationPoint, caller=other)
    assert result.StatusCode.value == C.BadContinuationPointInvalid


@pytest.mark.parametrize("point", [b"", b"x", b"\0" * 16])
def test_points_that_never_were(plant: Plant, point: bytes) -> None:
    (result,) = plant.browse_next(point, caller=everybody())
    assert result.StatusCode.value == C.BadContinuationPointInvalid
    assert result.References == []


def test_points_are_few(plant: Plant) -> None:
    caller = everybody()
    most = plant.value(node(2735))
    assert most == OPCUA_BROWSE_POINTS
    results = plant.browse(*[below(FOLDER)] * (most + 2), most=1, caller=caller)
    assert [result.StatusCode.value for result in results] == [C.Good] * most + [C.BadNoContinuationPoints] * 2
    assert results[-1].References == []
    assert results[-1].ContinuationPoint is None
    # a node that needs none is browsed all the same
    (small,) = plant.browse(below(node("[default]")), caller=caller)
    assert len(small.References) == 2
    # going on needs no further one
    (result,) = plant.browse_next(results[0].ContinuationPoint, caller=caller)
    assert result.ContinuationPoint
    assert plant.browse_next(results[1].ContinuationPoint, caller=caller, release=True) == []
    assert len(caller.points) == most - 1
    (result,) = plant.browse(below(FOLDER), most=1, caller=caller)
    assert result.ContinuationPoint


def test_points_end_with_the_session(plant: Plant) -> None:
    caller = everybody()
    (result,) = plant.browse(below(FOLDER), most=1, caller=caller)
    caller.points.clear()
    assert len(caller.points) == 0
    (result,) = plant.browse_next(result.ContinuationPoint, caller=caller)
    assert result.StatusCode.value == C.BadContinuationPointInvalid


def test_a_released_point_may_be_unknown(plant: Plant) -> None:
    assert plant.browse_next(b"never", caller=everybody(), release=True) == []


def test_points_can_not_be_guessed() -> None:
    points = BrowsePoints()
    found = {points.keep(BrowseRest(Peekable(iter(())), 0, 0)) for _ in range(50)}
    assert len(found) == 50
    assert all(point is not None and len(point) == 16 for point in found)


def test_browsing_goes_on_when_tags_come_and_go() -> None:
    plant = Plant(tag(f"Many/Tag {number:02}") for number in range(20))
    caller = everybody()
    (first,) = plant.browse(below(FOLDER), most=5, caller=caller)
    plant.tree.remove("Many/Tag 10")
    plant.tree.add(tag("Many/Late"))
    plant.tags.changed()
    (rest,) = plant.browse_next(first.ContinuationPoint, caller=caller)
    found = identifiers(first.References)
    while rest.ContinuationPoint:
        found += identifiers(rest.References)
        (rest,) = plant.browse_next(rest.ContinuationPoint, caller=caller)
    found += identifiers(rest.References)
    assert len(found) == len(set(found)) == 20  # as it was when it began
    assert "[default]Many/Late" in identifiers(plant.children(FOLDER))


def test_peeking() -> None:
    some = Peekable(iter([1, 2]))
    assert [bool(some), some.take(), bool(some), some.take(), bool(some)] == [True, 1, True, 2, False]
    with pytest.raises(StopIteration):
        some.take()


# filters


@pytest.mark.parametrize(
    ("of", "reference", "direction", "subtypes", "classes", "expected"),
    [
        (node("[default]Line 1"), 33, Direction.Forward, True, 0, ["[default]Line 1/Speed"]),
        (node("[default]Line 1"), 35, Direction.Forward, False, 0, ["[default]Line 1/Speed"]),
        (node("[default]Line 1"), 33, Direction.Forward, False, 0, []),
        (node("[default]Line 1"), 46, Direction.Forward, True, 0, []),
        (node("[default]Line 1"), 33, Direction.Inverse, True, 0, ["[default]"]),
        (node("[default]"), 33, Direction.Inverse, True, 0, [85]),
        (node("[default]Line 1"), 0, Direction.Both, False, 0, [61, "[default]", "[default]Line 1/Speed"]),
        (node("[default]Line 1"), 40, Direction.Both, True, 0, [61]),
        (node("[default]Line 1"), 32, Direction.Both, True, 0, [61]),
        (node("[default]Line 1"), 31, Direction.Both, True, 2, ["[default]Line 1/Speed"]),
        (node("[default]Line 1"), 31, Direction.Both, True, 1, ["[default]"]),
        (node("[default]Line 1"), 31, Direction.Both, True, 8, [61]),
        (node("[default]Line 1"), 31, Direction.Both, True, 4, []),
        (node("[default]Line 1/Speed"), 44, Direction.Forward, True, 2, [
            "[default]Line 1/Speed.EURange", "[default]Line 1/Speed.EngineeringUnits",
        ]),
        (node("[default]Line 1/Speed"), 46, Direction.Inverse, True, 0, []),
        (node("[default]Line 1/Speed.EURange"), 46, Direction.Inverse, True, 0, ["[default]Line 1/Speed"]),
        (node("[default]Line 1/Speed.EURange"), 40, Direction.Forward, True, 0, [68]),
        (node(2253), 46, Direction.Forward, True, 0, [2254, 2255, 2267, 2994]),
        (node(44), 45, Direction.Inverse, True, 0, [34]),
    ],
)  # fmt: skip
def test_filters(
    plant: Plant,
    of: ua.NodeId,
    reference: int,
    direction: ua.BrowseDirection,
    subtypes: bool,
    classes: int,
    expected: list[Any],
) -> None:
    (result,) = plant.browse(below(of, reference, direction, classes, subtypes=subtypes))
    assert result.StatusCode.value == C.Good
    assert identifiers(result.References) == expected


def test_only_what_the_mask_asks_for_is_told(plant: Plant) -> None:
    for mask in range(64):
        (result,) = plant.browse(below(node("[default]Line 1"), mask=mask))
        (found,) = result.References
        assert found.NodeId == node("[default]Line 1/Speed")
        assert found.ReferenceTypeId == (node(35) if mask & 1 else ua.NodeId())
        assert found.IsForward is bool(mask & 2)
        assert found.NodeClass == (ua.NodeClass.Variable if mask & 4 else ua.NodeClass.Unspecified)
        assert found.BrowseName == (ua.QualifiedName("Speed", 2) if mask & 8 else ua.QualifiedName(None, 0))
        assert found.DisplayName == (ua.LocalizedText("Speed") if mask & 16 else ua.LocalizedText())
        assert found.TypeDefinition == (node(2368) if mask & 32 else ua.NodeId())


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (below(node("[default]None")), C.BadNodeIdUnknown),
        (below(ua.NodeId()), C.BadNodeIdUnknown),
        (below(node(85), 99_999), C.BadReferenceTypeIdInvalid),
        (below(node(85), 85), C.BadReferenceTypeIdInvalid),
        (below(node(85), direction=Direction.Invalid), C.BadBrowseDirectionInvalid),
    ],
)
def test_what_can_not_be_browsed(plant: Plant, item: Any, status: int) -> None:
    results = plant.browse(item, below(node("[default]Line 1")))
    assert [each.StatusCode.value for each in results] == [status, C.Good]
    assert results[0].References == []


@pytest.mark.parametrize("wrong", [node("HierarchicalReferences", 0), node("x", 2), node(33, 2)])
def test_a_reference_type_is_one_of_the_standard(plant: Plant, wrong: ua.NodeId) -> None:
    item = below(node(85))
    item.ReferenceTypeId = wrong
    (result,) = plant.browse(item)
    assert result.StatusCode.value == C.BadReferenceTypeIdInvalid


def test_requests_that_are_wrong_as_a_whole(plant: Plant) -> None:
    caller = everybody()
    for count, status in ((0, C.BadNothingToDo), (OPCUA_NODES_PER_BROWSE + 1, C.BadTooManyOperations)):
        with pytest.raises(StatusError) as raised:
            plant.browse(*[below(node(85))] * count)
        assert raised.value.status == status
        with pytest.raises(StatusError) as raised:
            plant.browse_next(*[b"x"] * count, caller=caller)
        assert raised.value.status == status
    parameters: Any = ua.BrowseParameters()
    parameters.NodesToBrowse = [below(node(85))]
    parameters.View.ViewId = node(87)
    with pytest.raises(StatusError) as raised:
        plant.view.browse(parameters, caller)
    assert raised.value.status == C.BadViewIdUnknown


# TranslateBrowsePathsToNodeIds


def path(start: ua.NodeId, *names: tuple[int, str | None], reference: int = 33, inverse: bool = False) -> Any:
    found: Any = ua.BrowsePath()
    found.StartingNode = start
    for namespace, name in names:
        element: Any = ua.RelativePathElement()
        element.ReferenceTypeId, element.IsInverse, element.IncludeSubtypes = node(reference), inverse, True
        element.TargetName = ua.QualifiedName(name, namespace)
        found.RelativePath.Elements.append(element)
    return found


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (path(node(84), (0, "Objects"), (2, "default"), (2, "Line 1"), (2, "Speed")), node("[default]Line 1/Speed")),
        (path(FOLDER, (2, "Tag 02999")), node("[default]Many/Tag 02999")),
        (path(node(85), (2, "default"), (2, "Line 1")), node("[default]Line 1")),
        (path(node("[default]Line 1/Speed"), (0, "EURange")), node("[default]Line 1/Speed.EURange")),
        (path(node(2253), (0, "ServerStatus"), (0, "BuildInfo"), (0, "ProductName")), node(2261)),
        (path(node("[default]Line 1"), (2, "default"), inverse=True), node("[default]")),
        (path(node("[default]"), (0, "Objects"), (0, "Root"), inverse=True), node(84)),
        (path(node("[default]Line 1/Speed"), (2, "Line 1"), inverse=True), node("[default]Line 1")),
        (path(node("[default]Line 1"), (2, "Speed"), reference=0), node("[default]Line 1/Speed")),
        (path(node("[default]Line 1/Speed.EURange"), (0, "PropertyType"), reference=40), node(68)),
    ],
)
def test_paths(plant: Plant, asked: Any, target: ua.NodeId) -> None:
    (result,) = plant.view.translate([asked], everybody())
    assert result.StatusCode.value == C.Good
    assert [(each.TargetId, each.RemainingPathIndex) for each in result.Targets] == [(target, 0xFFFF_FFFF)]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (path(node("[default]None"), (2, "x")), C.BadNodeIdUnknown),
        (path(node(84)), C.BadNothingToDo),
        (path(node(84), (0, "Objects"), (0, None)), C.BadBrowseNameInvalid),
        (path(node(84), (0, ""), (0, "Objects")), C.BadBrowseNameInvalid),
        (path(node(84), (0, "Objects"), (2, "default"), (2, "None")), C.BadNoMatch),
        (path(node(84), (1, "Objects")), C.BadNoMatch),
        (path(node("[default]"), (0, "Line 1")), C.BadNoMatch),
        (path(node("[default]"), (2, "Line 1/Speed")), C.BadNoMatch),
        (path(node("[default]Line 1"), (2, "Speed"), reference=46), C.BadNoMatch),
        (path(node("[default]Line 1"), (2, "Speed"), inverse=True), C.BadNoMatch),
        (path(node("[default]Line 1"), (2, "Speed"), reference=85), C.BadReferenceTypeIdInvalid),
    ],
)
def test_paths_that_lead_nowhere(plant: Plant, asked: Any, status: int) -> None:
    (result,) = plant.view.translate([asked], everybody())
    assert (result.StatusCode.value, result.Targets) == (status, [])


def test_paths_lead_only_to_what_may_be_browsed(plant: Plant) -> None:
    caller = everybody(Rights(browse=["Line 1/*"], read=["Many/*"]))
    asked = [path(node("[default]"), (2, "Line 1"), (2, "Speed")), path(FOLDER, (2, "Tag 00001"))]
    asked.append(path(node("[default]"), (2, "Many")))
    asked.append(path(node("[default]Many/Tag 00001"), (0, "EngineeringUnits")))
    results = plant.view.translate(asked, caller)
    assert [each.StatusCode.value for each in results] == [
        C.Good,
        C.BadNodeIdUnknown,
        C.BadNoMatch,
        C.BadNodeIdUnknown,
    ]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([], C.BadNothingToDo),
        ([path(node(84), (0, "Objects"))] * (OPCUA_NODES_PER_TRANSLATE + 1), C.BadTooManyOperations),
        ([path(node(84), *[(0, "Objects")] * (OPCUA_PATH_STEPS + 1))], C.BadTooManyOperations),
    ],
)
def test_translations_that_are_wrong_as_a_whole(plant: Plant, asked: list[Any], status: int) -> None:
    with pytest.raises(StatusError) as raised:
        plant.view.translate(asked, everybody())
    assert raised.value.status == status


def test_a_long_way_up_and_down(plant: Plant) -> None:
    up_and_down = path(node(84))
    for _ in range(100):
        up_and_down.RelativePath.Elements += path(node(84), (0, "Objects")).RelativePath.Elements
        up_and_down.RelativePath.Elements += path(node(85), (0, "Root"), inverse=True).RelativePath.Elements
    (result,) = plant.view.translate([up_and_down], everybody())
    assert [each.TargetId for each in result.Targets] == [node(84)]


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from(["Objects", "default", "Line 1", "Speed"]))))
def test_any_path_leads_to_where_browsing_leads(names: list[tuple[int, str]]) -> None:
    at = [node(84)]
    for namespace, name in names:
        at = [
            each.NodeId
            for start in at
            for each in PAGED.children(start)
            if each.BrowseName == ua.QualifiedName(name, namespace)
        ]
    (result,) = PAGED.view.translate([path(node(84), *names)], everybody())
    assert [each.TargetId for each in result.Targets] == (at if names else [])


# RegisterNodes


def test_registered_nodes_keep_their_ids(plant: Plant) -> None:
    ids = [node("[default]Line 1/Speed"), node(85), node("[default]None")]
    assert plant.view.register(ids) == ids
    plant.view.unregister(ids)
    for count, status in ((0, C.BadNothingToDo), (OPCUA_NODES_PER_REGISTER + 1, C.BadTooManyOperations)):
        for service in (plant.view.register, plant.view.unregister):
            with pytest.raises(StatusError) as raised:
                service([node(85)] * count)
            assert raised.value.status == status
