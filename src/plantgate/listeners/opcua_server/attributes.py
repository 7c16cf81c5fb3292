"""Read and Write (Part 4, 5.11): attributes of nodes, values of tags to and fro.

Values of tags come from the live tree as they are now. MaxAge can't make a device answer sooner than its rate, so it
is checked and the newest value told, which is the best effort that Part 4, 5.11.2 asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from plantgate.errors import Overload
from plantgate.limits import OPCUA_NODES_PER_READ, OPCUA_NODES_PER_WRITE, OPCUA_READ_BYTES, WRITE_LIST_ITEMS
from plantgate.listeners.opcua_server.caller import Caller
from plantgate.listeners.opcua_server.outcomes import status_of_verdict
from plantgate.listeners.opcua_server.space import nodes
from plantgate.listeners.opcua_server.space.address_space import AddressSpace
from plantgate.listeners.opcua_server.space.index_range import NoRange, Span, parse, part_of, with_part
from plantgate.listeners.opcua_server.space.made import data_value, numeric, status_code
from plantgate.listeners.opcua_server.space.nodes import Node, Variable
from plantgate.listeners.opcua_server.space.tag_nodes import TagNode
from plantgate.listeners.opcua_server.space.values import Mismatch, scalar_of, time_of, weight
from plantgate.model.command import Origin, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.seams import CommandListGate, TagReader
from plantgate.model.value import Scalar
from plantgate.protocols.opcua.status import StatusError
from plantgate.runtime.clock import Clock

_A = AttributeIds
_V = ua.VariantType
_C = StatusCodes
_TIMES = tuple(ua.TimestampsToReturn)[:4]  # the last is Invalid
_TIMES_SOURCE = (ua.TimestampsToReturn.Source, ua.TimestampsToReturn.Both)
_TIMES_SERVER = (ua.TimestampsToReturn.Server, ua.TimestampsToReturn.Both)
_VARIABLES = nodes.VARIABLE | nodes.VARIABLE_TYPE
_STRUCTURE = ua.VariantType.ExtensionObject
_BINARY = ua.QualifiedName("Default Binary", 0)


@dataclass(frozen=True, slots=True)
class _TagWrite:
    """One value on its way: `place` is that in the request."""

    place: int
    command: WriteTag


class Attributes:
    def __init__(self, space: AddressSpace, tags: TagReader, gate: CommandListGate, clock: Clock) -> None:
        self._space = space
        self._tags = tags
        self._gate = gate
        self._clock = clock

    # Read

    def read(self, parameters: ua.ReadParameters, caller: Caller) -> list[ua.DataValue]:
        """A value or a status for each. Raises StatusError for a request that is wrong as a whole."""
        wanted = parameters.NodesToRead or []
        check_count(len(wanted), OPCUA_NODES_PER_READ, "attributes to read")
        if not parameters.MaxAge >= 0:  # NaN too
            raise StatusError("OPC-202", "a MaxAge below 0", status=_C.BadMaxAgeInvalid)
        stamps = parameters.TimestampsToReturn
        if stamps not in _TIMES:
            raise StatusError("OPC-202", "TimestampsToReturn is unknown", status=_C.BadTimestampsToReturnInvalid)
        server_time: Any = time_of(self._clock.wall()) if stamps in _TIMES_SERVER else None
        results = []
        room = min(OPCUA_READ_BYTES, caller.most_bytes or OPCUA_READ_BYTES)
        for item in wanted:
            result = self._read(item, caller)
            room -= weight(result.Value) if result.Value is not None else 0
            if room < 0:
                raise StatusError(
                    "OPC-203", "the values asked for are too long for one answer", status=_C.BadResponseTooLarge
                )
            result.ServerTimestamp = server_time
            if stamps not in _TIMES_SOURCE:
                result.SourceTimestamp = None
            results.append(result)
        return results

    def _read(self, item: ua.ReadValueId, caller: Caller) -> ua.DataValue:
        node = self._space.find(item.NodeId, caller.rights)
        if node is None:
            return data_value(status=_C.BadNodeIdUnknown)
        if item.AttributeId == _A.Value and node.node_class & _VARIABLES:
            result = node.value()
        else:
            variant = attribute(node, item.AttributeId)
            if variant is None:
                return data_value(status=_C.BadAttributeIdInvalid)
            result = data_value(variant)
        if item.DataEncoding is not None and item.DataEncoding.Name:
            status = _encoding(item, result)
            if status:
                return data_value(status=status)
        if item.IndexRange and result.Value is not None and not _is_bad(result):
            try:
                result.Value = part_of(result.Value, parse(item.IndexRange))
            except NoRange as error:
                return data_value(status=error.status)
        return result

    # Write

    async def write(
        self, parameters: ua.WriteParameters, caller: Caller, seconds: float | None = None
    ) -> list[ua.StatusCode]:
        """A status for each: what is right is written, in the order given for each device, whatever else is wrong.

        What was not begun within `seconds` is not sent (BadTimeout). Raises StatusError for a request that is wrong as
        a whole.
        """
        wanted = parameters.NodesToWrite or []
        check_count(len(wanted), OPCUA_NODES_PER_WRITE, "values to write")
        statuses = [_C.Good] * len(wanted)
        writes: list[_TagWrite] = []
        parts: dict[str, tuple[bool | int | float | str | None, ...]] = {}
        for place, item in enumerate(wanted):
            try:
                writes.append(_TagWrite(place, self._command(item, caller, parts)))
            except _Wrong as wrong:
                statuses[place] = wrong.status
            except NoRange as error:
                statuses[place] = error.status
        deadline = None if seconds is None else self._clock.mono() + seconds
        for start in range(0, len(writes), WRITE_LIST_ITEMS):
            await self._submit(writes[start : start + WRITE_LIST_ITEMS], caller.origin, deadline, statuses)
        return [status_code(status) for status in statuses]

    def _command(
        self,
        item: ua.WriteValue,
        caller: Caller,
        parts: dict[str, tuple[bool | int | float | str | None, ...]],
    ) -> WriteTag:
        """What the gate is told. `parts` are arrays of which this request has written parts. Raises _Wrong, NoRange."""
        node = self._space.find(item.NodeId, caller.rights)
        if node is None:
            raise _Wrong(_C.BadNodeIdUnknown)
        if not _has(node, item.AttributeId):
            raise _Wrong(_C.BadAttributeIdInvalid)
        if item.AttributeId != _A.Value or not isinstance(node, TagNode) or not node.definition.writable:
            raise _Wrong(_C.BadNotWritable)
        if not node.writable:
            raise _Wrong(_C.BadUserAccessDenied)
        spans = parse(item.IndexRange) if item.IndexRange else ()
        value = _written(item.Value, node)
        path = node.definition.path
        if spans:
            value = self._whole(node, spans, value, parts.get(path))
        if isinstance(value, tuple):
            parts[path] = value  # the next part is of what this one leaves behind
        return WriteTag(path, value)

    def _whole(
        self,
        node: TagNode,
        spans: tuple[Span, ...],
        value: Scalar,
        written: tuple[bool | int | float | str | None, ...] | None,
    ) -> Scalar:
        """The array that a part of it makes, with what the tag has now around it. Raises _Wrong, NoRange."""
        if not isinstance(value, tuple):
            # a part of a text can't be written
            raise _Wrong(_C.BadWriteNotSupported if isinstance(value, str) else _C.BadIndexRangeNoData)
        now: Scalar = written
        if now is None:
            seen = self._tags.read(node.tag)
            now = seen.value if seen.quality < Quality.BAD else None
        if not isinstance(now, tuple):
            raise _Wrong(_C.BadIndexRangeNoData)
        return with_part(now, spans, value)

    async def _submit(
        self, writes: Sequence[_TagWrite], origin: Origin, deadline: float | None, statuses: list[int]
    ) -> None:
        left = None if deadline is None else max(0.0, deadline - self._clock.mono())
        try:
            verdicts = await self._gate.submit_many([write.command for write in writes], origin, left)
        except Overload:
            for write in writes:
                statuses[write.place] = _C.BadServerTooBusy
            return
        for write, verdict in zip(writes, verdicts, strict=True):
            statuses[write.place] = status_of_verdict(verdict)


class _Wrong(Exception):  # noqa: N818 - an answer of the protocol, not a fault of ours
    def __init__(self, status: int) -> None:
        super().__init__(hex(status))
        self.status = status


def check_count(count: int, most: int, what: str) -> None:
    """Raises StatusError: BadNothingToDo, BadTooManyOperations (Part 4, 7.38.2)."""
    if not count:
        raise StatusError("OPC-204", f"no {what}", status=_C.BadNothingToDo)
    if count > most:
        raise StatusError("OPC-204", f"{count} {what}, at most {most}", status=_C.BadTooManyOperations)


def _is_bad(result: ua.DataValue) -> bool:
    return result.StatusCode is not None and result.StatusCode.is_bad()


def _encoding(item: ua.ReadValueId, result: ua.DataValue) -> int:
    """Part 4, 5.11.2: only the values of structures have several encodings; 0 if it is the one we have."""
    if item.AttributeId != _A.Value or result.Value is None or result.Value.VariantType is not _STRUCTURE:
        return _C.BadDataEncodingInvalid
    return _C.Good if item.DataEncoding == _BINARY else _C.BadDataEncodingUnsupported


def _has(node: Node, identifier: int) -> bool:
    if identifier == _A.Value:
        return bool(node.node_class & _VARIABLES)
    return attribute(node, identifier) is not None


def _written(given: ua.DataValue, node: TagNode) -> Scalar:
    """The value for a tag. Raises _Wrong.

    A status other than Good can't be written. Times can be given, as most clients do, and are not kept: the time of a
    value is when the tag got it.
    """
    if given.StatusCode is not None and given.StatusCode.value != _C.Good:
        raise _Wrong(_C.BadWriteNotSupported)
    if given.Value is None:
        raise _Wrong(_C.BadTypeMismatch)
    try:
        return scalar_of(given.Value, node.definition.data_type)
    except Mismatch:
        raise _Wrong(_C.BadTypeMismatch) from None
    except (OverflowError, ValueError):
        raise _Wrong(_C.BadOutOfRange) from None


def attribute(node: Node, identifier: int) -> ua.Variant | None:
    """Any attribute but Value (Part 3, clause 5); None if the node has none such."""
    match identifier:
        case _A.NodeId:
            return ua.Variant(node.node_id, _V.NodeId)
        case _A.NodeClass:
            return ua.Variant(node.node_class, _V.Int32)
        case _A.BrowseName:
            return ua.Variant(node.name, _V.QualifiedName)
        case _A.DisplayName:
            return ua.Variant(ua.LocalizedText(node.name.Name), _V.LocalizedText)
        case _A.Description:
            return ua.Variant(ua.LocalizedText(node.description or None), _V.LocalizedText)
        case _A.WriteMask | _A.UserWriteMask:
            return ua.Variant(0, _V.UInt32)
        case _:
            variable = node.variable
            found = None if variable is None else _of_variable(variable, node.node_class, identifier)
            return found if found is not None else node.special(identifier)


def _of_variable(variable: Variable, node_class: int, identifier: int) -> ua.Variant | None:
    match identifier:
        case _A.DataType:
            return ua.Variant(numeric(variable.data_type), _V.NodeId)
        case _A.ValueRank:
            return ua.Variant(variable.rank, _V.Int32)
        case _A.ArrayDimensions if variable.dimensions is not None:
            return ua.Variant(variable.dimensions, _V.UInt32)
        case _:
            return _of_instance(variable, identifier) if node_class == nodes.VARIABLE else None


def _of_instance(variable: Variable, identifier: int) -> ua.Variant | None:
    match identifier:
        case _A.AccessLevel:
            return ua.Variant(variable.access, _V.Byte)
        case _A.UserAccessLevel:
            return ua.Variant(variable.user_access, _V.Byte)
        case _A.AccessLevelEx:
            return ua.Variant(variable.access, _V.UInt32)
        case _A.MinimumSamplingInterval:
            return ua.Variant(variable.interval, _V.Double)
        case _A.Historizing:
            return ua.Variant(variable.historizing, _V.Boolean)
        case _:
            return None
