"""`plantgate access`: cards, holders and rules of a gateway, whether it runs or not, and why somebody is let in."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote, urlencode

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    EXIT_USAGE,
    Cell,
    Column,
    JsonOption,
    Mark,
    note,
    print_json,
    print_table,
    say,
    told,
)

app = typer.Typer(no_args_is_help=True, help="Cards, holders and rules, and why somebody is let in.")

DataDirectory: TypeAlias = Annotated[
    Path, typer.Option("--data", metavar="DIR", envvar="PLANTGATE_DATA", help="Data directory of the gateway.")
]
ZoneArgument: TypeAlias = Annotated[str, typer.Argument(metavar="[ZONE]", help="Name of a zone; without it all.")]
_HERE = Path("plantgate-data")
_BASE = "/api/v1/access"
_PAGE = 5_000
_SHOWN_CHANGES = 20
_VERDICTS = {"accepted": "green", "denied": "red"}
_PASSED: dict[bool | None, Cell] = {True: Mark("passed", "green"), False: Mark("failed", "red"), None: "did not apply"}


class Kind(StrEnum):
    HOLDERS = "holders"
    CARDS = "cards"
    GROUPS = "groups"
    ZONES = "zones"
    PASSAGES = "passages"
    CALENDARS = "calendars"
    SCHEDULES = "schedules"
    LOCKDOWNS = "lockdowns"
    RULES = "rules"


# --- looking ----------------------------------------------------------------------------------------------


@app.command()
def explain(
    card: Annotated[str, typer.Argument(metavar="CARD", help="Its number, #EVENT, or with --holder a holder's id.")],
    reader: Annotated[str, typer.Argument(metavar="READER", help="Name of the reader.")],
    holder: Annotated[bool, typer.Option("--holder", help="CARD is the id of a holder.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="WHEN", help="2026-11-20T06:00 (local) or with +01:00 or Z; else now.")
    ] = None,
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Say why a card would be accepted or denied. Exit status: 0 accepted, 1 denied."""
    from plantgate.cli.access_client import access_client
    from plantgate.cli.moments import moment

    with told(as_json=as_json):
        query = {"reader": reader, "holder" if holder else "card": card}
        if at is not None:
            query["at"] = str(moment(at, "--at") // 1_000)
        with access_client(data) as client:
            found = client.ask("GET", f"{_BASE}/explain?{urlencode(query)}")
    if as_json:
        print_json(found)
    else:
        _show_explanation(found)
    if found["verdict"] != "accepted":
        raise typer.Exit(EXIT_PROBLEM)


def _show_explanation(found: dict[str, Any]) -> None:
    who = found["holder"] or "unknown holder"
    card = f", card …{found['last4']}" if found["last4"] else ""
    rows: list[list[Cell]] = [[step["check"], _PASSED[step["passed"]], step["text"]] for step in found["steps"]]
    print_table(["check", "result", "why"], rows)
    say(f"{found['verdict']}: {who}{card} at {found['reader']}: {found['reason']}")
    if found["remark"]:
        say(f"remark: {found['remark']}")


@app.command("list")
def list_items(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=", ".join(Kind))],
    search: Annotated[str, typer.Option("--search", help="Words that must all be in it.")] = "",
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """List holders, cards, groups, zones, passages, calendars, schedules, lockdowns or rules."""
    from plantgate.cli.access_client import access_client, every_row

    with told(as_json=as_json), access_client(data) as client:
        items = every_row(client, f"{_BASE}/{kind}", {"search": search} if search else {}, _PAGE)
    if as_json:
        print_json({"items": items})
    elif items:
        from plantgate.cli.access_rows import columns, row

        print_table(columns(kind), [row(kind, item) for item in items])
    else:
        note(f"there are no {kind}" + (f" with {search!r}" if search else ""))


@app.command()
def inside(data: DataDirectory = _HERE, as_json: JsonOption = False) -> None:
    """Show who is in which zone now, and how full each is."""
    from plantgate.cli.access_client import access_client
    from plantgate.cli.access_rows import when

    with told(as_json=as_json), access_client(data) as client:
        found = client.ask("GET", f"{_BASE}/presence")
    if as_json:
        print_json(found)
        return
    print_table(
        ["zone", Column("inside", "right"), Column("limit", "right"), "state"],
        [
            [zone["zone"], zone["inside"], zone["limit"], Mark("locked", "red") if zone["locked"] else "open"]
            for zone in found["zones"]
        ],
    )
    if found["items"]:
        say()
        print_table(
            ["holder", "zone", "since", "reader"],
            [[each["holder"], each["zone"], when(each["since"]), each["reader"]] for each in found["items"]],
        )


