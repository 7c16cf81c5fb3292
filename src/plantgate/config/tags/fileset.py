"""The tag files of one edit: read once, checked to be those that were loaded, changed item by item."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plantgate.config.fields import Entry
from plantgate.config.problems import Problems
from plantgate.config.source import read_bytes
from plantgate.config.tags.commit import digest, finish
from plantgate.config.tags.entries import read_tag
from plantgate.config.tags.faults import FaultList
from plantgate.config.tags.files import TAG_FOLDER, TYPES_FOLDER, tag_file_name, tag_files
from plantgate.config.tags.state import TagState, file_path, is_tag_file
from plantgate.config.tags.text import CsvText, TagText, closed, item_name, opened
from plantgate.config.tags.toml import TomlText, fits_toml
from plantgate.config.tags.write import Row, plain_row
from plantgate.errors import Refused
from plantgate.limits import CONFIG_FILE_BYTES
from plantgate.model.tag import DEFAULT_PROVIDER, TagDefinition, folder_of, provider_of

_PLAIN = re.compile(r"[^A-Za-z0-9_ \-]")
_INLINE_LIST = re.compile(r"^(?:tag|udt|instance)[ \t]*=", re.MULTILINE)
EDITED_BY_HAND = "CFG-413"


class TagFileSet:
    """The files of one edit: read once, changed item by item."""

    def __init__(self, directory: Path, state: TagState) -> None:
        self._directory = directory
        self._state = state
        self._data: dict[str, bytes] = {}
        self._texts: dict[str, TagText] = {}
        self._chosen: dict[tuple[str, str], str] = {}
        self._faults = FaultList()

    def check(self) -> None:
        """Raises Refused if the tags folder is not as it was read."""
        finish(self._directory)
        there = {tag_file_name(path): path for path in tag_files(self._directory)}
        for name in sorted(there.keys() | self._state.digests.keys()):
            if name not in there:
                raise _by_hand(name, "is gone")
            data = read_bytes(there[name], CONFIG_FILE_BYTES)
            if name not in self._state.digests:
                raise _by_hand(name, "is new")
            if digest(data) != self._state.digests[name]:
                raise _by_hand(name, "was changed")
            self._data[name] = data

    def text(self, name: str) -> TagText:
        """Raises ConfigError."""
        text = self._texts.get(name)
        if text is None:
            if name not in self._data:
                path = file_path(self._directory, name)
                self._data[name] = read_bytes(path, CONFIG_FILE_BYTES) if path.exists() else b""
            path = file_path(self._directory, name)
            empty = b"[]" if path.suffix.lower() == ".json" and not self._data[name] else self._data[name]
            text = self._texts[name] = opened(path, empty)
        return text

    def written(self, section: str, name: str) -> tuple[Row, bool]:
        """The entry as it is written. Raises TagFaults if it is not written as an item of its own."""
        file = self._state.files[section].get(name, "")
        text = self.text(file) if file else None
        found = text.find(section, name) if text is not None else None
        if text is None or found is None:
            self._faults.refuse("CFG-434", name, _not_here(file), "write it as an item of its own")
            self._faults.raise_any()
            raise AssertionError("unreachable")
        as_text = isinstance(text, CsvText)
        if section == "tag" and not _gives(found, self._state.tags[name], as_text=as_text):
            what = f"something else than {file} has a part in it: --set, the environment, or an edit by hand"
            self._faults.refuse("CFG-435", name, what, "change it there, or reload the tags")
            self._faults.raise_any()
        return found, as_text

    # writing

    def write(
        self, rows: Mapping[tuple[str, str], Row | None], after: TagState, moved: Mapping[str, str], new_file: str
    ) -> dict[str, dict[str, str]]:
        """Change the texts; gives the files of all items afterwards. Raises TagFaults, ConfigError."""
        names = {section: dict(files) for section, files in self._state.files.items()}
        for (section, name), row in rows.items():
            target = name if row is None else item_name(section, row)
            file = names[section].pop(name, None)
            if row is None:
                self.written(section, name)
                self.text(file or "").remove(section, name)
                continue
            is_new = file is None
            if file is None:
                file = self._place(section, target, new_file)
            else:
                old, _ = self.written(section, name)
                if not isinstance(self.text(file), CsvText):
                    row = {**_defaults(section, old, row), **row}  # noqa: PLW2901
            names[section][target] = file
            if self._fits(file, section, row, after.tags.get(target)):
                text = self.text(file)
                text.add(section, row) if is_new else text.put(section, name, row)
        self._faults.raise_any()
        return names

    def _fits(self, file: str, section: str, row: Row, tag: TagDefinition | None) -> bool:
        text = self.text(file)
        if isinstance(text, CsvText):
            fits = tag is not None and _gives(text.cells(row), tag, as_text=True)
        else:
            fits = fits_toml(section, row)
        if not fits:
            self._faults.refuse("CFG-436", item_name(section, row), f"{file} has no way to write a value of this entry")
        return fits

    def _place(self, section: str, name: str, new_file: str) -> str:
        """The file for a new item."""
        if new_file and self.text(f"{TAG_FOLDER}/{new_file}").takes(section):
            return f"{TAG_FOLDER}/{new_file}"
        if section == "udt":
            return self._free(f"{TAG_FOLDER}/{TYPES_FOLDER}/{_PLAIN.sub('_', name)}.toml")
        folder = section, folder_of(name)
        if folder not in self._chosen:
            own = self._own(f"{TAG_FOLDER}/{_file_name(name)}", section)
            neighbour = _neighbour(name, self._state.order, self._state.files["tag"])
            self._chosen[folder] = neighbour if neighbour and self._takes(neighbour, section) else own
        return self._chosen[folder]

    def _own(self, name: str, section: str) -> str:
        """The file of a top folder; with a number if there is one that nothing can be added to."""
        stem, number = name.removesuffix(".toml"), 1
        while not self._takes(self._free(name), section):
            number += 1
            name = f"{stem} {number}.toml"
        return self._free(name)

    def _takes(self, file: str, section: str) -> bool:
        text = self.text(file)
        return text.takes(section) and not (isinstance(text, TomlText) and _is_inline(text))

    def _free(self, name: str) -> str:
        """`name`, or as it is written already where capitals don't count."""
        known = {each.casefold(): each for each in self._state.digests}
        return known.get(name.casefold(), name)

    def contents(self) -> tuple[dict[Path, bytes], dict[str, str]]:
        """The files that are other ones now, and the digests of all tag files afterwards."""
        found: dict[Path, bytes] = {}
        digests = dict(self._state.digests)
        for name, text in self._texts.items():
            data = closed(text, self._data[name])
            if data != self._data[name]:
                found[file_path(self._directory, name)] = data
                if is_tag_file(name):
                    digests[name] = digest(data)
        return found, digests


