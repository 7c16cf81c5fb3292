"""What the Server object holds (Part 5, 6.3): who it is, how it is, what it can do at most."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncua import ua

from plantgate.limits import (
    OPCUA_BROWSE_POINTS,
    OPCUA_NODES_PER_BROWSE,
    OPCUA_NODES_PER_READ,
    OPCUA_NODES_PER_REGISTER,
    OPCUA_NODES_PER_TRANSLATE,
    OPCUA_NODES_PER_WRITE,
    TAG_ARRAY_ITEMS,
    TAG_DOCUMENT_CHARS,
)
from plantgate.listeners.opcua_server.space.standard import SERVER, StandardBranch
from plantgate.listeners.opcua_server.space.standard_values import AGGREGATES, fill
from plantgate.listeners.opcua_server.space.values import time_of
from plantgate.runtime.clock import Clock

Source: TypeAlias = object | Callable[[], object]

NAMESPACE_ZERO = "http://opcfoundation.org/UA/"
_AGGREGATE_FOLDERS = (2997, 11201)
# The version of the standard whose node ids the tables have.
_VERSION, _PUBLISHED = "1.05.07", 1_777_593_600_000_000  # 2026-05-01
_NUMERIC = 0
_SUBSCRIBE = 1  # EventNotifier: events can be subscribed to (Part 3, 8.59)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What never changes while the server runs.

    `namespaces` are the URIs from index 1 on. `started` and `built` are microseconds since 1970 UTC. `aggregates` are
    names of Part 13; `limits` are further limits by node id (`MaxSessions` 24095, ...), those of the services that are
    not in this package.
    """

    application_uri: str
    namespaces: tuple[str, ...]
    product_uri: str
    manufacturer: str
    product: str
    version: str
    started: int
    built: int = 0
    profiles: tuple[str, ...] = ()
    locales: tuple[str, ...] = ("en",)
    aggregates: Collection[str] = ()
    auditing: bool = False
    limits: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class ServerNow:
    """What changes: whoever runs the server sets it, clients see it at once.

    `state` and `seconds_till_shutdown` are those of ServerStatus; `service_level` is 0 to 255 (Part 4, 6.6.2.4.2).
    """

    state: ua.ServerState = ua.ServerState.Running
    service_level: int = 255
    seconds_till_shutdown: int = 0
    shutdown_reason: str = ""


