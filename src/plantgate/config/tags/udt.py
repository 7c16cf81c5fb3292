"""User-defined types: [[udt]] definitions and [[instance]]s of them become [[tag]] entries, before anything is checked.

A type has parameters and members, may extend another type, and a member may be an instance of another type. `{Area}`
in any text of a member is a parameter of the instance; `{Register + 2}` and `{Register * 2 + 1}` compute with a number,
and a text that is nothing but `{Low}` becomes what the parameter is. Built in: {InstanceName},
{PathToParentFolder} and {TagName} (Ignition manual, UDT parameters).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from plantgate.config.fields import Entry, read_entry, rules_of
from plantgate.config.problems import Problems, did_you_mean, one_of, shown
from plantgate.config.tags.alarms import AlarmEntry, merged_alarms, place_key, places_of, unknown_keys
from plantgate.config.tags.document import InstanceEntry, TagEntry, UdtEntry
from plantgate.config.tomlfile import Sections
from plantgate.limits import CONFIG_TAGS, UDT_DEPTH
from plantgate.model.tag import full_path

Where: TypeAlias = Callable[[tuple[str | int, ...]], str]

_PARAMETER = re.compile(
    r"\{(?P<name>[A-Za-z_][A-Za-z0-9_ ]*?)(?: *\* *(?P<times>-?\d{1,9}(?:\.\d{1,9})?))?"
    r"(?: *(?P<sign>[+-]) *(?P<plus>\d{1,9}(?:\.\d{1,9})?))? *\}"
)
# In a formula braces also hold tag paths: what is no parameter is one of those.
_FORMULAS = frozenset({"expression", "write_expression", "alarms.expression"})
_NESTED_KEYS = frozenset({"path", "udt", "parameters", "override"})


@dataclass(slots=True)
class Member:
    """A member with all that its type and those above say: keys, and where each stands."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    where: str = ""
    type_name: str = ""


@dataclass(slots=True)
class _Type:
    parameters: dict[str, Any]
    members: dict[str, Member]


