"""Takes what somebody else exported as far as it can be taken: what this gateway refuses is left out, and said.

A file of our own is refused as a whole, for its author can repair it. An export of another system has thousands of tags
that its importer did not write: one formula that can't be read must not cost the others. The edit is planned, each
fault takes away the key or the item that it is about, and that is repeated until nothing is wrong any more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from plantgate.config.tags.faults import TagFaults
from plantgate.config.tags.ignition.reading import Unmapped
from plantgate.config.tags.write import Row, short_path
from plantgate.limits import TAG_SALVAGE_ROUNDS, UDT_DEPTH
from plantgate.model.tag import full_path
from plantgate.model.tagedit import TagEdit, TagFault

Plan = TypeVar("Plan")

_DEVICE = re.compile(r"\[(?P<device>[^\]{}]+)\]")
# As `config/tags/udt.py` calls them: instance [default]Line 1/Motor 1 (...) of udt Motor, member Speed.group
_INSTANCE = re.compile(
    r"instance (?P<path>.+?) \([^()]*\)"
    r"(?: of udt (?P<udt>[^,]+?)(?:, member (?P<member>.+?)(?:\.(?P<key>[a-z_]+)(?:\..*)?)?)?)?\Z"
)
_ENTRY = re.compile(r"instance\.(?P<path>.+?)(?:\.[a-z_]+)?\Z")
_TYPE = re.compile(r"udt\.(?P<udt>.+?)(?:\.member (?P<member>.+?))?(?:\.(?P<key>[a-z_]+)(?:\..*)?)?\Z")
# Without one of these an item is something else: it goes as a whole.
_NEEDED: Final = frozenset(
    {"path", "name", "type", "kind", "device", "address", "source", "expression", "write_expression", "writable"}
    | {"udt", "extends", "member", "parameters", "override"}
    | {"scale", "raw_low", "raw_high", "scaled_low", "scaled_high", "factor"}
)
_FORMULAS: Final = frozenset({"expression", "write_expression"})
# What is there already is for the policy of the import to decide.
_CONFLICT: Final = "CFG-205"


class _Target(NamedTuple):
    """An item of the edit, one of its members (a type's), or one key of it ("": all of it)."""

    section: str
    name: str
    member: str = ""
    key: str = ""


def plan_what_fits(
    plan: Callable[[TagEdit], Plan], edit: TagEdit, devices: Collection[str]
) -> tuple[Plan, list[Unmapped]]:
    """`plan` of as much of `edit` as it takes, and what it doesn't. `devices` are the names of those that are there.

    Raises what `plan` raises for what is wrong elsewhere.
    """
    edit, left = _without_unknown_devices(edit, devices)
    for _ in range(TAG_SALVAGE_ROUNDS):
        try:
            return plan(edit), left
        except TagFaults as faults:
            edit, more = leave_out(edit, faults.faults)
            if not more:
                raise
            left += more
    return plan(edit), left


def _without_unknown_devices(edit: TagEdit, devices: Collection[str]) -> tuple[TagEdit, list[Unmapped]]:
    """One line for each device, and what to do."""
    missing: Counter[str] = Counter()
    kept: list[Any] = []
    for row in edit.put:
        match = _DEVICE.match(str(row.get("address") or ""))
        if match is None or match["device"] in devices:
            kept.append(row)
        else:
            missing[match["device"]] += 1
    left = [
        Unmapped(f"[{device}]", f"no such device: {count} tags left out; add a [[device]] {device} and import again")
        for device, count in sorted(missing.items())
    ]
    return (replace(edit, put=kept) if left else edit), left


def leave_out(edit: TagEdit, faults: Sequence[TagFault]) -> tuple[TagEdit, list[Unmapped]]:
    """`edit` without what `faults` are about, and that with the reasons; nothing if none of them is about the edit."""
    put = {full_path(str(row["path"])): dict(row) for row in edit.put}
    udts = {str(row["name"]): {**row, "member": [dict(each) for each in row.get("member", ())]} for row in edit.udts}
    reasons: dict[_Target, str] = {}
    for fault in faults:
        target = _target(fault, put, udts)
        if target is not None and fault.code != _CONFLICT:
            reasons.setdefault(target, f"{fault.message}{f'; {fault.hint}' if fault.hint else ''}")
    left = [Unmapped(_shown(target), reason) for target, reason in reasons.items()]
    for target in reasons:
        items = put if target.section == "tag" else udts
        if target.name not in items:
            continue  # gone as a whole
        if target.member:
            _take(items[target.name]["member"], target)
        elif target.key:
            items[target.name].pop(target.key, None)
        else:
            del items[target.name]
    return replace(edit, put=list(put.values()), udts=list(udts.values())), left


def _target(fault: TagFault, put: dict[str, Row], udts: dict[str, Row]) -> _Target | None:
    if fault.path:
        name = _owner(full_path(fault.path), put)
        if name is None:
            return _type_target(udts, fault.path, "", "") if fault.path in udts else None
        path, key = full_path(fault.path), fault.key.partition(".")[0]
        if path != name:
            return _member_target(put[name], path.removeprefix(f"{name}/"), key, udts) or _Target("tag", name)
        return _Target("tag", name, key=_removable(put[name], key))
    if match := _INSTANCE.match(fault.key):
        udt, member, key = match["udt"] or "", match["member"] or "", match["key"] or ""
        row = _member(udts.get(udt), member)
        value = None if row is None else row.get(key)
        if value is None or (isinstance(value, str) and "{" in value and key not in _FORMULAS):
            name = _owner(full_path(match["path"]), put)  # it is what this instance puts into the type
            return None if name is None else _Target("tag", name)
        return _type_target(udts, udt, member, key)
    if match := _ENTRY.match(fault.key):
        name = _owner(full_path(match["path"]), put)
        return None if name is None else _Target("tag", name)
    match = _TYPE.match(fault.key)
    return None if match is None else _type_target(udts, match["udt"], match["member"] or "", match["key"] or "")


def _member_target(instance: Row, member: str, key: str, udts: dict[str, Row]) -> _Target | None:
    """The type's own key, where it is not the instance that makes it wrong: with a parameter or an override."""
    if key in instance.get("override", {}).get(member, {}):
        return None
    udt = str(instance.get("udt", ""))
    for _ in range(UDT_DEPTH * 2):
        row = udts.get(udt)
        if row is None:
            return None
        declared = _member(row, member)
        if declared is not None and key in declared:
            value = declared[key]
            filled = isinstance(value, str) and "{" in value and key not in _FORMULAS
            return None if filled else _type_target(udts, udt, member, key)
        inner = next((each for each in row["member"] if "udt" in each and member.startswith(f"{each['path']}/")), None)
        if inner is None:
            udt = str(row.get("extends", ""))
        else:
            udt, member = str(inner["udt"]), member.removeprefix(f"{inner['path']}/")
    return None


def _owner(path: str, put: dict[str, Row]) -> str | None:
    """The item of that path, or the instance that has a member of that path."""
    while path not in put:
        path, slash, _ = path.rpartition("/")
        if not slash:
            return None
    return path


def _type_target(udts: dict[str, Row], udt: str, member: str, key: str) -> _Target | None:
    if udt not in udts:
        return None
    row = _member(udts[udt], member) if member else udts[udt]
    return None if row is None else _Target("udt", udt, member, _removable(row, key))


def _member(udt: Row | None, path: str) -> Row | None:
    return next((each for each in udt["member"] if each.get("path") == path), None) if udt else None


def _removable(row: Row, key: str) -> str:
    """`key`, or "" where the whole item must go."""
    return key if key in row and key not in _NEEDED else ""


def _take(members: list[Row], target: _Target) -> None:
    for row in [each for each in members if each.get("path") == target.member]:
        if target.key:
            row.pop(target.key, None)
        else:
            members.remove(row)


def _shown(target: _Target) -> str:
    name = short_path(target.name) if target.section == "tag" else f"_types_/{target.name}"
    return ".".join(part for part in ("/".join(part for part in (name, target.member) if part), target.key) if part)
