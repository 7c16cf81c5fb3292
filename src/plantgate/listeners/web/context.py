"""Everything the web side may see, handed over by `app.py` in one piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plantgate.listeners.web.access.directory import Directory
from plantgate.listeners.web.alarms.directory import AlarmDirectory
from plantgate.listeners.web.tagconfig.folders import TagFolders
from plantgate.model.gateway import GatewayInfo, PortRow, Sample
from plantgate.model.seams import (
    AccessDesk,
    AlarmBoard,
    CommandListGate,
    DecisionJournal,
    HistoryReader,
    HolderPictures,
    PortControl,
    TagConfiguration,
    TagReader,
)
from plantgate.model.seams_polling import DeviceInspector, TagGroupBoard, TagLeases
from plantgate.model.status import GatewayState, PartStatus
from plantgate.runtime.clock import Clock
from plantgate.security.sessions import Sessions


@dataclass(frozen=True, slots=True)
class WebContext:
    """`hosts` are the names under which this gateway may be addressed (see guard.py); `redeem` turns a one-time
    sign-in token into an actor, once.
    """

    info: GatewayInfo
    clock: Clock
    state: Callable[[], GatewayState]
    tags: TagReader
    gate: CommandListGate
    history: HistoryReader
    journal: DecisionJournal
    access: AccessDesk
    alarms: AlarmBoard
    pictures: HolderPictures
    statuses: Callable[[], Sequence[PartStatus]]
    ports: Callable[[], Awaitable[Sequence[PortRow]]]
    port_control: PortControl
    samples: Callable[[], Iterable[Sample]]
    devices: DeviceInspector
    groups: TagGroupBoard
    leases: TagLeases
    tag_configuration: TagConfiguration
    sessions: Sessions
    redeem: Callable[[str], str | None]
    hosts: frozenset[str]
    static: Path
    directory: Directory = field(default_factory=Directory)
    tag_folders: TagFolders = field(default_factory=TagFolders)
    alarm_directory: AlarmDirectory = field(default_factory=AlarmDirectory)
