"""A small plant behind the OPC UA services, without a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

from plantgate.errors import Overload
from plantgate.listeners.opcua_server.attributes import Attributes
from plantgate.listeners.opcua_server.caller import Caller
from plantgate.listeners.opcua_server.space.address_space import AddressSpace
from plantgate.listeners.opcua_server.space.rights import EVERYTHING, Rights
from plantgate.listeners.opcua_server.space.server_values import ServerFacts, ServerNow, standard_space
from plantgate.listeners.opcua_server.space.tags import Sampling, TagBranch, any_time
from plantgate.listeners.opcua_server.view import View
from plantgate.model.command import DONE, Command, Origin, Outcome, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, full_path
from plantgate.model.value import DataType, Scalar, TagValue
from plantgate.runtime.clock import ManualClock

TAGS = 2
ADA = Origin("ada", "127.0.0.1", may_write=True)
STARTED = 1_700_000_000_000_000


class Tree:
    """`TagReader` in a list. What is removed keeps its row, as in the real one."""

    def __init__(self, definitions: Iterable[TagDefinition]) -> None:
        self.rows = list(definitions)
        self.values = [TagValue(row.initial, Quality.GOOD, STARTED) for row in self.rows]
        self._ids = {row.path: tag for tag, row in enumerate(self.rows)}

    def definitions(self) -> Sequence[TagDefinition]:
        return self.rows

    def ids(self) -> Sequence[int]:
        return sorted(self._ids.values())

    def find(self, path: str) -> int | None:
        return self._ids.get(full_path(path))

    def read(self, tag: int) -> TagValue:
        return self.values[tag]

    def put(self, path: str, value: Scalar, quality: int = Quality.GOOD, time: int = STARTED) -> None:
        self.values[self._ids[full_path(path)]] = TagValue(value, quality, time, "")

    def add(self, definition: TagDefinition) -> None:
        self._ids[definition.path] = len(self.rows)
        self.rows.append(definition)
        self.values.append(TagValue(definition.initial, Quality.GOOD, STARTED))

    def remove(self, path: str) -> None:
        del self._ids[full_path(path)]


class Gate:
    """Keeps what it is told and puts it into the tree, unless it is told what to answer."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.lists: list[list[WriteTag]] = []
        self.origins: list[Origin] = []
        self.seconds: list[float | None] = []
        self.verdicts: dict[str, Verdict] = {}
        self.overloaded = False

    @property
    def written(self) -> list[tuple[str, Scalar]]:
        return [(command.path, command.value) for each in self.lists for command in each]

    async def submit(self, command: Command, origin: Origin) -> Verdict:
        return (await self.submit_many([command], origin))[0]

    async def submit_many(
        self, commands: Sequence[Command], origin: Origin, seconds: float | None = None
    ) -> list[Verdict]:
        if self.overloaded:
            raise Overload("CMD-114", "8 lists are being carried out", "try again")
        writes = [command for command in commands if isinstance(command, WriteTag)]
        self.lists.append(writes)
        self.origins.append(origin)
        self.seconds.append(seconds)
        for write in writes:
            if write.path not in self.verdicts:
                self._tree.put(write.path, write.value)
        return [self.verdicts.get(write.path, DONE) for write in writes]