class Expander:
    """Makes the tags of all instances. What is wrong becomes a problem that names type, member and instance."""

    def __init__(self, sections: Sections, problems: Problems) -> None:
        self._sections = sections
        self._problems = problems
        self._written: dict[str, tuple[UdtEntry, Entry]] = {}
        self._types: dict[str, _Type | None] = {}
        self.instance_of: dict[str, str] = {}

    def run(self) -> None:
        """Append the tags to those of the sections; `instance_of` has the instance's full path by that of the tag."""
        for entry in self._sections.lists["udt"]:
            written = read_entry(UdtEntry, entry, "", Problems())  # what is wrong with it `load` tells
            if written is not None and written.name not in self._written:
                self._written[written.name] = (written, entry)
        for name in self._written:
            self._type(name, ())
        for number, entry in enumerate(self._sections.lists["instance"]):
            label = f"instance.{entry.values.get('path', f'#{number + 1}')}"
            instance = read_entry(InstanceEntry, entry, label, Problems())
            if instance is not None:
                self._instance(instance, entry, label)

    # types

    def _type(self, name: str, below: tuple[str, ...]) -> _Type | None:
        """The type with what it inherits; None if something above it is wrong."""
        if name in self._types:
            return self._types[name]
        written, entry = self._written[name]
        label = f"udt.{name}"
        if name in below:
            circle = " -> ".join([*below[below.index(name) :], name])
            self._problems.add(
                "CFG-190", entry.where("extends"), f"{label}.extends", f"a type extends itself: {circle}"
            )
            return None
        base: _Type | None = _Type({}, {})
        if written.extends:
            if written.extends not in self._written:
                self._unknown(entry.where("extends"), f"{label}.extends", "udt", written.extends, self._written)
                base = None
            else:
                base = self._type(written.extends, (*below, name))
        self._types[name] = None
        if base is not None:
            members = {
                path: Member(dict(member.values), dict(member.places), member.where, member.type_name)
                for path, member in base.members.items()
            }
            self._types[name] = _Type({**base.parameters, **written.parameters}, members)
            self._add_members(name, written, entry, members)
        return self._types[name]

    def _add_members(self, name: str, written: UdtEntry, entry: Entry, members: dict[str, Member]) -> None:
        place = entry.place or (lambda _: entry.where(None))
        for number, values in enumerate(written.member):
            where = place(("member", number))
            path = values.get("path") if isinstance(values, dict) else None
            if not isinstance(values, dict) or not isinstance(path, str) or not path:
                self._problems.add(
                    "CFG-191", where, f"udt.{name}.member #{number + 1}", "a member is a table with a path"
                )
                continue
            keys = _places(values, _within(place, ("member", number)))
            if self._keys_known(f"udt.{name}.member {path}", values, keys):
                member = members.setdefault(path, Member(type_name=name))
                member.values = _with(member.values, values)
                member.places |= keys
                member.where = where

    def _keys_known(self, label: str, values: Mapping[str, Any], places: Mapping[str, str]) -> bool:
        """Told once, at the type, and not for every instance."""
        known = _NESTED_KEYS if "udt" in values else frozenset(rules_of(TagEntry))
        unknown = [key for key in values if key not in known]
        for key in unknown:
            what = f"unknown key{did_you_mean(key, known)}"
            self._problems.add("CFG-110", places[key], f"{label}.{key}", what)
        alarms = values.get("alarms", ())
        wrong = unknown_keys(alarms)
        for number, key in wrong:
            what = f"unknown key{did_you_mean(key, rules_of(AlarmEntry))}"
            self._problems.add("CFG-110", places[place_key(alarms, (number, key))], f"{label}.alarms.{key}", what)
        return not unknown and not wrong

    # instances

    def _instance(self, instance: InstanceEntry, entry: Entry, label: str) -> None:
        place: Where = entry.place or (lambda _: entry.where(None))
        path = full_path(instance.path)
        if instance.udt not in self._written:
            self._unknown(entry.where("udt"), f"{label}.udt", "udt", instance.udt, self._written)
            return
        _Expansion(self, path, f"instance {path} ({entry.where(None)})", place).expand(
            path, instance.udt, instance.parameters, instance.override, place, 0
        )

    def _unknown(self, where: str, label: str, what: str, name: str, known: Mapping[str, object]) -> None:
        hint = f"there are: {one_of(known)}" if known else f"no {what} is defined"
        self._problems.add(
            "CFG-192", where, label, f"there is no {what} {shown(name)}{did_you_mean(name, known)}", hint
        )

    def known_type(self, name: str) -> _Type | None:
        return self._types.get(name)

    def wrong(self, code: str, where: str, label: str, what: str, hint: str = "") -> None:
        self._problems.add(code, where, label, what, hint)

    def add(self, entry: Entry, instance: str) -> bool:
        """False when there are more tags than a gateway has: one is added, so that `load` says so."""
        tags = self._sections.lists["tag"]
        tags.append(entry)
        self.instance_of[full_path(str(entry.values["path"]))] = instance
        return len(tags) <= CONFIG_TAGS


