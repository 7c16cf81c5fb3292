from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.errors import UsageError
from plantgate.limits import OPCUA_ROLE_SETS
from plantgate.listeners.opcua_server.space.rights import BROWSE, EVERYTHING, NOTHING, READ, Rights
from plantgate.listeners.opcua_server.space.tag_index import TagIndex, joined, name_of, parent_of
from plantgate.listeners.opcua_server.space.values import BUILT_IN
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import DataType
from tests.listeners.opcua_server.space.plant import Plant, below, everybody, node, tag

A = AttributeIds
SPEED = tag("Line 1/Speed", unit="°C", low=-10.0, high=40.0, writable=True, history=True, description="of the belt")
PLANT = (
    SPEED,
    tag("Line 1/Count", DataType.INT4, unit="pcs"),
    tag("Line 1/Filler/Names", DataType.STRING_ARRAY, initial=("a", "b")),
    tag("Top"),
    tag("[other]Far/Away", DataType.BOOLEAN),
)


def names(references: list[ua.ReferenceDescription]) -> list[str | None]:
    return [each.BrowseName.Name for each in references]


def test_folders_come_from_paths() -> None:
    plant = Plant(PLANT)
    assert names(plant.children(node(85))) == ["Server", "default", "other"]
    assert names(plant.children(node("[default]"))) == ["Line 1", "Top"]
    assert names(plant.children(node("[default]Line 1"))) == ["Filler", "Speed", "Count"]
    assert names(plant.children(node("[default]Line 1/Filler"))) == ["Names"]
    assert names(plant.children(node("[other]Far"))) == ["Away"]


def test_what_browse_tells_is_what_read_tells() -> None:
    """Names, classes and types of everything that can be reached, tags and standard nodes."""
    plant = Plant(PLANT)
    ahead, seen = [node(84)], set()
    while ahead:
        at = ahead.pop()
        for found in plant.children(at):
            if found.NodeId in seen:
                continue
            seen.add(found.NodeId)
            ahead.append(found.NodeId)
            assert plant.value(found.NodeId, A.NodeId) == found.NodeId
            assert plant.value(found.NodeId, A.NodeClass) == found.NodeClass
            assert plant.value(found.NodeId, A.BrowseName) == found.BrowseName
            assert plant.value(found.NodeId, A.DisplayName) == found.DisplayName
            (result,) = plant.browse(below(found.NodeId, 40))
            assert [each.NodeId for each in result.References] == (
                [found.TypeDefinition] if found.NodeClass in (ua.NodeClass.Object, ua.NodeClass.Variable) else []
            )
            (result,) = plant.browse(below(found.NodeId, direction=ua.BrowseDirection.Inverse))
            assert at in [each.NodeId for each in result.References]
    assert {node(each.path) for each in PLANT} < seen


def test_properties() -> None:
    plant = Plant(PLANT)
    found = plant.children(node(SPEED.path))
    assert [(each.BrowseName.Name, each.BrowseName.NamespaceIndex) for each in found] == [
        ("EURange", 0),
        ("EngineeringUnits", 0),
    ]
    span, unit = (plant.value(each.NodeId) for each in found)
    assert (span.Low, span.High) == (-10.0, 40.0)
    assert (unit.UnitId, unit.DisplayName.Text) == (4408652, "°C")
    assert [plant.value(each.NodeId, A.DataType) for each in found] == [node(884), node(887)]
    assert names(plant.children(node("[default]Line 1/Count"))) == ["EngineeringUnits"]
    assert plant.children(node("[default]Top")) == []
    for path in ("[default]Top.EURange", "[default]Line 1/Count.EURange", "[default]Line 1/Speed.Other", "Top.EURange"):
        assert plant.value(node(path)) == StatusCodes.BadNodeIdUnknown


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        (tag("A", low=0.0, high=1.0), 2368),
        (tag("A", low=0.0, high=1.0, unit="V"), 2368),
        (tag("A", unit="V"), 17497),
        (tag("A", low=0.0), 63),
        (tag("A"), 63),
        (tag("A", DataType.INT2_ARRAY, unit="V"), 17497),
        (tag("A", DataType.STRING, unit="V", low=0.0, high=1.0), 63),
        (tag("A", DataType.BOOLEAN, low=0.0, high=1.0), 63),
        (tag("A", DataType.DATETIME), 63),
    ],
)
def test_types(definition: TagDefinition, kind: int) -> None:
    plant = Plant([definition])
    (found,) = plant.children(node("[default]"))
    assert found.TypeDefinition == node(kind)
    (result,) = plant.browse(below(found.NodeId, 40))
    assert [(each.NodeId, each.NodeClass) for each in result.References] == [(node(kind), ua.NodeClass.VariableType)]


