"""`plantgate tags`: browse, import and export the definitions of a data directory; read and write a running gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from urllib.parse import urlencode

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
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
from plantgate.config.tagsimport import Conflict
from plantgate.errors import StorageError, Unavailable, UsageError

if TYPE_CHECKING:
    from plantgate.cli.gateway_client import GatewayClient
    from plantgate.config.document import Configuration

app = typer.Typer(no_args_is_help=True, help="Browse, import and export tags; read, write and watch their values.")

DataDirectory: TypeAlias = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="PLANTGATE_DATA", help="Data directory of the gateway."),
]
_HERE = Path("plantgate-data")
_SHOWN_UNMAPPED = 20
_WATCH_SECONDS = 1.0


class Form(StrEnum):
    TOML = "toml"
    JSON = "json"
    CSV = "csv"
    IGNITION = "ignition"


@app.command("browse")
def browse(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Path of a folder; without it the top.")] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Everything below, not one level.")] = False,
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Show folders and tags as they are defined."""
    with told(as_json=as_json):
        found = _found(_load(data), folder, recursive=recursive)
    if as_json:
        print_json({"items": found})
        return
    optional = [Column("source", optional=True), Column("description", optional=True)]
    heads: list[str | Column] = ["name", "kind", "type", "unit", *optional]
    keys = ("name", "kind", "type", "unit", "source", "description")
    rows: list[list[Cell]] = [[item.get(key) for key in keys] for item in found]
    print_table(heads, rows)