class _Expansion:
    """One instance, with the instances inside it."""

    def __init__(self, owner: Expander, path: str, note: str, place: Where) -> None:
        self._owner = owner
        self._path = path
        self._note = note
        self._place = place

    def expand(
        self,
        path: str,
        type_name: str,
        given: Mapping[str, Any],
        override: Mapping[str, Any],
        place: Where,
        depth: int,
    ) -> None:
        found = self._owner.known_type(type_name)
        label = f"{self._note} of udt {type_name}"
        if found is None:
            return  # what is wrong with the type was told there
        if depth >= UDT_DEPTH:
            what = f"instances within instances, {UDT_DEPTH} deep: does a type contain itself?"
            self._owner.wrong("CFG-193", place(()), label, what)
            return
        for name in given:
            if name not in found.parameters:
                what = f"the type has no parameter {shown(name)}{did_you_mean(name, found.parameters)}"
                self._owner.wrong("CFG-194", place(("parameters", name)), label, what)
        for name in override:
            if name not in found.members:
                what = f"the type has no member {shown(name)}{did_you_mean(name, found.members)}"
                self._owner.wrong("CFG-195", place(("override", name)), label, what)
        folder, _, name = (
            path.rpartition("/") if "/" in path else (*path.partition("]")[:1], "", path.partition("]")[2])
        )
        names = {
            "InstanceName": name,
            "PathToParentFolder": folder,
            **found.parameters,
            **given,
        }
        for member_path, member in found.members.items():
            if not self._member(path, member_path, member, names, override.get(member_path, {}), place, depth):
                return

    def _member(
        self,
        path: str,
        member_path: str,
        member: Member,
        names: Mapping[str, Any],
        override: object,
        place: Where,
        depth: int,
    ) -> bool:
        label = f"{self._note} of udt {member.type_name}, member {member_path}"
        if not isinstance(override, dict):
            self._owner.wrong("CFG-195", place(("override", member_path)), label, "an override is a table of keys")
            return True
        values, places = member.values, member.places
        if override:
            values = {**_with(values, override), "path": member_path}
            places = {**places, **_places(override, _within(place, ("override", member_path)))}
        names = {**names, "TagName": member_path.rpartition("/")[2]}
        where = _Places(member.where, places, values)
        done = {key: self._filled(key, value, names, where, label) for key, value in values.items()}
        target = f"{path}/{done.pop('path')}"
        if "udt" in done:
            inner, inner_override = done.get("parameters", {}), done.get("override", {})
            if not isinstance(inner, dict) or not isinstance(inner_override, dict):
                self._owner.wrong("CFG-195", where("parameters"), label, "parameters and override are tables")
            elif self._owner.known_type(str(done["udt"])) is None:
                self._owner.wrong("CFG-192", where("udt"), label, f"there is no udt {shown(str(done['udt']))}")
            else:
                self.expand(target, str(done["udt"]), inner, inner_override, where.of, depth + 1)
            return True
        return self._owner.add(Entry({"path": target, **done}, where, place=where.of, note=label), self._path)

    def _filled(
        self, key: str, value: Any, names: Mapping[str, Any], where: Callable[[str | None], str], label: str
    ) -> Any:
        if isinstance(value, list):
            return [self._filled(key, inner, names, where, label) for inner in value]
        if isinstance(value, dict):
            before = "alarms." if key == "alarms" else ""
            return {
                name: self._filled(f"{before}{name}" if before else key, inner, names, where, label)
                for name, inner in value.items()
            }
        if not isinstance(value, str) or "{" not in value:
            return value
        faults: list[str] = []

        def put(match: re.Match[str]) -> Any:
            name = match["name"]
            if name not in names:
                if key not in _FORMULAS:
                    faults.append(f"there is no parameter {shown(name)}{did_you_mean(name, names)}")
                return match[0]
            try:
                return _computed(names[name], match)
            except (ValueError, TypeError):
                faults.append(f"{match[0]}: parameter {name} is {shown(names[name])}, no number to compute with")
                return match[0]

        whole = _PARAMETER.fullmatch(value)
        filled = put(whole) if whole is not None else _PARAMETER.sub(lambda match: str(put(match)), value)
        for fault in faults:
            self._owner.wrong("CFG-194", where(key), f"{label}.{key}", fault)
        return filled


def _computed(value: Any, match: re.Match[str]) -> Any:
    """Raises ValueError or TypeError for arithmetic with what is no number."""
    if match["times"] is None and match["plus"] is None:
        return value
    number = _number(value)
    if match["times"] is not None:
        number *= _number(match["times"])
    if match["plus"] is not None:
        number += _number(match["plus"]) * (-1 if match["sign"] == "-" else 1)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("no number")
    if isinstance(value, str):
        return float(value) if "." in value else int(value)
    return value


class _Places:
    """The lines of a member's keys, and of those of its alarms."""

    __slots__ = ("_places", "_values", "_where")

    def __init__(self, where: str, places: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._where, self._places, self._values = where, places, values

    def __call__(self, key: str | None) -> str:
        return self._where if key is None else self._places.get(key.partition(".")[0], self._where)

    def of(self, path: tuple[str | int, ...]) -> str:
        if not path:
            return self._where
        if path[0] == "alarms" and len(path) > 1:
            inner = place_key(self._values["alarms"], path[1:])
            return self._places.get(inner) or self._places.get(inner.rpartition("/")[0]) or self("alarms")
        return self(str(path[0]))


def _with(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """A member's keys with what a deeper type or an instance says; alarms are merged by their names."""
    found = {**values, **more}
    if "alarms" in values and "alarms" in more:
        found["alarms"] = merged_alarms(values["alarms"], more["alarms"])
    return found


def _places(values: Mapping[str, Any], place: Where) -> dict[str, str]:
    keys = {key: place((key,)) for key in values}
    return keys | places_of(values.get("alarms"), _within(place, ("alarms",)))


def _within(place: Where, path: tuple[str | int, ...]) -> Where:
    return lambda inner: place((*path, *inner))
