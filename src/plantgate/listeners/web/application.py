"""The ASGI application: StatusPing first and cheap, then the API, then the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from plantgate.errors import PlantgateError, Refused
from plantgate.listeners.web import guard, health, openapi, reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.page import page
from plantgate.listeners.web.readers import ReaderBoard
from plantgate.listeners.web.route import Endpoint
from plantgate.listeners.web.routes import endpoints
from plantgate.listeners.web.stream import StreamHub
from plantgate.runtime.tasks import TaskGroup

_API = ("/api/", "/health/", "/system/", "/metrics", "/openapi.json")


@dataclass(slots=True)
class Secure:
    """`required`: plain HTTP is refused; `redirect`: it is sent to HTTPS on `port`, which may change while we run.

    Health endpoints are exempt.
    """

    required: bool = False
    redirect: bool = False
    port: int = 0

    @property
    def refuses_plain(self) -> bool:
        return self.required or (self.redirect and self.port != 0)


def application(
    context: WebContext, hub: StreamHub, board: ReaderBoard, tasks: TaskGroup, secure: Secure | None = None
) -> ASGIApp:
    """One application for every listener, plain or TLS."""
    secure = secure or Secure()
    table = endpoints(board, require_ssl=secure.required)
    described = openapi.document(table, context.info.version)
    api = [Route(each.path, _handler(each, context), methods=[each.method]) for each in table]

    async def serve_openapi(_: Request) -> Response:
        return reply.json(described)

    async def serve_stream(socket: WebSocket) -> None:
        await hub.serve(socket, context, tasks)

    async def serve_page(request: Request) -> Response:
        if request.url.path.startswith(_API):
            if methods := _methods(api, request.scope):
                raise HTTPException(405, headers={"allow": ", ".join(methods)})
            return reply.problem(
                404, "No such route", f"there is no {request.url.path[:256]}", "WEB-404", "see /openapi.json"
            )
        return page(context.static, request.url.path, request.headers.get("if-none-match"))

    starlette = Starlette(
        routes=[
            *api,
            Route("/openapi.json", serve_openapi),
            WebSocketRoute("/api/v1/stream", serve_stream),
            Route("/{path:path}", serve_page),
        ],
        exception_handlers={HTTPException: _http_problem, Exception: _defect},
    )
    return _front(starlette, context, secure)


def _methods(routes: list[Route], scope: Scope) -> list[str]:
    """What the path of `scope` can be asked with; empty if there is no such path."""
    found = (route.methods or set() for route in routes if route.matches(scope)[0] is not Match.NONE)
    return sorted(set().union(*found))


def _handler(endpoint: Endpoint, context: WebContext) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            guard.check(request, endpoint.rule, context)
            return await endpoint.handler(request, context)
        except PlantgateError as error:
            return reply.of_error(error)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it

    return handle


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = "WEB-427" if error.status_code == 405 else f"WEB-{error.status_code}"
    answer = reply.problem(error.status_code, error.detail, error.detail, code, "see /openapi.json")
    answer.headers.update(error.headers or {})
    return answer


async def _defect(_: Request, __: Exception) -> Response:
    """The traceback is in the log; the one who asked gets a code and not our insides."""
    return reply.problem(
        500, "A defect of plantgate", "this request met a defect", "WEB-500", "see logs/wrapper.log and report it"
    )


def _front(inner: ASGIApp, context: WebContext, secure: Secure) -> ASGIApp:
    """Answer StatusPing without a framework; hold plain HTTP to what gateway.xml demands."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, plain = scope["path"], scope["scheme"] == "http"
            if path in health.STATUS_PING_PATHS and scope["method"] in ("GET", "HEAD"):
                body = health.status_ping(context)
                await Response(body, media_type="application/json", headers={"cache-control": "no-store"})(
                    scope, receive, send
                )
                return
            if plain and not path.startswith("/health/"):
                if secure.redirect and secure.port:
                    await _to_https(scope, secure.port, context)(scope, receive, send)
                    return
                if secure.required:
                    await _HTTPS_ONLY(scope, receive, send)
                    return
        elif scope["type"] == "websocket" and scope["scheme"] == "ws" and secure.refuses_plain:
            await WebSocket(scope, receive, send).close(code=4403, reason="WEB-426")
            return
        await inner(scope, receive, send)

    return front


_HTTPS_ONLY = reply.problem(
    403, "HTTPS only", "this gateway answers plain HTTP on health endpoints only", "WEB-426", "use https://"
)


def _to_https(scope: Scope, port: int, context: WebContext) -> Response:
    """Only to a name of ours: the Host header is the sender's, and must not choose where a browser goes."""
    request = Request(scope)
    try:
        guard.check_host(request, context)
    except Refused as error:
        return reply.of_error(error)
    return RedirectResponse(str(request.url.replace(scheme="https", port=port)), 308)
