"""Sets values in the files of a data directory; comments, order and everything unknown stay.

A write is atomic: after a crash there is the old file or the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeAlias

import tomlkit
from tomlkit.exceptions import TOMLKitError

from plantgate.config.document import LISTS, TABLES, WebServer
from plantgate.config.fields import rules_of
from plantgate.config.overrides import canonical
from plantgate.config.problems import config_error, did_you_mean, one_of, shown, valid_keys
from plantgate.config.source import read_bytes
from plantgate.config.xmlfile import edit_bytes
from plantgate.errors import StorageError
from plantgate.limits import CONFIG_FILE_BYTES
from plantgate.runtime.files import write_atomic

Value: TypeAlias = str | int | float | bool


def edit_gateway_xml(path: Path, values: Mapping[str, Value]) -> None:
    """Set entries of a gateway.xml, byte for byte the same elsewhere. Raises ConfigError or StorageError."""
    before = read_bytes(path)
    _write(path, before, edit_bytes(before, {key: _xml_text(value) for key, value in values.items()}, path.name))


def edit_toml(path: Path, values: Mapping[str, Value]) -> None:
    """Set keys of a plantgate.toml: `web.address`, or `reader.entrance.port` for one of a list by its name.

    A section that is not there yet is added at the end; an item of a list must be there. Raises ConfigError or
    StorageError.
    """
    before = read_bytes(path, CONFIG_FILE_BYTES)
    _write(path, before, edit_toml_bytes(before, values, path.name))


def edit_toml_bytes(data: bytes, values: Mapping[str, Value], name: str) -> bytes:
    """As `edit_toml`, of bytes; `name` is the file's name in errors."""
    try:
        document = tomlkit.parse(data.decode("utf-8"))
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise config_error("CFG-170", name, "", f"not TOML: {error}") from None
    for key, value in values.items():
        table, last = _table_of(document, key, name)
        if last not in table or table[last] != value or type(table[last]) is bool is not type(value):
            table[last] = value
    return tomlkit.dumps(document).encode("utf-8")


def _table_of(document: Any, key: str, name: str) -> tuple[MutableMapping[str, Any], str]:
    """The table that `key` is in and its last part. Raises ConfigError for a key that can't be there."""
    section, _, rest = key.partition(".")
    if section in LISTS:
        struct, by = LISTS[section]
        wanted, _, last = rest.rpartition(".")
        items = document.get(section, [])
        for item in items:
            if canonical(section, item.get(by)) == canonical(section, wanted) and last in rules_of(struct):
                return item, last
        known = [canonical(section, item.get(by)) for item in items]
        raise config_error(
            "CFG-171",
            name,
            key,
            f"there is no {section} {shown(wanted)} with such a key{did_you_mean(wanted, known)}",
            f"there are: {one_of(known)}",
        )
    table_name, _, last = key.rpartition(".")
    if table_name not in TABLES or last not in rules_of(TABLES[table_name]):
        known = [f"{table}.{item}" for table, struct in TABLES.items() for item in rules_of(struct)]
        raise config_error("CFG-171", name, key, f"unknown key{did_you_mean(key, known)}", valid_keys(key, known))
    table: Any = document
    for part in table_name.split("."):
        if part not in table:
            inner_follows = part != table_name.rpartition(".")[2]
            table[part] = tomlkit.table(is_super_table=inner_follows)
        table = table[part]
    return table, last


def _write(path: Path, before: bytes, after: bytes) -> None:
    if after == before:
        return
    try:
        write_atomic(path, after)
    except OSError as error:
        raise StorageError(
            "CFG-172", f"{path} can't be written: {error.strerror}", "check the rights of the folder and the disk"
        ) from None


def _xml_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def gateway_xml_keys() -> frozenset[str]:
    """The keys that are settings of gateway.xml."""
    return frozenset(rules_of(WebServer))
