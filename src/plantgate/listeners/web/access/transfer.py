"""Cards as CSV, pictures of holders, and the badge journal as a file that an auditor can check."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from plantgate.errors import PeerError
from plantgate.limits import ACCESS_CSV_BYTES, ACCESS_PICTURE_BYTES
from plantgate.listeners.web import reply
from plantgate.listeners.web.access import shapes
from plantgate.listeners.web.access.collections import revision_wanted, tagged
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tags import origin
from plantgate.model.badge import AccessVerdict
from plantgate.model.journal import ExportForm, JournalFilter

_MEDIA = {ExportForm.CSV: "text/csv; charset=utf-8", ExportForm.JSON_LINES: "application/x-ndjson"}
_LAST_MILLISECOND = 1 << 53
# A picture is shown by its bytes and by nothing that its sender says of it (RFC 9110 8.3, sniffing).
_PICTURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


async def export_cards(_: Request, context: WebContext) -> Response:
    text = await context.access.export_csv()
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=_attachment("cards.csv"))


async def import_cards(request: Request, context: WebContext) -> Response:
    """All rows or none; with dry_run none in any case."""
    create, dry_run = _yes(request, "create"), _yes(request, "dry_run")
    data = await reply.content(request, ACCESS_CSV_BYTES)
    done = await context.access.import_csv(
        data, origin(request, context), create=create, dry_run=dry_run, revision=revision_wanted(request)
    )
    if done.bad:
        rows = [shapes.BadRowShape.of(row) for row in done.bad]
        detail = f"{done.bad_count} of the file's cells are wrong: nothing was imported"
        problem = shapes.ImportProblem(
            "The file is wrong",
            400,
            detail,
            "WEB-441",
            "put these lines right and import it again",
            rows,
            done.bad_count,
        )
        answer = reply.json(problem, 400)
        answer.headers["content-type"] = "application/problem+json"
        return answer
    return tagged(shapes.ImportShape.of(done), done.revision)


def _yes(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise PeerError("WEB-442", f"{name} takes true or false, not {text[:20]!r}", "see /openapi.json")
    return text == "true"


# pictures


async def read_picture(request: Request, context: WebContext) -> Response:
    picture = await context.pictures.read(request.path_params["key"])
    if picture is None and _yes(request, "optional"):
        return Response(status_code=204, headers={"cache-control": "private, max-age=60"})
    if picture is None:
        return reply.problem(404, "No picture", "this holder has no picture", "WEB-404")
    headers = {"cache-control": "private, max-age=60"}
    return Response(picture, media_type=_media_type(picture) or "application/octet-stream", headers=headers)


async def put_picture(request: Request, context: WebContext) -> Response:
    key = request.path_params["key"]
    if key not in context.access.data().holders:
        return reply.problem(404, "No such holder", f"there is no holder {key[:100]!r}", "WEB-404")
    picture = await reply.content(request, ACCESS_PICTURE_BYTES)
    if _media_type(picture) is None:
        raise PeerError(
            "WEB-443", "this is neither JPEG, PNG nor WebP", f"a picture of at most {ACCESS_PICTURE_BYTES} bytes"
        )
    await context.pictures.write(key, picture)
    return Response(status_code=204)


async def remove_picture(request: Request, context: WebContext) -> Response:
    await context.pictures.remove(request.path_params["key"])
    return Response(status_code=204)


def _media_type(picture: bytes) -> str | None:
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((media for magic, media in _PICTURES if picture.startswith(magic)), None)


# the badge journal


def journal_filter(request: Request) -> JournalFilter:
    """From `since`, `until` (epoch ms), `reader`, `verdict`, `holder`, `card`. Raises PeerError."""
    given = request.query_params
    verdict = given.get("verdict") or None
    if verdict is not None and verdict not in set(AccessVerdict):
        raise PeerError("WEB-444", f"verdict takes accepted or denied, not {verdict[:20]!r}", "see /openapi.json")
    return JournalFilter(
        since=_moment(request, "since"),
        until=_moment(request, "until"),
        reader=given.get("reader", ""),
        verdict=None if verdict is None else AccessVerdict(verdict),
        holder=given.get("holder", ""),
        card=given.get("card", ""),
    )


def _moment(request: Request, name: str) -> int | None:
    if name not in request.query_params:
        return None
    return reply.number(request, name, 0, 0, _LAST_MILLISECOND) * 1_000


async def export_journal(request: Request, context: WebContext) -> Response:
    text = request.query_params.get("format", ExportForm.CSV.value)
    if text not in set(ExportForm):
        raise PeerError("WEB-445", f"format takes csv or jsonl, not {text[:20]!r}", "see /openapi.json")
    form = ExportForm(text)
    pieces = context.journal.export(form, journal_filter(request))
    first = await anext(pieces, b"")  # what can't be read is told before the answer has begun
    head = await context.journal.head()
    headers = _attachment(f"badge-journal.{form.value}") | {"x-journal-head": f"{head.id} {head.hash}"}
    return StreamingResponse(_chained(first, pieces), media_type=_MEDIA[form], headers=headers)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def verify_journal(_: Request, context: WebContext) -> Response:
    """Recomputes the chain of hashes: an entry that was changed or removed is named."""
    found = await context.journal.verify()
    shape = shapes.JournalCheckShape(
        found.ok, found.entries, found.head.id, found.head.hash, found.first_broken, found.text
    )
    return reply.json(shape)


def _attachment(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
