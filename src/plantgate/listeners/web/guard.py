"""Who may do what over HTTP: every route has one of three rules, and there is no fourth.

* OPEN: anybody. Health for balancers, metrics, the page itself (which holds no data).
* READ: this host, or a signed-in session.
* COMMAND: a signed-in session, from our own page (same origin).

Until accounts exist the listener binds the loopback address, so "this host" is whoever is logged in to it.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from plantgate.errors import Refused
from plantgate.listeners.web.context import WebContext

COOKIE = "plantgate_session_8088"  # at the default port
# One of these says that somebody else asked, whatever it says of whom.
_PROXY_HEADERS = ("x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host", "x-forwarded-proto")


class Rule(StrEnum):
    OPEN = "open"
    READ = "read"
    COMMAND = "command"


def cookie_name(connection: HTTPConnection) -> str:
    """Browsers keep cookies by host and not by port: without the port in its name, signing in to one gateway of a host
    would sign out of the others, and a secure cookie of 8043 would stand in the way of 8088's.
    """
    _, port = connection.scope.get("server") or ("", None)
    return cookie_of_port(port)


def cookie_of_port(port: int | None) -> str:
    return f"plantgate_session_{port}"


def cookie(connection: HTTPConnection) -> str | None:
    return connection.cookies.get(cookie_name(connection))


def actor(connection: HTTPConnection, context: WebContext) -> str | None:
    """Who is signed in on this connection."""
    return context.sessions.actor(cookie(connection))


def check(connection: HTTPConnection, rule: Rule, context: WebContext) -> None:
    """Raises Refused (WEB-403, WEB-405, WEB-421) if `rule` does not let `connection` in."""
    if rule is Rule.OPEN:
        return
    check_host(connection, context)
    if rule is Rule.READ:
        if may_read(connection, context):
            return
    elif actor(connection, context) is not None:
        check_origin(connection)
        return
    raise Refused(
        "WEB-403",
        "this needs somebody who is signed in",
        f"make a sign-in link on the gateway's host: plantgate user link --data {context.info.data_dir}",
    )


def may_read(connection: HTTPConnection, context: WebContext) -> bool:
    return is_this_host(connection) or actor(connection, context) is not None


def is_this_host(connection: HTTPConnection) -> bool:
    """True if the peer is this very machine and no proxy stands in between."""
    if connection.client is None or any(name in connection.headers for name in _PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(connection.client.host).is_loopback
    except ValueError:
        return False


def check_host(connection: HTTPConnection, context: WebContext) -> None:
    """A foreign name that resolves to this gateway (DNS rebinding) would let any web page read it: refuse the name."""
    try:
        name = (urlsplit(f"//{connection.headers.get('host', '')}").hostname or "").lower()
        if name in context.hosts:
            return
        ipaddress.ip_address(name)
    except ValueError:
        raise Refused(
            "WEB-421",
            "this gateway is not known under that host name",
            "use its address, or set gateway.publicAddress.address in gateway.xml",
        ) from None


def check_origin(connection: HTTPConnection) -> None:
    """A browser tells which page asks; only our own may command or open the stream. Programs send no Origin."""
    origin = connection.headers.get("origin")
    if origin is None:
        return
    try:
        site = urlsplit(origin).netloc.lower()
    except ValueError:
        site = ""
    if not site or site != connection.headers.get("host", "").lower():
        raise Refused("WEB-405", "the request came from another site's page", "open the gateway's own page")
