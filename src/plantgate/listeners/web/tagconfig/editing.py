"""Edits of tags and tag groups. What is wrong is answered with 409 and each fault by tag and key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from plantgate.config.tags.faults import TagFaults
from plantgate.errors import PeerError
from plantgate.limits import TAG_EDIT_BYTES, TAG_IMPORT_BYTES
from plantgate.listeners.web import reply
from plantgate.listeners.web.access.collections import revision_wanted, tagged
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.route import Handler
from plantgate.listeners.web.tagconfig import shapes
from plantgate.listeners.web.tagconfig.shapes import FaultItem, GroupDone, TagProblem, TagsDone
from plantgate.listeners.web.tags import origin
from plantgate.model.tagedit import Conflict, TagEdit, TagsEdited

_DOCUMENT = "see /openapi.json"
_ENDINGS = {"toml": "toml", "json": "json", "csv": "csv", "ignition": "json"}


def faults_told(handler: Callable[[Request, WebContext], Awaitable[Response]]) -> Handler:
    """With the list of what is wrong in the answer."""

    async def told(request: Request, context: WebContext) -> Response:
        try:
            return await handler(request, context)
        except TagFaults as error:
            count = len(error.faults)
            detail = error.message if count == 1 else f"{count} things are wrong: nothing was changed"
            problem = TagProblem(
                title="The tags can't be changed so",
                status=409,
                detail=detail,
                code=error.code,
                hint=error.hint,
                errors=[FaultItem.of(fault) for fault in error.faults],
            )
            answer = reply.json(problem, 409)
            answer.headers["content-type"] = "application/problem+json"
            return answer

    return told


T = TypeVar("T")


async def _body(request: Request, shape: type[T]) -> T:
    data = await reply.content(request, TAG_EDIT_BYTES)
    return reply.shaped(_plain(data), shape)


def _plain(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PeerError("WEB-513", f"the body is not JSON: {error}", _DOCUMENT) from None


def _done(done: TagsEdited, *, dry_run: bool) -> Response:
    return tagged(TagsDone.of(done, dry_run=dry_run), done.revision)


async def put_tags(request: Request, context: WebContext) -> Response:
    given = await _body(request, shapes.TagsPut)
    edit, who = TagEdit(put=given.items), origin(request, context)
    done = await context.tag_configuration.edit(edit, who, revision_wanted(request), dry_run=given.dry_run)
    return _done(done, dry_run=given.dry_run)


async def remove_tags(request: Request, context: WebContext) -> Response:
    given = await _body(request, shapes.TagsRemove)
    edit, who = TagEdit(remove=given.paths), origin(request, context)
    done = await context.tag_configuration.edit(edit, who, revision_wanted(request), dry_run=given.dry_run)
    return _done(done, dry_run=given.dry_run)


async def rename(request: Request, context: WebContext) -> Response:
    given = await _body(request, shapes.TagRename)
    edit, who = TagEdit(rename=(given.path, given.to)), origin(request, context)
    done = await context.tag_configuration.edit(edit, who, revision_wanted(request), dry_run=given.dry_run)
    return _done(done, dry_run=given.dry_run)


async def import_tags(request: Request, context: WebContext) -> Response:
    """The body is the file."""
    given = request.query_params
    form = given.get("format", "toml")
    if form not in _ENDINGS:
        raise PeerError("WEB-514", f"format takes toml, json, csv or ignition, not {form[:20]!r}", _DOCUMENT)
    conflict = given.get("on_conflict", Conflict.ABORT.value)
    if conflict not in set(Conflict):
        raise PeerError("WEB-515", f"on_conflict takes {', '.join(Conflict)}, not {conflict[:20]!r}", _DOCUMENT)
    if (dry := given.get("dry_run", "false")) not in ("true", "false"):
        raise PeerError("WEB-516", f"dry_run takes true or false, not {dry[:20]!r}", _DOCUMENT)
    done = await context.tag_configuration.import_tags(
        await reply.content(request, TAG_IMPORT_BYTES),
        f"import.{_ENDINGS[form]}",
        Conflict(conflict),
        origin(request, context),
        revision_wanted(request),
        into=given.get("into", ""),
        file=given.get("file", ""),
        dry_run=dry == "true",
    )
    return _done(done, dry_run=dry == "true")


async def reload(request: Request, context: WebContext) -> Response:
    return _done(await context.tag_configuration.reload(origin(request, context)), dry_run=False)


async def put_group(request: Request, context: WebContext) -> Response:
    given = await reply.body(request, shapes.GroupPut)
    name = request.path_params["name"]
    if given.name not in (None, name):
        raise PeerError("WEB-517", "name of the body is not the one of the path", "leave it out")
    keys = {key: value for key, value in msgspec.to_builtins(given).items() if value is not None and key != "name"}
    await context.tag_configuration.put_group(name, keys, origin(request, context))
    return reply.json(GroupDone(context.tag_configuration.revision))


async def remove_group(request: Request, context: WebContext) -> Response:
    name = request.path_params["name"]
    if all(row.settings["name"] != name for row in context.groups.groups()):
        return reply.problem(404, "No such tag group", f"there is no tag group {name[:256]!r}", "WEB-404")
    await context.tag_configuration.put_group(name, None, origin(request, context))
    return reply.json(GroupDone(context.tag_configuration.revision))
