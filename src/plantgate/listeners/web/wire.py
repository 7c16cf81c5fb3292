"""The shapes that cross the wire: OpenAPI's schemas are made from these. Times are epoch milliseconds, UTC."""

from __future__ import annotations

from typing import Any, Literal, Self

import msgspec

from plantgate.model import quality
from plantgate.model.badge import JournalEntry
from plantgate.model.command import Verdict
from plantgate.model.gateway import PortChange, PortRow
from plantgate.model.status import PartStatus
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Scalar, TagValue

Value = Scalar


def milliseconds(microseconds: int) -> int:
    return microseconds // 1_000


class Metadata(msgspec.Struct):
    """`total` rows exist, `matching` fit the filter, `limit` and `offset` say which are here."""

    total: int
    matching: int
    limit: int
    offset: int


class Gateway(msgspec.Struct):
    name: str
    version: str
    state: str
    role: str
    started_at: int
    now: int
    uptime_s: int
    problems: int
    data_dir: str


class Part(msgspec.Struct):
    kind: str
    name: str
    health: str
    state: str
    since: int
    reason: str
    next_step: str
    details: dict[str, str | int | float | None]

    @classmethod
    def of(cls, part: PartStatus) -> Part:
        return cls(
            part.kind,
            part.name,
            part.health,
            part.state,
            milliseconds(part.since),
            part.reason,
            part.next_step,
            part.details,
        )


class Parts(msgspec.Struct):
    items: list[Part]


class Tag(msgspec.Struct):
    path: str
    kind: str
    data_type: str
    unit: str
    description: str
    device: str
    address: str
    history: bool
    writable: bool
    low: float | None
    high: float | None
    value: Value
    quality: int
    quality_name: str
    t: int
    reason: str

    @classmethod
    def of(cls, tag: TagDefinition, now: TagValue) -> Self:
        return cls(
            path=tag.path,
            kind=tag.kind,
            data_type=tag.data_type,
            unit=tag.unit,
            description=tag.description,
            device=tag.device,
            address=tag.address,
            history=tag.history,
            writable=tag.writable,
            low=tag.low,
            high=tag.high,
            value=now.value,
            quality=now.quality,
            quality_name=quality.label(now.quality),
            t=milliseconds(now.timestamp),
            reason=now.reason,
        )


class Tags(msgspec.Struct):
    items: list[Tag]
    metadata: Metadata


