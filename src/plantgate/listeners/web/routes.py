"""Every HTTP route with its rule, its handler and its words: the application and /openapi.json are made from this."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from plantgate.listeners.web import health, history, metrics, portchange, readers, system, tags, wire, wire_tags
from plantgate.listeners.web.access.routes import JOURNAL_FILTERS, access_endpoints
from plantgate.listeners.web.alarms.routes import alarm_endpoints
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.devices import device_endpoints
from plantgate.listeners.web.guard import Rule
from plantgate.listeners.web.route import Endpoint, Parameter
from plantgate.listeners.web.tagconfig.routes import tag_configuration_endpoints

_PATH = Parameter("path", "full tag path, [provider]Folder/Tag", required=True)
_LIMIT = Parameter("limit", "rows at most", "integer")
_OFFSET = Parameter("offset", "rows to skip", "integer")
_PORT_NAME = Parameter("name", "http or https", required=True, place="path")


def endpoints(board: readers.ReaderBoard, *, require_ssl: bool = False) -> list[Endpoint]:
    async def list_readers(request: Request, context: WebContext) -> Response:
        return await readers.list_readers(request, context, board)

    async def gwinfo(request: Request, context: WebContext) -> Response:
        return await health.gwinfo(request, context, require_ssl=require_ssl)

    return [
        Endpoint("GET", "/system/gwinfo", Rule.OPEN, gwinfo, "Gateway facts as Key=Value; pairs"),
        Endpoint("GET", "/health/live", Rule.OPEN, health.live, "200 while the process answers", wire.Health),
        Endpoint(
            "GET", "/health/ready", Rule.OPEN, health.ready, "503 while starting or a port is missing", wire.Health
        ),
        Endpoint("GET", "/health/active", Rule.OPEN, health.active, "200 on the node that writes", wire.Health),
        Endpoint("GET", "/metrics", Rule.OPEN, metrics.metrics, "Figures for Prometheus"),
        Endpoint("GET", "/api/v1/session", Rule.OPEN, system.read_session, "Who is signed in", wire.Session),
        Endpoint(
            "POST", "/api/v1/session", Rule.OPEN, system.begin_session, "Sign in by link", wire.Session, wire.SignIn
        ),
        Endpoint("DELETE", "/api/v1/session", Rule.OPEN, system.end_session, "Sign out", wire.Session),
        Endpoint("GET", "/api/v1/gateway", Rule.READ, system.gateway, "What this gateway is", wire.Gateway),
        Endpoint("GET", "/api/v1/status", Rule.READ, system.status, "How every part is", wire.Parts),
        Endpoint("GET", "/api/v1/ports", Rule.READ, system.ports, "Every port, its state and its owner", wire.Ports),
        Endpoint(
            "GET",
            "/api/v1/port-changes",
            Rule.READ,
            portchange.waiting,
            "Changes of ports that wait to be confirmed",
            wire.PortChanges,
        ),
        Endpoint(
            "POST",
            "/api/v1/ports/{name}",
            Rule.COMMAND,
            portchange.change,
            "Move a running listener to another port, for good or on trial",
            wire.PortChanged,
            wire.PortWanted,
            (_PORT_NAME,),
        ),
        Endpoint(
            "POST",
            "/api/v1/ports/{name}/confirm",
            Rule.COMMAND,
            portchange.confirm,
            "Keep a port that was changed on trial",
            wire.PortChanged,
            parameters=(_PORT_NAME,),
        ),
        Endpoint(
            "GET",
            "/api/v1/tags",
            Rule.READ,
            tags.list_tags,
            "Tags with their values",
            wire.Tags,
            parameters=(
                Parameter("search", "words that must all be in path or description"),
                Parameter("quality", "good or bad"),
                Parameter("sort", "path or quality, - before it to reverse"),
                _LIMIT,
                _OFFSET,
            ),
        ),
        Endpoint("GET", "/api/v1/tags/value", Rule.READ, tags.read_tag, "One tag", wire.Tag, parameters=(_PATH,)),
        Endpoint(
            "POST",
            "/api/v1/tags/read",
            Rule.READ,
            tags.read_tags,
            "Several tags by their paths",
            wire_tags.TagReads,
            wire_tags.TagPaths,
        ),
        Endpoint(
            "POST",
            "/api/v1/tags/write",
            Rule.COMMAND,
            tags.write_tag,
            "Write a tag",
            wire_tags.TagWritten,
            wire.TagWrite,
        ),
        Endpoint(
            "POST",
            "/api/v1/tags/write-many",
            Rule.COMMAND,
            tags.write_tags,
            "Write tags, those of one device in the order given; 207 if one was not written",
            wire_tags.TagsWritten,
            wire_tags.TagWrites,
        ),
        Endpoint(
            "GET",
            "/api/v1/history",
            Rule.READ,
            history.query,
            "Stored values of a tag; format=csv gives a file",
            wire.History,
            parameters=(
                _PATH,
                Parameter("from", "epoch milliseconds; an hour before `to` by default", "integer"),
                Parameter("to", "epoch milliseconds; now by default", "integer"),
                Parameter("last", "a duration such as 10m, instead of `from`"),
                Parameter("max_points", "points at most; peaks are kept", "integer"),
                Parameter("seed", "true: also the newest point before `from`"),
                Parameter("format", "json or csv"),
            ),
        ),
        Endpoint("GET", "/api/v1/history/stats", Rule.READ, history.stats, "What the store holds", wire.HistoryStats),
        *tag_configuration_endpoints(),
        *device_endpoints(),
        Endpoint("GET", "/api/v1/readers", Rule.READ, list_readers, "Badge readers", wire.Readers),
        Endpoint(
            "POST",
            "/api/v1/readers/{name}/commands",
            Rule.COMMAND,
            readers.command_reader,
            "Play accept, deny, wink or any sequence on a reader, or drive its LEDs and buzzer",
            wire.VerdictReply,
            wire.ReaderCommand,
            (Parameter("name", "the reader's name", required=True, place="path"),),
        ),
        Endpoint(
            "GET",
            "/api/v1/badge-events",
            Rule.READ,
            readers.list_events,
            "Badge decisions, newest first",
            wire.BadgeEvents,
            parameters=(_LIMIT, Parameter("before", "only events with a smaller id", "integer"), *JOURNAL_FILTERS),
        ),
        *alarm_endpoints(),
        *access_endpoints(),
    ]