@pytest.mark.parametrize("data_type", DataType)
def test_data_types(data_type: DataType) -> None:
    plant = Plant([tag("A", data_type)])
    assert plant.value(node("[default]A"), A.DataType) == node(BUILT_IN[data_type.element])
    assert plant.value(node("[default]A"), A.ValueRank) == (1 if data_type.is_array else -1)
    dimensions = plant.value(node("[default]A"), A.ArrayDimensions)
    assert dimensions == ([0] if data_type.is_array else StatusCodes.BadAttributeIdInvalid)


def test_attributes_of_a_tag() -> None:
    plant = Plant(PLANT, sampling=lambda definition: 250.0)
    speed, count = node(SPEED.path), node("[default]Line 1/Count")
    assert plant.value(speed, A.Description) == ua.LocalizedText("of the belt")
    assert (plant.value(speed, A.AccessLevel), plant.value(count, A.AccessLevel)) == (7, 1)
    assert plant.value(speed, A.AccessLevelEx) == 7
    assert (plant.value(speed, A.Historizing), plant.value(count, A.Historizing)) == (True, False)
    assert plant.value(speed, A.MinimumSamplingInterval) == 250.0
    assert (plant.value(speed, A.WriteMask), plant.value(speed, A.UserWriteMask)) == (0, 0)
    assert plant.value(speed, A.EventNotifier) == StatusCodes.BadAttributeIdInvalid


@pytest.mark.parametrize(
    ("rights", "level"),
    [
        (EVERYTHING, 7),
        (Rights(browse=["*"]), 0),
        (Rights(read=["*"]), 5),
        (Rights(write=["*"]), 2),
        (Rights(browse=["*"], read=["Line 2/*"], write=["Line 1/*"]), 2),
    ],
)
def test_what_a_user_may_do_with_a_tag(rights: Rights, level: int) -> None:
    plant = Plant(PLANT)
    caller = everybody(rights)
    assert plant.value(node(SPEED.path), A.UserAccessLevel, caller) == level
    assert plant.value(node(SPEED.path), A.AccessLevel, caller) == 7
    value = plant.value(node(SPEED.path), caller=caller)
    assert value == (None if level & 1 else StatusCodes.BadUserAccessDenied)


def test_an_array_is_not_stored() -> None:
    plant = Plant([tag("A", DataType.INT2_ARRAY, history=True)])
    assert plant.value(node("[default]A"), A.Historizing) is False
    assert plant.value(node("[default]A"), A.AccessLevel) == 1


def test_what_nobody_polls_may_change_at_any_time() -> None:
    plant = Plant([tag("A"), tag("B", kind=TagKind.DEVICE, device="PLC")])
    assert plant.value(node("[default]A"), A.MinimumSamplingInterval) == 0.0
    assert plant.value(node("[default]B"), A.MinimumSamplingInterval) == -1.0


