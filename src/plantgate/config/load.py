"""`load`: files, overrides and defaults -> one checked `Configuration`, or every error there is at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from plantgate.config.check import AddressCheck, Checker, refuse_duplicates
from plantgate.config.check_modbus_server import AddressGrammar
from plantgate.config.document import LISTS, TABLES, Configuration, WebServer
from plantgate.config.fields import Entry, read_entry, rules_of
from plantgate.config.origins import Origins
from plantgate.config.overrides import Overrider, canonical, config_file
from plantgate.config.problems import Problems, config_error
from plantgate.config.tags.checks import FormulaCheck
from plantgate.config.tags.commit import pending
from plantgate.config.tags.document import TagGroup
from plantgate.config.tags.entries import read_tag
from plantgate.config.tags.files import TYPES_FOLDER, read_tag_file, tag_files
from plantgate.config.tags.udt import Expander
from plantgate.config.tomlfile import Sections, read_toml
from plantgate.errors import ConfigError
from plantgate.limits import CONFIG_TAGS
from plantgate.model.tag import TagDefinition

if TYPE_CHECKING:
    from plantgate.config.xmlfile import Property

GATEWAY_XML = "gateway.xml"
PLANTGATE_TOML = "plantgate.toml"

S = TypeVar("S", bound=Struct)


def load(
    directory: Path | None,
    sets: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    gateway_xml: Path | None = None,
    address_check: AddressCheck | None = None,
    modbus_address: AddressGrammar | None = None,
    formula_check: FormulaCheck | None = None,
    tag_drafts: Mapping[Path, bytes] | None = None,
) -> Configuration:
    """Read a data directory (None: defaults and overrides only) and check it as a whole.

    `sets` are the texts behind `--set`; `environ` is the process's own if None. `gateway_xml` names another file for
    that part, as `--set config_file=...` does; an Ignition one works. `address_check(tag, device)` says in words what
    is wrong with a device tag's address, None if nothing is, and `modbus_address(text, zero_based=...)` reads one of
    the Modbus server's map: drivers know their grammar, this layer does not.
    `formula_check(tag, key)` gives what an expression reads, or what is wrong with it. `tag_drafts` are files of the
    tags folder (or plantgate.toml) as they would be: they are read in place of those on disk.
    Raises ConfigErrors with all that is wrong; nothing is started, written or created.
    """
    environ = os.environ if environ is None else environ
    problems = Problems()
    sections = Sections()
    warnings: list[str] = []
    named_xml = config_file(sets, environ) or gateway_xml
    if directory is not None:
        _require(directory, named_xml)
    xml = named_xml or _existing(directory, GATEWAY_XML)
    if xml is not None:
        _read_xml(xml, sections, problems, warnings)
    drafts = {**({} if directory is None else pending(directory)), **(tag_drafts or {})}
    if (toml := _existing(directory, PLANTGATE_TOML)) is not None:
        read_toml(toml, sections, problems, drafts.pop(toml, None))
    digests: dict[str, str] = {}
    for path in [] if directory is None else sorted({*tag_files(directory), *drafts}, key=_types_first):
        read_tag_file(path, sections, problems, drafts.get(path), digests)
    expander = Expander(sections, problems)
    expander.run()
    overrider = Overrider(sections, problems)
    if not sections.unreadable:
        overrider.apply(environ, sets)
    warnings += overrider.warnings
    builder = _Builder(sections, problems, expander.instance_of)
    configuration = builder.build(directory, xml, warnings, address_check, modbus_address, formula_check)
    problems.raise_any()
    return msgspec.structs.replace(configuration, digests=digests, sets=tuple(sets))


def _require(directory: Path, named_xml: Path | None) -> None:
    if not directory.is_dir():
        raise config_error("CFG-161", str(directory), "", "no such directory", f"plantgate init {directory}")
    if named_xml is None and not any((directory / name).exists() for name in (GATEWAY_XML, PLANTGATE_TOML)):
        raise config_error(
            "CFG-162",
            str(directory),
            "",
            f"has neither {GATEWAY_XML} nor {PLANTGATE_TOML}",
            f"plantgate init {directory}",
        )


def _existing(directory: Path | None, name: str) -> Path | None:
    path = directory / name if directory is not None else None
    return path if path is not None and path.exists() else None


def _types_first(path: Path) -> tuple[bool, Path]:
    return path.parent.name != TYPES_FOLDER, path


def _read_xml(path: Path, sections: Sections, problems: Problems, warnings: list[str]) -> None:
    """gateway.xml as the entry of WebServer; keys that we don't know are none of our business and stay in the file."""
    from plantgate.config.xmlfile import read_gateway_xml  # noqa: PLC0415 - lxml is slow to import, often unneeded

    try:
        found = read_gateway_xml(path)
    except ConfigError as error:
        problems.take(error)
        sections.unreadable = True
        return
    known = rules_of(WebServer)

    def where(key: str | None) -> str:
        return f"{path.name}:{found[key].line}" if key in found else f"{path.name}:1"

    values = {key: item.value for key, item in found.items() if key in known and item.value}
    sections.tables["gateway.xml"] = Entry(values, where, as_text=True)
    warnings += _near_misses(path.name, found, known)


def _near_misses(name: str, found: Mapping[str, Property], known: Mapping[str, Any]) -> Iterator[str]:
    """`gateway.sslPort` would be ignored in silence: Java's keys are exact."""
    lower = {key.lower(): key for key in known}
    for key, item in found.items():
        if key not in known and (meant := lower.get(key.lower())) is not None:
            yield f"{name}:{item.line}: {key}: not a setting; {meant} is. It is ignored"


