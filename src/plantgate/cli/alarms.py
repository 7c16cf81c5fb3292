"""`plantgate alarms`: what is active, who saw it, what was; acknowledge and shelve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from urllib.parse import urlencode

import typer

from plantgate.cli.common import EXIT_PROBLEM, JsonOption, Mark, note, print_json, print_table, say, told
from plantgate.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from plantgate.cli.gateway_client import GatewayClient

app = typer.Typer(no_args_is_help=True, help="Alarms: what is active and what was; acknowledge and shelve.")

DataDirectory: TypeAlias = Annotated[
    Path, typer.Option("--data", metavar="DIR", envvar="PLANTGATE_DATA", help="Data directory of the gateway.")
]
PathOption: TypeAlias = Annotated[
    str, typer.Option("--path", metavar="PATH", help="Only of this tag or folder, or a pattern with * and ?.")
]
SearchOption: TypeAlias = Annotated[
    str, typer.Option("--search", help="Words that must all be in path, name or label.")
]
_HERE = Path("plantgate-data")
_BASE = "/api/v1/alarms"
_PAGE = 5_000
_AT_ONCE = 500
_WANT_SOMEBODY = frozenset({"live", "active", "unacknowledged"})


class State(StrEnum):
    LIVE = "live"
    ACTIVE = "active"
    UNACKNOWLEDGED = "unacknowledged"
    SHELVED = "shelved"
    ALL = "all"


class Priority(StrEnum):
    DIAGNOSTIC = "diagnostic"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


PriorityOption: TypeAlias = Annotated[Priority | None, typer.Option("--priority", help="The lowest to show.")]


@contextmanager
def _client(data: Path) -> Iterator[GatewayClient]:
    from plantgate.cli.gateway_client import gateway_client
    from plantgate.config.load import load
    from plantgate.ports.owners import listening_sockets
    from plantgate.ports.running import running_gateway

    if not data.is_dir():
        raise UsageError("ALM-401", f"there is no data directory {data}", "name it: --data DIR, or PLANTGATE_DATA")
    running = running_gateway(data, listening_sockets())
    if running is None:
        raise Unavailable("ALM-402", f"no gateway runs on {data}", f"plantgate run --data {data}")
    with gateway_client(data, load(data), running) as client:
        yield client


def _query(**given: object) -> str:
    return urlencode({name: value for name, value in given.items() if value not in {None, ""}})


@app.command("list")
def list_alarms(
    state: Annotated[
        State, typer.Option("--state", help="live: active or not acknowledged, and not shelved.")
    ] = State.LIVE,
    priority: PriorityOption = None,
    path: PathOption = "",
    search: SearchOption = "",
    sort: Annotated[
        str, typer.Option("--sort", help="priority, active_at, path, label, - before it to reverse; else by urgency.")
    ] = "",
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """List the alarms of the running gateway, the most urgent first. Exit status 1 if one wants attention."""
    with told(as_json=as_json), _client(data) as client:
        query = _query(state=state, priority=priority, path=path, search=search, sort=sort, limit=_PAGE)
        items, counts = _every(client, query)
    if as_json:
        print_json({"items": items, "counts": counts})
    else:
        if items:
            from plantgate.cli.alarm_rows import COLUMNS, row

            print_table(COLUMNS, [row(item) for item in items])
        _say_counts(counts)
    if items and state in _WANT_SOMEBODY:
        raise typer.Exit(EXIT_PROBLEM)


def _every(client: GatewayClient, query: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All pages of a list, and the counts."""
    items: list[dict[str, Any]] = []
    while True:
        part = client.ask("GET", f"{_BASE}?{query}&offset={len(items)}")
        items += part["items"]
        if not part["items"] or len(items) >= part["metadata"]["matching"]:
            return items, part["counts"]


def _say_counts(counts: Mapping[str, Any]) -> None:
    note(f"{counts['active']} active, {counts['unacknowledged']} not acknowledged, {counts['shelved']} shelved")