def _found(configuration: Configuration, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Raises UsageError for a folder that is not there."""
    from plantgate.model.tag import full_path

    base = folder if folder.startswith("[") else full_path(folder)
    base = base if base.endswith(("/", "]")) else f"{base}/"
    below = sorted((tag for tag in configuration.tags if tag.path.startswith(base)), key=lambda tag: tag.path)
    if not below and folder:
        raise UsageError("CFG-210", f"there is no folder {folder}", "plantgate tags browse shows what is there")
    items: dict[str, dict[str, Any]] = {}
    for tag in below:
        name, slash, _ = tag.path[len(base) :].partition("/")
        if slash and not recursive:
            items.setdefault(f"{name}/", {"name": f"{name}/", "kind": "folder", "tags": 0})["tags"] += 1
            continue
        items[tag.path] = {
            "name": tag.path[len(base) :],
            "kind": str(tag.kind),
            "type": str(tag.data_type),
            "unit": tag.unit,
            "source": f"[{tag.device}]{tag.address}" if tag.device else tag.expression or tag.source,
            "description": tag.description,
            "path": tag.path,
        }
    return list(items.values())


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for the output.")],
    form: Annotated[Form | None, typer.Option("--format", help="Without it by the file's ending.")] = None,
    folder: Annotated[str, typer.Option("--folder", metavar="PATH", help="Only what is below.")] = "",
    data: DataDirectory = _HERE,
) -> None:
    """Write all tags into one file: TOML, JSON, CSV, or JSON that Ignition imports."""
    from plantgate.config.tagswrite import csv_text, json_text, rows_of, toml_text

    with told():
        chosen = form or _form_of(file)
        rows = rows_of(_load(data), expanded=chosen is Form.CSV)
        if folder:
            prefix = f"{folder.rstrip('/')}/"
            rows.tag = [row for row in rows.tag if str(row["path"]).startswith(prefix)]
            rows.instance = [row for row in rows.instance if str(row["path"]).startswith(prefix)]
        unmapped: Sequence[Any] = ()
        if chosen is Form.IGNITION:
            from plantgate.config.tagsignition_export import to_ignition

            document, unmapped = to_ignition(rows)
            text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        else:
            text = {Form.TOML: toml_text, Form.JSON: json_text, Form.CSV: csv_text}[chosen](rows)
        _write(file, text)
    count = len(rows.tag) + len(rows.instance)
    if str(file) != "-":
        note(f"wrote {count} tags and instances, {len(rows.udt)} types to {file}")
    _tell_unmapped(unmapped)


def _form_of(file: Path) -> Form:
    try:
        return Form(file.suffix.lower().removeprefix("."))
    except ValueError:
        raise UsageError("CFG-211", f"{file}: in which format?", "--format toml, json, csv or ignition") from None


def _write(file: Path, text: str) -> None:
    from plantgate.runtime.files import write_atomic

    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    try:
        write_atomic(file, text.encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError("CFG-212", f"{file} can't be written: {reason}", "choose another place") from None


def _tell_unmapped(unmapped: Sequence[Any]) -> None:
    for item in unmapped[:_SHOWN_UNMAPPED]:
        note(f"not taken over: {item.path}: {item.reason}")
    if len(unmapped) > _SHOWN_UNMAPPED:
        note(f"and {len(unmapped) - _SHOWN_UNMAPPED} more")


@app.command("import")
def import_tags(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML, JSON, CSV, or a tag export of Ignition (JSON).")],
    to: Annotated[
        str, typer.Option("--to", metavar="NAME", help="File of tags/ to write; its ending is the format.")
    ] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="PATH", help="Put all paths below this folder.")] = "",
    conflict: Annotated[
        Conflict, typer.Option("--on-conflict", help="What becomes of a tag that is there already.")
    ] = Conflict.ABORT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, write nothing.")] = False,
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Take tags from a file into tags/, all of them or none. A running gateway has them after its next start."""
    from plantgate.config.tagsimport import plan_import

    with told(as_json=as_json):
        if not file.is_file():
            raise UsageError("CFG-213", f"there is no file {file}")
        plan = plan_import(data, file, lambda drafts: _load(data, drafts), to=to, folder=folder, conflict=conflict)
        if not dry_run:
            plan.apply()
    counts = {name: getattr(plan, name) for name in ("added", "replaced", "ignored", "renamed")}
    if as_json:
        unmapped = [{"path": item.path, "reason": item.reason} for item in plan.unmapped]
        print_json({"file": str(plan.target), "written": not dry_run, **counts, "unmapped": unmapped})
        return
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing new"
    say(f"{'would write' if dry_run else 'wrote'} {plan.target}: {words}")
    _tell_unmapped(plan.unmapped)


def _load(data: Path, drafts: Mapping[Path, bytes] | None = None) -> Configuration:
    from plantgate.config.load import load
    from plantgate.drivers.modbus import device_address_problem
    from plantgate.tags.derived import formula_inputs

    return load(data, address_check=device_address_problem, formula_check=formula_inputs, tag_drafts=drafts)


# the running gateway


@contextmanager
def _client(data: Path) -> Iterator[GatewayClient]:
    from plantgate.cli.gateway_client import gateway_client
    from plantgate.ports.owners import listening_sockets
    from plantgate.ports.running import running_gateway

    configuration = _load(data)
    running = running_gateway(data, listening_sockets())
    if running is None:
        raise Unavailable("CFG-214", f"no gateway runs on {data}", f"plantgate run --data {data}")
    with gateway_client(data, configuration, running) as client:
        yield client


def _now(client: GatewayClient, paths: Sequence[str]) -> list[dict[str, Any]]:
    return [client.ask("GET", f"/api/v1/tags/value?{urlencode({'path': path})}") for path in paths]


def _row(item: Mapping[str, Any]) -> list[Cell]:
    value, quality = item["value"], str(item["quality_name"])
    shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return [
        item["path"],
        shown,
        item.get("unit", ""),
        quality if quality.startswith("Good") else Mark(quality, "red"),
        item.get("reason", ""),
    ]


_HEADS: list[str | Column] = ["tag", Column("value", "right"), "unit", "quality", Column("reason", optional=True)]
Paths: TypeAlias = Annotated[list[str], typer.Argument(metavar="TAG...", help="Paths of tags.")]


@app.command("read")
def read(tags: Paths, as_json: JsonOption = False, data: DataDirectory = _HERE) -> None:
    """Show the values of tags of the running gateway. Exit status 1 if one is not good."""
    with told(as_json=as_json), _client(data) as client:
        found = _now(client, tags)
    if as_json:
        print_json({"items": found})
    else:
        print_table(_HEADS, [_row(item) for item in found])
    if any(not str(item["quality_name"]).startswith("Good") for item in found):
        raise typer.Exit(EXIT_PROBLEM)


@app.command("write")
def write(
    values: Annotated[
        list[str], typer.Argument(metavar="TAG=VALUE...", help='JSON, or a plain text: "Line 1/Name=x".')
    ],
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Write tags of the running gateway. Exit status 1 if one was not written."""
    with told(as_json=as_json):
        pairs = [_pair(text) for text in values]
        with _client(data) as client:
            verdicts = [_verdict(client, path, value) for path, value in pairs]
    if as_json:
        print_json({"items": verdicts})
    else:
        print_table(
            ["tag", "outcome", "message"], [[item["path"], item["outcome"], item["message"]] for item in verdicts]
        )
    if any(item["outcome"] != "done" for item in verdicts):
        raise typer.Exit(EXIT_PROBLEM)


def _verdict(client: GatewayClient, path: str, value: Any) -> dict[str, Any]:
    """What became of a write. Raises the gateway's error if it is no verdict."""
    body = json.dumps({"path": path, "value": value}).encode()
    answer = client.send("POST", "/api/v1/tags/write", body, {"content-type": "application/json"})
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    return {"path": path, **(found if isinstance(found, dict) and "outcome" in found else answer.json())}


def _pair(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals:
        raise UsageError("CFG-215", f"{text}: what is to be written?", "TAG=VALUE")
    try:
        return path.strip(), json.loads(value)
    except ValueError:
        return path.strip(), value


@app.command("watch")
def watch(
    tags: Paths,
    count: Annotated[int, typer.Option("--count", min=0, help="End after so many lines; 0 never.")] = 0,
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Print a line for each change of tags of the running gateway, asked once a second. Ctrl+C ends it."""
    import asyncio

    from plantgate.runtime.clock import SystemClock

    with told(as_json=as_json), _client(data) as client:
        before: dict[str, tuple[Any, Any]] = {}
        told_lines = 0
        while not count or told_lines < count:
            for item in _now(client, tags):
                if before.get(item["path"]) == (item["value"], item["quality"]):
                    continue
                before[item["path"]] = item["value"], item["quality"]
                told_lines += 1
                if as_json:
                    print_json(item, one_line=True)
                else:
                    say("  ".join(str(cell.text if isinstance(cell, Mark) else cell) for cell in _row(item)))
            if not count or told_lines < count:
                asyncio.run(SystemClock().sleep(_WATCH_SECONDS))
