"""What is there: folders, entries, files."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response

from plantgate.config.tags.write import row_of
from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS, SEARCH_WORDS
from plantgate.listeners.web import reply
from plantgate.listeners.web.access.collections import tagged
from plantgate.listeners.web.access.directory import slices
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tagconfig.folders import Child
from plantgate.listeners.web.tagconfig.shapes import (
    BrowseItem,
    BrowseItems,
    Configured,
    ConfiguredItem,
    ConfiguredItems,
)
from plantgate.listeners.web.tags import unknown_tag
from plantgate.listeners.web.wire import Metadata, Tag
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.tagedit import EntryOrigin

_MEDIA = {"toml": "application/toml", "json": "application/json", "csv": "text/csv; charset=utf-8"}
_DOCUMENT = "see /openapi.json"


def words_of(request: Request) -> list[str]:
    words = list(dict.fromkeys(request.query_params.get("search", "").casefold().split()))
    if len(words) > SEARCH_WORDS:
        raise PeerError("WEB-510", f"search takes at most {SEARCH_WORDS} words", "search for fewer")
    return words


def _folder(text: str) -> str:
    """A folder as a full path, without the slash at its end; empty for all providers."""
    text = text.rstrip("/")
    return full_path(text) if text else ""


async def browse(request: Request, context: WebContext) -> Response:
    """The names in a folder; without `path` the providers. `search` are words that must all be in the name."""
    limit = reply.number(request, "limit", 200, 1, PAGE_ROWS)
    offset = reply.number(request, "offset", 0, 0, 10_000_000)
    path = _folder(request.query_params.get("path", ""))
    children = await context.tag_folders.children(context.tags, path, words_of(request))
    if children is None:
        what = f"there is no folder {path[:256]!r}"
        return reply.problem(404, "No such folder", what, "WEB-404", "browse its parent")
    instances = await context.tag_configuration.instances()
    page = children[offset : offset + limit]
    items = [await _browsed(child, instances, context) for child in page]
    return reply.json(BrowseItems(items, Metadata(len(children), len(children), limit, offset)))


async def _browsed(child: Child, instances: Collection[str], context: WebContext) -> BrowseItem:
    tag = None
    if child.tag is not None:
        tag = Tag.of(context.tags.definitions()[child.tag], context.tags.read(child.tag))
    kind = "tag" if tag is not None else "udt_instance" if child.path in instances else "folder"
    bad = await context.tag_folders.bad(child, context.tags)
    return BrowseItem(child.name, child.path, kind, child.stop - child.start, bad, tag)


async def configuration(request: Request, context: WebContext) -> Response:
    path = request.query_params.get("path")
    if not path:
        raise PeerError("WEB-511", "the query parameter path is missing", "?path=[default]Folder/Tag, URL-encoded")
    found = await context.tag_configuration.configured(path)
    if found is None:
        return unknown_tag(path)
    revision = context.tag_configuration.revision
    return tagged(Configured.of(found, revision), revision)


async def configurations(request: Request, context: WebContext) -> Response:
    """Entries of tags, in the order of their paths; a slice at a time."""
    limit = reply.number(request, "limit", 200, 1, PAGE_ROWS)
    offset = reply.number(request, "offset", 0, 0, 10_000_000)
    given = request.query_params
    folder, words = _folder(given.get("path", "")), words_of(request)
    prefix = "" if not folder else folder if folder.endswith("]") else f"{folder}/"
    if (kind := given.get("kind")) is not None and kind not in set(TagKind):
        raise PeerError("WEB-512", f"kind takes {', '.join(TagKind)}, not {kind[:40]!r}", _DOCUMENT)

    def fits(tag: TagDefinition) -> bool:
        if prefix and not tag.path.startswith(prefix) and tag.path != folder:
            return False
        if kind is not None and tag.kind != kind:
            return False
        if any(given.get(key) not in (None, getattr(tag, key)) for key in ("device", "group")):
            return False
        text = f"{tag.path} {tag.description}".casefold() if words else ""
        return all(word in text for word in words)

    definitions, ids = context.tags.definitions(), context.tags.ids()
    found = [definitions[tag] async for some in slices(ids) for tag in some if fits(definitions[tag])]
    found.sort(key=lambda tag: tag.path)
    origin_of = await context.tag_configuration.origins()
    items = [
        ConfiguredItem(tag.path, row_of(tag), origin, origin is not EntryOrigin.SYSTEM)
        for tag in found[offset : offset + limit]
        for origin in (origin_of(tag.path),)
    ]
    revision = context.tag_configuration.revision
    metadata = Metadata(len(ids), len(found), limit, offset)
    return tagged(ConfiguredItems(items, metadata, revision), revision)


async def export(request: Request, context: WebContext) -> Response:
    form = request.query_params.get("format", "toml")
    data, unmapped = await context.tag_configuration.export_tags(form, request.query_params.get("path", ""))
    name = f"tags.{'json' if form == 'ignition' else form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    headers["x-unmapped"] = str(len(unmapped))
    return Response(data, media_type=_MEDIA[name.rpartition(".")[2]], headers=headers)
