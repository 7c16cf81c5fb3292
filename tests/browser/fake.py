"""A gateway that is played: the built application, with answers of the tests' own in place of REST and the stream.

For what a demo plant does not have or can't be brought to do in a test: thousands of alarms, errors, devices that fall
behind. What the real gateway does is tested against the real one.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from playwright.sync_api import Page, Request, Route

Json: TypeAlias = Any
Query: TypeAlias = dict[str, str]
Answer: TypeAlias = Callable[[Query, Json], Json]

STATIC = Path(__file__).parents[2] / "src" / "plantgate" / "listeners" / "web" / "static"
URL = "http://gateway.test"
NOW = 1_793_000_000_000  # where the clock of the played gateway stands; pages take ages from it
GOOD, STALE, PENDING = 192, 516, 2
# As listeners/web/page.py says it: what the real gateway forbids must not work here.
_HEADERS = {"content-security-policy": "default-src 'self'; img-src 'self' data:"}
# A socket that is greeted at once, is told after each subscription how things are, and hears a ping every second.
_SOCKET = """
window.WebSocket = class {
  constructor() {
    window.played = this
    setTimeout(() => {
      this.onopen?.({})
      this.tell({ type: 'hello', gateway: 'Plant 7', now: NOW, version: '1.0' })
    })
    this.timer = setInterval(() => this.tell({ type: 'ping', now: NOW + Math.round(performance.now()) }), 1000)
  }
  tell(message) { this.onmessage?.({ data: JSON.stringify(message) }) }
  async send(text) {
    const answer = await fetch('/played/snapshot', { method: 'POST', body: text })
    for (const message of await answer.json()) this.tell(message)
  }
  close() { clearInterval(this.timer) }
}
""".replace("NOW", str(NOW))


class RefusalError(Exception):
    """An answer that is a problem."""

    def __init__(self, status: int, title: str, code: str, hint: str = "", **more: Json) -> None:
        super().__init__(title)
        self.status = status
        self.body = {"title": title, "status": status, "detail": title, "code": code, "hint": hint, **more}


def listing(items: list[Json], query: Query | None = None, **more: Json) -> Json:
    """A page of `items`, as every list of the API is."""
    query = query or {}
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 200))
    metadata = {"total": len(items), "matching": len(items), "limit": limit, "offset": offset}
    return {"items": items[offset : offset + limit], "metadata": metadata, **more}


def tag(path: str, value: Json = 1.5, **changes: Json) -> dict[str, Json]:
    """A row of GET /tags."""
    record = {
        "path": path, "kind": "memory", "data_type": "Float4", "unit": "", "description": "", "device": "",
        "address": "",
        "history": False, "writable": True, "low": None, "high": None, "value": value, "quality": GOOD,
        "quality_name": "Good", "t": NOW - 3_000, "reason": "",
    }  # fmt: skip
    return record | changes


class Gateway:
    """`answers` maps "GET /tags" to what is answered; tests replace them. `asked` is what the page asked for.

    `told` is what the browser's console tells as an error.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.signed_in = True
        self.tags: list[dict[str, Json]] = []
        self.alarms: list[dict[str, Json]] = []
        self.parts: list[dict[str, Json]] = []
        self.revision = 1
        self.asked: list[tuple[str, Query, Json]] = []
        self.answers: dict[str, Answer] = {
            "GET /session": lambda *_: {"signed_in": self.signed_in, "actor": "ada" if self.signed_in else None},
            "GET /gateway": lambda *_: {
                "name": "Plant 7", "version": "1.0", "state": "RUNNING", "role": "Independent", "started_at": NOW - 7e6,
                "now": NOW, "uptime_s": 7_000, "problems": 0, "data_dir": "/plant",
            },
            "GET /status": lambda *_: {"items": self.parts},
            "GET /tags": lambda query, _: listing(self.tags, query),
            "GET /badge-events": lambda *_: listing([]),
            "GET /access/lockdowns": lambda *_: listing([], revision=1),
            "GET /history": lambda query, _: {"path": query["path"], "unit": "", "points": []},
        }  # fmt: skip
        self.told: list[str] = []
        page.on("console", lambda message: self.told.append(message.text) if message.type == "error" else None)
        page.add_init_script(_SOCKET)
        page.route(f"{URL}/**", self._serve)

    def open(self, path: str) -> None:
        self.page.goto(f"{URL}{path}")

    def tell(self, message: Json) -> None:
        """A message of the stream."""
        self.page.evaluate("message => window.played.tell(message)", message)

    def bodies(self, route: str) -> list[Json]:
        """What the page sent to a route."""
        return [body for asked, _, body in self.asked if asked == route]

    # alarms

    def counts(self) -> Json:
        """As GET /alarms and the stream give them."""
        live = [row for row in self.alarms if _is_live(row)]
        names = ["diagnostic", "low", "medium", "high", "critical"]
        worst = max((names.index(row["priority"]) for row in live), default=None)
        return {
            "active": sum(row["state"].startswith("active") for row in live),
            "unacknowledged": sum(row["state"].endswith("unacked") for row in live),
            "shelved": sum(row["shelved_until"] is not None for row in self.alarms),
            "highest": None if worst is None else names[worst],
            "by_priority": {name: sum(row["priority"] == name for row in live) for name in names},
        }

    def tell_alarms(self, rows: list[Json]) -> None:
        self.revision += 1
        self.tell({"type": "alarms", "revision": self.revision, "counts": self.counts(), "events": rows})

    # the server side

    def _serve(self, route: Route, request: Request) -> None:
        url = urlsplit(request.url)
        path, body = unquote(url.path), _body(request)
        if path == "/played/snapshot":
            route.fulfill(json=self._snapshot())
        elif path.startswith("/api/v1/"):
            self._answer(route, f"{request.method} {path.removeprefix('/api/v1')}", url.query, body)
        else:
            file = STATIC / path.lstrip("/")
            file = file if file.is_file() else STATIC / "index.html"
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            route.fulfill(body=file.read_bytes(), content_type=kind, headers={"content-type": kind} | _HEADERS)

    def _answer(self, route: Route, asked: str, query_text: str, body: Json) -> None:
        query = {name: values[-1] for name, values in parse_qs(query_text).items()}
        self.asked.append((asked, query, body))
        answer = self.answers.get(asked)
        if answer is None:
            return route.fulfill(status=404, json=RefusalError(404, f"No route {asked}", "WEB-404").body)
        try:
            answered = answer(query, body)
        except RefusalError as refusal:
            return route.fulfill(status=refusal.status, json=refusal.body)
        if isinstance(answered, bytes):
            return route.fulfill(body=answered)
        return route.fulfill(json=answered)

    def _snapshot(self) -> Json:
        live = [row for row in self.alarms if _is_live(row)]
        alarms = {"revision": self.revision, "counts": self.counts(), "events": live, "snapshot": True}
        changes = [[row["path"], row["value"], row["quality"], row["t"], row["reason"]] for row in self.tags]
        return [
            {"type": "tags", "now": NOW, "changes": changes, "snapshot": True},
            {"type": "status", "state": "RUNNING", "items": self.parts},
            {"type": "alarms", **alarms},
        ]


def _is_live(row: Json) -> bool:
    return row["id"] is not None and row["state"] != "clear_acked" and row["shelved_until"] is None


def _body(request: Request) -> Json:
    raw = request.post_data_buffer
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")
