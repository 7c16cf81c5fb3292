"""Alarms for the live stream: what changed since the last message, or how all of it is."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Sequence
from typing import Any

from plantgate.limits import ALARM_STREAM_ROWS
from plantgate.listeners.web.alarms.directory import heard, of_events, urgency
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.wire import encode
from plantgate.model.alarm import AlarmEvent, AlarmKey, Shelf


class AlarmFeed:
    """`changed` is set when there is something to take."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._events: dict[int, AlarmEvent] = {}
        self._too_many = False
        self._shelves: dict[AlarmKey, Shelf] = {}
        self._snapshot: tuple[int, str] | None = None

    def start(self, context: WebContext) -> None:
        self._shelves = {shelf.key: shelf for shelf in context.alarms.shelves()}
        context.alarms.watch(self._note)

    def _note(self, events: Sequence[AlarmEvent]) -> None:
        if not self._too_many:
            self._events.update((event.id, event) for event in events)
        if len(self._events) > ALARM_STREAM_ROWS:
            self._events.clear()
            self._too_many = True
        self.changed.set()

    def forget(self) -> None:
        """Nobody is interested in what has changed."""
        self.changed.clear()
        self._events.clear()
        self._too_many = False

    def take(self, context: WebContext) -> str | None:
        """A message with what has changed since; None if that is so much that a snapshot is shorter."""
        self.changed.clear()
        events, self._events = self._events, {}
        too_many, self._too_many = self._too_many, False
        for event in self._of_shelves(context):
            events.setdefault(event.id, event)
        if too_many or len(events) > ALARM_STREAM_ROWS:
            return None
        return _message(events.values(), context)

    def _of_shelves(self, context: WebContext) -> Iterable[AlarmEvent]:
        """Live events of alarms that were shelved or unshelved since."""
        before, self._shelves = self._shelves, {shelf.key: shelf for shelf in context.alarms.shelves()}
        if before == self._shelves:
            return []
        keys = {key for key, _ in before.items() ^ self._shelves.items()}
        return [event for event in context.alarms.live() if event.key in keys]

    def snapshot(self, context: WebContext) -> str:
        """The most urgent of what wants attention; the counts are of all. Made once for all pages that ask."""
        revision = context.alarms.revision
        if self._snapshot is None or self._snapshot[0] != revision:
            most = heapq.nsmallest(ALARM_STREAM_ROWS, heard(context.alarms), key=urgency)
            self._snapshot = revision, _message(most, context, snapshot=True)
        return self._snapshot[1]


def _message(events: Iterable[AlarmEvent], context: WebContext, *, snapshot: bool = False) -> str:
    directory = context.alarm_directory
    message: dict[str, Any] = {
        "type": "alarms",
        "revision": context.alarms.revision,
        "counts": directory.totals(context.alarms),
        "events": directory.rows(of_events(events), context.alarms, context.tags),
    }
    if snapshot:
        message["snapshot"] = True
    return encode(message).decode()