def _by_hand(name: str, what: str) -> Refused:
    return Refused(
        EDITED_BY_HAND,
        f"{name} {what} while the gateway runs, and not by it: nothing was changed",
        "plantgate tags reload takes over what is in the files; then do this again",
    )


def _not_here(file: str) -> str:
    return f"it is not written as an item of {file}" if file else "no file has it"


def _gives(row: Mapping[str, Any], tag: TagDefinition, *, as_text: bool) -> bool:
    nowhere = Entry(row, lambda _: "", as_text=as_text, place=lambda _: "")
    return read_tag(nowhere, "tag", Problems()) == tag


def _defaults(section: str, old: Row, row: Row) -> Row:
    """What the old entry says although it is the default: it may stay."""
    if section != "tag":
        return {}
    plain = plain_row(old)
    return {key: value for key, value in old.items() if key not in row and key not in plain}


def _neighbour(name: str, order: Sequence[str], files: Mapping[str, str]) -> str:
    """The file of the tag nearest to `name` that shares its top folder and has an entry; empty if there is none."""
    top = folder_of(name).partition("/")[0]
    top = f"{top}/" if "/" in name else provider_of(name)
    place = bisect_left(order, name)
    best, shared = "", -1
    for step in (-1, 1):
        at = place + step if step < 0 else place
        looked = 0
        while 0 <= at < len(order) and order[at].startswith(top) and looked < 1_000:
            path = order[at]
            looked += 1
            if path != name and path in files and ("/" in name or "/" not in path):
                length = _shared_folders(path, name)
                if length > shared:
                    best, shared = files[path], length
                break
            at += step
    return best


def _shared_folders(one: str, other: str) -> int:
    count = 0
    for mine, yours in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if mine != yours:
            break
        count += 1
    return count


def _file_name(path: str) -> str:
    """`[default]Line 1/Filler/Speed` -> `Line 1.toml`."""
    provider = provider_of(path)[1:-1]
    names = path[len(provider) + 2 :].split("/")
    stem = names[0] if len(names) > 1 else TAG_FOLDER
    stem = stem if provider == DEFAULT_PROVIDER else f"{provider} {stem}"
    return f"{_PLAIN.sub('_', stem)[:100]}.toml"


def _is_inline(text: TagText) -> bool:
    """A TOML file whose tags are one inline list can't be added to."""
    return bool(_INLINE_LIST.search(text.text)) and not text.items