class Plant:
    def __init__(
        self, definitions: Iterable[TagDefinition], exposed: Rights = EVERYTHING, sampling: Sampling = any_time
    ) -> None:
        self.clock = ManualClock()
        self.now = ServerNow()
        self.tree = Tree(definitions)
        self.gate = Gate(self.tree)
        standard, self.values = standard_space(FACTS, self.now, self.clock)
        self.space = AddressSpace(standard)
        self.tags = TagBranch(self.tree, TAGS, exposed, sampling)
        self.space.add_branch(self.tags)
        self.attributes = Attributes(self.space, self.tree, self.gate, self.clock)
        self.view = View(self.space)

    def read(
        self,
        *items: ua.ReadValueId,
        caller: Caller | None = None,
        stamps: ua.TimestampsToReturn = ua.TimestampsToReturn.Both,
        max_age: float = 0.0,
    ) -> list[ua.DataValue]:
        parameters: Any = ua.ReadParameters()
        parameters.MaxAge, parameters.TimestampsToReturn, parameters.NodesToRead = max_age, stamps, list(items)
        return through(self.attributes.read(parameters, caller or everybody()), ua.ReadResponse)

    def value(self, node: ua.NodeId, attribute: int = 13, caller: Caller | None = None) -> Any:
        """What is read of one attribute; a number that is its status if that is not good."""
        (found,) = self.read(asked(node, attribute), caller=caller)
        assert found.Value is not None
        assert found.StatusCode is not None
        return found.StatusCode.value or found.Value.Value

    async def write(
        self, *items: ua.WriteValue, caller: Caller | None = None, seconds: float | None = None
    ) -> list[int]:
        parameters = ua.WriteParameters(list(items))
        statuses = await self.attributes.write(parameters, caller or everybody(), seconds)
        return [status.value for status in statuses]

    def browse(
        self, *items: ua.BrowseDescription, most: int = 0, caller: Caller | None = None
    ) -> list[ua.BrowseResult]:
        parameters: Any = ua.BrowseParameters()
        parameters.RequestedMaxReferencesPerNode, parameters.NodesToBrowse = most, list(items)
        return through(self.view.browse(parameters, caller or everybody()), ua.BrowseResponse)

    def browse_next(self, *points: bytes, caller: Caller, release: bool = False) -> list[ua.BrowseResult]:
        parameters: Any = ua.BrowseNextParameters()
        parameters.ReleaseContinuationPoints, parameters.ContinuationPoints = release, list(points)
        return through(self.view.browse_next(parameters, caller), ua.BrowseResponse)

    def children(self, node: ua.NodeId, caller: Caller | None = None) -> list[ua.ReferenceDescription]:
        """All that is below it, in one answer or several."""
        caller = caller or everybody()
        (result,) = self.browse(below(node), caller=caller)
        found = list(result.References)
        while result.ContinuationPoint:
            (result,) = self.browse_next(result.ContinuationPoint, caller=caller)
            found += result.References
        return found


FACTS = ServerFacts(
    application_uri="urn:here:plantgate",
    namespaces=("urn:here:plantgate", "urn:plantgate:tags"),
    product_uri="urn:plantgate",
    manufacturer="plantgate",
    product="plantgate",
    version="1.2.3",
    started=STARTED,
    built=STARTED - 86_400_000_000,
    aggregates=("Average", "Count"),
    limits={24095: 100},
)


def everybody(rights: Rights = EVERYTHING) -> Caller:
    return Caller(rights, ADA)


def through(results: list[Any], response: type[Any]) -> list[Any]:
    """As a client gets them: what can't be encoded fails here."""
    message = response()
    message.Results = results
    return list(ua_binary.struct_from_binary(response, Buffer(ua_binary.struct_to_binary(message))).Results)


def node(path: str | int, namespace: int | None = None) -> ua.NodeId:
    """A tag or folder by its path, a standard node by its number."""
    identifier: Any = path
    index: Any = namespace if namespace is not None else 0 if isinstance(path, int) else TAGS
    return ua.NodeId(identifier, index)


def asked(of: ua.NodeId, attribute: int = 13, index_range: str = "", encoding: ua.QualifiedName | None = None) -> Any:
    item: Any = ua.ReadValueId()
    item.NodeId, item.AttributeId, item.IndexRange = of, attribute, index_range or None
    if encoding is not None:
        item.DataEncoding = encoding
    return item


def given(to: ua.NodeId, value: Any, kind: ua.VariantType | None = None, index_range: str = "") -> Any:
    """A WriteValue; `value` may be a DataValue."""
    item: Any = ua.WriteValue()
    item.NodeId, item.AttributeId, item.IndexRange = to, 13, index_range or None
    item.Value = value if isinstance(value, ua.DataValue) else ua.DataValue(variant(value, kind))
    return item


def variant(value: Any, kind: ua.VariantType | None = None) -> ua.Variant:
    chosen: Any = kind
    return ua.Variant(value, chosen)


def below(
    of: ua.NodeId,
    reference: int = 33,
    direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
    classes: int = 0,
    mask: int = 63,
    subtypes: bool = True,
) -> Any:
    item: Any = ua.BrowseDescription()
    item.NodeId, item.BrowseDirection, item.ReferenceTypeId = of, direction, node(reference)
    item.IncludeSubtypes, item.NodeClassMask, item.ResultMask = subtypes, classes, mask
    return item


def tag(path: str, data_type: DataType = DataType.FLOAT8, **rest: Any) -> TagDefinition:
    return TagDefinition(full_path(path), data_type, **rest)


def refused(code: str, outcome: Outcome = Outcome.REFUSED) -> Verdict:
    return Verdict(outcome, code, "no")