class ServerValues:
    """Puts the values of the Server object into namespace 0; `set_value` is for parts that have more of them."""

    def __init__(self, branch: StandardBranch, facts: ServerFacts, now: ServerNow, clock: Clock) -> None:
        self._branch = branch
        self._facts = facts
        self._now = now
        self._clock = clock
        fill(branch)
        chosen = {number: name for name, number in AGGREGATES.items() if name in facts.aggregates}
        branch.add_aggregates(chosen, _AGGREGATE_FOLDERS)
        branch.nodes[0, SERVER].notifier = _SUBSCRIBE
        for identifier, source in {**self._who(), **self._how(), **self._at_most(), **facts.limits}.items():
            self.set_value(identifier, source)

    def set_value(self, identifier: int, source: Source) -> None:
        """The value of a variable of namespace 0, or how to get it whenever somebody reads it.

        It must be of the variable's data type; a structure is its class of `asyncua.ua`.
        """
        node = self._branch.nodes[0, identifier]
        assert node.variable is not None
        kind = self._branch.built_in(node.variable.data_type)
        is_array = node.variable.rank > 0
        if callable(source):
            node.content = lambda: ua.Variant(source(), kind, None, is_array)
        else:
            node.content = ua.Variant(source, kind, None, is_array)

    def _who(self) -> dict[int, Source]:
        facts = self._facts
        return {
            2254: [facts.application_uri],  # ServerArray
            2255: [NAMESPACE_ZERO, *facts.namespaces],  # NamespaceArray
            2269: list(facts.profiles),  # ServerProfileArray
            2271: list(facts.locales),  # LocaleIdArray
            2994: facts.auditing,  # Auditing
            3704: [],  # SoftwareCertificates
            3709: ua.RedundancySupport.None_,  # RedundancySupport
            2294: True,  # ServerDiagnostics.EnabledFlag
            15958: NAMESPACE_ZERO,
            15959: _VERSION,
            15960: time_of(_PUBLISHED),
            15961: True,  # IsNamespaceSubset
            15962: [_NUMERIC],  # StaticNodeIdTypes
            15963: [],  # StaticNumericNodeIdRange
            15964: "",  # StaticStringNodeIdPattern
        }

    def _how(self) -> dict[int, Source]:
        now, clock = self._now, self._clock
        build = self._build_info()
        started = time_of(self._facts.started)
        return {
            2256: self._status,  # ServerStatus and its components
            2257: started,
            2258: lambda: time_of(clock.wall()),
            2259: lambda: now.state,
            2260: build,
            2992: lambda: now.seconds_till_shutdown,
            2993: lambda: ua.LocalizedText(now.shutdown_reason or None),
            2262: build.ProductUri,
            2263: build.ManufacturerName,
            2261: build.ProductName,
            2264: build.SoftwareVersion,
            2265: build.BuildNumber,
            2266: build.BuildDate,
            2267: lambda: now.service_level,
        }

    def _build_info(self) -> ua.BuildInfo:
        facts = self._facts
        return ua.BuildInfo(
            ProductUri=facts.product_uri,
            ManufacturerName=facts.manufacturer,
            ProductName=facts.product,
            SoftwareVersion=facts.version,
            BuildNumber=facts.version,
            BuildDate=time_of(facts.built),
        )

    def _status(self) -> ua.ServerStatusDataType:
        now = self._now
        return ua.ServerStatusDataType(
            StartTime=time_of(self._facts.started),
            CurrentTime=time_of(self._clock.wall()),
            State=now.state,
            BuildInfo=self._build_info(),
            SecondsTillShutdown=now.seconds_till_shutdown,
            ShutdownReason=ua.LocalizedText(now.shutdown_reason or None),
        )

    def _at_most(self) -> dict[int, Source]:
        """Limits (Part 5, 6.3.2, 6.3.11): 0 is no limit, so what can't be done at all is not there."""
        no_history_update = dict.fromkeys((11196, 11197, 11198, 11199, 11200, 11281, 11282, 11283, 11502, 11275), False)
        return {
            2735: OPCUA_BROWSE_POINTS,
            2736: 0,  # MaxQueryContinuationPoints
            11702: TAG_ARRAY_ITEMS,
            11703: TAG_DOCUMENT_CHARS,
            12911: TAG_DOCUMENT_CHARS,
            11705: OPCUA_NODES_PER_READ,
            11707: OPCUA_NODES_PER_WRITE,
            11710: OPCUA_NODES_PER_BROWSE,
            11711: OPCUA_NODES_PER_REGISTER,
            11712: OPCUA_NODES_PER_TRANSLATE,
            2272: 0.0,  # MinSupportedSampleRate: changes are told as they come
            **no_history_update,
        }


def standard_space(facts: ServerFacts, now: ServerNow, clock: Clock) -> tuple[StandardBranch, ServerValues]:
    """Namespace 0 with the values of its Server object."""
    branch = StandardBranch()
    return branch, ServerValues(branch, facts, now, clock)


def limits_by_name(**limits: int) -> Mapping[int, int]:
    """Limits of other services by the names that OPC UA has for them: `limits_by_name(MaxSessions=100)`."""
    return {_LIMITS[name]: value for name, value in limits.items()}


_LIMITS = {
    "MaxHistoryContinuationPoints": 2737,
    "MaxSessions": 24095,
    "MaxSubscriptions": 24096,
    "MaxMonitoredItems": 24097,
    "MaxSubscriptionsPerSession": 24098,
    "MaxSelectClauseParameters": 24099,
    "MaxWhereClauseParameters": 24100,
    "MaxMonitoredItemsPerSubscription": 24104,
    "MaxMonitoredItemsQueueSize": 31916,
    "MaxNodesPerMethodCall": 11709,
    "MaxMonitoredItemsPerCall": 11714,
    "MaxNodesPerNodeManagement": 11713,
    "MaxNodesPerHistoryReadData": 12165,
    "MaxNodesPerHistoryReadEvents": 12166,
    "MaxNodesPerHistoryUpdateData": 12167,
    "MaxNodesPerHistoryUpdateEvents": 12168,
    "MaxReturnDataValues": 11273,
    "MaxReturnEventValues": 11274,
}
