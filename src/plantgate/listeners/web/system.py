"""The gateway itself over REST: what it is, how its parts are, its ports, who is signed in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from plantgate.listeners.web import guard, reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.wire import Gateway, Metadata, Part, Parts, Port, Ports, Session, SignIn, milliseconds
from plantgate.model.status import Health
from plantgate.security.sessions import IDLE_SECONDS


async def gateway(_: Request, context: WebContext) -> Response:
    info, now = context.info, context.clock.wall()
    return reply.json(
        Gateway(
            name=info.name,
            version=info.version,
            state=context.state(),
            role=info.role,
            started_at=milliseconds(info.started_at),
            now=milliseconds(now),
            uptime_s=(now - info.started_at) // 1_000_000,
            problems=sum(part.health is Health.FAILED for part in context.statuses()),
            data_dir=info.data_dir,
        )
    )


async def status(_: Request, context: WebContext) -> Response:
    return reply.json(Parts([Part.of(part) for part in context.statuses()]))


async def ports(_: Request, context: WebContext) -> Response:
    items = [Port.of(row) for row in await context.ports()]
    return reply.json(Ports(items, Metadata(len(items), len(items), len(items), 0)))


async def read_session(request: Request, context: WebContext) -> Response:
    actor = guard.actor(request, context)
    return reply.json(Session(actor is not None, actor))


async def begin_session(request: Request, context: WebContext) -> Response:
    """Exchange a one-time token for a cookie. The token is gone afterwards, also if the answer gets lost."""
    guard.check_host(request, context)
    guard.check_origin(request)
    wanted = await reply.body(request, SignIn)
    actor = context.redeem(wanted.token)
    if actor is None:
        return reply.problem(
            403,
            "This sign-in link is not good",
            "it was used already, is older than a day, or belongs to another gateway",
            "WEB-406",
            f"make a new one on the gateway's host: plantgate user link --data {context.info.data_dir}",
        )
    answer = reply.json(Session(True, actor))
    answer.set_cookie(
        guard.cookie_name(request),
        context.sessions.begin(actor),
        max_age=int(IDLE_SECONDS),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def end_session(request: Request, context: WebContext) -> Response:
    guard.check_origin(request)
    context.sessions.end(guard.cookie(request))
    answer = reply.json(Session(False, None))
    answer.delete_cookie(guard.cookie_name(request))
    return answer
