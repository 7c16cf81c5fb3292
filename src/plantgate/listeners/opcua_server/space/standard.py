"""The standard nodes of namespace 0 that clients look for, from tables of our own.

Facts: OPC UA Part 3 (model), 5 (types and the Server object), 8 (data access), 9 (alarms), 11 and 13 (history).

A table is a tree. `@84` names the node that what follows hangs from; a line begins with a blank for each level below
it and a letter for how it hangs there:

    >  HasSubtype, of the same node class        /  Organizes an object
    p  HasProperty a variable                    o  HasComponent an object
    v  HasComponent a variable                   m  HasComponent a method

and then has one node or, without children, several: an id, a browse name, and

    :Double[]   data type and value rank ([] one dimension, ? any, [+] one or more, [?] none or one); BaseDataType?
    =Name       type definition, where it is not the usual one
    !M          modelling rule: M mandatory, O optional, m and o their placeholders, x exposes its array
    *  ~  ^Of   abstract, symmetric, inverse name
    #8          node class, where the way it hangs does not say
    +886        HasEncoding Default Binary with this id
    $7612 %7613 HasProperty EnumStrings, EnumValues with this id
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from asyncua import ua

from plantgate.listeners.opcua_server.space import nodes
from plantgate.listeners.opcua_server.space.made import numeric
from plantgate.listeners.opcua_server.space.nodes import StaticBranch, StaticNode, Variable
from plantgate.listeners.opcua_server.space.table_events import CROSS, EVENTS
from plantgate.listeners.opcua_server.space.table_objects import OBJECTS
from plantgate.listeners.opcua_server.space.table_types import TYPES

ROOT, OBJECTS_FOLDER, SERVER = 84, 85, 2253
HAS_MODELLING_RULE, HAS_ENCODING = 37, 38
_REFERENCES = 31
_BASE_DATA_TYPE = 24
# Part 5, 12.2.12: the last number of a built-in type; an enumeration is an Int32, a structure an ExtensionObject.
_LAST_BUILT_IN, _ENUMERATION, _STRUCTURE = 25, 29, 22
_INT32, _EXTENSION_OBJECT = 6, 22

_HANGS: Mapping[str, tuple[int, int, str]] = {
    ">": (nodes.HAS_SUBTYPE, 0, ""),
    "/": (nodes.ORGANIZES, nodes.OBJECT, "FolderType"),
    "p": (nodes.HAS_PROPERTY, nodes.VARIABLE, "PropertyType"),
    "o": (nodes.HAS_COMPONENT, nodes.OBJECT, "BaseObjectType"),
    "v": (nodes.HAS_COMPONENT, nodes.VARIABLE, "BaseDataVariableType"),
    "m": (nodes.HAS_COMPONENT, nodes.METHOD, ""),
}
_RULES = {"M": 78, "O": 80, "m": 11510, "o": 11508, "x": 83}
_RANKS = {"": -1, "[]": 1, "[][]": 2, "?": -2, "[?]": -3, "[+]": 0}
_TYPE = re.compile(r"(\w+)(.*)\Z")
_MARKS = frozenset(":=!*~^#+$%")


class _Entry(NamedTuple):
    """One node of a table: its parent, how it hangs there, and what stands behind its name by the first letters."""

    parent: int
    hang: str
    id: int
    name: str
    marks: dict[str, str]


def _entries(table: str) -> Iterator[_Entry]:
    """In the order of the table: a parent comes before what hangs from it."""
    path: list[int] = []
    for line in table.strip().splitlines():
        text = line.lstrip(" ")
        if text.startswith("@"):
            path = [int(text[1:])]
            continue
        del path[len(line) - len(text) + 1 :]
        last = 0
        for item in text[1:].split(", "):
            entry = _entry(path[-1], text[0], item)
            last = entry.id
            yield entry
        path.append(last)


def _entry(parent: int, hang: str, item: str) -> _Entry:
    identifier, *words = item.split(" ")
    name = [word for word in words if word[0] not in _MARKS]
    marks = {word[0]: word[1:] for word in words if word[0] in _MARKS}
    return _Entry(parent, hang, int(identifier), " ".join(name), marks)


class StandardBranch(StaticBranch):
    """Namespace 0."""

    def __init__(self) -> None:
        super().__init__(frozenset({0}))
        self._types: dict[str, StaticNode] = {}
        self._super: dict[int, int] = {}
        entries = [entry for table in (TYPES, OBJECTS, EVENTS) for entry in _entries(table)]
        for entry in entries:  # names of types are used before their lines
            node = StaticNode(numeric(entry.id), self._class(entry), ua.QualifiedName(entry.name, 0))
            self.add(node)
            if node.node_class & (nodes.OBJECT_TYPE | nodes.VARIABLE_TYPE | nodes.REFERENCE_TYPE | nodes.DATA_TYPE):
                self._types[entry.name] = node
        root = StaticNode(numeric(ROOT), nodes.OBJECT, ua.QualifiedName("Root", 0))
        self.add(root)
        self._typed(root, "FolderType")
        for entry in entries:  # a reference tells what its target is: all is said of nodes before they are linked
            self._describe(self._at(entry.id), entry)
        for entry in entries:
            self._link(self._at(entry.id), entry)
        for line in CROSS.strip().replace("\n ", " ").splitlines():
            self._cross(*line.split(" "))
        self._reference_types = self._subtypes()

    def _at(self, identifier: int) -> StaticNode:
        return self.nodes[0, identifier]

    def _class(self, entry: _Entry) -> int:
        if "#" in entry.marks:
            return int(entry.marks["#"])
        return _HANGS[entry.hang][1] or self._at(entry.parent).node_class

    def _describe(self, node: StaticNode, entry: _Entry) -> None:
        marks = entry.marks
        node.abstract, node.symmetric, node.inverse_name = "*" in marks, "~" in marks, marks.get("^", "")
        if node.node_class in {nodes.OBJECT, nodes.VARIABLE}:
            self._typed(node, marks.get("=", _HANGS[entry.hang][2]))
        if node.node_class in {nodes.VARIABLE, nodes.VARIABLE_TYPE}:
            node.variable = self._variable(marks.get(":", "BaseDataType?"))

    def _link(self, node: StaticNode, entry: _Entry) -> None:
        marks, reference = entry.marks, _HANGS[entry.hang][0]
        if reference == nodes.HAS_SUBTYPE:
            self._super[entry.id] = entry.parent
        self._at(entry.parent).link(reference, node)
        if "!" in marks:
            # The rule does not list the thousand nodes that follow it.
            node.links.append(self._at(_RULES[marks["!"]]).as_target(HAS_MODELLING_RULE, forward=True))
        self._belongings(node, marks)

    def _belongings(self, node: StaticNode, marks: Mapping[str, str]) -> None:
        """What data types have: an encoding, or the names of their numbers."""
        if "+" in marks:
            encoding = self._new(int(marks["+"]), nodes.OBJECT, "Default Binary", "DataTypeEncodingType")
            node.link(HAS_ENCODING, encoding)
        for mark, name, data_type in (("$", "EnumStrings", "LocalizedText[]"), ("%", "EnumValues", "EnumValueType[]")):
            if mark in marks:
                property_node = self._new(int(marks[mark]), nodes.VARIABLE, name, "PropertyType")
                property_node.variable = self._variable(data_type)
                node.link(nodes.HAS_PROPERTY, property_node)

    def _new(self, identifier: int, node_class: int, name: str, type_definition: str) -> StaticNode:
        node = StaticNode(numeric(identifier), node_class, ua.QualifiedName(name, 0))
        self.add(node)
        self._typed(node, type_definition)
        return node

    def _typed(self, node: StaticNode, name: str) -> None:
        """A type does not list its instances."""
        definition = self._types[name]
        node.type_definition = int(definition.node_id.Identifier)
        node.links.append(definition.as_target(nodes.HAS_TYPE_DEFINITION, forward=True))

    def _variable(self, text: str) -> Variable:
        match = _TYPE.match(text)
        assert match is not None, text
        return Variable(int(self._types[match[1]].node_id.Identifier), _RANKS[match[2]])

    def _cross(self, name: str, *pairs: str) -> None:
        """References beside the tree: `2935>2930`."""
        reference = int(self._types[name].node_id.Identifier)
        for pair in pairs:
            source, _, target = pair.partition(">")
            self._at(int(source)).link(reference, self._at(int(target)))

    def add_aggregates(self, supported: Mapping[int, str], folders: tuple[int, ...]) -> None:
        """Aggregate functions that the server has (Part 13), by their ids, into the folders that list them."""
        for identifier, name in supported.items():
            function = self._new(identifier, nodes.OBJECT, name, "AggregateFunctionType")
            for folder in folders:
                self._at(folder).link(nodes.ORGANIZES, function)

    # what is worked out from it

    def _subtypes(self) -> dict[int, frozenset[int]]:
        """Of each reference type itself and all below."""
        below: dict[int, set[int]] = {_REFERENCES: {_REFERENCES}}
        for identifier, node in ((int(key[1]), node) for key, node in self.nodes.items() if isinstance(key[1], int)):
            if node.node_class != nodes.REFERENCE_TYPE:
                continue
            above: int | None = identifier
            while above is not None:
                below.setdefault(above, set()).add(identifier)
                above = self._super.get(above)
        return {identifier: frozenset(found) for identifier, found in below.items()}

    def reference_types(self, identifier: int, *, subtypes: bool) -> frozenset[int] | None:
        """Those that are meant by one; None if it is no reference type."""
        found = self._reference_types.get(identifier)
        return found if subtypes or found is None else frozenset({identifier})

    def is_subtype(self, identifier: int, of: int) -> bool:
        """Whether a type is `of` or one below it."""
        at: int | None = identifier
        while at is not None and at != of:
            at = self._super.get(at)
        return at == of

    def built_in(self, data_type: int) -> ua.VariantType:
        """What values of a data type are encoded as; Null for one that does not say (Number, BaseDataType)."""
        at: int | None = data_type
        while at is not None and at != _BASE_DATA_TYPE:
            if at == _ENUMERATION:
                return ua.VariantType(_INT32)
            if at == _STRUCTURE:
                return ua.VariantType(_EXTENSION_OBJECT)
            if at <= _LAST_BUILT_IN:
                return ua.VariantType(at)
            at = self._super.get(at)
        return ua.VariantType.Null
