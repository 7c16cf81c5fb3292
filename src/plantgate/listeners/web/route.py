"""What a route is: its rule, its handler and its words. The tables are routes.py and access/routes.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.guard import Rule

Handler: TypeAlias = Callable[[Request, WebContext], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    words: str
    kind: str = "string"
    required: bool = False
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`gives` and `takes` are the shapes of wire.py; without `gives` the answer is text."""

    method: str
    path: str
    rule: Rule
    handler: Handler
    words: str
    gives: type | None = None
    takes: type | None = None
    parameters: tuple[Parameter, ...] = ()
