"""Devices and badge readers over REST: how each is polled, what is bad, when it is tried again; rates of tag groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS
from plantgate.listeners.web import reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.guard import Rule
from plantgate.listeners.web.route import Endpoint, Parameter
from plantgate.listeners.web.wire import Metadata, Value, milliseconds
from plantgate.model import quality
from plantgate.model.device import BadPoint, DeviceRow, PlannedRequest, RateFigures
from plantgate.model.status import Health

# Whoever looks at the list looks for what is wrong.
_SICK_FIRST = {"failed": 0, "starting": 1, "ok": 2, "disabled": 3}


class DeviceItem(msgspec.Struct):
    """`response_ms` is the moving mean; `overload_percent` the part of the tightest period that its poll takes.

    Figures are null while there are none. `unit_id` is null for a badge reader.
    """

    name: str
    driver: str
    host: str
    port: int
    unit_id: int | None
    enabled: bool
    health: str
    state: str
    reason: str
    next_step: str
    since: int
    tags: int
    tags_bad: int
    overload_percent: float | None
    requests_per_second: float
    response_ms: float | None


_SORTS: dict[str, Callable[[DeviceItem], tuple[float, str]]] = {
    "health": lambda row: (_SICK_FIRST[row.health], row.name),
    "name": lambda row: (0, row.name),
    "driver": lambda row: (0, f"{row.driver} {row.name}"),
    "overload_percent": lambda row: (row.overload_percent or 0, row.name),
    "tags_bad": lambda row: (row.tags_bad, row.name),
}


class DeviceItems(msgspec.Struct):
    items: list[DeviceItem]
    metadata: Metadata


class DeviceRate(msgspec.Struct):
    """The tags that are polled every `rate_ms`; 0: on demand only."""

    rate_ms: float
    tags: int
    requests: int
    ideal_interval_ms: float
    actual_interval_ms: float | None
    overload_percent: float | None
    queue_ms: float
    response_ms: float | None


class BadTag(msgspec.Struct):
    """`next_try_at` is null while the device is away."""

    address: str
    path: str
    quality: int
    quality_name: str
    reason: str
    next_try_at: int | None


class DeviceUnit(msgspec.Struct):
    """`state`: answering, silent, not connected, not asked yet."""

    unit: int
    state: str
    tags: int
    bad: int


class DeviceDetail(DeviceItem):
    """`options` are the keys of its entry in the configuration, durations in seconds. `bad_count` tags are bad."""

    options: dict[str, Value]
    rates: list[DeviceRate]
    bad: list[BadTag]
    bad_count: int
    units: list[DeviceUnit]


class DeviceRequest(msgspec.Struct):
    """`start` is the address on the wire, `first` and `last` as a tag has them; `gap_registers` no tag wants.

    `why`: what the next tag is not in it for. `requests` is 1 but for a value longer than a request may be.
    """

    rate_ms: float
    unit: int
    function: int
    start: int
    count: int
    tags: int
    gap_registers: int
    first: str
    last: str
    requests: int
    why: str


class DevicePlan(msgspec.Struct):
    requests: list[DeviceRequest]
    metadata: Metadata


class GroupRate(msgspec.Struct):
    """Seconds, and why in words."""

    rate: float
    why: str


class TagGroupItem(msgspec.Struct):
    """Durations are seconds; `tags` counts the device tags."""

    name: str
    rate: float
    mode: str
    driving_tag: str
    condition: str
    driven_rate: float | None
    one_shot: bool
    leased_rate: float | None
    read_after_write: bool
    optimistic_writes: bool
    optimistic_write_timeout: float
    tags: int
    now: GroupRate


class TagGroupItems(msgspec.Struct):
    items: list[TagGroupItem]
    metadata: Metadata


def device_endpoints() -> list[Endpoint]:
    name = Parameter("name", "name of a device or reader", required=True, place="path")
    limit = Parameter("limit", "rows at most", "integer")
    offset = Parameter("offset", "rows to skip", "integer")
    return [
        Endpoint(
            "GET",
            "/api/v1/devices",
            Rule.READ,
            list_devices,
            "Devices and badge readers, the sick ones first",
            DeviceItems,
            parameters=(
                Parameter("search", "words that must all be in name, driver, host or state"),
                Parameter("health", "ok, starting, failed or disabled"),
                Parameter("sort", f"{', '.join(_SORTS)}; - before it to reverse"),
                limit,
                offset,
            ),
        ),
        Endpoint(
            "GET",
            "/api/v1/devices/{name}",
            Rule.READ,
            read_device,
            "One device: options, rates, units, tags that are bad and when they are tried again",
            DeviceDetail,
            parameters=(name,),
        ),
        Endpoint(
            "GET",
            "/api/v1/devices/{name}/plan",
            Rule.READ,
            read_plan,
            "The requests that poll it now",
            DevicePlan,
            parameters=(name, limit, offset),
        ),
        Endpoint(
            "GET", "/api/v1/tag-groups", Rule.READ, list_groups, "Tag groups, their rates now and why", TagGroupItems
        ),
    ]


async def list_devices(request: Request, context: WebContext) -> Response:
    limit = reply.number(request, "limit", 200, 1, PAGE_ROWS)
    offset = reply.number(request, "offset", 0, 0, 10_000_000)
    rows = [DeviceItem(**_item(row)) for row in context.devices.devices()]
    words = request.query_params.get("search", "").casefold().split()
    found = [row for row in rows if _matches(row, words)]
    if (health := request.query_params.get("health")) is not None:
        if health not in set(Health):
            raise PeerError("WEB-461", f"health takes {', '.join(Health)}, not {health[:40]!r}", "see /openapi.json")
        found = [row for row in found if row.health == health]
    _sort(found, request.query_params.get("sort", "health"))
    page = found[offset : offset + limit]
    return reply.json(DeviceItems(page, Metadata(len(rows), len(found), limit, offset)))


def _matches(row: DeviceItem, words: Sequence[str]) -> bool:
    text = f"{row.name} {row.driver} {row.host}:{row.port} {row.state}".casefold()
    return all(word in text for word in words)


def _sort(rows: list[DeviceItem], order: str) -> None:
    key = _SORTS.get(order.removeprefix("-"))
    if key is None:
        known = ", ".join(_SORTS)
        raise PeerError("WEB-462", f"sort takes {known}, - before it, not {order[:40]!r}", "see /openapi.json")
    rows.sort(key=key, reverse=order.startswith("-"))


async def read_device(request: Request, context: WebContext) -> Response:
    name = request.path_params["name"]
    row = context.devices.device(name)
    if row is None:
        return _unknown(name)
    state = row.state
    return reply.json(
        DeviceDetail(
            **_item(row),
            options=dict(row.options),
            rates=[_rate(each, state.response) for each in state.rates],
            bad=[_bad(each, context) for each in state.bad],
            bad_count=state.bad_count,
            units=[DeviceUnit(unit.unit, unit.state, unit.tags, unit.bad) for unit in state.units],
        )
    )


async def read_plan(request: Request, context: WebContext) -> Response:
    limit = reply.number(request, "limit", 1_000, 1, PAGE_ROWS)
    offset = reply.number(request, "offset", 0, 0, 10_000_000)
    name = request.path_params["name"]
    plan = context.devices.plan(name)
    if plan is None:
        return _unknown(name)
    page = [_request(each) for each in plan[offset : offset + limit]]
    return reply.json(DevicePlan(page, Metadata(len(plan), len(plan), limit, offset)))


async def list_groups(_: Request, context: WebContext) -> Response:
    items = [
        msgspec.convert(
            {**row.settings, "tags": row.tags, "now": {"rate": row.now.rate, "why": row.now.why}}, TagGroupItem
        )
        for row in context.groups.groups()
    ]
    return reply.json(TagGroupItems(items, Metadata(len(items), len(items), len(items), 0)))


def _unknown(name: str) -> Response:
    return reply.problem(404, "No such device", f"there is no device {name[:256]!r}", "WEB-404", "GET /api/v1/devices")


def _item(row: DeviceRow) -> dict[str, Any]:
    """The fields of `DeviceItem`."""
    part, state = row.part, row.state
    return {
        "name": part.name,
        "driver": row.driver,
        "host": row.host,
        "port": row.port,
        "unit_id": row.unit_id,
        "enabled": row.enabled,
        "health": part.health.value,
        "state": part.state,
        "reason": part.reason,
        "next_step": part.next_step,
        "since": milliseconds(part.since),
        "tags": state.tags,
        "tags_bad": state.bad_count,
        "overload_percent": state.overload_percent,
        "requests_per_second": state.requests_per_second,
        "response_ms": state.response,
    }


def _rate(figures: RateFigures, response: float | None) -> DeviceRate:
    return DeviceRate(
        rate_ms=_ms(figures.rate),
        tags=figures.tags,
        requests=figures.requests,
        ideal_interval_ms=_ms(figures.rate),
        actual_interval_ms=figures.actual_interval,
        overload_percent=figures.overload_percent,
        queue_ms=figures.queue,
        response_ms=response,
    )


def _bad(point: BadPoint, context: WebContext) -> BadTag:
    definition, now = context.tags.definitions()[point.tag], context.tags.read(point.tag)
    return BadTag(
        address=definition.address,
        path=definition.path,
        quality=now.quality,
        quality_name=quality.label(now.quality),
        reason=now.reason,
        next_try_at=None if point.next_try is None else milliseconds(point.next_try),
    )


def _request(request: PlannedRequest) -> DeviceRequest:
    return DeviceRequest(
        rate_ms=_ms(request.rate),
        unit=request.unit,
        function=request.function,
        start=request.start,
        count=request.count,
        tags=request.tags,
        gap_registers=request.gap,
        first=request.first,
        last=request.last,
        requests=request.requests,
        why=request.why,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
