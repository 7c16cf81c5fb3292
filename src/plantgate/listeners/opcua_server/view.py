"""Browse, BrowseNext, TranslateBrowsePathsToNodeIds, RegisterNodes, UnregisterNodes (Part 4, 5.9).

The references that a Browse has not told yet wait as an iterator over the folder as it was: going on costs what is
told, however long the folder is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from plantgate.limits import (
    OPCUA_BROWSE_BYTES,
    OPCUA_NODES_PER_BROWSE,
    OPCUA_NODES_PER_REGISTER,
    OPCUA_NODES_PER_TRANSLATE,
    OPCUA_PATH_STEPS,
)
from plantgate.listeners.opcua_server.attributes import check_count
from plantgate.listeners.opcua_server.caller import BrowseRest, Caller, Peekable
from plantgate.listeners.opcua_server.space.address_space import AddressSpace
from plantgate.listeners.opcua_server.space.made import NO_NODE, numeric, status_code
from plantgate.listeners.opcua_server.space.nodes import Node, Reference, Wanted
from plantgate.listeners.opcua_server.space.rights import Rights
from plantgate.protocols.opcua.status import StatusError

_C = StatusCodes
_DIRECTIONS = {
    ua.BrowseDirection.Forward: (True, False),
    ua.BrowseDirection.Inverse: (False, True),
    ua.BrowseDirection.Both: (True, True),
}
# Bits of the result mask (Part 4, 5.9.2).
_TYPE, _FORWARD, _CLASS, _NAME, _DISPLAY_NAME, _DEFINITION = 1, 2, 4, 8, 16, 32
_NO_NAME = ua.QualifiedName(None, 0)
_NO_TEXT = ua.LocalizedText()
# A reference without its texts: ids of 4 bytes, lengths, class, direction (Part 6, 5.2.2).
_REFERENCE_BYTES = 32
# Part 4, 5.9.4: a target that is reached has no rest of its path.
_REACHED = 0xFFFF_FFFF
_MOST_TARGETS = 1_000


class View:
    def __init__(self, space: AddressSpace) -> None:
        self._space = space
        self._types: dict[int, ua.NodeId] = {}

    # Browse

    def browse(self, parameters: ua.BrowseParameters, caller: Caller) -> list[ua.BrowseResult]:
        """Raises StatusError for a request that is wrong as a whole."""
        wanted = parameters.NodesToBrowse or []
        check_count(len(wanted), OPCUA_NODES_PER_BROWSE, "nodes to browse")
        if parameters.View is not None and not parameters.View.ViewId.is_null():
            raise StatusError("OPC-205", "there are no views", status=_C.BadViewIdUnknown)
        budget = _Budget(caller)
        most = parameters.RequestedMaxReferencesPerNode
        return [self._browse(item, most, caller, budget) for item in wanted]

    def _browse(self, item: ua.BrowseDescription, most: int, caller: Caller, budget: _Budget) -> ua.BrowseResult:
        node = self._space.find(item.NodeId, caller.rights)
        if node is None or not node.browsable:
            return _failed(_C.BadNodeIdUnknown)
        directions = _DIRECTIONS.get(item.BrowseDirection)
        if directions is None:
            return _failed(_C.BadBrowseDirectionInvalid)
        wanted = self._wanted(item.ReferenceTypeId, item.IncludeSubtypes, *directions, item.NodeClassMask)
        if wanted is None:
            return _failed(_C.BadReferenceTypeIdInvalid)
        references = Peekable(self._space.references(node, wanted, caller.rights))
        return self._told(BrowseRest(references, most, item.ResultMask), caller, budget)

    def _wanted(
        self, reference_type: ua.NodeId, subtypes: bool, forward: bool, inverse: bool, classes: int
    ) -> Wanted | None:
        """None if that is no reference type. A null one means all of them."""
        if reference_type.is_null():
            return Wanted(None, forward, inverse, classes)
        identifier = reference_type.Identifier
        if reference_type.NamespaceIndex or not isinstance(identifier, int):
            return None
        types = self._space.standard.reference_types(identifier, subtypes=subtypes)
        return None if types is None else Wanted(types, forward, inverse, classes)

    def _told(self, rest: BrowseRest, caller: Caller, budget: _Budget) -> ua.BrowseResult:
        """As much of `rest` as fits, one reference at least, and a continuation point for what does not."""
        told: list[ua.ReferenceDescription] = []
        references, mask, describe = rest.references, rest.mask, self._description
        while references and (not rest.most or len(told) < rest.most) and (budget.left > 0 or not told):
            reference = references.take()
            budget.left -= _size(reference)
            told.append(describe(reference, mask))
        result = ua.BrowseResult(References=told)
        if references:
            result.ContinuationPoint = caller.points.keep(rest)
            if result.ContinuationPoint is None:
                return _failed(_C.BadNoContinuationPoints)
        return result

    def _description(self, reference: Reference, mask: int) -> ua.ReferenceDescription:
        """Part 4, 7.30: what the mask leaves out is null."""
        name = reference.name
        definition = reference.type_definition if mask & _DEFINITION else 0
        return ua.ReferenceDescription(
            self._type(reference.type) if mask & _TYPE else NO_NODE,
            reference.forward if mask & _FORWARD else False,
            reference.target,
            name if mask & _NAME else _NO_NAME,
            ua.LocalizedText(name.Name) if mask & _DISPLAY_NAME else _NO_TEXT,
            ua.NodeClass(reference.node_class) if mask & _CLASS else ua.NodeClass.Unspecified,
            self._type(definition) if definition else NO_NODE,
        )

    def _type(self, identifier: int) -> ua.NodeId:
        """A few hundred types: their ids are made once."""
        found = self._types.get(identifier)
        if found is None:
            found = self._types[identifier] = numeric(identifier)
        return found

    def browse_next(self, parameters: ua.BrowseNextParameters, caller: Caller) -> list[ua.BrowseResult]:
        """Nothing is told of points that are released (Part 4, 5.9.3). Raises StatusError."""
        points = parameters.ContinuationPoints or []
        check_count(len(points), OPCUA_NODES_PER_BROWSE, "continuation points")
        if parameters.ReleaseContinuationPoints:
            for point in points:
                caller.points.take(point or b"")
            return []
        budget = _Budget(caller)
        results = []
        for point in points:
            rest = caller.points.take(point or b"")
            results.append(
                _failed(_C.BadContinuationPointInvalid) if rest is None else self._told(rest, caller, budget)
            )
        return results

    # TranslateBrowsePathsToNodeIds

    def translate(self, paths: list[ua.BrowsePath], caller: Caller) -> list[ua.BrowsePathResult]:
        """Raises StatusError for a request that is wrong as a whole."""
        paths = paths or []
        check_count(len(paths), OPCUA_NODES_PER_TRANSLATE, "browse paths")
        check_count(
            sum(max(1, len(path.RelativePath.Elements or ())) for path in paths), OPCUA_PATH_STEPS, "steps in paths"
        )
        return [self._translate(path, caller.rights) for path in paths]

    def _translate(self, path: ua.BrowsePath, rights: Rights) -> ua.BrowsePathResult:
        elements = path.RelativePath.Elements or []
        if not elements:
            return _untranslated(_C.BadNothingToDo)
        if not all(element.TargetName is not None and element.TargetName.Name for element in elements):
            return _untranslated(_C.BadBrowseNameInvalid)
        start = self._space.find(path.StartingNode, rights)
        if start is None or not start.browsable:
            return _untranslated(_C.BadNodeIdUnknown)
        reached = [start]
        targets: list[ua.NodeId] = []
        for element in elements:
            wanted = self._wanted(
                element.ReferenceTypeId, element.IncludeSubtypes, not element.IsInverse, element.IsInverse, 0
            )
            if wanted is None:
                return _untranslated(_C.BadReferenceTypeIdInvalid)
            targets = list(self._step(reached, wanted, element.TargetName, rights))
            if not targets:
                return _untranslated(_C.BadNoMatch)
            if len(targets) > _MOST_TARGETS:
                return _untranslated(_C.BadTooManyMatches)
            reached = [node for target in targets if (node := self._space.find(target, rights)) is not None]
        return ua.BrowsePathResult(Targets=[ua.BrowsePathTarget(target, _REACHED) for target in targets])

    def _step(
        self, reached: Iterable[Node], wanted: Wanted, name: ua.QualifiedName, rights: Rights
    ) -> Iterator[ua.NodeId]:
        """Each node once, however many references lead to it."""
        seen: set[ua.NodeId] = set()
        for node in reached:
            for reference in self._space.named(node, wanted, name, rights):
                if reference.target not in seen:
                    seen.add(reference.target)
                    yield reference.target

    # RegisterNodes

    def register(self, node_ids: list[ua.NodeId]) -> list[ua.NodeId]:
        """Ids are told as they are: none would be quicker. Raises StatusError."""
        check_count(len(node_ids or []), OPCUA_NODES_PER_REGISTER, "nodes to register")
        return list(node_ids)

    def unregister(self, node_ids: list[ua.NodeId]) -> None:
        """Raises StatusError."""
        check_count(len(node_ids or []), OPCUA_NODES_PER_REGISTER, "nodes to unregister")


class _Budget:
    """Bytes that one answer may still have."""

    __slots__ = ("left",)

    def __init__(self, caller: Caller) -> None:
        self.left = min(OPCUA_BROWSE_BYTES, caller.most_bytes or OPCUA_BROWSE_BYTES)


def _size(reference: Reference) -> int:
    identifier, name = reference.target.Identifier, reference.name.Name
    size = _REFERENCE_BYTES + 2 * len(name or "")
    return size + len(identifier) if isinstance(identifier, str | bytes) else size


def _failed(status: int) -> ua.BrowseResult:
    return ua.BrowseResult(StatusCode=status_code(status))


def _untranslated(status: int) -> ua.BrowsePathResult:
    return ua.BrowsePathResult(StatusCode=status_code(status))
