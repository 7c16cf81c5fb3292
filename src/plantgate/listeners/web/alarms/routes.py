"""The alarm list, the journal, and what people do: acknowledge, shelve, unshelve."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from plantgate.errors import PeerError
from plantgate.limits import ALARM_LIST_ITEMS, PAGE_ROWS
from plantgate.listeners.web import reply
from plantgate.listeners.web.access.directory import slices
from plantgate.listeners.web.alarms import queries, shapes
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.guard import Rule
from plantgate.listeners.web.route import Endpoint, Parameter
from plantgate.listeners.web.tags import origin
from plantgate.listeners.web.wire import Metadata, milliseconds
from plantgate.model.alarm import AlarmFilter, AlarmKey, AlarmRecord
from plantgate.model.command import AcknowledgeAlarm, Command, ShelveAlarm, UnshelveAlarm, Verdict
from plantgate.model.tag import full_path

_DOCUMENT = "see /openapi.json"
_BASE: Final = "/api/v1/alarms"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ("time", "event", "path", "name", "label", "priority", "change", "value", "actor", "note", "id")
_FILTERS = (
    Parameter("search", "words that must all be in path, name or label"),
    Parameter("path", "a tag, a folder, or a pattern with * and ?"),
    Parameter("priority", "the lowest to show: diagnostic, low, medium, high, critical"),
    Parameter("limit", "rows at most", "integer"),
)


def alarm_endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            "GET",
            _BASE,
            Rule.READ,
            list_alarms,
            "Alarms that want attention, or all",
            shapes.AlarmRows,
            parameters=(
                Parameter("state", "live (the default), active, unacknowledged, shelved, all"),
                *_FILTERS,
                Parameter("offset", "rows to skip", "integer"),
                Parameter("sort", "priority, active_at, path, label, - before it to reverse; without: urgency"),
            ),
        ),
        Endpoint(
            "POST",
            f"{_BASE}/acknowledge",
            Rule.COMMAND,
            acknowledge,
            "Acknowledge alarm events; 207 if one was not",
            shapes.AlarmsSeenReply,
            shapes.AlarmsSeen,
        ),
        Endpoint(
            "POST",
            f"{_BASE}/shelve",
            Rule.COMMAND,
            shelve,
            "Hide alarms for a while; 207 if one was not",
            shapes.AlarmsDone,
            shapes.AlarmsShelved,
        ),
        Endpoint(
            "POST",
            f"{_BASE}/unshelve",
            Rule.COMMAND,
            unshelve,
            "Show shelved alarms again; 207 if one was not",
            shapes.AlarmsDone,
            shapes.AlarmsUnshelved,
        ),
        Endpoint(
            "GET",
            f"{_BASE}/journal",
            Rule.READ,
            journal,
            "What happened to alarms, newest first; format=csv gives all of it as a file",
            shapes.AlarmLines,
            parameters=(
                Parameter("from", "epoch milliseconds", "integer"),
                Parameter("to", "epoch milliseconds, not included", "integer"),
                *_FILTERS,
                Parameter("change", "of active, clear, ack, shelved, unshelved, enabled, disabled, with commas"),
                Parameter("before", "only lines with a smaller id", "integer"),
                Parameter("format", "json or csv"),
            ),
        ),
    ]


async def list_alarms(request: Request, context: WebContext) -> Response:
    wanted = queries.wanted(request)
    found = await context.alarm_directory.select(wanted, context.alarms, context.tags)
    rows = context.alarm_directory.rows(found.page, context.alarms, context.tags)
    counts = context.alarm_directory.totals(context.alarms)
    metadata = Metadata(found.total, found.matching, wanted.limit, wanted.offset)
    return reply.json(shapes.AlarmRows(rows, metadata, counts, context.alarms.revision))


# commands


async def acknowledge(request: Request, context: WebContext) -> Response:
    wanted = await reply.body(request, shapes.AlarmsSeen)
    verdicts = await _submit([AcknowledgeAlarm(event, wanted.note) for event in wanted.events], request, context)
    items = [shapes.AlarmSeen.of(event, verdict) for event, verdict in zip(wanted.events, verdicts, strict=True)]
    return reply.json(shapes.AlarmsSeenReply(items), _status(verdicts))


async def shelve(request: Request, context: WebContext) -> Response:
    wanted = await reply.body(request, shapes.AlarmsShelved)
    keys = _keys(wanted.alarms)
    return await _on_alarms(keys, [ShelveAlarm(key, wanted.seconds, wanted.reason) for key in keys], request, context)


async def unshelve(request: Request, context: WebContext) -> Response:
    keys = _keys((await reply.body(request, shapes.AlarmsUnshelved)).alarms)
    return await _on_alarms(keys, [UnshelveAlarm(key) for key in keys], request, context)


def _keys(alarms: Sequence[shapes.AlarmRef]) -> list[AlarmKey]:
    return [AlarmKey(full_path(alarm.path), alarm.name) for alarm in alarms]


async def _on_alarms(
    keys: Sequence[AlarmKey], commands: Sequence[Command], request: Request, context: WebContext
) -> Response:
    verdicts = await _submit(commands, request, context)
    items = [shapes.AlarmDone.of(key, verdict) for key, verdict in zip(keys, verdicts, strict=True)]
    return reply.json(shapes.AlarmsDone(items), _status(verdicts))


async def _submit(commands: Sequence[Command], request: Request, context: WebContext) -> Sequence[Verdict]:
    """Raises PeerError, Overload."""
    if not 0 < len(commands) <= ALARM_LIST_ITEMS:
        what = f"a list of {len(commands)} alarms: it takes 1 to {ALARM_LIST_ITEMS}"
        raise PeerError("WEB-486", what, "send several lists")
    return await context.gate.submit_many(commands, origin(request, context))


def _status(verdicts: Sequence[Verdict]) -> int:
    return 200 if all(verdict.done for verdict in verdicts) else 207


# the journal


async def journal(request: Request, context: WebContext) -> Response:
    """`before` (an id) pages backward."""
    limit = reply.number(request, "limit", 100, 1, PAGE_ROWS)
    before = reply.number(request, "before", 0, 0, 1 << 62)
    wanted = queries.journal_filter(request)
    form = request.query_params.get("format", "json")
    if form not in ("json", "csv"):
        raise PeerError("WEB-487", f"format takes json or csv, not {form[:40]!r}", _DOCUMENT)
    if form == "csv":
        # The first page is read here: a bad disk is told before the file begins.
        first = await context.alarms.journal(PAGE_ROWS, before or None, wanted)
        headers = {"content-disposition": 'attachment; filename="alarm-journal.csv"', "cache-control": "no-store"}
        return StreamingResponse(_csv(first, wanted, context), media_type="text/csv; charset=utf-8", headers=headers)
    items = [shapes.AlarmLine.of(record) for record in await context.alarms.journal(limit, before or None, wanted)]
    newest = items[0].id if items and not before else before
    return reply.json(shapes.AlarmLines(items, Metadata(newest, len(items), limit, 0)))


async def _csv(page: Sequence[AlarmRecord], wanted: AlarmFilter, context: WebContext) -> AsyncIterator[str]:
    """Newest first, a page of the journal at a time: however long it is, one page is in memory."""
    yield ",".join(_COLUMNS) + "\r\n"
    while page:
        async for some in slices(page):
            text = io.StringIO()
            csv.writer(text).writerows(_cells(record) for record in some)
            yield text.getvalue()
        page = await context.alarms.journal(PAGE_ROWS, page[-1].id, wanted)


def _cells(record: AlarmRecord) -> tuple[object, ...]:
    line = shapes.AlarmLine.of(record)
    time = (_EPOCH + timedelta(milliseconds=milliseconds(record.at))).isoformat(timespec="milliseconds")
    return time, *(_safe(getattr(line, column)) for column in _COLUMNS[1:])


def _safe(value: object) -> object:
    """A text that a spreadsheet would run as a formula is shown as a text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
