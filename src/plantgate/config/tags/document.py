"""What files say about tags: [[tag]], [[tag_group]], [[udt]] and [[instance]], as they are written."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

from plantgate.config.kinds import Name, Seconds
from plantgate.config.units import parse_duration
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.tag import Execution, ScaleMode, TagKind
from plantgate.model.taggroup import GroupMode
from plantgate.model.value import DataType, Scalar

Rate: TypeAlias = Annotated[
    float,
    Meta(ge=0, extra={"read": parse_duration, "words": 'a time with its unit, such as "500ms" or "2s"; "0s" is never'}),
]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0, extra={"words": "a number from 0"})]
Table: TypeAlias = Annotated[dict[str, Any], Meta(extra={"words": "a table"})]
Share: TypeAlias = Annotated[float, Meta(gt=0, le=1, extra={"words": "a number above 0, at most 1"})]


class TagGroup(Struct, frozen=True, kw_only=True):
    """[[tag_group]]: how often its tags are read.

    A driven group runs at `driven_rate` while `driving_tag` (a full path after `load`) meets `condition`, else at
    `rate`; with `one_shot` it is read once each time the condition begins to hold. A leased group runs at
    `leased_rate` while somebody looks at one of its tags. A rate of 0 reads never.
    With `read_after_write` a device is read at once after a write. With `optimistic_writes` a tag shows what was
    written at once, until its device confirms it or `optimistic_write_timeout` is over.
    """

    name: Name
    rate: Rate = 1.0
    mode: GroupMode = GroupMode.DIRECT
    driving_tag: str = ""
    condition: str = ""
    driven_rate: Seconds | None = None
    one_shot: bool = False
    leased_rate: Seconds | None = None
    read_after_write: bool = False
    optimistic_writes: bool = False
    optimistic_write_timeout: Seconds = 5.0

    @property
    def rates(self) -> set[float]:
        """Every rate that it may have."""
        return {self.rate, self.driven_rate or self.rate, self.leased_rate or self.rate}


class TagEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[tag]] as it is written; `config/tags/entries.py` makes a `TagDefinition` of it.

    `address` is the driver's ("HRF40", with `device`) or a whole OPC path ("[PLC1]HRF40"). The order of the keys is
    that of files that we write. `alarms` are read by `config/tags/alarms.py`.
    """

    path: str
    type: DataType
    kind: TagKind | None = None
    device: str = ""
    address: str = ""
    source: str = ""
    expression: str = ""
    write_expression: str = ""
    execute: Execution = Execution.EVENT
    group: str = "default"
    initial: Scalar = None
    persist: bool = False
    writable: bool = False
    history: bool = False
    unit: str = ""
    format: str = ""
    low: float | None = None
    high: float | None = None
    limit: Bounds = Bounds.NONE
    scale: ScaleMode = ScaleMode.OFF
    raw_low: float | None = None
    raw_high: float | None = None
    scaled_low: float | None = None
    scaled_high: float | None = None
    clamp: Bounds = Bounds.NONE
    factor: Share | None = None
    deadband: NotNegative = 0.0
    deadband_mode: DeadbandMode = DeadbandMode.ABSOLUTE
    description: str = ""
    documentation: str = ""
    alarms: Annotated[tuple[Any, ...], Meta(extra={"words": "a list of tables: [{ name = ..., mode = ... }]"})] = ()


class UdtEntry(Struct, frozen=True, kw_only=True):
    """[[udt]]: a type of tags. `parameters` are names and what they are if an instance doesn't say.

    `member` has [[tag]]s by paths within the instance, and instances of other types.
    """

    name: str
    extends: str = ""
    description: str = ""
    parameters: Table = {}
    member: Annotated[tuple[Any, ...], Meta(extra={"words": "a list of tables: [[udt.member]]"})] = ()


class InstanceEntry(Struct, frozen=True, kw_only=True):
    """[[instance]]: the members of `udt` below `path`. `override` changes keys of members by their paths."""

    path: str
    udt: str
    parameters: Table = {}
    override: Table = {}
