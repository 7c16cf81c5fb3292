"""A tag, a folder, a property as nodes: made for one request, forgotten after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from plantgate.listeners.opcua_server.space import nodes
from plantgate.listeners.opcua_server.space.made import NO_VALUE, data_value, numeric
from plantgate.listeners.opcua_server.space.nodes import Reference, Variable, Wanted
from plantgate.listeners.opcua_server.space.rights import BROWSE, READ, WRITE, Rights
from plantgate.listeners.opcua_server.space.tag_index import Folder, name_of
from plantgate.listeners.opcua_server.space.units import engineering_unit
from plantgate.listeners.opcua_server.space.values import BUILT_IN, time_of, variant_of
from plantgate.model.seams import TagReader
from plantgate.model.tag import TagDefinition
from plantgate.protocols.opcua.status import BAD, status_of

_ANALOG_ITEM, _ANALOG_UNIT = 2368, 17497
_TYPE_NAMES: Mapping[int, str] = {
    _ANALOG_ITEM: "AnalogItemType",
    _ANALOG_UNIT: "AnalogUnitType",
    nodes.BASE_DATA_VARIABLE_TYPE: "BaseDataVariableType",
    nodes.PROPERTY_TYPE: "PropertyType",
}
_RANGE, _UNIT = "EURange", "EngineeringUnits"
_RANGE_TYPE, _EU_INFORMATION = 884, 887


class TagSpace(Protocol):
    """What these nodes need of the branch they are in."""

    @property
    def namespace(self) -> int: ...

    @property
    def tags(self) -> TagReader: ...

    @property
    def sampling(self) -> Callable[[TagDefinition], float]: ...

    def node_id(self, path: str) -> ua.NodeId: ...

    def to_parent(self, path: str, rights: Rights) -> Reference: ...

    def children(self, path: str, wanted: Wanted, rights: Rights) -> Iterator[Reference]: ...

    def child(self, path: str, name: ua.QualifiedName, wanted: Wanted, rights: Rights) -> Iterator[Reference]: ...


def type_of(definition: TagDefinition) -> int:
    """The type definition of a tag."""
    if not definition.data_type.element.is_number:
        return nodes.BASE_DATA_VARIABLE_TYPE
    if definition.low is not None and definition.high is not None:
        return _ANALOG_ITEM
    return _ANALOG_UNIT if definition.unit else nodes.BASE_DATA_VARIABLE_TYPE


def properties_of(definition: TagDefinition) -> Mapping[str, int]:
    """The properties of a tag with their data types."""
    kind = type_of(definition)
    if kind == nodes.BASE_DATA_VARIABLE_TYPE:
        return {}
    if kind == _ANALOG_UNIT:
        return {_UNIT: _EU_INFORMATION}
    return {_RANGE: _RANGE_TYPE, _UNIT: _EU_INFORMATION} if definition.unit else {_RANGE: _RANGE_TYPE}


def _type_reference(identifier: int, name: str, node_class: int) -> Reference:
    return Reference(nodes.HAS_TYPE_DEFINITION, True, numeric(identifier), node_class, ua.QualifiedName(name, 0))


_IS_FOLDER = _type_reference(nodes.FOLDER_TYPE, "FolderType", nodes.OBJECT_TYPE)
_IS = {number: _type_reference(number, name, nodes.VARIABLE_TYPE) for number, name in _TYPE_NAMES.items()}


class TagNode:
    """A tag. `bits` are the rights of the session on it."""

    __slots__ = ("_bits", "_rights", "_space", "definition", "tag")
    node_class = nodes.VARIABLE

    def __init__(self, space: TagSpace, rights: Rights, tag: int, bits: int) -> None:
        self._space = space
        self._rights = rights
        self._bits = bits
        self.tag = tag
        self.definition = space.tags.definitions()[tag]

    @property
    def node_id(self) -> ua.NodeId:
        return self._space.node_id(self.definition.path)

    @property
    def name(self) -> ua.QualifiedName:
        return ua.QualifiedName(name_of(self.definition.path), self._space.namespace)

    @property
    def description(self) -> str:
        return self.definition.description

    @property
    def browsable(self) -> bool:
        return bool(self._bits & BROWSE)

    @property
    def writable(self) -> bool:
        """Whether the session may write it; what the gate says is another matter."""
        return bool(self._bits & WRITE)

    @property
    def variable(self) -> Variable:
        definition = self.definition
        stored = definition.history and definition.data_type.has_history
        access = nodes.CURRENT_READ
        if definition.writable:
            access |= nodes.CURRENT_WRITE
        if stored:
            access |= nodes.HISTORY_READ
        allowed = nodes.CURRENT_READ | nodes.HISTORY_READ if self._bits & READ else 0
        if self._bits & WRITE:
            allowed |= nodes.CURRENT_WRITE
        return Variable(
            BUILT_IN[definition.data_type.element],
            1 if definition.data_type.is_array else -1,
            access,
            access & allowed,
            self._space.sampling(definition),
            stored,
        )

    def special(self, attribute: int) -> ua.Variant | None:
        return None

    def value(self) -> ua.DataValue:
        """A bad one has no value (Part 4, 7.11); the tree keeps the last one, which is for people."""
        if not self._bits & READ:
            return data_value(status=StatusCodes.BadUserAccessDenied)
        now = self._space.tags.read(self.tag)
        status = status_of(now.quality)
        variant = NO_VALUE if status & BAD else variant_of(now.value, self.definition.data_type)
        return data_value(variant, status, time_of(now.timestamp))

    def references(self, wanted: Wanted) -> Iterator[Reference]:
        yield from filter(wanted.takes, self._around())
        yield from self._space.children(self.definition.path, wanted, self._rights)

    def named(self, wanted: Wanted, name: ua.QualifiedName) -> Iterator[Reference]:
        yield from (each for each in self._around() if each.name == name and wanted.takes(each))
        yield from self._space.child(self.definition.path, name, wanted, self._rights)

    def _around(self) -> Iterator[Reference]:
        yield _IS[type_of(self.definition)]
        yield self._space.to_parent(self.definition.path, self._rights)
        for name in properties_of(self.definition):
            yield PropertyNode(self, name).as_target()

    def to_tag(self) -> Reference:
        """The way from a property back to its tag."""
        kind = type_of(self.definition)
        return Reference(nodes.HAS_PROPERTY, False, self.node_id, nodes.VARIABLE, self.name, kind)

    def property_id(self, name: str) -> ua.NodeId:
        return self._space.node_id(f"{self.definition.path}.{name}")


class PropertyNode:
    """EURange or EngineeringUnits. It is known of and read by whoever knows of the tag."""

    __slots__ = ("_name", "_owner")
    node_class = nodes.VARIABLE
    description = ""

    def __init__(self, owner: TagNode, name: str) -> None:
        self._owner = owner
        self._name = name

    @property
    def node_id(self) -> ua.NodeId:
        return self._owner.property_id(self._name)

    @property
    def name(self) -> ua.QualifiedName:
        return ua.QualifiedName(self._name, 0)

    @property
    def browsable(self) -> bool:
        return self._owner.browsable

    @property
    def variable(self) -> Variable:
        return Variable(properties_of(self._owner.definition)[self._name])

    def as_target(self) -> Reference:
        return Reference(nodes.HAS_PROPERTY, True, self.node_id, nodes.VARIABLE, self.name, nodes.PROPERTY_TYPE)

    def special(self, attribute: int) -> ua.Variant | None:
        return None

    def value(self) -> ua.DataValue:
        definition = self._owner.definition
        content: ua.Range | ua.EUInformation
        if self._name == _RANGE:
            content = ua.Range(Low=float(definition.low or 0.0), High=float(definition.high or 0.0))
        else:
            content = engineering_unit(definition.unit)
        return data_value(ua.Variant(content, ua.VariantType.ExtensionObject))

    def references(self, wanted: Wanted) -> Iterator[Reference]:
        return filter(wanted.takes, (_IS[nodes.PROPERTY_TYPE], self._owner.to_tag()))

    def named(self, wanted: Wanted, name: ua.QualifiedName) -> Iterator[Reference]:
        return (each for each in self.references(wanted) if each.name == name)


class FolderNode:
    """A provider, or a folder that has tags somewhere below it."""

    __slots__ = ("_folder", "_rights", "_space")
    node_class = nodes.OBJECT
    description = ""
    browsable = True
    variable = None

    def __init__(self, space: TagSpace, rights: Rights, folder: Folder) -> None:
        self._space = space
        self._rights = rights
        self._folder = folder

    @property
    def node_id(self) -> ua.NodeId:
        return self._space.node_id(self._folder.path)

    @property
    def name(self) -> ua.QualifiedName:
        return ua.QualifiedName(self._folder.name, self._space.namespace)

    def special(self, attribute: int) -> ua.Variant | None:
        return ua.Variant(0, ua.VariantType.Byte) if attribute == AttributeIds.EventNotifier else None

    def value(self) -> ua.DataValue:
        return data_value()

    def _around(self) -> tuple[Reference, Reference]:
        return _IS_FOLDER, self._space.to_parent(self._folder.path, self._rights)

    def references(self, wanted: Wanted) -> Iterator[Reference]:
        yield from filter(wanted.takes, self._around())
        yield from self._space.children(self._folder.path, wanted, self._rights)

    def named(self, wanted: Wanted, name: ua.QualifiedName) -> Iterator[Reference]:
        yield from (each for each in self._around() if each.name == name and wanted.takes(each))
        yield from self._space.child(self._folder.path, name, wanted, self._rights)
