"""Checks of edited tags against everything else: with the checks of `load`, but of what the edit concerns only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import cast

import msgspec

from plantgate.config.check import AddressCheck, Checker
from plantgate.config.check_modbus_server import AddressGrammar
from plantgate.config.document import LISTS, Configuration
from plantgate.config.fields import Entry
from plantgate.config.origins import Origins
from plantgate.config.overrides import canonical
from plantgate.config.tags.checks import FormulaCheck, circles
from plantgate.config.tags.faults import FaultList
from plantgate.config.tags.state import TagState
from plantgate.limits import CONFIG_TAGS
from plantgate.model.tag import TagDefinition

_FOLDER = "/*"
_SHOWN_NAMES = 3


class Checks:
    """What drivers and formulas know, as `load` has it."""

    def __init__(
        self,
        address: AddressCheck | None = None,
        modbus: AddressGrammar | None = None,
        formula: FormulaCheck | None = None,
    ) -> None:
        self.address = address
        self.modbus = modbus
        self.formula = formula


class _KnownOrigins(Origins):
    """Items that were loaded long ago are where the configuration says that they are."""

    def __init__(self, configuration: Configuration, items: dict[tuple[str, str], Entry]) -> None:
        super().__init__(items=items)
        self._configuration = configuration

    def of(self, section: str, name: str, key: str) -> str:
        if (section, name) in self.items:
            return super().of(section, name, key)
        return self._configuration.source_of(f"{section}.{name}.{key}")

    def scalar(self, section: str, key: str) -> str:
        return self._configuration.source_of(key if section == "gateway.xml" else f"{section}.{key}")


def needed_by(configuration: Configuration) -> dict[str, list[str]]:
    """Who names a tag in plantgate.toml, in words, by the path of the tag."""
    found: defaultdict[str, list[str]] = defaultdict(list)

    def note(path: str, what: str, key: str) -> None:
        where = configuration.source_of(key)
        found[path].append(f"{what} ({where})" if where != "default" else what)

    for door in configuration.doors:
        note(door.strike, f"door {door.name}", f"door.{door.name}.strike")
    for write in configuration.badge_writes:
        note(write.tag, f"badge_write {write.name}", f"badge_write.{write.name}.tag")
    for permit in configuration.write_permits:
        for path in permit.tags:
            if not path.endswith(_FOLDER):
                note(path, f"write_permit {permit.name}", f"write_permit.{permit.name}.tags")
    for row in configuration.modbus_map:
        note(row.tag, f"the Modbus server's {row.address}", f"modbus_server.map.{row.address}.tag")
    for group in configuration.tag_groups:
        if group.driving_tag:
            note(group.driving_tag, f"tag group {group.name}", f"tag_group.{group.name}.driving_tag")
    return found


class Concerned:
    """Checks what becomes of the tags: `changed` with their entries, and who needs those that are `removed`."""

    def __init__(self, configuration: Configuration, before: TagState, checks: Checks, faults: FaultList) -> None:
        self._configuration = configuration
        self._before = before
        self._checks = checks
        self._faults = faults

    def check(
        self, after: TagState, changed: Mapping[str, Entry], removed: Collection[str], given: Collection[str] = ()
    ) -> None:
        """`given` are paths of tags that are there or would be, if nothing else were wrong with them."""
        if len(after.tags) > CONFIG_TAGS:
            self._faults.refuse("CFG-163", "", f"{len(after.tags)} tags; {CONFIG_TAGS} are the most")
            return
        needed = needed_by(self._configuration)
        self._removals(after, needed, removed)
        # A tag that goes is told above, with who needs it.
        known = {*after.tags, *removed, *given} if removed or given else after.tags.keys()
        self._sections(after, needed, changed, cast("set[str]", known))
        self._circles(after, changed)

    def _removals(self, after: TagState, needed: Mapping[str, list[str]], removed: Collection[str]) -> None:
        if not removed:
            return
        gone = set(removed)
        by = {path: list(needed[path]) for path in gone if path in needed}
        for reader, reads in after.reads.items():
            for path in gone.intersection((*reads.inputs, *reads.others)):
                by.setdefault(path, []).append(f"tag {reader}")
        for path, names in sorted(by.items()):
            more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
            what = f"is needed by {', '.join(names[:_SHOWN_NAMES])}{more}"
            self._faults.refuse("CFG-420", path, what, "change those first")

    def _sections(
        self,
        after: TagState,
        needed: Mapping[str, list[str]],
        changed: Mapping[str, Entry],
        known: set[str],
    ) -> None:
        """The checks of `load` with the tags that changed and those that other sections name."""
        paths = dict.fromkeys((*changed, *(path for path in needed if path in after.tags)))
        tags = {path: after.tags[path] for path in paths}
        items: dict[tuple[str, str], Entry] = {
            ("tag", path): changed.get(path) or self._loaded(tag) for path, tag in tags.items()
        }
        draft = msgspec.structs.replace(self._configuration, tags=tuple(tags.values()))
        in_map = not paths.keys().isdisjoint(row.tag for row in self._configuration.modbus_map)

        def named(section: str) -> set[str]:
            if section == "tag":
                return known
            attribute = {"door": "doors", "reader": "readers", "device": "devices", "tag_group": "tag_groups"}[section]
            by = LISTS[section][1]
            return {canonical(section, getattr(item, by)) for item in getattr(draft, attribute)}

        checker = Checker(draft, _KnownOrigins(self._configuration, items), named, self._faults)
        checker.run(self._checks.address, self._checks.modbus if in_map else None, self._checks.formula)

    def _loaded(self, tag: TagDefinition) -> Entry:
        place = self._before.files["tag"].get(tag.path, "")
        return Entry({"address": tag.address, "writable": tag.writable}, lambda _: place)

    def _circles(self, after: TagState, changed: Mapping[str, Entry]) -> None:
        """Only what can be reached from a changed tag can be on a new circle."""
        inputs: dict[str, tuple[str, ...]] = {}
        waiting = [path for path in changed if path in after.reads]
        while waiting:
            path = waiting.pop()
            if path in inputs or path not in after.reads:
                continue
            inputs[path] = after.reads[path].inputs
            waiting += inputs[path]
        told = {fault.path for fault in self._faults.faults if fault.code == "CFG-196"}
        for circle in circles(inputs):
            if told.isdisjoint(circle):
                first = next((path for path in circle if path in changed), circle[0])
                steps = " <- ".join((*circle[:8], *(("...",) if len(circle) > 8 else ()), circle[0]))
                self._faults.refuse("CFG-196", first, f"is computed from itself: {steps}", key="expression")


def dependents(state: TagState, paths: Collection[str]) -> Iterator[str]:
    """Tags that name one of `paths`."""
    wanted = set(paths)
    for reader, reads in state.reads.items():
        if not wanted.isdisjoint(reads.inputs) or not wanted.isdisjoint(reads.others):
            yield reader