class _Builder:
    """Reads every entry by its struct, then has the whole checked."""

    def __init__(self, sections: Sections, problems: Problems, instance_of: Mapping[str, str]) -> None:
        self._sections = sections
        self._instance_of = instance_of
        self._problems = problems
        self._origins = Origins(tables=dict(sections.tables))
        self._named = cache(self._names)
        self._listed: dict[str, list[tuple[str, str, Entry]]] = {}

    def build(
        self,
        directory: Path | None,
        xml: Path | None,
        warnings: Sequence[str],
        address_check: AddressCheck | None,
        modbus_address: AddressGrammar | None,
        formula_check: FormulaCheck | None,
    ) -> Configuration:
        groups = self._list("tag_group")
        if not any(group.name == "default" for group in groups):
            groups = (TagGroup(name="default"), *groups)
        draft = Configuration(
            directory=directory,
            gateway_xml=xml,
            web_server=self._table("gateway.xml", WebServer),
            gateway=self._table("gateway", TABLES["gateway"]),
            web=self._table("web", TABLES["web"]),
            history=self._table("history", TABLES["history"]),
            alarms=self._table("alarms", TABLES["alarms"]),
            opcua_server=self._table("opcua.server", TABLES["opcua.server"]),
            opcua_discovery=self._table("opcua.discovery", TABLES["opcua.discovery"]),
            modbus_server=self._table("modbus_server", TABLES["modbus_server"]),
            modbus_map=self._list("modbus_server.map"),
            access=self._table("access", TABLES["access"]),
            devices=self._list("device"),
            tag_groups=groups,
            readers=self._list("reader"),
            cards=self._list("card"),
            doors=self._list("door"),
            badge_writes=self._list("badge_write"),
            write_permits=self._list("write_permit"),
            databases=self._list("database"),
            tags=self._tags(),
            udts=self._list("udt"),
            instances=self._list("instance"),
            instance_of=self._instance_of,
            warnings=tuple(warnings),
            sources=self._sources(),
        )
        if self._sections.unreadable:
            return draft
        return Checker(draft, self._origins, self._named, self._problems).run(
            address_check, modbus_address, formula_check
        )

    def _table(self, section: str, struct: type[Any]) -> Any:
        """A section that is there once. A wrong one stands as its defaults: the document is refused anyway."""
        entry = self._sections.tables.get(section)
        if entry is None:
            return struct()
        label = "" if section == "gateway.xml" else section
        return read_entry(struct, entry, label, self._problems) or struct()

    def _list(self, section: str) -> tuple[Any, ...]:
        struct, by = LISTS[section]
        found = []
        for name, label, entry in self._entries(section):
            item = read_entry(struct, entry, label, self._problems)
            if item is not None and (section, name) not in self._origins.items:
                self._origins.items[section, name] = entry
                found.append(item)
        refuse_duplicates(section, [(name, entry) for name, _, entry in self._entries(section)], by, self._problems)
        return tuple(found)

    def _tags(self) -> tuple[TagDefinition, ...]:
        entries = self._sections.lists["tag"]
        if len(entries) > CONFIG_TAGS:
            where = entries[CONFIG_TAGS].where(None)
            self._problems.add("CFG-163", where, "tag", f"{len(entries)} tags; {CONFIG_TAGS} are the most")
            return ()
        found = []
        for name, label, entry in self._entries("tag"):
            tag = read_tag(entry, label, self._problems)
            if tag is not None and ("tag", name) not in self._origins.items:
                self._origins.items["tag", name] = entry
                found.append(tag)
        refuse_duplicates("tag", [(name, entry) for name, _, entry in self._entries("tag")], "path", self._problems)
        return tuple(found)

    def _entries(self, section: str) -> list[tuple[str, str, Entry]]:
        """Name, label for errors, entry. An item without a name is `device #2`."""
        listed = self._listed.get(section)
        if listed is None:
            by = LISTS[section][1]
            listed = self._listed[section] = []
            for index, entry in enumerate(self._sections.lists[section]):
                name = _name_of(section, by, entry)
                label = f"{section}.{name}" if name else f"{section} #{index + 1}"
                listed.append((name, f"{entry.note}: {label}" if entry.note else label, entry))
        return listed

    def _names(self, section: str) -> set[str]:
        """All names of a section, also of items that are wrong otherwise."""
        return {name for name, _, _ in self._entries(section) if name}

    def _sources(self) -> dict[str, str]:
        sources: dict[str, str] = {}
        for section, entry in self._sections.tables.items():
            prefix = "" if section == "gateway.xml" else f"{section}."
            for key in {*entry.values, *entry.overrides}:
                sources[f"{prefix}{key}"] = entry.source(key) or ""
        for section in LISTS:
            for name, label, entry in self._entries(section):
                if not name:
                    continue
                if section == "tag":
                    sources[f"tag.{name}" if entry.note else label] = entry.where(None)
                    continue
                for key in {*entry.values, *entry.overrides}:
                    sources[f"{label}.{key}"] = entry.source(key) or ""
        return sources


def _name_of(section: str, by: str, entry: Entry) -> str:
    """The name of an item; empty if it has none, or something else than a text in its place."""
    value = entry.values.get(by)
    return canonical(section, value) if isinstance(value, str) and value else ""