class TagWrite(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    value: Value


class VerdictReply(msgspec.Struct):
    outcome: str
    code: str
    message: str

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictReply:
        return cls(verdict.outcome, verdict.code, verdict.message)


class History(msgspec.Struct):
    """`points` are [time, value, quality] in time order."""

    path: str
    unit: str
    points: list[tuple[int, Value, int]]


class HistoryStats(msgspec.Struct):
    points: int
    tags: int
    blocks: int
    hot_points: int
    bytes: int
    oldest: int | None
    newest: int | None


class Reader(msgspec.Struct):
    name: str
    host: str
    port: int
    transport: str
    state: str
    health: str
    last_card: str
    last_holder: str
    last_verdict: str
    last_at: int | None
    badges: int
    shed: int
    accepted: int
    denied: int
    reconnects: int
    errors: int
    last_error: str


class Readers(msgspec.Struct):
    items: list[Reader]
    metadata: Metadata


class ReaderCommand(msgspec.Struct, forbid_unknown_fields=True):
    """One of three: `action` (accept, deny, wink); `seq`, two hex digits; `leds`, eight hex digits, and `buzz`, ms."""

    action: str | None = None
    seq: str | None = None
    leds: str | None = None
    buzz: int | None = None


class BadgeEvent(msgspec.Struct):
    """`uid` is the card as people see it ("…4080"), `card` its keyed hash; `why` is the stable word for `reason`.

    `enters` and `leaves` are the zones beyond and before the reader, `remark` what was noticed and did not decide.
    """

    id: int
    reader: str
    uid: str
    card: str
    last4: str
    holder: str
    holder_id: str
    t: int
    verdict: str
    why: str
    reason: str
    rule: str
    enters: str
    leaves: str
    remark: str
    door: str
    latency_ms: float | None
    reply_error: str

    @classmethod
    def of(cls, entry: JournalEntry) -> BadgeEvent:
        decision = entry.decision
        return cls(
            id=entry.id,
            reader=decision.reader,
            uid=decision.masked,
            card=decision.card,
            last4=decision.last4,
            holder=decision.holder,
            holder_id=decision.holder_id,
            t=milliseconds(decision.at),
            verdict=decision.verdict,
            why=decision.why,
            reason=decision.reason,
            rule=decision.rule,
            enters=decision.enters,
            leaves=decision.leaves,
            remark=decision.remark,
            door=decision.door,
            latency_ms=None if decision.latency_us is None else decision.latency_us / 1_000,
            reply_error=decision.reply_error,
        )


class BadgeEvents(msgspec.Struct):
    items: list[BadgeEvent]
    metadata: Metadata


class Owner(msgspec.Struct):
    pid: int | None
    name: str | None
    user: str | None
    command: str | None


class Port(msgspec.Struct):
    name: str
    instance: str
    host: str
    port: int
    transport: str
    direction: str
    protocol: str
    purpose: str
    required: str
    key: str
    source: str
    state: str
    owner: Owner | None
    reason: str
    next_step: str
    connections: int
    command: str

    @classmethod
    def of(cls, row: PortRow) -> Port:
        owner = row.owner
        return cls(
            name=row.name,
            instance=row.instance,
            host=row.host,
            port=row.port,
            transport=row.transport,
            direction=row.direction,
            protocol=row.protocol,
            purpose=row.purpose,
            required=row.required,
            key=row.key,
            source=row.source,
            state=row.state,
            owner=None if owner is None else Owner(owner.pid, owner.name, owner.user, owner.command),
            reason=row.reason,
            next_step=row.next_step,
            connections=row.connections,
            command=row.command,
        )


class Ports(msgspec.Struct):
    items: list[Port]
    metadata: Metadata


class PortWanted(msgspec.Struct, forbid_unknown_fields=True):
    """`port` 0 is off; without `revert_after_s` the change is for good and goes into the file."""

    port: int
    revert_after_s: float | None = None


class PortChanged(msgspec.Struct):
    """`waiting`: `port` goes back to `previous` at `revert_at` unless it is confirmed. `url` is the page then."""

    name: str
    key: str
    port: int
    previous: int
    waiting: bool
    revert_at: int | None
    url: str
    note: str

    @classmethod
    def of(cls, change: PortChange, url: str) -> PortChanged:
        return cls(
            name=change.name,
            key=change.key,
            port=change.port,
            previous=change.previous,
            waiting=change.revert_at is not None,
            revert_at=None if change.revert_at is None else milliseconds(change.revert_at),
            url=url,
            note=change.note,
        )


class PortChanges(msgspec.Struct):
    items: list[PortChanged]


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    token: str


class Session(msgspec.Struct):
    signed_in: bool
    actor: str | None


class Health(msgspec.Struct):
    """`problems` are one sentence each; empty when the answer is 200."""

    status: str
    state: str
    role: str
    problems: list[str]


class Problem(msgspec.Struct):
    """RFC 9457 problem details, with our stable code and the next step."""

    title: str
    status: int
    detail: str
    code: str
    hint: str
    type: str = "about:blank"


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    """What a page wants on its WebSocket: `tags` is "all" or up to 10,000 paths."""

    tags: Literal["all"] | list[str] | None = None
    badges: bool = False
    status: bool = False
    access: bool = False
    alarms: bool = False
    configuration: bool = False


class StreamRequest(msgspec.Struct, forbid_unknown_fields=True):
    subscribe: Subscription


class Reply:
    """Encoders are reused: making one per reply costs more than the encoding."""

    encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    return Reply.encoder.encode(value)
