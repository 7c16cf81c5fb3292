"""What a file to import has in it, and what becomes of items that are there already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from plantgate.config.fields import read_entry
from plantgate.config.problems import Problems, config_error, shown
from plantgate.config.source import read_bytes
from plantgate.config.tags.document import InstanceEntry, UdtEntry
from plantgate.config.tags.entries import read_written
from plantgate.config.tags.faults import FaultList
from plantgate.config.tags.files import TAG_FOLDER, TAG_SUFFIXES, read_tag_file
from plantgate.config.tags.ignition.reading import Unmapped, from_ignition
from plantgate.config.tags.ignition.xml import xml_document
from plantgate.config.tags.state import TagState
from plantgate.config.tags.write import Row, TagRows, entry_row, instance_row, row_of, udt_row
from plantgate.config.tomlfile import Sections
from plantgate.limits import CONFIG_FILE_BYTES
from plantgate.model.tag import full_path
from plantgate.model.tagedit import Conflict, TagEdit


@dataclass(slots=True)
class Import:
    """The edit that an import is. Paths are full; `ignored` were there and stay, `renamed` got other names."""

    edit: TagEdit = field(default_factory=TagEdit)
    ignored: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)


def read_rows(file: Path) -> tuple[TagRows, list[Unmapped]]:
    """The items of a TOML, JSON or CSV file, or of a tag export of Ignition. Raises ConfigErrors."""
    if file.suffix.lower() not in {*TAG_SUFFIXES, ".xml"}:
        refuse_form(file)
    return rows_in(read_bytes(file, CONFIG_FILE_BYTES), file)


def refuse_form(file: Path) -> NoReturn:
    raise config_error(
        "CFG-201", str(file), "", "what format is it in?", f"name it .toml, .json or .csv: {file.stem}.json"
    )


def rows_in(data: bytes, file: Path) -> tuple[TagRows, list[Unmapped]]:
    """As `read_rows`, of bytes; `file` is its name in errors, and its ending the format."""
    document = exported_by_ignition(data, file)
    return rows_of_file(data, file) if document is None else rows_of_export(document, file)


def rows_of_export(document: object, file: Path) -> tuple[TagRows, list[Unmapped]]:
    """Of a tag export of Ignition. Raises ConfigError."""
    try:
        return from_ignition(document)
    except ValueError as error:
        raise config_error("CFG-202", f"{file}:1", "", str(error)) from None


def rows_of_file(data: bytes, file: Path) -> tuple[TagRows, list[Unmapped]]:
    """Of a file of our own. Raises ConfigErrors."""
    sections, problems = Sections(), Problems()
    read_tag_file(file, sections, problems, data)
    rows = TagRows()
    for entry in sections.lists["tag"]:
        tag = read_written(entry, f"tag.{entry.values.get('path', '')}", problems)
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


def exported_by_ignition(data: bytes, file: Path) -> object:
    """The document if it looks like an export of Ignition, JSON or XML, else None. Raises ConfigError."""
    if file.suffix.lower() not in {".json", ".xml"}:
        return None
    try:
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return xml_document(file, data)
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    first = document[0] if isinstance(document, list) and document else document
    if isinstance(first, dict) and ("tagType" in first or ("name" in first and "path" not in first) or "tags" in first):
        return document
    return None


def planned(state: TagState, rows: TagRows, conflict: Conflict, into: str = "", file: str = "") -> Import:
    """What importing `rows` is, as an edit. `into` is a folder that all paths are put into, `file` where new items go.

    Raises TagFaults for items that are there already, if `conflict` says so.
    """
    if file and (Path(file).suffix.lower() not in TAG_SUFFIXES or Path(file).name != file):
        what = f"{shown(file)} is no file of the {TAG_FOLDER} folder"
        raise config_error("CFG-203", "--to", "", what, "such as line1.toml")
    if into:
        for row in (*rows.tag, *rows.instance):
            row["path"] = f"{into.rstrip('/')}/{str(row['path']).rpartition(']')[2]}"
    plan, faults = Import(), FaultList()
    policy = _Policy(state, conflict, plan, faults)
    types = [row for row in (policy.type(row) for row in rows.udt) if row is not None]
    policy.follow(types, rows.instance)
    items = [row for row in (policy.item(row) for row in (*rows.instance, *rows.tag)) if row is not None]
    faults.raise_any()
    plan.edit = TagEdit(put=items, udts=types, file=file)
    return plan


class _Policy:
    """What becomes of each item."""

    def __init__(self, state: TagState, conflict: Conflict, plan: Import, faults: FaultList) -> None:
        self._state = state
        self._conflict = conflict
        self._plan = plan
        self._faults = faults
        self._types: dict[str, str] = {}
        self._taken = {*state.tags, *state.instances}
        self._types_taken = set(state.udts)

    def item(self, row: Row) -> Row | None:
        path = full_path(str(row["path"]))
        if path not in self._taken:
            self._taken.add(path)
            return row
        kept = self._kept(path, row, self._taken, "path")
        if kept is None or self._conflict is not Conflict.MERGE:
            return kept
        return {**self._there(path), **row}

    def type(self, row: Row) -> Row | None:
        name = str(row["name"])
        if name not in self._types_taken:
            self._types_taken.add(name)
            return row
        kept = self._kept(name, row, self._types_taken, "name")
        if kept is not None and kept["name"] != name:
            self._types[name] = str(kept["name"])
        if kept is None or self._conflict is not Conflict.MERGE or name not in self._state.udts:
            return kept
        return {**udt_row(self._state.udts[name]), **row}

    def _there(self, path: str) -> Mapping[str, Any]:
        if path in self._state.tags:
            return row_of(self._state.tags[path])
        return instance_row(self._state.instances[path]) if path in self._state.instances else {}

    def _kept(self, name: str, row: Row, taken: set[str], by: str) -> Row | None:
        """The item of a name that is there already; None if it is left out."""
        if self._conflict is Conflict.IGNORE:
            self._plan.ignored.append(name)
            return None
        if self._conflict is Conflict.RENAME:
            free = _free(name, taken)
            taken.add(free)
            self._plan.renamed.append((name, free))
            return {**row, by: free}
        if self._conflict is Conflict.ABORT:
            hint = "on conflict: overwrite, merge, ignore or rename"
            self._faults.refuse("CFG-205", name, "it is there already", hint)
            return None
        return row

    def follow(self, types: list[Row], instances: list[Row]) -> None:
        """Types that got other names are named so by what came with them."""
        for row in types:
            if row.get("extends") in self._types:
                row["extends"] = self._types[row["extends"]]
            row["member"] = [
                {**member, "udt": self._types[member["udt"]]} if member.get("udt") in self._types else member
                for member in row.get("member", [])
            ]
        for row in instances:
            row["udt"] = self._types.get(row["udt"], row["udt"])


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"
