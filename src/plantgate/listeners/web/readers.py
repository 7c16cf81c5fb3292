"""Badge readers and what happened at them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS
from plantgate.listeners.web import reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tags import answer, origin
from plantgate.listeners.web.wire import BadgeEvent, BadgeEvents, Metadata, Reader, ReaderCommand, Readers, milliseconds
from plantgate.model.badge import AccessVerdict, JournalEntry
from plantgate.model.command import ReaderAction, SignalReader
from plantgate.model.status import PartStatus


@dataclass(slots=True)
class _Tally:
    accepted: int = 0
    denied: int = 0
    last: JournalEntry | None = None


class ReaderBoard:
    """Implements `DecisionSink`: the last decision and the counts of each reader since start."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def decided(self, entry: JournalEntry) -> None:
        tally = self._tallies.setdefault(entry.decision.reader, _Tally())
        tally.last = entry
        if entry.decision.verdict is AccessVerdict.ACCEPTED:
            tally.accepted += 1
        else:
            tally.denied += 1

    def row(self, part: PartStatus) -> Reader:
        tally = self._tallies.get(part.name, _Tally())
        last = tally.last.decision if tally.last else None
        details = part.details
        return Reader(
            name=part.name,
            host=str(details.get("host", "")),
            port=_count(details.get("port")),
            state=part.state,
            health=part.health,
            last_card=last.uid if last else str(details.get("last_card") or ""),
            last_holder=last.holder if last else "",
            last_verdict=last.verdict if last else "",
            last_at=milliseconds(last.at) if last else None,
            badges=_count(details.get("badges")),
            accepted=tally.accepted,
            denied=tally.denied,
            reconnects=_count(details.get("reconnects")),
            errors=_count(details.get("errors")),
            last_error=part.reason,
        )


def _count(value: str | float | None) -> int:
    return int(value) if isinstance(value, int | float) else 0


async def list_readers(_: Request, context: WebContext, board: ReaderBoard) -> Response:
    items = [board.row(part) for part in context.statuses() if part.kind == "reader"]
    return reply.json(Readers(items, Metadata(len(items), len(items), len(items), 0)))


async def command_reader(request: Request, context: WebContext) -> Response:
    name = request.path_params["name"]
    if not any(part.kind == "reader" and part.name == name for part in context.statuses()):
        return reply.problem(
            404, "No such reader", f"there is no reader {name[:256]!r}", "WEB-404", "GET /api/v1/readers"
        )
    wanted = await reply.body(request, ReaderCommand)
    try:
        action = ReaderAction(wanted.action)
    except ValueError:
        raise PeerError(
            "WEB-417", f"action takes accept, deny or wink, not {wanted.action[:40]!r}", "see /openapi.json"
        ) from None
    return answer(await context.gate.submit(SignalReader(name, action), origin(request, context)))


async def list_events(request: Request, context: WebContext) -> Response:
    """Newest first; `before` (an id) pages backward."""
    limit = reply.number(request, "limit", 100, 1, PAGE_ROWS)
    before = reply.number(request, "before", 0, 0, 1 << 62)
    entries = await context.journal.newest(limit, before or None)
    items = [BadgeEvent.of(entry) for entry in entries]
    newest = items[0].id if items and not before else before
    return reply.json(BadgeEvents(items, Metadata(newest, len(items), limit, 0)))
