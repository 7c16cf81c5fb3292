"""The commands of `plantgate tags` that are about definitions: browse, export, import, set, remove, rename, reload."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import Cell, Column, JsonOption, note, print_json, print_table, say, told
from plantgate.cli.tags_desk import HERE, Answer, DataDirectory, loaded, tag_desk
from plantgate.errors import StorageError, UsageError
from plantgate.model.tagedit import Conflict, TagEdit

if TYPE_CHECKING:
    from plantgate.config.document import Configuration

_SHOWN_PATHS = 20
_DONE = ("added", "changed", "removed", "renamed", "ignored", "types")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and tell, change nothing.")]


class Form(StrEnum):
    TOML = "toml"
    JSON = "json"
    CSV = "csv"
    IGNITION = "ignition"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for name, command in (
        ("browse", browse),
        ("export", export),
        ("import", import_tags),
        ("set", set_tag),
        ("remove", remove),
        ("rename", rename),
        ("reload", reload),
    ):
        app.command(name)(command)


def browse(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Path of a folder; without it the top.")] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Everything below, as a tree.")] = False,
    as_json: JsonOption = False,
    data: DataDirectory = HERE,
) -> None:
    """Show folders and tags as they are defined."""
    with told(as_json=as_json):
        found = _found(loaded(data), folder, recursive=recursive)
    if as_json:
        print_json({"items": found})
        return
    optional = [Column("source", optional=True), Column("description", optional=True)]
    heads: list[str | Column] = ["name", "kind", "type", "unit", *optional]
    keys = ("name", "kind", "type", "unit", "source", "description")
    rows: list[list[Cell]] = [[item.get(key) for key in keys] for item in (_tree(found) if recursive else found)]
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


def _tree(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """With a row for each folder, and each name as deep as it is."""
    rows: list[dict[str, Any]] = []
    trail: list[str] = []
    for item in items:
        *folders, name = str(item["name"]).split("/")
        shared = 0
        while shared < min(len(folders), len(trail)) and folders[shared] == trail[shared]:
            shared += 1
        rows += [{"name": f"{'  ' * depth}{folders[depth]}/", "kind": ""} for depth in range(shared, len(folders))]
        trail = folders
        rows.append({**item, "name": f"{'  ' * len(folders)}{name}"})
    return rows


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for the output.")],
    form: Annotated[Form | None, typer.Option("--format", help="Without it by the file's ending.")] = None,
    folder: Annotated[str, typer.Option("--folder", metavar="PATH", help="Only what is below.")] = "",
    data: DataDirectory = HERE,
) -> None:
    """Write all tags into one file: TOML, JSON, CSV, or JSON that Ignition imports."""
    from plantgate.config.tags.export import exported

    with told():
        content, unmapped = exported(loaded(data), form or _form_of(file), folder)
        _write(file, content)
    if str(file) != "-":
        note(f"wrote {file}")
    _tell_unmapped(unmapped)


def _form_of(file: Path) -> Form:
    try:
        return Form(file.suffix.lower().removeprefix("."))
    except ValueError:
        raise UsageError("CFG-211", f"{file}: in which format?", "--format toml, json, csv or ignition") from None


def _write(file: Path, content: bytes) -> None:
    from plantgate.runtime.files import write_atomic

    if str(file) == "-":
        typer.echo(content, nl=False)
        return
    try:
        write_atomic(file, content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError("CFG-212", f"{file} can't be written: {reason}", "choose another place") from None


def _tell_unmapped(unmapped: Sequence[Sequence[str]]) -> None:
    for path, reason in unmapped[:_SHOWN_PATHS]:
        note(f"not taken over: {path}: {reason}")
    if len(unmapped) > _SHOWN_PATHS:
        note(f"and {len(unmapped) - _SHOWN_PATHS} more")


def import_tags(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML, JSON, CSV, or a tag export of Ignition.")],
    to: Annotated[
        str, typer.Option("--to", metavar="NAME", help="File of tags/ for what is new; its ending is the format.")
    ] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="PATH", help="Put all paths below this folder.")] = "",
    conflict: Annotated[
        Conflict, typer.Option("--on-conflict", help="What becomes of a tag that is there already.")
    ] = Conflict.ABORT,
    dry_run: DryRun = False,
    as_json: JsonOption = False,
    data: DataDirectory = HERE,
) -> None:
    """Take tags from a file, all of them or none. A gateway that runs has them at once."""
    from plantgate.config.tags.policy import read_rows

    with told(as_json=as_json):
        if not file.is_file():
            raise UsageError("CFG-213", f"there is no file {file}")
        read_rows(file)  # what is wrong with the file itself is told with its lines
        with tag_desk(data) as desk:
            done = desk.import_file(file, conflict, into=folder, to=to or f"{file.stem}.toml", dry_run=dry_run)
    if as_json:
        unmapped = [{"path": path, "reason": reason} for path, reason in done["unmapped"]]
        counts = {name: len(done[name]) for name in _DONE}
        print_json({"files": list(done["files"]), "written": not dry_run, **counts, "unmapped": unmapped})
        return
    _say_counts(done, dry_run=dry_run)
    _tell_unmapped(done["unmapped"])


def _say_counts(done: Answer, *, dry_run: bool) -> None:
    counts = ", ".join(f"{len(done[name])} {name}" for name in _DONE if done[name]) or "nothing new"
    files = f" in {', '.join(done['files'])}" if done["files"] else ""
    say(f"{'would be done' if dry_run else 'done'}: {counts}{files}")


# edits


def set_tag(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The tag; a new one needs at least type=...")],
    values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Nothing behind the = takes a key away.")],
    dry_run: DryRun = False,
    as_json: JsonOption = False,
    data: DataDirectory = HERE,
) -> None:
    """Change keys of a tag, or add one: plantgate tags set "Line 1/Speed" unit=rpm history=true."""
    with told(as_json=as_json), tag_desk(data) as desk:
        entry = {**(desk.entry(path) or {}), "path": path}
        for text in values:
            key, value = _pair(text)
            entry[key] = value
        done = desk.edit(TagEdit(put=[{k: v for k, v in entry.items() if v is not None}]), dry_run=dry_run)
    _show(done, dry_run=dry_run, as_json=as_json)


def _pair(text: str) -> tuple[str, Any]:
    """A text for keys that take one, else JSON, else a text."""
    from plantgate.config.fields import rules_of
    from plantgate.config.tags.document import TagEntry

    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals:
        raise UsageError("CFG-218", f"{text}: what is the key to be?", "KEY=VALUE")
    if not value:
        return key, None
    rules = rules_of(TagEntry)
    if key in rules and isinstance(rules[key].bare, type) and issubclass(rules[key].bare, str):
        return key, value
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def remove(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Tags, instances or folders.")],
    dry_run: DryRun = False,
    as_json: JsonOption = False,
    data: DataDirectory = HERE,
) -> None:
    """Remove tags that nothing needs."""
    with told(as_json=as_json), tag_desk(data) as desk:
        done = desk.edit(TagEdit(remove=paths), dry_run=dry_run)
    _show(done, dry_run=dry_run, as_json=as_json)


def rename(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A tag, an instance or a folder.")],
    to: Annotated[str, typer.Argument(metavar="NEW", help="Its new path.")],
    dry_run: DryRun = False,
    as_json: JsonOption = False,
    data: DataDirectory = HERE,
) -> None:
    """Give a tag, an instance or a folder another path. Sources and formulas that name it follow; history does not."""
    with told(as_json=as_json), tag_desk(data) as desk:
        done = desk.edit(TagEdit(rename=(path, to)), dry_run=dry_run)
    _show(done, dry_run=dry_run, as_json=as_json)


def reload(as_json: JsonOption = False, data: DataDirectory = HERE) -> None:
    """Have the running gateway take over tag files that were edited by hand."""
    with told(as_json=as_json), tag_desk(data) as desk:
        done = desk.reload()
    _show(done, dry_run=False, as_json=as_json)


def _show(done: Answer, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"written": not dry_run, **{name: list(done[name]) for name in (*_DONE, "unchanged", "files")}})
    else:
        _say_counts(done, dry_run=dry_run)
