"""`plantgate tags`: values of a running gateway; the commands about definitions are those of `tags_config.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    Cell,
    Column,
    JsonOption,
    Mark,
    print_json,
    print_table,
    say,
    told,
)
from plantgate.cli.tags_config import add_to
from plantgate.cli.tags_desk import HERE, DataDirectory, running_client
from plantgate.errors import UsageError

if TYPE_CHECKING:
    from plantgate.cli.gateway_client import GatewayClient

app = typer.Typer(
    no_args_is_help=True, help="Browse, edit, import and export tags; read, write and watch their values."
)

# So long the gateway may take for a list of writes: it must have answered before its client gives it up.
_WRITE_MS = 8_000


add_to(app)


# the running gateway


def _now(client: GatewayClient, paths: Sequence[str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.ask("POST", "/api/v1/tags/read", {"paths": list(paths)})["items"]
    return items


def _row(item: Mapping[str, Any]) -> list[Cell]:
    quality = str(item["quality_name"])
    return [
        item["path"],
        _shown(item["value"]),
        item.get("unit", ""),
        _quality(quality),
        item.get("reason", ""),
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quality(name: str) -> Cell:
    return name if name.startswith("Good") else Mark(name, "red")


_HEADS: list[str | Column] = ["tag", Column("value", "right"), "unit", "quality", Column("reason", optional=True)]
Paths: TypeAlias = Annotated[list[str], typer.Argument(metavar="TAG...", help="Paths of tags.")]


@app.command("read")
def read(tags: Paths, as_json: JsonOption = False, data: DataDirectory = HERE) -> None:
    """Show the values of tags of the running gateway. Exit status 1 if one is not good, or not there."""
    with told(as_json=as_json), running_client(data) as client:
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
    data: DataDirectory = HERE,
) -> None:
    """Write tags of the running gateway. Exit status 1 if one was not written."""
    with told(as_json=as_json):
        pairs = [_pair(text) for text in values]
        with running_client(data) as client:
            verdicts = _written(client, pairs)
    if as_json:
        print_json({"items": verdicts})
    else:
        heads: list[str | Column] = ["tag", "outcome", Column("value now", "right"), "quality", "message"]
        print_table(heads, [_verdict_row(item) for item in verdicts])
    if any(item["outcome"] != "done" for item in verdicts):
        raise typer.Exit(EXIT_PROBLEM)


def _written(client: GatewayClient, pairs: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """What became of each, in the order given. Raises the gateway's error if it is no verdict."""
    body = {"items": [{"path": path, "value": value} for path, value in pairs], "timeout_ms": _WRITE_MS}
    items: list[dict[str, Any]] = client.ask("POST", "/api/v1/tags/write-many", body)["items"]
    return items


def _verdict_row(item: Mapping[str, Any]) -> list[Cell]:
    """A value that nobody has read back is none."""
    outcome, quality = str(item["outcome"]), item["quality_name"]
    words = f"{item['message']} [{item['code']}]" if item["code"] else ""
    shown = None if quality is None else _shown(item["value"])
    return [
        item["path"],
        outcome if outcome == "done" else Mark(outcome, "red"),
        shown,
        None if quality is None else _quality(str(quality)),
        words,
    ]


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
    data: DataDirectory = HERE,
) -> None:
    """Print a line for each change of tags of the running gateway, as it happens. Ctrl+C ends it."""
    with told(as_json=as_json), running_client(data) as client:
        known = {item["path"]: item for item in _now(client, tags)}
        for item in known.values():
            if item["code"]:
                raise UsageError("CFG-216", item["message"], "plantgate tags browse shows what is there")
        for told_lines, change in enumerate(_changes(client, list(known)), 1):
            item = {**known[change["path"]], **change}
            if as_json:
                print_json(item, one_line=True)
            else:
                say("  ".join(str(cell.text if isinstance(cell, Mark) else cell) for cell in _row(item)))
            if told_lines == count:
                return


def _changes(client: GatewayClient, paths: Sequence[str]) -> Iterator[dict[str, Any]]:
    """First how each tag is, then each change; the gateway tells the newest of a tenth of a second."""
    from plantgate.model.quality import label

    before: dict[str, tuple[Any, int]] = {}
    for message in client.stream({"tags": list(paths)}):
        for path, value, quality, time, reason in message.get("changes", ()):
            if before.get(path) == (value, quality):
                continue
            before[path] = value, quality
            yield {
                "path": path,
                "value": value,
                "quality": quality,
                "quality_name": label(quality),
                "t": time,
                "reason": reason,
            }
