"""Takes tags from a file into the tags folder of a data directory: all of them or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from plantgate.config.document import Configuration
from plantgate.config.fields import read_entry
from plantgate.config.problems import Problems, config_error, shown
from plantgate.config.source import read_bytes
from plantgate.config.tagdocument import InstanceEntry, TagEntry, UdtEntry
from plantgate.config.tagfiles import TAG_FOLDER, TAG_SUFFIXES, read_tag_file
from plantgate.config.tagsignition import Unmapped, from_ignition
from plantgate.config.tagswrite import (
    Row,
    TagRows,
    csv_text,
    entry_row,
    instance_row,
    json_text,
    toml_text,
    udt_row,
)
from plantgate.config.tomlfile import Sections
from plantgate.errors import StorageError
from plantgate.limits import CONFIG_FILE_BYTES
from plantgate.model.tag import full_path
from plantgate.runtime.files import write_atomic

Load = Callable[[Mapping[Path, bytes]], Configuration]


class Conflict(StrEnum):
    """What becomes of an item whose path is there already (Ignition's import policies)."""

    ABORT = "abort"
    IGNORE = "ignore"
    OVERWRITE = "overwrite"
    MERGE = "merge"
    RENAME = "rename"


@dataclass(slots=True)
class Import:
    """What an import does: `apply` writes it. Counts are items; `unmapped` was not taken over, with reasons."""

    target: Path
    text: str
    added: int = 0
    replaced: int = 0
    ignored: int = 0
    renamed: int = 0
    unmapped: list[Unmapped] = field(default_factory=list)

    def apply(self) -> None:
        """Raises StorageError."""
        try:
            self.target.parent.mkdir(exist_ok=True)
            write_atomic(self.target, self.text.encode())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError("CFG-206", f"{self.target} can't be written: {reason}", "check its rights") from None


def read_rows(file: Path) -> tuple[TagRows, list[Unmapped]]:
    """The items of a TOML, JSON or CSV file, or of a tag export of Ignition. Raises ConfigErrors."""
    if file.suffix.lower() not in TAG_SUFFIXES:
        hint = f"name it .toml, .json or .csv: {file.stem}.json"
        raise config_error("CFG-201", str(file), "", "what format is it in?", hint)
    data = read_bytes(file, CONFIG_FILE_BYTES)
    if file.suffix.lower() == ".json" and (document := _ignition(data)) is not None:
        try:
            return from_ignition(document)
        except ValueError as error:
            raise config_error("CFG-202", f"{file}:1", "", str(error)) from None
    sections, problems = Sections(), Problems()
    read_tag_file(file, sections, problems, data)
    rows = TagRows()
    for entry in sections.lists["tag"]:
        tag = read_entry(TagEntry, entry, f"tag.{entry.values.get('path', '')}", problems)
        if tag is not None:
            rows.tag.append(entry_row(tag, as_text=entry.as_text))
    for entry in sections.lists["udt"]:
        udt = read_entry(UdtEntry, entry, f"udt.{entry.values.get('name', '')}", problems)
        if udt is not None:
            rows.udt.append(udt_row(udt))
    for entry in sections.lists["instance"]:
        instance = read_entry(InstanceEntry, entry, f"instance.{entry.values.get('path', '')}", problems)
        if instance is not None:
            rows.instance.append(instance_row(instance))
    problems.raise_any()
    return rows, []


def _ignition(data: bytes) -> object:
    """The document if it looks like an export of Ignition, else None."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    first = document[0] if isinstance(document, list) and document else document
    if isinstance(first, dict) and ("tagType" in first or ("name" in first and "path" not in first) or "tags" in first):
        return document
    return None


def plan_import(
    directory: Path,
    file: Path,
    load: Load,
    *,
    to: str = "",
    folder: str = "",
    conflict: Conflict = Conflict.ABORT,
) -> Import:
    """What importing `file` into `directory` would do, checked as a whole. Raises ConfigErrors; nothing is written.

    `load(drafts)` loads the directory with files as they would be. `to` is the name of a file of the tags folder,
    `folder` a folder that all paths are put into.
    """
    rows, unmapped = read_rows(file)
    target = directory / TAG_FOLDER / (to or f"{file.stem}.toml")
    if target.suffix.lower() not in TAG_SUFFIXES or target.parent != directory / TAG_FOLDER:
        raise config_error("CFG-203", "--to", "", f"{shown(to)} is no file of the tags folder", "such as line1.toml")
    before = TagRows()
    if target.exists():
        before, _ = read_rows(target)
        _refuse_comments(target)
    if folder:
        for row in (*rows.tag, *rows.instance):
            row["path"] = f"{folder.rstrip('/')}/{row['path']}"
    plan = Import(target, "", unmapped=unmapped)
    now = load({})
    merged = TagRows(
        _merged(plan, before.udt, rows.udt, "name", {udt.name for udt in now.udts}, conflict),
        _merged(plan, before.instance, rows.instance, "path", _paths(item.path for item in now.instances), conflict),
        _merged(plan, before.tag, rows.tag, "path", _paths(tag.path for tag in now.tags), conflict),
    )
    plan.text = _text(target, merged.sorted())
    load({target: plan.text.encode()})
    return plan


def _paths(paths: Iterable[str]) -> set[str]:
    return {full_path(path) for path in paths}


def _refuse_comments(target: Path) -> None:
    if target.suffix.lower() == ".toml" and any(
        line.lstrip().startswith(b"#") for line in read_bytes(target, CONFIG_FILE_BYTES).splitlines()
    ):
        hint = "choose another file with --to"
        raise config_error("CFG-204", str(target), "", "has comments, which would be lost", hint)


def _merged(plan: Import, before: list[Row], new: list[Row], by: str, taken: set[str], conflict: Conflict) -> list[Row]:
    """`before` with `new`. Raises ConfigError for items that are there if `conflict` says so."""
    name_of = full_path if by == "path" else str
    mine = {name_of(str(row[by])): row for row in before}
    problems = Problems()
    for row in new:
        name = name_of(str(row[by]))
        if name not in taken:
            plan.added += 1
        elif conflict is Conflict.IGNORE:
            plan.ignored += 1
            continue
        elif conflict is Conflict.RENAME:
            name = _free(name, taken)
            row[by] = name
            plan.renamed += 1
        elif conflict is Conflict.ABORT or name not in mine:
            where = "it is there already" if name in mine else "it is there already, in another file"
            hint = (
                "--on-conflict overwrite, merge, ignore or rename" if name in mine else "--on-conflict ignore or rename"
            )
            problems.add("CFG-205", f"{plan.target.name}:1", name, where, hint)
            continue
        else:
            plan.replaced += 1
            if conflict is Conflict.MERGE:
                row = {**mine[name], **row}  # noqa: PLW2901
        taken.add(name)
        mine[name] = row
    problems.raise_any()
    return list(mine.values())


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"


def _text(target: Path, rows: TagRows) -> str:
    """Raises ConfigError: CSV has no place for types and their instances."""
    if target.suffix.lower() == ".csv":
        if rows.udt or rows.instance:
            raise config_error(
                "CFG-203", "--to", "", "CSV has no place for types and instances", "choose .toml or .json"
            )
        return csv_text(rows)
    return json_text(rows) if target.suffix.lower() == ".json" else toml_text(rows)