@app.command()
def changes(
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.", min=1, max=_PAGE)] = _SHOWN_CHANGES,
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Show who changed what, newest first."""
    from plantgate.cli.access_client import access_client
    from plantgate.cli.access_rows import when

    with told(as_json=as_json), access_client(data) as client:
        found = client.ask("GET", f"{_BASE}/changes?limit={limit}")
    if as_json:
        print_json(found)
        return
    print_table(
        ["when", "who", "what", "kind", "key"],
        [[when(each["at"]), each["who"], each["what"], each["kind"], each["key"]] for each in found["items"]],
    )


# --- commands ---------------------------------------------------------------------------------------------


@app.command()
def lockdown(
    zone: ZoneArgument = "*",
    reason: Annotated[str, typer.Option("--reason", help="Shown on the page and in every denial.")] = "",
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Let nobody into a zone, or anywhere, until it is released."""
    _command(data, "lockdown", {"zone": zone, "reason": reason}, f"{_zone(zone)}: locked down", as_json=as_json)


@app.command()
def release(zone: ZoneArgument = "*", data: DataDirectory = _HERE, as_json: JsonOption = False) -> None:
    """End a lockdown."""
    _command(data, "release", {"zone": zone}, f"{_zone(zone)}: released", as_json=as_json)


@app.command()
def forgive(
    holder: Annotated[str, typer.Argument(metavar="HOLDER", help="Id of the holder.")],
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Forget where somebody is, so that their next badge is no passback."""
    _command(data, "presence/forgive", {"holder": holder}, f"{holder}: forgiven", as_json=as_json)


@app.command()
def enrol(
    event: Annotated[int, typer.Argument(metavar="EVENT", help="Id of the denied badge event.", min=1)],
    holder: Annotated[str, typer.Argument(metavar="HOLDER", help="Id of the holder who gets the card.")],
    label: Annotated[str, typer.Option("--label", help="What is written on the card.")] = "",
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Give somebody the unknown card of a denied badge."""
    _command(data, "enrol", {"event": event, "holder": holder, "label": label}, f"{holder}: enrolled", as_json=as_json)


def _command(data: Path, route: str, body: dict[str, Any], done: str, *, as_json: bool) -> None:
    from plantgate.cli.access_client import access_client

    with told(as_json=as_json), access_client(data) as client:
        found = client.ask("POST", f"{_BASE}/{route}", body)
    if as_json:
        print_json(found)
    else:
        say(f"{done} (revision {found['revision']})")


def _zone(zone: str) -> str:
    return "every zone" if zone == "*" else zone


@app.command()
def put(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="holders, groups, zones, ... or rules")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON as `access list KIND --json` prints it; - is stdin.")
    ],
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Add or replace the items of a JSON file; for rules the file is all of them, in order."""
    from plantgate.cli.access_client import access_client, read_items

    with told(as_json=as_json):
        items = read_items(file)
        with access_client(data) as client:
            if kind is Kind.RULES:
                found = client.ask("PUT", f"{_BASE}/rules", {"items": items})
            else:
                key = "id" if kind in {Kind.HOLDERS, Kind.CARDS} else "reader" if kind is Kind.PASSAGES else "name"
                found = {}
                for item in items:
                    found = client.put_item(f"{_BASE}/{kind}", key, item)
    if as_json:
        print_json(found)
    else:
        say(f"{len(items)} {kind} put (revision {found.get('revision', '-')})")


@app.command()
def remove(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="holders, cards, groups, ...")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id or name; of a card its hash (access list cards).")],
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Remove one item that nothing refers to."""
    from plantgate.cli.access_client import access_client

    with told(as_json=as_json), access_client(data) as client:
        found = client.ask("DELETE", f"{_BASE}/{kind}/{quote(key, safe='')}")
    if as_json:
        print_json(found)
    else:
        say(f"{key}: removed (revision {found['revision']})")


@app.command("what-if")
def what_if(
    file: Annotated[Path, typer.Argument(metavar="RULES", help="JSON as `access list rules --json` prints it.")],
    days: Annotated[float, typer.Option("--days", help="How far back.", min=0.01, max=366)] = 7.0,
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Decide the badges of the last days anew with proposed rules. Nothing is changed. Exit status 1: some differ."""
    from plantgate.cli.access_client import access_client, read_items
    from plantgate.cli.access_rows import when

    with told(as_json=as_json):
        rules = read_items(file)
        with access_client(data) as client:
            found = client.ask("POST", f"{_BASE}/what-if", {"rules": rules, "days": days})
    if as_json:
        print_json(found)
    else:
        rows: list[list[Cell]] = [
            [
                when(each["at"]),
                each["reader"],
                each["holder"] or f"…{each['last4']}",
                _verdict(each["before"]["verdict"]),
                _verdict(each["after"]["verdict"]),
                each["after"]["reason"],
            ]
            for each in found["changed"]
        ]
        if rows:
            print_table(["when", "reader", "who", "now", "then", "why"], rows)
        more = f", the first {len(rows)} are above" if found["count"] > len(rows) else ""
        say(f"{found['count']:,} of {found['events']:,} badges would be decided otherwise{more}")
    if found["count"]:
        raise typer.Exit(EXIT_PROBLEM)


def _verdict(word: str) -> Mark:
    return Mark(word, _VERDICTS.get(word, ""))


# --- files ------------------------------------------------------------------------------------------------


@app.command("import")
def import_cards(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with at least the columns card and holder_id.")],
    create: Annotated[bool, typer.Option("--create", help="Make holders and groups that are new.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    data: DataDirectory = _HERE,
    as_json: JsonOption = False,
) -> None:
    """Take over cards with their holders from a CSV file, all rows or none."""
    from plantgate.cli.access_client import access_client, read_file

    with told(as_json=as_json):
        content = read_file(file)
        flags = urlencode({"create": str(create).lower(), "dry_run": str(dry_run).lower()})
        with access_client(data) as client:
            answer = client.send("POST", f"{_BASE}/import?{flags}", content, {"content-type": "text/csv"})
            bad = answer.errors()
            found = {} if bad else answer.json()
    if bad:
        if as_json:
            print_json({"errors": bad})
        else:
            for each in bad["errors"]:
                note(f"{file}:{each['line']}: {each['column']}: {each['message']}")
            note(f"error: {bad['count']} cells are wrong: nothing was imported")
        raise typer.Exit(EXIT_USAGE)
    if as_json:
        print_json(found)
        return
    counts = ("new_cards", "changed_cards", "unchanged", "new_holders", "changed_holders", "new_groups")
    words = ", ".join(f"{found[name]} {name.replace('_', ' ')}" for name in counts)
    say(f"{'would be done' if dry_run else 'done'}: {words}")


@app.command("export")
def export_cards(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; - is standard output.")] = Path("-"),
    data: DataDirectory = _HERE,
) -> None:
    """Write every card with its holder as CSV. Cards are hashes that this gateway's import takes back."""
    from plantgate.cli.access_client import access_client, write_file

    with told():
        with access_client(data) as client:
            content = client.send("GET", f"{_BASE}/export.csv").file()
        write_file(file, content)


@app.command()
def journal(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="- is standard output.")] = Path("-"),
    form: Annotated[str, typer.Option("--format", help="csv or jsonl.")] = "csv",
    reader: Annotated[str, typer.Option("--reader", help="Only this reader.")] = "",
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="2026-11-20T06:00, local or with Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="As --since.")] = None,
    data: DataDirectory = _HERE,
) -> None:
    """Write the badge journal with the hash of each entry, oldest first, for an audit."""
    from plantgate.cli.access_client import access_client, write_file
    from plantgate.cli.moments import moment

    with told():
        query = {"format": form, "reader": reader}
        for name, text in (("since", since), ("until", until)):
            if text is not None:
                query[name] = str(moment(text, f"--{name}") // 1_000)
        with access_client(data) as client:
            content = client.send("GET", f"/api/v1/badge-events/export?{urlencode(query)}").file()
        write_file(file, content)


@app.command()
def verify(data: DataDirectory = _HERE, as_json: JsonOption = False) -> None:
    """Check the badge journal's chain of hashes. Exit status 1: an entry was changed or removed."""
    from plantgate.cli.access_client import access_client

    with told(as_json=as_json), access_client(data) as client:
        found = client.ask("GET", "/api/v1/badge-events/verify")
    if as_json:
        print_json(found)
    elif found["ok"]:
        say(f"{found['entries']:,} entries are as they were written; head {found['head_id']} {found['head']}")
    else:
        note(f"the badge journal was changed: {found['text']}")
    if not found["ok"]:
        sys.stdout.flush()
        raise typer.Exit(EXIT_PROBLEM)
