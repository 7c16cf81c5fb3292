"""Tags as one file, in the format that is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plantgate.config.document import Configuration
from plantgate.config.tags.ignition.export import to_ignition
from plantgate.config.tags.write import TagRows, csv_text, json_text, rows_of, toml_text
from plantgate.errors import PeerError
from plantgate.model.tag import full_path


def exported(configuration: Configuration, form: str, path: str) -> tuple[bytes, Sequence[tuple[str, str]]]:
    """A file (toml, json, csv, ignition) with what is below `path`, and (path, reason) of what is not in it.

    Raises PeerError for a format that is none.
    """
    writers: dict[str, Callable[[TagRows], str]] = {"toml": toml_text, "json": json_text, "csv": csv_text}
    rows = rows_of(configuration, expanded=form == "csv")
    if path:
        below(rows, full_path(path))
    if form == "ignition":
        document, unmapped = to_ignition(rows)
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        return text.encode(), [(each.path, each.reason) for each in unmapped]
    if form not in writers:
        raise PeerError("CFG-456", f"format takes toml, json, csv or ignition, not {form[:20]!r}", "see /openapi.json")
    return writers[form](rows).encode(), ()


def below(rows: TagRows, path: str) -> None:
    """Only `path` itself and what is below it."""
    folder = path if path.endswith("]") else f"{path.rstrip('/')}/"

    def inside(row: Mapping[str, Any]) -> bool:
        full = full_path(str(row["path"]))
        return full == path or full.startswith(folder)

    rows.tag = [row for row in rows.tag if inside(row)]
    rows.instance = [row for row in rows.instance if inside(row)]
    used = {str(row["udt"]) for row in rows.instance}
    while more := {name for row in rows.udt if row["name"] in used for name in _types_in(row)} - used:
        used |= more
    rows.udt = [row for row in rows.udt if row["name"] in used]


def _types_in(row: Mapping[str, Any]) -> set[str]:
    found = {str(member["udt"]) for member in row.get("member", ()) if "udt" in member}
    return found | ({str(row["extends"])} if row.get("extends") else set())
