"""`plantgate ports watch`: what opens, closes and changes hands, as it happens, until Ctrl+C."""

from __future__ import annotations

import datetime
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import DataOption, JsonOption, SetOption, note, print_json, say, told
from plantgate.cli.ports_source import XmlOption, configuration_for

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import RenderableType

    from plantgate.model.status import PortOwner
    from plantgate.ports.atlas import Endpoint
    from plantgate.ports.watch import Change, Picture, View

_SHORTEST, _LONGEST = 0.2, 3_600.0
_KEPT_CHANGES = 12
_SHOWN_PEERS = 3


def register(app: typer.Typer) -> None:
    """Add `watch` to the commands of `app` (`plantgate ports`)."""
    app.command("watch")(watch)


def watch(
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    sets: SetOption = None,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.")] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Show what opens, closes, changes its process and who connects, with the time of each change. Ctrl+C ends it.

    With --json one event a line: first a snapshot, then each change. What comes and goes between two looks is not seen.
    """
    with told(as_json=as_json):
        from plantgate.errors import UsageError
        from plantgate.ports.atlas import atlas
        from plantgate.ports.watch import look
        from plantgate.runtime.clock import SystemClock

        if not _SHORTEST <= interval <= _LONGEST:
            raise UsageError(
                "PORT-151", f"--interval {interval:g} is not from {_SHORTEST:g} to {_LONGEST:g} seconds", "1 is usual"
            )
        configuration = configuration_for(data, gateway_xml, sets)
        for sentence in configuration.warnings:
            note(f"warning: {sentence}")
        endpoints, clock = atlas(configuration), SystemClock()
        with _ended_by_signals() as stop:
            _run(lambda: look(endpoints, clock.wall()), stop, interval, as_json)


def _run(take: Callable[[], Picture], stop: threading.Event, interval: float, as_json: bool) -> None:
    try:
        if as_json:
            _stream(take, stop, interval)
        elif sys.stdout.isatty():
            _live(take, stop, interval)
        else:
            _lines(take, stop, interval)
    except BrokenPipeError:  # `| head`: nobody reads any more, and Python would complain when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl+C and a request to end set; the usual handlers come back afterwards."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pictures(
    take: Callable[[], Picture], first: Picture, stop: threading.Event, interval: float
) -> Iterator[tuple[Picture, list[Change]]]:
    """Each further picture with what changed since the one before it, until `stop`."""
    from plantgate.ports.watch import differences

    before = first
    while not stop.wait(interval):
        now = take()
        yield now, differences(before, now)
        before = now


def _stream(take: Callable[[], Picture], stop: threading.Event, interval: float) -> None:
    first = take()
    ports = [_view_row(view) for view in first.views.values()]
    print_json({"event": "snapshot", "at": first.at // 1_000, "ports": ports}, one_line=True)
    for _, changes in _pictures(take, first, stop, interval):
        for change in changes:
            print_json(_change_row(change), one_line=True)


def _lines(take: Callable[[], Picture], stop: threading.Event, interval: float) -> None:
    first = take()
    for view in first.views.values():
        if view.listening or view.connections:
            say(f"{_time(first.at)}  {_label(view.endpoint)}: {_state(view)}, {_held(view.owner)}, {_peers_text(view)}")
    sys.stdout.flush()
    for _, changes in _pictures(take, first, stop, interval):
        for change in changes:
            say(f"{_time(change.at)}  {_sentence(change)}")
        sys.stdout.flush()


def _live(take: Callable[[], Picture], stop: threading.Event, interval: float) -> None:
    from rich.live import Live

    first = take()
    recent: deque[Change] = deque(maxlen=_KEPT_CHANGES)
    changed: dict[str, int] = {}
    with Live(_drawn(first, recent, changed), auto_refresh=False, screen=False) as live:
        live.refresh()
        for now, changes in _pictures(take, first, stop, interval):
            recent.extend(changes)
            changed.update({_label(change.endpoint): change.at for change in changes})
            live.update(_drawn(now, recent, changed), refresh=True)


def _drawn(now: Picture, recent: deque[Change], changed: dict[str, int]) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("port", "name", "state", "held by", "connections", "changed"):
        table.add_column(header, justify="right" if header == "port" else "left", overflow="fold")
    for view in now.views.values():
        state = _state(view)
        when = changed.get(_label(view.endpoint))
        cells = (
            str(view.endpoint.port),
            view.endpoint.label,
            state,
            _held(view.owner),
            _peers_text(view) if view.connections else "-",
            _time(when) if when else "-",
        )
        style = "green" if state == "LISTENING" else ""
        table.add_row(*(Text(cell, style=style if index == 2 else "") for index, cell in enumerate(cells)))
    lines = [Text(f"{_time(change.at)}  {_sentence(change)}") for change in reversed(recent)]
    return Group(table, *(lines or [Text("no change yet")]), Text("Ctrl+C ends this", style="dim"))


def _time(at: int) -> str:
    """Local time of day of microseconds UTC."""
    return f"{datetime.datetime.fromtimestamp(at / 1e6).astimezone():%H:%M:%S}"


def _label(endpoint: Endpoint) -> str:
    return f"{endpoint.label} {endpoint.port}"


def _state(view: View) -> str:
    if view.listening is None:
        return "CONNECTED" if view.connections else "-"
    return "LISTENING" if view.listening else "CLOSED"


def _held(owner: PortOwner | None) -> str:
    return "-" if owner is None else str(owner)


def _peers_text(view: View) -> str:
    if not view.connections:
        return "no connections"
    shown = [f"{peer} x{count}" for peer, count in list(view.peers.items())[:_SHOWN_PEERS]]
    more = len(view.peers) - _SHOWN_PEERS
    return f"{view.connections}: {', '.join(shown)}{f' and {more} more' if more > 0 else ''}"


def _sentence(change: Change) -> str:
    """`http 8088 opened by nginx (pid 4)`."""
    where = _label(change.endpoint)
    if change.kind == "opened":
        return f"{where} opened by {_held(change.owner)}"
    if change.kind == "closed":
        return f"{where} closed (was {_held(change.before)})"
    if change.kind == "owner changed":
        return f"{where} now held by {_held(change.owner)} (was {_held(change.before)})"
    moved = ", ".join(f"{peer} {count:+d}" for peer, count in list(change.peers.items())[:_SHOWN_PEERS])
    count = f"{change.connections} connection{'' if change.connections == 1 else 's'}"
    return f"{where} {count}{f' ({moved})' if moved else ''}"


def _about(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "instance": endpoint.instance,
        "direction": endpoint.direction,
        "host": endpoint.host,
        "port": endpoint.port,
    }


def _owner_row(owner: PortOwner | None) -> dict[str, Any] | None:
    if owner is None:
        return None
    return {"pid": owner.pid, "name": owner.name, "user": owner.user, "command": owner.command}


def _view_row(view: View) -> dict[str, Any]:
    return {
        **_about(view.endpoint),
        "listening": view.listening,
        "owner": _owner_row(view.owner),
        "connections": view.connections,
        "peers": dict(view.peers),
    }


def _change_row(change: Change) -> dict[str, Any]:
    """`at` is epoch milliseconds."""
    return {
        "event": str(change.kind).replace(" ", "_"),
        "at": change.at // 1_000,
        **_about(change.endpoint),
        "owner": _owner_row(change.owner),
        "before": _owner_row(change.before),
        "connections": change.connections,
        "peers": dict(change.peers),
    }
