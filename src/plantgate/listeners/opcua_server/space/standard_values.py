"""What standard variables hold that is the same for every server: names, numbers, arguments of methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

from asyncua import ua

from plantgate.listeners.opcua_server.space import nodes
from plantgate.listeners.opcua_server.space.made import numeric
from plantgate.listeners.opcua_server.space.nodes import StaticNode
from plantgate.listeners.opcua_server.space.standard import StandardBranch

# Part 5 (9.1, Server), Part 9 (5.5 to 5.8, conditions): id of InputArguments or OutputArguments, then name and type.
_ARGUMENTS = """
11493 SubscriptionId UInt32
11494 ServerHandles UInt32[] ClientHandles UInt32[]
11490 SubscriptionId UInt32
11491 ServerHandles UInt32[] ClientHandles UInt32[]
12874 SubscriptionId UInt32
12872 SubscriptionId UInt32
12747 SubscriptionId UInt32 LifetimeInHours UInt32
12748 RevisedLifetimeInHours UInt32
12884 State ServerState EstimatedReturnTime DateTime SecondsTillShutdown UInt32 Reason LocalizedText Restart Boolean
3876 SubscriptionId IntegerId
12913 SubscriptionId IntegerId MonitoredItemId IntegerId
9030 EventId ByteString Comment LocalizedText
9112 EventId ByteString Comment LocalizedText
9114 EventId ByteString Comment LocalizedText
9070 SelectedResponse Int32
24313 SelectedResponse Int32 Comment LocalizedText
2991 ShelvingTime Duration
9214 ShelvingTime Duration
24757 ShelvingTime Duration Comment LocalizedText
24759 Comment LocalizedText
24761 Comment LocalizedText
24317 Comment LocalizedText
24319 Comment LocalizedText
24321 Comment LocalizedText
24323 Comment LocalizedText
24325 Comment LocalizedText
25154 Groups NodeId[]
"""
# Part 9, 5.7, 5.8 and annex B: TrueState and FalseState of the states of conditions.
_STATES = """
9018 Enabled / Disabled
9062 Active / Inactive
9100 Acknowledged / Unacknowledged
9109 Confirmed / Unconfirmed
9167 Active / Inactive
9176 Suppressed / Unsuppressed
10027 HighHigh active / HighHigh inactive
10036 High active / High inactive
10045 Low active / Low inactive
10054 LowLow active / LowLow inactive
16378 Out of Service / In Service
16387 Silenced / Not Silenced
18197 Latched / Unlatched
"""
# StateNumber and TransitionNumber of the states of shelving and of exclusive limits.
_NUMBERS = {
    6098: 1, 6100: 2, 6101: 3, 9330: 1, 9332: 2, 9334: 3, 9336: 4, 11322: 12, 11323: 13, 11324: 21, 11325: 23,
    11326: 31, 11327: 32, 11340: 43, 11341: 34, 11342: 12, 11343: 21,
}  # fmt: skip
# Aggregate functions (Part 13), by the names that history queries know them under.
AGGREGATES = {
    "Interpolative": 2341, "Average": 2342, "TimeAverage": 2343, "Total": 2344, "Minimum": 2346, "Maximum": 2347,
    "MinimumActualTime": 2348, "MaximumActualTime": 2349, "Range": 2350, "AnnotationCount": 2351, "Count": 2352,
    "NumberOfTransitions": 2355, "Start": 2357, "End": 2358, "Delta": 2359, "DurationGood": 2360, "DurationBad": 2361,
    "PercentGood": 2362, "PercentBad": 2363, "WorstQuality": 2364, "TimeAverage2": 11285, "Minimum2": 11286,
    "Maximum2": 11287, "Range2": 11288, "WorstQuality2": 11292, "Total2": 11304, "MinimumActualTime2": 11305,
    "MaximumActualTime2": 11306, "DurationInStateZero": 11307, "DurationInStateNonZero": 11308,
    "StandardDeviationSample": 11426, "StandardDeviationPopulation": 11427, "VarianceSample": 11428,
    "VariancePopulation": 11429, "StartBound": 11505, "EndBound": 11506, "DeltaBounds": 11507,
}  # fmt: skip


def fill(branch: StandardBranch) -> None:
    """Give the variables of namespace 0 what they always hold."""
    types = {
        str(node.name.Name): node
        for node in branch.nodes.values()
        if node.node_class == nodes.DATA_TYPE and node.name.Name is not None
    }
    for line in _ARGUMENTS.strip().splitlines():
        identifier, *words = line.split(" ")
        arguments = [_argument(name, text, types) for name, text in zip(words[::2], words[1::2], strict=True)]
        branch.nodes[0, int(identifier)].content = ua.Variant(arguments, ua.VariantType.ExtensionObject)
    for line in _STATES.strip().splitlines():
        identifier, _, texts = line.partition(" ")
        for offset, text in enumerate(texts.split(" / ")):
            branch.nodes[0, int(identifier) + offset].content = _text(text)
    for number_id, number in _NUMBERS.items():
        branch.nodes[0, number_id].content = ua.Variant(number, ua.VariantType.UInt32)
    for name, node in types.items():
        for owned in _variables(branch, node):
            if owned.name.Name in _NAMES:
                owned.content = _NAMES[owned.name.Name](getattr(ua, name))


def _variables(branch: StandardBranch, node: StaticNode) -> Iterator[StaticNode]:
    for link in node.links:
        if link.type == nodes.HAS_PROPERTY and link.forward:
            yield branch.nodes[nodes.key_of(link.target)]


def _argument(name: str, text: str, types: dict[str, StaticNode]) -> ua.Argument:
    data_type = types[text.removesuffix("[]")].node_id
    rank = 1 if text.endswith("[]") else -1
    return ua.Argument(
        Name=name,
        DataType=numeric(int(data_type.Identifier)),
        ValueRank=rank,
        ArrayDimensions=[0] if rank == 1 else [],
        Description=ua.LocalizedText(),
    )


def _text(text: str) -> ua.Variant:
    return ua.Variant(ua.LocalizedText(text), ua.VariantType.LocalizedText)


def _strings(enumeration: type[IntEnum]) -> ua.Variant:
    return ua.Variant([ua.LocalizedText(_name(each)) for each in enumeration], ua.VariantType.LocalizedText)


def _pairs(enumeration: type[IntEnum]) -> ua.Variant:
    pairs = [
        ua.EnumValueType(Value=int(value), DisplayName=ua.LocalizedText(_name(value)), Description=ua.LocalizedText())
        for value in enumeration
    ]
    return ua.Variant(pairs, ua.VariantType.ExtensionObject)


def _name(value: IntEnum) -> str:
    """`None_` is what Python lets us call None."""
    return value.name.rstrip("_")


_NAMES: dict[str | None, Callable[[Any], ua.Variant]] = {"EnumStrings": _strings, "EnumValues": _pairs}
