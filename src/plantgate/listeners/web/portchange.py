"""Ports that change while the gateway runs: for good, or on trial until somebody confirms."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from plantgate.listeners.web import guard, reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tags import origin
from plantgate.listeners.web.wire import PortChanged, PortChanges, PortWanted
from plantgate.model.gateway import PortChange
from plantgate.security.sessions import IDLE_SECONDS

_WEB = ("http", "https")


async def change(request: Request, context: WebContext) -> Response:
    """The answer leaves through the old port; its cookie signs the same browser in at the new one, so that whoever
    can reach it can confirm.
    """
    wanted = await reply.body(request, PortWanted)
    name = request.path_params["name"]
    made = await context.port_control.change(name, wanted.port, wanted.revert_after_s, origin(request, context))
    answer = reply.json(_shown(made, request))
    session = guard.cookie(request)
    if made.port and made.name in _WEB and session is not None:
        answer.set_cookie(
            guard.cookie_of_port(made.port),
            session,
            max_age=int(IDLE_SECONDS),
            httponly=True,
            samesite="strict",
            secure=made.name == "https",
        )
    return answer


async def confirm(request: Request, context: WebContext) -> Response:
    name = request.path_params["name"]
    return reply.json(_shown(await context.port_control.confirm(name, origin(request, context)), request))


async def waiting(request: Request, context: WebContext) -> Response:
    return reply.json(PortChanges([_shown(each, request) for each in context.port_control.waiting()]))


def _shown(made: PortChange, request: Request) -> PortChanged:
    """With the address of the page: the host as this browser knows it, the port as it is now."""
    if not made.port or made.name not in _WEB:
        return PortChanged.of(made, "")
    url = request.url.replace(scheme=made.name, port=made.port, path="/", query="", fragment="")
    return PortChanged.of(made, str(url))
