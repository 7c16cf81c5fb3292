"""Our tables of namespace 0 against the address space that asyncua has."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from asyncua import ua
from asyncua.server.address_space import AddressSpace as TheirSpace
from asyncua.server.address_space import NodeData, NodeManagementService
from asyncua.server.standard_address_space.standard_address_space import fill_address_space
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from plantgate.limits import OPCUA_NODES_PER_READ
from plantgate.listeners.opcua_server.space import nodes
from plantgate.listeners.opcua_server.space.nodes import Reference, StaticNode
from plantgate.listeners.opcua_server.space.server_values import limits_by_name
from plantgate.listeners.opcua_server.space.standard import StandardBranch
from plantgate.listeners.opcua_server.space.standard_values import AGGREGATES
from tests.listeners.opcua_server.space.plant import STARTED, Plant, below, node

# asyncua gives a variable without a data type String; the standard says BaseDataType (UANodeSet.xsd).
_ANY_DATA = {
    62, 63, 68, 2102, 2103, 2129, 2137, 2365, 2372, 2756, 2763, 3720, 3724, 3746, 3750, 3754, 9002, 11487, 11562, 12021,
    12029, 12502,
}  # fmt: skip
# The standard leaves it to servers to list what they have.
_LISTED_BY_US = {(2996, 35, rule) for rule in (78, 80, 83, 11508, 11510)}
_HIERARCHICAL = {33, 34, 35, 36, 44, 45, 46, 47, 48, 49, 56}


class Their(NamedTuple):
    """What asyncua has of a node. Its own objects are let go: they would slow down every garbage collection."""

    attributes: dict[int, Any]
    forward: list[tuple[int, int]]


@cache
def theirs() -> dict[int, Their]:
    logging.disable(logging.CRITICAL)
    try:
        space = TheirSpace()
        fill_address_space(NodeManagementService(space))  # type: ignore[no-untyped-call]
    finally:
        logging.disable(logging.NOTSET)
    ours_too = {identifier for _, identifier in ours().nodes} | set(AGGREGATES.values())
    return {
        int(str(key.Identifier)): Their(
            {number: found for number in AttributeIds if (found := _attribute(data, number)) is not None},
            [
                (int(str(link.ReferenceTypeId.Identifier)), int(str(link.NodeId.Identifier)))
                for link in data.references
                if link.IsForward
            ],
        )
        for key, data in space._nodes.items()
        if key.Identifier in ours_too
    }


def _attribute(data: NodeData, identifier: AttributeIds) -> Any:
    found = data.attributes.get(identifier)
    return None if found is None or found.value is None or found.value.Value is None else found.value.Value.Value


@cache
def ours() -> StandardBranch:
    return Plant(()).space.standard


def standard_nodes() -> Iterator[tuple[int, StaticNode, Their]]:
    for (_, identifier), mine in ours().nodes.items():
        assert isinstance(identifier, int)
        yield identifier, mine, theirs()[identifier]


def test_every_node_of_ours_is_in_theirs_with_its_name_and_class() -> None:
    wrong = [
        identifier
        for identifier, mine, their in standard_nodes()
        if mine.name != their.attributes.get(AttributeIds.BrowseName)
        or mine.node_class != their.attributes.get(AttributeIds.NodeClass)
    ]
    assert wrong == []
    assert len(ours().nodes) > 1_100


def test_references_are_those_of_theirs() -> None:
    wrong = []
    for identifier, mine, their in standard_nodes():
        known = set(their.forward)
        mine_forward = {(link.type, int(link.target.Identifier)) for link in mine.links if link.forward}
        wrong += [
            (identifier, *each)
            for each in mine_forward - known
            if (identifier, *each) not in _LISTED_BY_US and identifier not in (2997, 11201)
        ]
        # and of the hierarchical ones none to a node that we have is missing
        wrong += [
            (identifier, *each)
            for each in known - mine_forward
            if each[0] in _HIERARCHICAL and (0, each[1]) in ours().nodes
        ]
    assert wrong == []


def test_every_hierarchical_reference_can_be_followed_both_ways() -> None:
    branch = ours()
    for mine in branch.nodes.values():
        for link in mine.links:
            other = branch.nodes[nodes.key_of(link.target)]
            assert (link.node_class, link.name, link.type_definition) == (
                other.node_class,
                other.name,
                other.type_definition,
            )
            if link.type in _HIERARCHICAL:
                assert any(
                    back.target is mine.node_id and back.forward is not link.forward and back.type == link.type
                    for back in other.links
                )


def test_every_node_can_be_reached_from_the_root() -> None:
    seen, ahead = {84}, [84]
    while ahead:
        for link in ours().nodes[0, ahead.pop()].links:
            target = int(link.target.Identifier)
            if link.forward and link.type in {*_HIERARCHICAL, 38} and target not in seen:
                seen.add(target)
                ahead.append(target)
    assert seen == {key[1] for key in ours().nodes}


def test_data_types_and_ranks_are_those_of_theirs() -> None:
    wrong = []
    for identifier, mine, their in standard_nodes():
        if mine.node_class not in (nodes.VARIABLE, nodes.VARIABLE_TYPE):
            assert mine.variable is None
            continue
        assert mine.variable is not None
        expected = 24 if identifier in _ANY_DATA else their.attributes[AttributeIds.DataType].Identifier
        if (mine.variable.data_type, mine.variable.rank) != (expected, their.attributes.get(AttributeIds.ValueRank)):
            wrong.append(identifier)
    assert wrong == []


def test_type_definitions_are_those_of_theirs() -> None:
    wrong = []
    for identifier, mine, their in standard_nodes():
        if mine.node_class in (nodes.OBJECT, nodes.VARIABLE):
            definitions = [target for link, target in their.forward if link == nodes.HAS_TYPE_DEFINITION]
            if definitions != [mine.type_definition]:
                wrong.append(identifier)
    assert wrong == []


def test_abstract_types_are_those_of_theirs() -> None:
    # asyncua calls every reference and variable type abstract; for those see the next test.
    wrong = [
        identifier
        for identifier, mine, their in standard_nodes()
        if mine.node_class in (nodes.OBJECT_TYPE, nodes.DATA_TYPE)
        and mine.abstract is not bool(their.attributes.get(AttributeIds.IsAbstract))
    ]
    assert wrong == []


def test_reference_types_have_their_inverse_names() -> None:
    for _, mine, their in standard_nodes():
        if mine.node_class == nodes.REFERENCE_TYPE:
            inverse = their.attributes.get(AttributeIds.InverseName)
            assert mine.inverse_name == ((inverse.Text or "") if inverse is not None else "")
            # Part 3, 5.3: what reads the same both ways has no other name.
            assert mine.symmetric is (not mine.inverse_name)
    abstract = {mine.name.Name for mine in ours().nodes.values() if mine.node_class == 32 and mine.abstract}
    assert abstract == {"References", "NonHierarchicalReferences", "HierarchicalReferences", "HasChild", "Aggregates"}
    abstract = {mine.name.Name for mine in ours().nodes.values() if mine.node_class == 16 and mine.abstract}
    assert abstract == {"BaseVariableType", "ServerVendorCapabilityType", "DiscreteItemType", "ArrayItemType"}


def test_fixed_values_are_those_of_theirs() -> None:
    live = set(range(2254, 2296)) | set(range(11702, 11715)) | {2994, 3709, 2992, 2993, 15961, 15963, 15964}
    checked = 0
    for identifier, mine, their in standard_nodes():
        if mine.node_class != nodes.VARIABLE or identifier in live:
            continue
        expected = their.attributes.get(AttributeIds.Value)
        found = mine.value().Value
        assert found is not None
        if expected is None or identifier in (2735, 2736, 2737, 2272, 12911, 12165, 12166, 12167, 12168):
            continue
        if mine.name.Name in ("InputArguments", "OutputArguments"):
            assert [(each.Name, each.DataType, each.ValueRank) for each in found.Value] == [
                (each.Name, each.DataType, each.ValueRank) for each in expected
            ]
        elif mine.name.Name == "EnumValues":
            assert [(each.Value, each.DisplayName) for each in found.Value] == [
                (each.Value, each.DisplayName) for each in expected
            ]
        elif mine.content is not None:
            assert found.Value == expected, identifier
        else:
            assert expected in ([], False, 0, 0.0), identifier
            continue
        checked += 1
    assert checked > 90


def test_aggregates_have_their_standard_ids() -> None:
    for name, identifier in AGGREGATES.items():
        assert theirs()[identifier].attributes[AttributeIds.BrowseName].Name == name
    plant = Plant(())
    assert [each.BrowseName.Name for each in plant.children(node(2997))] == ["Average", "Count"]
    assert [each.BrowseName.Name for each in plant.children(node(11201))] == ["Average", "Count"]


def test_limits_go_to_the_nodes_of_their_names() -> None:
    names = [
        "MaxHistoryContinuationPoints", "MaxSessions", "MaxSubscriptions", "MaxMonitoredItems",
        "MaxSubscriptionsPerSession", "MaxSelectClauseParameters", "MaxWhereClauseParameters",
        "MaxMonitoredItemsPerSubscription", "MaxMonitoredItemsQueueSize", "MaxNodesPerMethodCall",
        "MaxMonitoredItemsPerCall", "MaxNodesPerNodeManagement", "MaxNodesPerHistoryReadData",
        "MaxNodesPerHistoryReadEvents", "MaxNodesPerHistoryUpdateData", "MaxNodesPerHistoryUpdateEvents",
        "MaxReturnDataValues", "MaxReturnEventValues",
    ]  # fmt: skip
    for name in names:
        ((identifier, _),) = limits_by_name(**{name: 7}).items()
        assert ours().nodes[0, identifier].name.Name == name


def test_the_server_object_is_live() -> None:
    plant = Plant(())
    assert plant.value(node(2255)) == ["http://opcfoundation.org/UA/", "urn:here:plantgate", "urn:plantgate:tags"]
    assert plant.value(node(2254)) == ["urn:here:plantgate"]
    assert plant.value(node(2267)) == 255
    assert plant.value(node(2259)) == ua.ServerState.Running
    plant.now.service_level, plant.now.state = 199, ua.ServerState.Shutdown
    plant.now.seconds_till_shutdown, plant.now.shutdown_reason = 5, "maintenance"
    status = plant.value(node(2256))
    assert status.State is ua.ServerState.Shutdown
    assert (status.SecondsTillShutdown, status.ShutdownReason.Text) == (5, "maintenance")
    assert status.BuildInfo.SoftwareVersion == plant.value(node(2264)) == "1.2.3"
    assert status.StartTime.timestamp() * 1e6 == STARTED
    assert plant.value(node(2267)) == 199
    assert plant.value(node(2992)) == 5


async def test_the_server_tells_its_time() -> None:
    plant = Plant(())
    before = plant.value(node(2258))
    await plant.clock.advance(60)
    assert (plant.value(node(2258)) - before).total_seconds() == 60
    assert plant.value(node(2256)).CurrentTime == plant.value(node(2258))


def test_every_variable_of_the_standard_can_be_read() -> None:
    plant = Plant(())
    for mine in ours().nodes.values():
        if mine.node_class == nodes.VARIABLE:
            assert plant.value(mine.node_id) not in (StatusCodes.BadNodeIdUnknown, StatusCodes.BadAttributeIdInvalid)
    assert plant.value(node(11705)) == OPCUA_NODES_PER_READ
    assert plant.value(node(24095)) == 100


def test_values_are_of_the_types_that_their_nodes_have() -> None:
    branch = ours()
    for mine in branch.nodes.values():
        if mine.node_class != nodes.VARIABLE or mine.content is None:
            continue
        assert mine.variable is not None
        found = mine.value().Value
        assert found is not None
        assert found.VariantType is branch.built_in(mine.variable.data_type), mine.name
        assert found.is_array is (mine.variable.rank == 1), mine.name


def test_a_part_adds_live_values() -> None:
    plant = Plant(())
    counts = [3]
    plant.values.set_value(2277, lambda: counts[0])
    assert plant.value(node(2277)) == 3
    counts[0] = 4
    assert plant.value(node(2277)) == 4


@pytest.mark.parametrize(
    ("data_type", "built_in"),
    [(1, 1), (290, 11), (294, 13), (852, 6), (884, 22), (295, 12), (26, 0), (24, 0), (22, 22), (29, 6), (15031, 3)],
)
def test_what_a_data_type_is_encoded_as(data_type: int, built_in: int) -> None:
    assert ours().built_in(data_type) == built_in


def test_reference_types_with_their_subtypes() -> None:
    branch = ours()
    everything = branch.reference_types(31, subtypes=True)
    assert everything is not None
    assert set(everything) == {key[1] for key, mine in branch.nodes.items() if mine.node_class == nodes.REFERENCE_TYPE}
    assert branch.reference_types(44, subtypes=False) == frozenset({44})
    aggregates = branch.reference_types(44, subtypes=True)
    assert aggregates is not None
    assert {46, 47, 49} < aggregates
    assert 35 not in aggregates
    assert branch.reference_types(84, subtypes=True) is None


def test_subtypes() -> None:
    branch = ours()
    assert branch.is_subtype(2915, 2041)  # AlarmConditionType, BaseEventType
    assert branch.is_subtype(2041, 2041)
    assert not branch.is_subtype(2041, 2915)


def test_what_a_branch_attaches_to_a_standard_node_is_browsed() -> None:
    plant = Plant(())
    branch = nodes.StaticBranch(frozenset({1}))
    added = nodes.StaticNode(node("readers", 1), nodes.OBJECT, ua.QualifiedName("Readers", 1), nodes.FOLDER_TYPE)
    method = nodes.StaticNode(node("wink", 1), nodes.METHOD, ua.QualifiedName("Wink", 1))
    added.link(nodes.HAS_COMPONENT, method)
    for each in (added, method):
        branch.add(each)
    branch.attach(node(85), added.as_target(nodes.ORGANIZES, forward=True))
    plant.space.add_branch(branch)
    assert [each.BrowseName.Name for each in plant.children(node(85))] == ["Server", "Readers"]
    assert [each.BrowseName.Name for each in plant.children(added.node_id)] == ["Wink"]
    assert plant.value(method.node_id, AttributeIds.UserExecutable) is True
    (result,) = plant.browse(below(method.node_id, direction=ua.BrowseDirection.Inverse))
    assert [each.NodeId for each in result.References] == [added.node_id]


def test_a_reference_tells_what_its_target_is() -> None:
    server = ours().nodes[0, 2253]
    assert server.as_target(nodes.ORGANIZES, forward=True) == Reference(
        35, True, node(2253), nodes.OBJECT, ua.QualifiedName("Server", 0), 2004
    )
