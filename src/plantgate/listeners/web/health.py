"""Health for balancers and people: StatusPing and gwinfo as Ignition answers them, and three that use the status code.

Bodies: Ignition 8.3, reference `ignition.md` 2.1 and 2.2.
"""

from __future__ import annotations

import platform

from starlette.requests import Request
from starlette.responses import Response

from plantgate.listeners.web import reply
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.wire import Health
from plantgate.model.status import GatewayState
from plantgate.model.status import Health as PartHealth

STATUS_PING_PATHS = frozenset({"/StatusPing", "/system/StatusPing", "/main/StatusPing"})


def status_ping(context: WebContext) -> bytes:
    """Exactly `{"state":"RUNNING"}`, compact, always with status 200: checks look into the body."""
    return b'{"state":"%s"}' % context.state().encode()


async def gwinfo(_: Request, context: WebContext, *, require_ssl: bool) -> Response:
    """`Key=Value;` pairs, each ending in `;`, ContextStatus first."""
    pairs = {
        "ContextStatus": context.state().value,
        "PlatformName": "plantgate",
        "Version": context.info.version,
        "PlatformEdition": "",
        "OS": platform.system(),
        "RuntimeVersion": platform.python_version(),
        "RedundancyStatus": context.info.role,
        "RedundantState": "Good",
        "RedundantNodeActiveStatus": "Active",
        "RequireSsl": "true" if require_ssl else "false",
    }
    return Response("".join(f"{key}={value};" for key, value in pairs.items()), media_type="text/plain")


async def live(_: Request, context: WebContext) -> Response:
    """200 as long as the process answers: a restart would not help a gateway that says this."""
    return _answer(context, healthy=True, problems=[])


async def ready(_: Request, context: WebContext) -> Response:
    """200 when running and every listener is bound; else 503 and why, naming the process that holds a port."""
    problems = [
        f"{part.name}: {part.reason or part.state}"
        for part in context.statuses()
        if part.kind in ("listener", "store") and part.health is PartHealth.FAILED
    ]
    running = context.state() is GatewayState.RUNNING
    if not running:
        problems.insert(0, f"the gateway is {context.state().lower()}")
    return _answer(context, healthy=running and not problems, problems=problems)


async def active(_: Request, context: WebContext) -> Response:
    """200 on the node that writes to devices. A gateway that stands alone is always that node while it runs."""
    running = context.state() is GatewayState.RUNNING
    return _answer(context, healthy=running, problems=[] if running else [f"the gateway is {context.state().lower()}"])


def _answer(context: WebContext, *, healthy: bool, problems: list[str]) -> Response:
    state, role = context.state().value, context.info.role
    return reply.json(Health("ok" if healthy else "unavailable", state, role, problems), 200 if healthy else 503)
