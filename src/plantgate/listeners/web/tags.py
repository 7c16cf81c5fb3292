"""Tags over REST: list, read, write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS, READ_LIST_ITEMS, SEARCH_WORDS, WRITE_LIST_ITEMS, WRITE_LIST_SECONDS
from plantgate.listeners.web import guard, reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.wire import Metadata, Tag, Tags, TagWrite, VerdictReply
from plantgate.listeners.web.wire_tags import TagPaths, TagRead, TagReads, TagsWritten, TagWrites, TagWritten
from plantgate.model.command import Origin, Outcome, Verdict, WriteTag
from plantgate.model.quality import is_good
from plantgate.model.tag import TagDefinition
from plantgate.model.tagproperty import property_of, split_property

_STATUS = {Outcome.DONE: 200, Outcome.REFUSED: 403, Outcome.FAILED: 502}


async def list_tags(request: Request, context: WebContext) -> Response:
    """Filter by `search` (every word in path or description) and `quality` (good, bad), sort, page."""
    limit = reply.number(request, "limit", 200, 1, PAGE_ROWS)
    offset = reply.number(request, "offset", 0, 0, 10_000_000)
    keep = _quality_filter(request, context)
    definitions = context.tags.definitions()
    matching = [tag for tag in _search(request, definitions, context.tags.ids()) if keep(tag)]
    _sort(matching, request.query_params.get("sort", "path"), context)
    items = [_row(tag, context) for tag in matching[offset : offset + limit]]
    return reply.json(Tags(items, Metadata(len(context.tags.ids()), len(matching), limit, offset)))


def _search(request: Request, definitions: Sequence[TagDefinition], there: Sequence[int]) -> Iterable[int]:
    words = list(dict.fromkeys(request.query_params.get("search", "").lower().split()))
    if len(words) > SEARCH_WORDS:
        raise PeerError("WEB-419", f"search takes at most {SEARCH_WORDS} words", "search for fewer")
    if not words:
        return there
    texts = ((tag, f"{definitions[tag].path} {definitions[tag].description}".lower()) for tag in there)
    return (tag for tag, text in texts if all(word in text for word in words))


def _quality_filter(request: Request, context: WebContext) -> Callable[[int], bool]:
    wanted = request.query_params.get("quality")
    if wanted is None:
        return lambda _: True
    if wanted not in ("good", "bad"):
        raise PeerError("WEB-411", f"quality takes good or bad, not {wanted[:40]!r}", "see /openapi.json")
    return lambda tag: is_good(context.tags.read(tag).quality) == (wanted == "good")


def _sort(tags: list[int], order: str, context: WebContext) -> None:
    definitions = context.tags.definitions()
    keys: dict[str, Callable[[int], tuple[int, str]]] = {
        "path": lambda tag: (0, definitions[tag].path),
        "quality": lambda tag: (-context.tags.read(tag).quality, definitions[tag].path),
    }
    key = keys.get(order.removeprefix("-"))
    if key is None:
        raise PeerError("WEB-412", f"sort takes path or quality, - before it, not {order[:40]!r}", "see /openapi.json")
    tags.sort(key=key, reverse=order.startswith("-"))


def _row(tag: int, context: WebContext) -> Tag:
    return Tag.of(context.tags.definitions()[tag], context.tags.read(tag))


def known_tag(request: Request, context: WebContext) -> int | Response:
    """The id of the tag that `path` names, or the answer that there is none."""
    path = request.query_params.get("path")
    if not path:
        raise PeerError("WEB-410", "the query parameter path is missing", "?path=[default]Folder/Tag, URL-encoded")
    tag = context.tags.find(path)
    return unknown_tag(path) if tag is None else tag


def unknown_tag(path: str) -> Response:
    return reply.problem(404, "No such tag", f"there is no tag {path[:256]!r}", "WEB-404", "see GET /api/v1/tags")


async def read_tag(request: Request, context: WebContext) -> Response:
    tag = known_tag(request, context)
    return tag if isinstance(tag, Response) else reply.json(_row(tag, context))


async def write_tag(request: Request, context: WebContext) -> Response:
    wanted = await reply.body(request, TagWrite)
    if context.tags.find(wanted.path) is None:
        return unknown_tag(wanted.path)
    verdict = await context.gate.submit(WriteTag(wanted.path, wanted.value), origin(request, context))
    return reply.json(TagWritten.at(wanted.path, verdict), _STATUS[verdict.outcome])


async def write_tags(request: Request, context: WebContext) -> Response:
    """Each has its verdict. Raises PeerError, Overload."""
    wanted = await reply.body(request, TagWrites)
    _check_count(len(wanted.items), WRITE_LIST_ITEMS)
    most = WRITE_LIST_SECONDS * 1_000
    if wanted.timeout_ms is not None and not 0 < wanted.timeout_ms <= most:
        raise PeerError("WEB-471", f"timeout_ms = {wanted.timeout_ms} is outside 1 to {most}", "see /openapi.json")
    seconds = None if wanted.timeout_ms is None else wanted.timeout_ms / 1_000
    writes = [WriteTag(item.path, item.value) for item in wanted.items]
    verdicts = await context.gate.submit_many(writes, origin(request, context), seconds)
    items = [TagWritten.at(item.path, verdict) for item, verdict in zip(wanted.items, verdicts, strict=True)]
    return reply.json(TagsWritten(items), 200 if all(verdict.done for verdict in verdicts) else 207)


async def read_tags(request: Request, context: WebContext) -> Response:
    """In the order asked for. Raises PeerError."""
    paths = (await reply.body(request, TagPaths)).paths
    _check_count(len(paths), READ_LIST_ITEMS)
    return reply.json(TagReads([_read(path, context) for path in paths]))


def _read(path: str, context: WebContext) -> TagRead:
    """A tag, or a property of one: `Line 1/Speed.unit`, `Profile[3]`."""
    try:
        plain, wanted = split_property(path)
    except ValueError as error:
        return TagRead.unknown(path, "WEB-404", str(error), context.clock.wall())
    tag = context.tags.find(plain)
    if tag is None:
        return TagRead.unknown(path, "WEB-404", f"there is no tag {plain[:256]!r}", context.clock.wall())
    definition, now = context.tags.definitions()[tag], context.tags.read(tag)
    row = TagRead.of(definition, now)
    if wanted:
        row.path, row.value = f"{definition.path}{path[len(plain) :]}", property_of(definition, now, wanted)
    return row


def _check_count(count: int, most: int) -> None:
    if not 0 < count <= most:
        raise PeerError("WEB-470", f"a list of {count} tags: it takes 1 to {most}", "send several lists")


def answer(verdict: Verdict) -> Response:
    return reply.json(VerdictReply.of(verdict), _STATUS[verdict.outcome])


def origin(request: Request, context: WebContext) -> Origin:
    """Who commands: the session's actor, with the address it came from."""
    actor = guard.actor(request, context)
    address = request.client.host if request.client else ""
    return Origin(actor or "", address, may_write=actor is not None)