@app.command()
def watch(
    count: Annotated[int, typer.Option("--count", min=0, help="End after so many lines; 0 never.")] = 0,
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Print the alarms that want attention, then a line for each change as it happens. Ctrl+C ends it."""
    from plantgate.cli.alarm_rows import line

    with told(as_json=as_json), _client(data) as client:
        told_lines = 0
        for message in client.stream({"alarms": True}):
            for item in message.get("events", ()) if message["type"] == "alarms" else ():
                if as_json:
                    print_json(item, one_line=True)
                else:
                    say(line(item))
                told_lines += 1
                if told_lines == count:
                    return
            if message.get("snapshot") and not as_json:
                _say_counts(message["counts"])


# --- commands ---------------------------------------------------------------------------------------------

TagArgument: TypeAlias = Annotated[str, typer.Argument(metavar="PATH", help="Path of the tag.")]
NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Name of its alarm.")]


@app.command()
def ack(
    events: Annotated[list[int], typer.Argument(metavar="EVENT...", help="Ids of events: alarms list shows them.")],
    text: Annotated[str, typer.Option("--note", help="What was found; some alarms want one.")] = "",
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Acknowledge alarm events. Exit status 1 if one was not."""
    with told(as_json=as_json), _client(data) as client:
        items: list[dict[str, Any]] = []
        for start in range(0, len(events), _AT_ONCE):
            body = {"events": events[start : start + _AT_ONCE], "note": text}
            items += client.ask("POST", f"{_BASE}/acknowledge", body)["items"]
    _tell(items, "event", "id", as_json=as_json)


@app.command()
def shelve(
    tag: TagArgument,
    name: NameArgument,
    duration: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30min, 2h, 1d.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is in the journal.")] = "",
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Hide an alarm for a while: it goes on being watched, and nobody is bothered."""
    from plantgate.config.units import parse_duration

    with told(as_json=as_json):
        try:
            seconds = parse_duration(duration)
        except ValueError:
            raise UsageError("ALM-403", f"--for {duration}: not a time", "such as 30min, 2h or 1d") from None
        with _client(data) as client:
            body = {"alarms": [{"path": tag, "name": name}], "seconds": seconds, "reason": reason}
            items = client.ask("POST", f"{_BASE}/shelve", body)["items"]
    _tell(items, "alarm", "name", as_json=as_json)


@app.command()
def unshelve(tag: TagArgument, name: NameArgument, as_json: JsonOption = False, data: DataDirectory = _HERE) -> None:
    """Show a shelved alarm again."""
    with told(as_json=as_json), _client(data) as client:
        items = client.ask("POST", f"{_BASE}/unshelve", {"alarms": [{"path": tag, "name": name}]})["items"]
    _tell(items, "alarm", "name", as_json=as_json)


def _tell(items: Sequence[Mapping[str, Any]], head: str, key: str, *, as_json: bool) -> None:
    """What became of each. Exit status 1 if one was not done."""
    if as_json:
        print_json({"items": items})
    else:
        rows = [
            [
                item[key],
                item["outcome"] if item["outcome"] == "done" else Mark(item["outcome"], "red"),
                f"{item['message']} [{item['code']}]" if item["code"] else "",
            ]
            for item in items
        ]
        print_table([head, "outcome", "message"], rows)
    if any(item["outcome"] != "done" for item in items):
        raise typer.Exit(EXIT_PROBLEM)


# --- what was ---------------------------------------------------------------------------------------------


@app.command()
def journal(
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="2026-11-20T06:00, local or with Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="As --since; not included.")] = None,
    priority: PriorityOption = None,
    path: PathOption = "",
    change: Annotated[
        str, typer.Option("--change", help="Of active, clear, ack, shelved, unshelved, enabled, disabled, with commas.")
    ] = "",
    search: SearchOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=_PAGE, help="Lines at most.")] = 100,
    file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write all of it as CSV; - is standard output.")
    ] = None,
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Show what happened to alarms and what people did, newest first; also while no gateway runs."""
    from plantgate.cli.access_client import access_client, write_file
    from plantgate.cli.moments import moment

    with told(as_json=as_json):
        query = _query(
            **{"from": None if since is None else moment(since, "--since") // 1_000},
            to=None if until is None else moment(until, "--until") // 1_000,
            priority=priority,
            path=path,
            change=change,
            search=search,
            limit=limit,
        )
        if file is not None:
            with access_client(data) as client:
                content = client.send("GET", f"{_BASE}/journal?{query}&format=csv").file()
            write_file(file, content)
            return
        with access_client(data) as client:
            found = client.ask("GET", f"{_BASE}/journal?{query}")["items"]
    if as_json:
        print_json({"items": found})
    elif found:
        from plantgate.cli.alarm_rows import JOURNAL_COLUMNS, journal_row

        print_table(JOURNAL_COLUMNS, [journal_row(item) for item in found])
    else:
        note("the journal has no such line")
