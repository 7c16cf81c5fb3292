"""Tags, their folders and properties as nodes. There is no object per tag: a node is made when somebody asks for it.

    Objects
      default                     ns=<n>;s=[default]                              a provider, a folder as any other
        Line 1                    ns=<n>;s=[default]Line 1
          Speed                   ns=<n>;s=[default]Line 1/Speed
            EURange               ns=<n>;s=[default]Line 1/Speed.EURange          no name of a tag has a dot
            EngineeringUnits      ns=<n>;s=[default]Line 1/Speed.EngineeringUnits

A number with a range is an AnalogItem, one with a unit alone an AnalogUnit (Part 8, 5.3.2), any other tag a
BaseDataVariable. A tag with alarms is a folder of their tags too: one node, the tag, with all that is below it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeAlias

from asyncua import ua

from plantgate.limits import OPCUA_ROLE_SETS
from plantgate.listeners.opcua_server.space import nodes
from plantgate.listeners.opcua_server.space.made import numeric, string_id
from plantgate.listeners.opcua_server.space.nodes import Reference, Wanted
from plantgate.listeners.opcua_server.space.rights import BROWSE, Rights
from plantgate.listeners.opcua_server.space.standard import OBJECTS_FOLDER
from plantgate.listeners.opcua_server.space.tag_index import TagIndex, joined, name_of, parent_of
from plantgate.listeners.opcua_server.space.tag_nodes import FolderNode, PropertyNode, TagNode, properties_of, type_of
from plantgate.model.seams import TagReader
from plantgate.model.tag import TagDefinition, TagKind

_KNOWN = 0x80


# How often a tag can change, in ms: 0 at any time, -1 if nobody knows (Part 3, 5.6.2).
Sampling: TypeAlias = Callable[[TagDefinition], float]


def any_time(definition: TagDefinition) -> float:
    """Whoever polls knows the rates of tag groups; here it is only known what nobody polls."""
    return 0.0 if definition.kind is TagKind.MEMORY else -1.0


class _Sight:
    """What one set of rights sees: bits of rights by tag id, worked out as they are asked for; and its folders."""

    __slots__ = ("bits", "index")

    def __init__(self) -> None:
        self.bits = bytearray()
        self.index: TagIndex | None = None


class TagBranch:
    """The tags that `exposed` (a set of rights: what it may browse) shows to anybody."""

    def __init__(
        self,
        tags: TagReader,
        namespace: int,
        exposed: Rights,
        sampling: Sampling = any_time,
    ) -> None:
        self.tags = tags
        self.namespace = namespace
        self.namespaces: Collection[int] = frozenset({namespace})
        self.sampling = sampling
        self._exposed = exposed
        self._sights: dict[Rights, _Sight] = {}

    def changed(self) -> None:
        """There are other tags now, or the same with other definitions: whoever changes them says so."""
        for sight in self._sights.values():
            sight.index = None

    # what a session may know

    def access(self, tag: int, rights: Rights) -> int:
        """The rights on a tag, as bits; 0 for one that is not exposed. Quick: for every value read."""
        return self._access(self._sight(rights), tag, rights)

    def _access(self, sight: _Sight, tag: int, rights: Rights) -> int:
        bits = sight.bits
        if tag >= len(bits):
            bits.extend(bytes(max(len(self.tags.definitions()), tag + 1) - len(bits)))
        known = bits[tag]
        if not known:
            # A tag keeps its path as long as the gateway runs, so what is worked out once stays right.
            path = self.tags.definitions()[tag].path
            shown = self._exposed.of(path) & BROWSE
            known = bits[tag] = _KNOWN | (rights.of(path) if shown else 0)
        return known & ~_KNOWN

    def _sight(self, rights: Rights) -> _Sight:
        sight = self._sights.get(rights)
        if sight is None:
            if len(self._sights) >= OPCUA_ROLE_SETS:
                self._sights.pop(next(iter(self._sights)))
            sight = self._sights[rights] = _Sight()
        return sight

    def index(self, rights: Rights) -> TagIndex:
        """The tags and folders that may be browsed. Made anew, linear in the tags, after `changed`.

        Parts of the gateway add tags of their own while it runs and tell nobody: more or fewer are noticed here.
        """
        sight, ids = self._sight(rights), self.tags.ids()
        found = sight.index
        if found is None or found.seen != len(ids):
            shown: Callable[[int], int] | None = None
            if not rights.everywhere & self._exposed.everywhere & BROWSE:
                shown = lambda tag: self._access(sight, tag, rights) & BROWSE  # noqa: E731
            found = sight.index = TagIndex(self.tags.definitions(), ids, shown)
        return found

    def tag_of(self, node_id: ua.NodeId) -> int | None:
        """The tag that a node id names, whoever asks. An id has one spelling: the full path."""
        path = node_id.Identifier
        if node_id.NamespaceIndex != self.namespace or not isinstance(path, str) or not path.startswith("["):
            return None
        return self.tags.find(path)

    def node_id(self, path: str) -> ua.NodeId:
        return string_id(path, self.namespace)

    # Branch

    def find(self, node_id: ua.NodeId, rights: Rights) -> nodes.Node | None:
        path = node_id.Identifier
        if not isinstance(path, str) or not path.startswith("["):
            return None
        tag = self.tags.find(path)
        if tag is not None:
            bits = self.access(tag, rights)
            if bits:
                return TagNode(self, rights, tag, bits)
        folder = self.index(rights).folders.get(path)
        return FolderNode(self, rights, folder) if folder is not None else self._property(path, rights)

    def _property(self, path: str, rights: Rights) -> PropertyNode | None:
        owner, _, name = path.rpartition(".")
        tag = self.tags.find(owner) if owner.startswith("[") else None
        bits = self.access(tag, rights) if tag is not None else 0
        if tag is None or not bits or name not in properties_of(self.tags.definitions()[tag]):
            return None
        return PropertyNode(TagNode(self, rights, tag, bits), name)

    def attached(self, node_id: ua.NodeId, wanted: Wanted, rights: Rights) -> Iterator[Reference]:
        if node_id.NamespaceIndex or node_id.Identifier != OBJECTS_FOLDER:
            return iter(())
        return filter(wanted.takes, (self.to_folder(folder.path) for folder in self.index(rights).roots))

    # references to what is here

    def to_folder(self, path: str, *, forward: bool = True) -> Reference:
        name = ua.QualifiedName(name_of(path), self.namespace)
        return Reference(nodes.ORGANIZES, forward, self.node_id(path), nodes.OBJECT, name, nodes.FOLDER_TYPE)

    def to_tags(self, tags: Iterable[int], *, forward: bool = True) -> Iterator[Reference]:
        definitions, namespace = self.tags.definitions(), self.namespace
        qualified = ua.QualifiedName
        for tag in tags:
            definition = definitions[tag]
            path = definition.path
            yield Reference(
                nodes.ORGANIZES,
                forward,
                string_id(path, namespace),
                nodes.VARIABLE,
                qualified(name_of(path), namespace),
                type_of(definition),
            )

    def to_parent(self, path: str, rights: Rights) -> Reference:
        """The way up: to a folder, a tag or, from a provider, to the Objects folder."""
        above = parent_of(path)
        if not above:
            name = ua.QualifiedName("Objects", 0)
            return Reference(nodes.ORGANIZES, False, numeric(OBJECTS_FOLDER), nodes.OBJECT, name, nodes.FOLDER_TYPE)
        tag = self._node_of(above, rights)
        return self.to_folder(above, forward=False) if tag is None else next(self.to_tags((tag,), forward=False))

    def _node_of(self, path: str, rights: Rights) -> int | None:
        """The tag that is the node at a path, None where a folder is."""
        tag = self.tags.find(path)
        return tag if tag is not None and self.access(tag, rights) else None

    def children(self, path: str, wanted: Wanted, rights: Rights) -> Iterator[Reference]:
        """Folders, then tags; only those are looked at that can be wanted."""
        folder = self.index(rights).folders.get(path)
        if folder is None or not wanted.follows(nodes.ORGANIZES, forward=True):
            return
        if wanted.shows(nodes.OBJECT):
            for each in folder.folders:
                if self._node_of(each.path, rights) is None:
                    yield self.to_folder(each.path)
        if wanted.shows(nodes.VARIABLE):
            yield from self.to_tags(folder.tags)

    def child(self, path: str, name: ua.QualifiedName, wanted: Wanted, rights: Rights) -> Iterator[Reference]:
        """The folder or tag called `name` in a folder, without looking at the others."""
        if name.NamespaceIndex != self.namespace or not name.Name or "/" in name.Name:
            return
        if not wanted.follows(nodes.ORGANIZES, forward=True):
            return
        below = joined(path, name.Name)
        tag = self._node_of(below, rights)
        if tag is None:
            if below in self.index(rights).folders and wanted.shows(nodes.OBJECT):
                yield self.to_folder(below)
        elif wanted.shows(nodes.VARIABLE) and self.access(tag, rights) & BROWSE:
            yield from self.to_tags((tag,))
