"""`plantgate ports watch`: what opens, closes and changes hands, as it happens, until Ctrl+C."""

from __future__ import annotations

import datetime
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import Cell, Column, DataOption, JsonOption, SetOption, note, print_json, say, told
from plantgate.cli.ports_rows import state_cell
from plantgate.cli.ports_source import XmlOption, configuration_for

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console, RenderableType

    from plantgate.model.status import PortOwner
    from plantgate.ports.atlas import Endpoint
    from plantgate.ports.watch import Change, Picture, View

_SHORTEST, _LONGEST = 0.2, 3_600.0
_KEPT_CHANGES = 50
_SHOWN_PEERS = 3
_HEADS = (
    Column("port", "right"),
    Column("name"),
    Column("state"),
    Column("changed", optional=True),
    Column("held by", optional=True),
    Column("connections", optional=True),
)


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
    """The table is drawn anew for each look, and whenever the terminal has another size."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    screen = _Screen(console, take())
    with Live(get_renderable=screen.drawn, console=console, auto_refresh=False, screen=True) as live:
        live.refresh()
        for now, changes in _pictures(take, screen.picture, stop, interval):
            screen.show(now, changes)
            live.refresh()
    console.print(screen.drawn(over=True))


class _Screen:
    """What stands on the terminal: the newest picture, and below it the newest changes that there is room for."""

    def __init__(self, console: Console, picture: Picture) -> None:
        self.picture = picture
        self._console = console
        self._recent: deque[Change] = deque(maxlen=_KEPT_CHANGES)
        self._changed: dict[str, int] = {}

    def show(self, now: Picture, changes: Sequence[Change]) -> None:
        self.picture = now
        self._recent.extend(changes)
        self._changed.update({_label(change.endpoint): change.at for change in changes})

    def drawn(self, *, over: bool = False) -> RenderableType:
        """`over`: what stays when the command has ended."""
        from rich.console import Group
        from rich.text import Text

        from plantgate.cli.tables import drawn

        table = drawn(_HEADS, [self._row(view) for view in self._views()], self._console.width, wrap=True)
        lines = [Text(f"{_time(change.at)}  {_sentence(change)}") for change in reversed(self._recent)]
        end = Text("" if over else "Ctrl+C ends this", style="dim")
        room = self._console.height - self._height(table) - self._height(end)
        while lines and sum(self._height(line) for line in lines) > max(room, 1):
            lines.pop()
        return Group(table, *(lines or [Text("no change yet")]), end)

    def _height(self, part: RenderableType) -> int:
        return len(self._console.render_lines(part, pad=False))

    def _views(self) -> Iterator[View]:
        """Of the ports of other machines those that are or were in use: the others can't be seen from here."""
        for view in self.picture.views.values():
            if view.listening is not None or view.connections or _label(view.endpoint) in self._changed:
                yield view

    def _row(self, view: View) -> Sequence[Cell]:
        state, when = _state(view), self._changed.get(_label(view.endpoint))
        return (
            view.endpoint.port,
            view.endpoint.label,
            state_cell(state),
            _time(when) if when else "-",
            _held(view.owner),
            _peers_text(view) if view.connections else "-",
        )


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
