"""The live stream: one WebSocket per page. Tags arrive as the latest value each, badge events every one.

What changed is encoded once per tick and the same text goes to every page that watches all tags; a page that is
still busy with the last text collects the ids it missed and gets their values, as they are then, in one piece.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from plantgate.errors import Refused
from plantgate.limits import STREAM_CLIENTS, STREAM_EVENT_BACKLOG, STREAM_PATHS
from plantgate.listeners.web import guard
from plantgate.listeners.web.alarms.feed import AlarmFeed
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.wire import BadgeEvent, Part, StreamRequest, Subscription, encode, milliseconds
from plantgate.model.badge import JournalEntry
from plantgate.model.value import Batch
from plantgate.runtime.queues import Backlog
from plantgate.runtime.tasks import TaskGroup

TICK_SECONDS = 0.1
STATUS_SECONDS = 1.0
ACCESS_SECONDS = 0.25
ALARM_SECONDS = 0.25
PING_SECONDS = 2.0
SNAPSHOT_ROWS = 2_000
BEHIND = 4408
_FULL = 4429
_BAD_MESSAGE = 4400
_NOT_ALLOWED = 4403
_REASON_BYTES = 120  # a close frame has room for 123


class _Client:
    """One page. `texts` are whole messages in order; `missed` the tags that changed while it was busy.

    `snapshot` are the tags whose values it gets first after it subscribed, in pieces; they are read when they are sent.
    """

    def __init__(self, allowed: Callable[[], bool]) -> None:
        self.allowed = allowed
        self.wake = asyncio.Event()
        self.texts: Backlog[str] = Backlog(STREAM_EVENT_BACKLOG)
        self.snapshot: deque[Sequence[int]] = deque()
        self.missed: set[int] = set()
        self.all_tags = False
        self.tags: frozenset[int] = frozenset()
        self.badges = False
        self.status = False
        self.status_due = False
        self.access = False
        self.configuration = False
        self.alarms = False
        self.alarms_due = False
        self.busy = False
        self.ending: tuple[int, str] | None = None
        self.patience: asyncio.Timeout | None = None

    def send(self, text: str) -> None:
        """Queue a message that must arrive; a page too far behind is told to reload."""
        if not self.texts.put(text):
            self.end(BEHIND, "too far behind: reload")
        self.wake.set()

    def offer(self, tags: Sequence[int], text: str) -> None:
        """Tag changes: `text` if the page is idle, else remember which."""
        if self.busy or self.missed or self.snapshot:
            self.missed.update(tags)
            self.wake.set()
        else:
            self.send(text)

    def offer_alarms(self, text: str | None) -> None:
        """Changes of alarms: `text` if the page is idle, else all of them as they are when it is."""
        if text is None or self.busy or self.alarms_due:
            self.alarms_due = True
            self.wake.set()
        else:
            self.send(text)

    def show_status(self) -> None:
        self.status_due = True
        self.wake.set()

    def end(self, code: int, reason: str) -> None:
        """Close the page with `code`, also if a message to it is stuck."""
        if self.ending is None:
            self.ending = (code, reason)
            if self.patience is not None:
                self.patience.reschedule(0)


class StreamHub:
    """Implements `ChangeSink` and `DecisionSink`."""

    def __init__(self) -> None:
        self._clients: set[_Client] = set()
        self._dirty: set[int] = set()
        self._ready = asyncio.Event()
        self._status_text = ""
        self._access_changed = asyncio.Event()
        self._alarms = AlarmFeed()
        self.sent = 0

    @property
    def clients(self) -> int:
        return len(self._clients)

    def changed(self, batch: Batch) -> None:
        if self._clients:
            self._dirty.update(batch.tags)
            self._ready.set()

    def decided(self, entry: JournalEntry) -> None:
        watching = [client for client in self._clients if client.badges]
        if watching:
            text = encode({"type": "badge", "event": BadgeEvent.of(entry)}).decode()
            for client in watching:
                client.send(text)

    def start(self, context: WebContext, tasks: TaskGroup) -> None:
        tasks.spawn("stream-tags", lambda: self._tick(context), restart=True)
        tasks.spawn("stream-status", lambda: self._watch_status(context), restart=True)
        tasks.spawn("stream-access", lambda: self._watch_access(context), restart=True)
        tasks.spawn("stream-alarms", lambda: self._watch_alarms(context), restart=True)
        self._alarms.start(context)
        context.access.watch(self._access_changed.set)
        context.tag_configuration.watch(lambda: self._configured(context))

    def _configured(self, context: WebContext) -> None:
        """The tags have other definitions: pages ask for what they show of them."""
        text = encode({"type": "configuration", "revision": context.tag_configuration.revision}).decode()
        for client in self._clients:
            if client.configuration:
                client.send(text)

    async def _tick(self, context: WebContext) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            tags, self._dirty = sorted(self._dirty), set()
            for piece in _pieces(tags):
                self._spread(piece, context)
                await asyncio.sleep(0)
            await context.clock.sleep(TICK_SECONDS)

    def _spread(self, tags: Sequence[int], context: WebContext) -> None:
        text = ""
        for client in self._clients:
            if client.all_tags:
                text = text or _changes(tags, context)
                client.offer(tags, text)
            elif mine := [tag for tag in tags if tag in client.tags]:
                client.missed.update(mine)
                client.wake.set()

    async def _watch_status(self, context: WebContext) -> None:
        while True:
            for client in self._clients:
                if not client.allowed():
                    client.end(_NOT_ALLOWED, "signed out")
            watching = [client for client in self._clients if client.status]
            if watching and (text := _status(context)) != self._status_text:
                self._status_text = text
                for client in watching:
                    client.show_status()
            await context.clock.sleep(STATUS_SECONDS)

    async def _watch_access(self, context: WebContext) -> None:
        """Pages hear that access data or a presence has changed, and ask for what they show of it."""
        while True:
            await self._access_changed.wait()
            self._access_changed.clear()
            text = _access(context)
            for client in self._clients:
                if client.access:
                    client.send(text)
            await context.clock.sleep(ACCESS_SECONDS)

    async def _watch_alarms(self, context: WebContext) -> None:
        while True:
            await self._alarms.changed.wait()
            watching = [client for client in self._clients if client.alarms]
            if watching:
                text = self._alarms.take(context)
                for client in watching:
                    client.offer_alarms(text)
            else:
                self._alarms.forget()
            await context.clock.sleep(ALARM_SECONDS)

    # one page

    async def serve(self, socket: WebSocket, context: WebContext, tasks: TaskGroup) -> None:
        """Until the page goes, falls behind, or the gateway stops."""
        try:
            guard.check(socket, guard.Rule.READ, context)
            guard.check_origin(socket)
        except Refused as error:
            await socket.close(code=_NOT_ALLOWED, reason=error.code)
            return
        await socket.accept()
        if len(self._clients) >= STREAM_CLIENTS:
            await socket.close(code=_FULL, reason="too many pages are open")
            return
        client = _Client(lambda: guard.may_read(socket, context))
        client.send(_hello(context))
        self._clients.add(client)
        sender = tasks.spawn("stream-page", lambda: self._send(socket, client, context))
        try:
            await self._receive(socket, client, context)
        finally:
            self._clients.discard(client)
            context.leases.release(client.tags)
            sender.cancel()

    async def _receive(self, socket: WebSocket, client: _Client, context: WebContext) -> None:
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            if client.ending is not None:
                continue
            try:
                request = msgspec.json.decode(message.get("text") or "", type=StreamRequest)
            except (msgspec.DecodeError, RecursionError) as error:
                reason = str(error).encode("ascii", "replace").decode()
                client.end(_BAD_MESSAGE, reason[:_REASON_BYTES])
            else:
                self._subscribe(client, request.subscribe, context)

    def _subscribe(self, client: _Client, wanted: Subscription, context: WebContext) -> None:
        """From now on `wanted`, beginning with how things are."""
        paths = wanted.tags if isinstance(wanted.tags, list) else []
        if len(paths) > STREAM_PATHS:
            client.end(_BAD_MESSAGE, f"at most {STREAM_PATHS} paths: subscribe to all instead")
            return
        client.all_tags = wanted.tags == "all"
        found = dict.fromkeys(tag for tag in map(context.tags.find, paths) if tag is not None)
        before, client.tags = client.tags, frozenset(found)
        context.leases.lease(client.tags)  # first: a group that is looked at before and after stays as fast as it is
        context.leases.release(before)
        client.badges, client.status, client.status_due = wanted.badges, wanted.status, wanted.status
        client.access, client.configuration = wanted.access, wanted.configuration
        client.alarms = client.alarms_due = wanted.alarms
        client.missed.clear()
        client.snapshot.clear()
        if wanted.tags is not None:
            client.snapshot.extend(_pieces(context.tags.ids() if client.all_tags else list(found)))
            client.snapshot = client.snapshot or deque([()])  # that there is nothing is an answer, too
        client.wake.set()

    async def _send(self, socket: WebSocket, client: _Client, context: WebContext) -> None:
        try:
            try:
                async with asyncio.timeout(0 if client.ending else None) as client.patience:
                    while True:
                        await self._send_pending(socket, client, context)
            except TimeoutError:
                code, reason = client.ending or (BEHIND, "")
                await socket.close(code=code, reason=reason)
        except (WebSocketDisconnect, RuntimeError):
            return  # the page went while we were writing; the receiving side cleans up
        finally:
            client.patience = None

    async def _send_pending(self, socket: WebSocket, client: _Client, context: WebContext) -> None:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await client.wake.wait()
        except TimeoutError:
            client.send(encode({"type": "ping", "now": milliseconds(context.clock.wall())}).decode())
        client.wake.clear()
        client.busy = True
        while texts := client.texts.take(1):
            await self._put(socket, texts[0])
        if client.status_due:
            client.status_due = False
            await self._put(socket, _status(context))
        if client.alarms_due:
            client.alarms_due = False
            await self._put(socket, self._alarms.snapshot(context))
        if client.snapshot:
            await self._put(socket, _changes(client.snapshot.popleft(), context, snapshot=True))
        elif client.missed:
            missed = sorted(client.missed)[:SNAPSHOT_ROWS]
            client.missed.difference_update(missed)
            await self._put(socket, _changes(missed, context))
        if client.snapshot or client.missed:
            client.wake.set()
            await asyncio.sleep(0)  # a large plant goes out in pieces, between which others have their turn
        client.busy = False

    async def _put(self, socket: WebSocket, text: str) -> None:
        await socket.send_text(text)
        self.sent += 1


def _pieces(tags: Sequence[int]) -> Iterator[Sequence[int]]:
    return (tags[start : start + SNAPSHOT_ROWS] for start in range(0, len(tags), SNAPSHOT_ROWS))


def _hello(context: WebContext) -> str:
    now = milliseconds(context.clock.wall())
    return encode({"type": "hello", "gateway": context.info.name, "now": now, "version": context.info.version}).decode()


def _status(context: WebContext) -> str:
    items = [Part.of(part) for part in context.statuses()]
    return encode({"type": "status", "state": context.state(), "items": items}).decode()


def _access(context: WebContext) -> str:
    revisions = {"revision": context.access.data().revision, "presence": context.access.presence_revision}
    return encode({"type": "access", **revisions}).decode()


def _changes(tags: Iterable[int], context: WebContext, *, snapshot: bool = False) -> str:
    definitions, read = context.tags.definitions(), context.tags.read
    rows: list[tuple[Any, ...]] = []
    for tag in tags:
        now = read(tag)
        rows.append((definitions[tag].path, now.value, now.quality, milliseconds(now.timestamp), now.reason))
    message: dict[str, Any] = {"type": "tags", "now": milliseconds(context.clock.wall()), "changes": rows}
    if snapshot:
        message["snapshot"] = True
    return encode(message).decode()
