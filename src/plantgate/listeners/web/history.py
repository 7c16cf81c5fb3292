"""History over REST: JSON for charts, CSV for people with a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from plantgate.config.units import parse_duration
from plantgate.errors import PeerError, UsageError
from plantgate.limits import HISTORY_JSON_POINTS, HISTORY_POINTS
from plantgate.listeners.web import reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tags import known_tag
from plantgate.listeners.web.wire import History, HistoryStats, milliseconds
from plantgate.model import quality
from plantgate.model.history import Series

_HOUR_US = 3_600_000_000
_FEWEST = 3  # points of a thinned series: its ends and a peak


async def query(request: Request, context: WebContext) -> Response:
    """`path` from `from` to `to` (epoch ms), or `last` (10m); at most `max_points`, peaks kept.

    With `seed=true` also the newest point before that, whose value still held at the beginning.
    """
    tag = known_tag(request, context)
    if isinstance(tag, Response):
        return tag
    definition = context.tags.definitions()[tag]
    start, end = _range(request, context)
    text = request.query_params.get("format", "json")
    if text not in ("json", "csv"):
        raise PeerError("WEB-414", f"format takes json or csv, not {text[:40]!r}", "see /openapi.json")
    default, top = (HISTORY_POINTS, HISTORY_POINTS) if text == "csv" else (2_000, HISTORY_JSON_POINTS)
    most = reply.number(request, "max_points", default, _FEWEST, top)
    seed = request.query_params.get("seed", "false")
    if seed not in ("true", "false"):
        raise PeerError("WEB-418", f"seed takes true or false, not {seed[:40]!r}", "see /openapi.json")
    try:
        series = await context.history.query(definition.path, start, end, most, seed=seed == "true")
    except UsageError as error:  # the request was checked above: all that is left is a tag that was never stored
        hint = error.hint if definition.history else "set history = true in its definition"
        return reply.problem(404, "No history", f"no history of {definition.path} is stored", error.code, hint)
    if text == "csv":
        headers = {"content-disposition": f'attachment; filename="{_file_name(definition.path)}"'}
        return StreamingResponse(csv_lines(series), media_type="text/csv; charset=utf-8", headers=headers)
    points = [
        (milliseconds(time), value, code)
        for time, value, code in zip(series.times, series.values, series.qualities, strict=True)
    ]
    return reply.json(History(definition.path, definition.unit, points))


def _range(request: Request, context: WebContext) -> tuple[int, int]:
    """Start and end in microseconds."""
    high = 253_402_300_799_000  # the year 9999 in milliseconds
    now = context.clock.wall()
    end = reply.number(request, "to", now // 1_000 + 1, 0, high) * 1_000
    last = request.query_params.get("last")
    if last is not None:
        try:
            seconds = parse_duration(last)
        except ValueError:
            raise PeerError("WEB-415", f"last takes a duration, not {last[:40]!r}", "such as 10m or 8h") from None
        return max(0, end - int(seconds * 1e6)), end
    start = reply.number(request, "from", (end - _HOUR_US) // 1_000, 0, high) * 1_000
    if start > end:
        raise PeerError("WEB-416", "from is after to", "leave `to` out for now, or exchange them")
    return start, end


async def csv_lines(series: Series) -> AsyncIterator[str]:
    """time (ISO 8601 UTC), value, quality, quality name; in pieces of a thousand lines."""
    yield "time,value,quality,quality_name\r\n"
    rows = zip(series.times, series.values, series.qualities, strict=True)
    while piece := [row for _, row in zip(range(1_000), rows, strict=False)]:
        text = io.StringIO()
        csv.writer(text).writerows(
            (
                datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="microseconds"),
                value,
                code,
                quality.label(code),
            )
            for time, value, code in piece
        )
        yield text.getvalue()
        await asyncio.sleep(0)  # a long series leaves room for others between its pieces


def _file_name(path: str) -> str:
    return "".join(char if char.isalnum() or char in "-_" else "_" for char in path).strip("_") + ".csv"


async def stats(_: Request, context: WebContext) -> Response:
    figures = await context.history.stats()
    return reply.json(
        HistoryStats(
            figures.points,
            figures.tags,
            figures.blocks,
            figures.hot_points,
            figures.bytes,
            None if figures.oldest is None else milliseconds(figures.oldest),
            None if figures.newest is None else milliseconds(figures.newest),
        )
    )