@pytest.mark.parametrize(
    "wrong",
    [
        node("Line 1/Speed"),  # the provider belongs to it
        node("[default]line 1/speed"),
        node("[default]Line 1/"),
        node("[default]Line 1/Speed/"),
        node("[none]"),
        node("[default"),
        node(""),
        node("[default]Line 1/Speed", 1),
        node("[default]Line 1/Speed", 0),
        node("[default]Line 1/Speed", 77),
        node(0),
        node(2253, 2),
        node(99_999_999),
        ua.NodeId(b"[default]Top", 2),  # type: ignore[arg-type]
        ua.NodeId(),
    ],
)
def test_a_node_has_one_id(wrong: ua.NodeId) -> None:
    plant = Plant(PLANT)
    assert plant.value(wrong) == StatusCodes.BadNodeIdUnknown
    assert plant.value(wrong, A.NodeClass) == StatusCodes.BadNodeIdUnknown


def test_a_tag_with_alarms_is_a_folder_too() -> None:
    plant = Plant([SPEED, tag("Line 1/Speed/Alarms/High/Active", DataType.BOOLEAN)])
    assert names(plant.children(node("[default]Line 1"))) == ["Speed"]
    assert names(plant.children(node(SPEED.path))) == ["EURange", "EngineeringUnits", "Alarms"]
    assert plant.value(node(SPEED.path), A.NodeClass) == ua.NodeClass.Variable
    (result,) = plant.browse(below(node("[default]Line 1/Speed/Alarms"), direction=ua.BrowseDirection.Inverse))
    assert [(each.NodeId, each.NodeClass) for each in result.References] == [(node(SPEED.path), ua.NodeClass.Variable)]


def test_what_is_not_exposed_is_not_there() -> None:
    plant = Plant(PLANT, exposed=Rights(browse=["Line 1/*"]))
    assert names(plant.children(node(85))) == ["Server", "default"]
    assert names(plant.children(node("[default]"))) == ["Line 1"]
    assert plant.value(node("[default]Top")) == StatusCodes.BadNodeIdUnknown
    assert plant.value(node("[other]Far")) == StatusCodes.BadNodeIdUnknown
    found = plant.tags.tag_of(node("[default]Top"))
    assert found is not None
    assert plant.tags.access(found, EVERYTHING) == 0


def test_what_may_not_be_browsed_is_not_seen() -> None:
    plant = Plant(PLANT)
    caller = everybody(Rights(browse=["*/Names"], read=["Top"]))
    assert names(plant.children(node(85), caller)) == ["Server", "default"]
    assert names(plant.children(node("[default]"), caller)) == ["Line 1"]
    assert names(plant.children(node("[default]Line 1"), caller)) == ["Filler"]
    # may be read by whoever knows its id
    assert plant.value(node("[default]Top"), A.DataType, caller) == node(11)
    (result,) = plant.browse(below(node("[default]Top")), caller=caller)
    assert result.StatusCode.value == StatusCodes.BadNodeIdUnknown
    # and what is granted nothing is not there at all
    assert plant.value(node(SPEED.path), A.DataType, caller) == StatusCodes.BadNodeIdUnknown
    assert plant.value(node("[default]Line 1/Speed.EURange"), 13, caller) == StatusCodes.BadNodeIdUnknown
    assert plant.value(node("[default]"), A.NodeClass, everybody(NOTHING)) == StatusCodes.BadNodeIdUnknown


def test_tags_come_and_go() -> None:
    plant = Plant(PLANT)
    limited = everybody(Rights(browse=["Line*"], read=["Line*"]))
    for caller in (everybody(), limited):
        assert "Line 2" not in names(plant.children(node("[default]"), caller))
    plant.tree.add(tag("Line 2/Level"))
    plant.tree.remove("Top")
    plant.tree.remove("Line 1/Filler/Names")
    plant.tags.changed()
    assert names(plant.children(node("[default]"))) == ["Line 1", "Line 2"]
    for caller in (everybody(), limited):
        assert names(plant.children(node("[default]Line 1"), caller)) == ["Speed", "Count"]
        assert names(plant.children(node("[default]Line 2"), caller)) == ["Level"]
        assert plant.value(node("[default]Line 2/Level"), caller=caller) is None
    assert plant.value(node("[default]Line 1/Filler")) == StatusCodes.BadNodeIdUnknown
    assert plant.value(node("[default]Top")) == StatusCodes.BadNodeIdUnknown


