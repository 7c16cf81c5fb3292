"""What a node is to the services, and nodes that stay as they are.

Source: Part 3 (clauses 4 to 7), Part 4 (5.9, 5.11). Reference types are those of namespace 0, by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from plantgate.listeners.opcua_server.space.made import data_value
from plantgate.listeners.opcua_server.space.rights import Rights

# Node classes (Part 3, table 9).
OBJECT, VARIABLE, METHOD, OBJECT_TYPE, VARIABLE_TYPE, REFERENCE_TYPE, DATA_TYPE, VIEW = 1, 2, 4, 8, 16, 32, 64, 128
# Reference types that are used by name here.
HAS_TYPE_DEFINITION, ORGANIZES, HAS_SUBTYPE, HAS_PROPERTY, HAS_COMPONENT = 40, 35, 45, 46, 47
# Types that are used by name here.
BASE_OBJECT_TYPE, FOLDER_TYPE, BASE_DATA_VARIABLE_TYPE, PROPERTY_TYPE = 58, 61, 63, 68
# Bits of AccessLevel (Part 3, 8.57).
CURRENT_READ, CURRENT_WRITE, HISTORY_READ = 1, 2, 4

Value: TypeAlias = ua.Variant | Callable[[], ua.Variant]


class Reference(NamedTuple):
    """A reference as Browse tells it. `target` is the node at the other end, of which the rest is told."""

    type: int
    forward: bool
    target: ua.NodeId
    node_class: int
    name: ua.QualifiedName
    type_definition: int = 0


class Wanted(NamedTuple):
    """Which references a client asks for. `types` None is all, `classes` is a mask of node classes, 0 is all."""

    types: Collection[int] | None = None
    forward: bool = True
    inverse: bool = False
    classes: int = 0

    def takes(self, reference: Reference) -> bool:
        return self.follows(reference.type, forward=reference.forward) and self.shows(reference.node_class)

    def follows(self, reference_type: int, *, forward: bool) -> bool:
        return (self.forward if forward else self.inverse) and (self.types is None or reference_type in self.types)

    def shows(self, node_class: int) -> bool:
        return not self.classes or bool(self.classes & node_class)


class Variable(NamedTuple):
    """What variables and variable types have besides a value. `interval` is the MinimumSamplingInterval in ms."""

    data_type: int
    rank: int = -1
    access: int = CURRENT_READ
    user_access: int = CURRENT_READ
    interval: float = -1.0
    historizing: bool = False

    @property
    def dimensions(self) -> list[int] | None:
        """Arrays of any length."""
        return [0] * self.rank if self.rank > 0 else None


class Node(Protocol):
    """A node as one session sees it. It may be made for one request and forgotten after it."""

    @property
    def node_id(self) -> ua.NodeId: ...

    @property
    def node_class(self) -> int: ...

    @property
    def name(self) -> ua.QualifiedName: ...

    @property
    def description(self) -> str: ...

    @property
    def browsable(self) -> bool:
        """Whether the session may browse from it, and to it."""
        ...

    @property
    def variable(self) -> Variable | None:
        """None if it is neither a variable nor a variable type."""
        ...

    def special(self, attribute: int) -> ua.Variant | None:
        """An attribute that only its class has; None if it has none such. Not asked of variables."""
        ...

    def value(self) -> ua.DataValue:
        """The Value attribute without a server timestamp, its status if it can't be read. Asked of variables only."""
        ...

    def references(self, wanted: Wanted) -> Iterator[Reference]:
        """Those that `wanted` takes, in an order that stays. What the session may not browse is not among them."""
        ...

    def named(self, wanted: Wanted, name: ua.QualifiedName) -> Iterator[Reference]:
        """Those of `references` whose target has the browse name `name`."""
        ...


class Branch(Protocol):
    """A part of the address space that answers for the nodes of its namespaces."""

    @property
    def namespaces(self) -> Collection[int]: ...

    def find(self, node_id: ua.NodeId, rights: Rights) -> Node | None:
        """None if there is no such node here, or none that may be known of with `rights`."""
        ...

    def attached(self, node_id: ua.NodeId, wanted: Wanted, rights: Rights) -> Iterator[Reference]:
        """References from a node of another branch to nodes of this one, those that `wanted` takes."""
        ...


@dataclass(slots=True, eq=False)
class StaticNode:
    """A node that is the same for every session, except for its value.

    `notifier` is the EventNotifier of an object. Methods are executable.
    """

    node_id: ua.NodeId
    node_class: int
    name: ua.QualifiedName
    type_definition: int = 0
    variable: Variable | None = None
    abstract: bool = False
    symmetric: bool = False
    inverse_name: str = ""
    notifier: int = 0
    content: Value | None = None
    description: str = ""
    links: list[Reference] = field(default_factory=list)

    @property
    def browsable(self) -> bool:
        return True

    def as_target(self, reference_type: int, *, forward: bool) -> Reference:
        """A reference to this node, as the node at the other end has it."""
        return Reference(reference_type, forward, self.node_id, self.node_class, self.name, self.type_definition)

    def link(self, reference_type: int, target: StaticNode) -> None:
        """A reference to `target` that can be followed both ways."""
        self.links.append(target.as_target(reference_type, forward=True))
        target.links.append(self.as_target(reference_type, forward=False))

    def special(self, attribute: int) -> ua.Variant | None:
        match self.node_class, attribute:
            case 1, AttributeIds.EventNotifier:
                return ua.Variant(self.notifier, ua.VariantType.Byte)
            case 4, AttributeIds.Executable | AttributeIds.UserExecutable:
                return ua.Variant(True, ua.VariantType.Boolean)
            case 8 | 16 | 32 | 64, AttributeIds.IsAbstract:
                return ua.Variant(self.abstract, ua.VariantType.Boolean)
            case 32, AttributeIds.Symmetric:
                return ua.Variant(self.symmetric, ua.VariantType.Boolean)
            case 32, AttributeIds.InverseName if self.inverse_name:
                return ua.Variant(ua.LocalizedText(self.inverse_name), ua.VariantType.LocalizedText)
            case _:
                return None

    def value(self) -> ua.DataValue:
        content = self.content
        if content is None:
            return data_value()
        return data_value(content() if callable(content) else content)

    def references(self, wanted: Wanted) -> Iterator[Reference]:
        return filter(wanted.takes, self.links)

    def named(self, wanted: Wanted, name: ua.QualifiedName) -> Iterator[Reference]:
        return (link for link in self.links if link.name == name and wanted.takes(link))


class StaticBranch:
    """Nodes that stay, by their ids. `attachments` are references of nodes of other branches to some of them."""

    def __init__(self, namespaces: Collection[int]) -> None:
        self.namespaces = namespaces
        self.nodes: dict[tuple[int, object], StaticNode] = {}
        self.attachments: dict[tuple[int, object], list[Reference]] = {}

    def add(self, node: StaticNode) -> None:
        self.nodes[key_of(node.node_id)] = node

    def attach(self, node_id: ua.NodeId, reference: Reference) -> None:
        self.attachments.setdefault(key_of(node_id), []).append(reference)

    def find(self, node_id: ua.NodeId, rights: Rights) -> Node | None:
        return self.nodes.get(key_of(node_id))

    def attached(self, node_id: ua.NodeId, wanted: Wanted, rights: Rights) -> Iterator[Reference]:
        return filter(wanted.takes, self.attachments.get(key_of(node_id), ()))


def key_of(node_id: ua.NodeId) -> tuple[int, object]:
    """What a node is kept under: numeric ids of all three encodings are one id, bytes and text are not."""
    return node_id.NamespaceIndex, node_id.Identifier