def test_tags_that_come_untold_are_seen() -> None:
    plant = Plant(PLANT)
    assert names(plant.children(node("[default]"))) == ["Line 1", "Top"]
    plant.tree.add(tag("Zones/Hall", DataType.INT8))
    assert names(plant.children(node("[default]"))) == ["Line 1", "Zones", "Top"]


def test_another_definition_of_a_tag_is_seen_at_once() -> None:
    plant = Plant([tag("A")])
    assert plant.value(node("[default]A"), A.AccessLevel) == 1
    plant.tree.rows[0] = tag("A", DataType.INT4, writable=True, unit="V")
    assert plant.value(node("[default]A"), A.AccessLevel) == 3
    assert plant.value(node("[default]A"), A.DataType) == node(6)
    assert names(plant.children(node("[default]A"))) == ["EngineeringUnits"]


def test_rights_are_worked_out_once_for_all_sessions_that_have_the_same() -> None:
    plant = Plant(PLANT)
    first = plant.tags.index(Rights(browse=["Line*"]))
    assert plant.tags.index(Rights(browse=["Line*"])) is first
    for number in range(OPCUA_ROLE_SETS):
        plant.tags.index(Rights(browse=[f"Line {number}"]))
    assert plant.tags.index(Rights(browse=["Line*"])) is not first
    assert plant.tags.access(0, Rights(browse=["Line*"], read=["Top"])) == BROWSE
    assert plant.tags.access(3, Rights(browse=["Line*"], read=["Top"])) == READ


def test_a_branch_is_added_once() -> None:
    plant = Plant(PLANT)
    with pytest.raises(UsageError, match="twice"):
        plant.space.add_branch(plant.tags)


_NAME = st.sampled_from(["A", "B", "Line 1", "x"])
_PATHS = st.lists(
    st.tuples(st.sampled_from(["[default]", "[p]"]), st.lists(_NAME, min_size=1, max_size=4)).map(
        lambda parts: parts[0] + "/".join(parts[1])
    ),
    unique=True,
    max_size=25,
)


@given(_PATHS)
@settings(max_examples=200)
def test_the_index_has_every_tag_once_in_its_folder(paths: list[str]) -> None:
    definitions = [TagDefinition(path, DataType.INT4) for path in paths]
    index = TagIndex(definitions, range(len(paths)), None)
    assert sorted(number for folder in index.folders.values() for number in folder.tags) == list(range(len(paths)))
    for path, folder in index.folders.items():
        assert folder.path == path
        assert all(parent_of(paths[number]) == path for number in folder.tags)
        assert all(each.parent is folder for each in folder.folders)
        assert folder.tags or folder.folders
        assert (folder.parent is None) is (folder in index.roots) is (path in ("[default]", "[p]"))
    for path in paths:
        assert joined(parent_of(path), name_of(path)) == path


@given(_PATHS, st.lists(st.sampled_from(["*", "A*", "*/x", "[p]*", "B", "A/*"]), max_size=2))
@settings(max_examples=100)
def test_walking_down_finds_exactly_what_may_be_browsed(paths: list[str], patterns: list[str]) -> None:
    rights = Rights(browse=patterns)
    plant = Plant(TagDefinition(path, DataType.INT4) for path in paths)
    caller = everybody(rights)
    found, ahead = set[str](), [node(85)]
    while ahead:
        for each in plant.children(ahead.pop(), caller):
            if each.NodeId.NamespaceIndex:
                ahead.append(each.NodeId)
                identifier: Any = each.NodeId.Identifier
                if each.NodeClass == ua.NodeClass.Variable:
                    assert identifier not in found
                    found.add(identifier)
    # A tag that may not be browsed hides nothing but itself: what is below it is found in a folder of its name.
    assert found == {path for path in paths if rights.of(path)}
