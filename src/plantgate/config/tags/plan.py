"""What an edit of tags makes of the definitions: rows that change, and the state of all tags as it is then."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from plantgate.config.document import Configuration
from plantgate.config.fields import Entry, read_entry
from plantgate.config.tags.document import InstanceEntry, UdtEntry
from plantgate.config.tags.entries import read_tag
from plantgate.config.tags.faults import FaultList
from plantgate.config.tags.members import expanded, overridden
from plantgate.config.tags.references import Checks, Concerned, dependents, needed_by
from plantgate.config.tags.rename import carried, moved_paths
from plantgate.config.tags.state import Reads, TagState, depends, reads_of
from plantgate.config.tags.write import Row, instance_row, udt_row
from plantgate.model.tag import TagDefinition, full_path, path_problem
from plantgate.model.tagedit import TagEdit

# Gives the entry of an item as its file has it, and whether that file knows only text. Raises TagFaults.
Written = Callable[[str, str], tuple[Row, bool]]
_GONE = "there is no tag or folder of this name"


class Planner:
    """Use once: `plan`, then look at the fields. Paths are full.

    `rows` are the items to write by (section, name before), None to take away; `entries` the tags that are new or have
    another definition; `removed` and `moved` paths of tags that are gone or have another.
    """

    def __init__(
        self,
        state: TagState,
        configuration: Configuration,
        checks: Checks,
        written: Written,
        reserved: Callable[[str], bool],
    ) -> None:
        self._before = state
        self._configuration = configuration
        self._checks = checks
        self._written = written
        self._reserved = reserved
        self._tags = dict(state.tags)
        self._udts = dict(state.udts)
        self._instances = dict(state.instances)
        self._touched: set[str] = set()  # instances to make anew
        self._given: dict[str, tuple[Row, bool]] = {}
        self._carried: set[str] = set()
        self._members: dict[str, dict[str, Row]] = {}
        self.faults = FaultList()
        self.rows: dict[tuple[str, str], Row | None] = {}
        self.entries: dict[str, Entry] = {}
        self.moved: dict[str, str] = {}
        self.gone: set[str] = set()
        self.unchanged: list[str] = []
        self.types: list[str] = []

    def plan(self, edit: TagEdit) -> TagState:
        """The state after `edit`. Raises TagFaults with all that is wrong."""
        for row in edit.udts:
            self._put_type(row)
        for path in edit.remove:
            self._remove(full_path(path))
        if edit.rename is not None:
            self._rename(*map(full_path, edit.rename))
        for row in edit.put:
            if self.faults.full:
                break
            self._put(row)
        for instance, wanted in self._members.items():
            self._override(instance, wanted)
        if self.faults.full or edit.rename is not None:
            self.faults.raise_any()
        instance_of = self._expand()
        self._define()
        after = self._after(instance_of)
        removed = [path for path in self.gone if path not in after.tags]
        Concerned(self._configuration, self._before, self._checks, self.faults).check(
            after, self.entries, [path for path in removed if path not in self.moved], self._given
        )
        self._check_moved(after, removed)
        self.faults.raise_any()
        return after

    @property
    def removed(self) -> list[str]:
        return sorted(self.gone - self._tags.keys())

    # what is asked for

    def _put_type(self, row: Mapping[str, Any]) -> None:
        udt = read_entry(UdtEntry, _entry(row), f"udt.{row.get('name', '')}", self.faults)
        if udt is None:
            return
        if self._udts.get(udt.name) != udt:
            self._udts[udt.name] = udt
            self.rows["udt", udt.name] = udt_row(udt)
            self.types.append(udt.name)
            self._touched |= self._instances.keys()

    def _put(self, given: Mapping[str, Any]) -> None:
        row = {key: value for key, value in given.items() if value is not None}
        path = row.get("path")
        if not isinstance(path, str) or not path:
            self.faults.refuse("CFG-112", "", "an item needs its path", key="path")
            return
        name = full_path(path)
        if (problem := path_problem(name)) is not None:
            self.faults.refuse("CFG-140", name, problem, key="path")
        elif name in self._given or any(name in members for members in self._members.values()):
            self.faults.refuse("CFG-421", name, "is there twice in this edit")
        elif "udt" in row:
            self._put_instance(name, row)
        elif name in self._instances:
            self.faults.refuse("CFG-422", name, "is an instance of a type: its entry has a udt")
        elif instance := self._before.instance_of.get(name):
            self._members.setdefault(instance, {})[name] = row
        elif self._reserved(name) and name not in self._tags:
            self.faults.refuse("CFG-423", name, "is a tag of the gateway itself", "choose another path")
        else:
            self._given[name] = (row, False)

    def _put_instance(self, name: str, row: Row) -> None:
        instance = read_entry(InstanceEntry, _entry(row), f"tag.{name}", self.faults)
        if instance is None:
            return
        if name in self._tags:
            self.faults.refuse("CFG-424", name, "is a tag: an instance can't have its path")
            return
        before = self._instances.get(name)
        instance = replace(instance, path=before.path if before is not None else instance.path)
        if instance == before:
            self.unchanged.append(name)
            return
        self._instances[name] = instance
        self._touched.add(name)
        self.rows["instance", name] = instance_row(instance)

    def _override(self, name: str, wanted: Mapping[str, Row]) -> None:
        instance = self._instances.get(name)
        if instance is None:
            for path in wanted:
                self.faults.refuse("CFG-425", path, f"its instance {name} goes in the same edit")
            return
        override, missing = overridden(self._udts, instance, wanted)
        for path, key in missing:
            what = "the type gives it one, and an override can't take it away" if key else "the type has no such member"
            self.faults.refuse("CFG-426", path, what, f"change the type {instance.udt}", key)
        if override == instance.override:
            return
        self._instances[name] = replace(instance, override=override)
        self._touched.add(name)
        row = dict(self._written("instance", name)[0])
        row.pop("override", None)
        self.rows["instance", name] = {**row, **({"override": override} if override else {})}

    def _remove(self, path: str) -> None:
        state, folder = self._before, path if path.endswith("]") else f"{path}/"
        if path in state.tags and path in state.instance_of:
            instance = state.instance_of[path]
            hint = f"remove {instance}, or change the type {state.instances[instance].udt}"
            self.faults.refuse("CFG-427", path, f"is a member of {instance}, which is an instance of a type", hint)
            return
        instances = [path] if path in state.instances else []
        instances += state.instances_below(folder)
        tags = [path] if path in state.tags else []
        tags += [tag for tag in state.below(folder) if tag not in state.instance_of]
        if not tags and not instances:
            system = self._reserved(path) and path not in state.tags
            what = "is a tag of the gateway itself: it goes with what makes it" if system else _GONE
            self.faults.refuse("CFG-428", path, what, "" if system else "plantgate tags browse shows what is there")
        for tag in tags:
            self._tags.pop(tag, None)
            self.gone.add(tag)
            self.rows["tag", tag] = None
        for instance in instances:
            if self._instances.pop(instance, None) is not None:
                self._touched.add(instance)
                self.rows["instance", instance] = None

    # another path

    def _rename(self, old: str, new: str) -> None:
        state = self._before
        tags = moved_paths(old, new, {path: None for path in (*state.below(f"{old}/"), old) if path in state.tags})
        if old in state.instance_of or not (tags or old in state.instances):
            what = f"is a member of {state.instance_of[old]}" if old in state.instance_of else _GONE
            self.faults.refuse("CFG-429", old, what, "rename the instance" if old in state.instance_of else "")
            return
        if (problem := path_problem(new)) is not None:
            self.faults.refuse("CFG-140", new, problem, key="path")
            return
        if f"{new}/".startswith(f"{old}/"):
            self.faults.refuse("CFG-430", new, "is what is renamed, or within it")
            return
        for path, target in tags.items():
            if (target in state.tags and target not in tags) or (self._reserved(target) and target not in state.tags):
                self.faults.refuse("CFG-431", path, f"there is a tag {target} already")
        self.moved = tags
        self._move_instances(old, new)
        for path in tags:
            if path not in state.instance_of:
                self._tags.pop(path)
                self.gone.add(path)
                self._carry(path, tags)
        for reader in dependents(state, tags):
            if reader not in tags and reader not in state.instance_of:
                self._carry(reader, tags)

    def _carry(self, path: str, moved: Mapping[str, str]) -> None:
        row, as_text = self._written("tag", path)
        done = carried(row, path, moved)
        if done != row:
            self.rows["tag", path] = done
            self._given[moved.get(path, path)] = (done, as_text)
            self._carried.add(moved.get(path, path))

    def _move_instances(self, old: str, new: str) -> None:
        for path, target in moved_paths(old, new, self._before.instances).items():
            instance = replace(self._instances.pop(path), path=target)
            self._instances[target] = instance
            self._touched |= {path, target}
            row = self._written("instance", path)[0]
            self.rows["instance", path] = {**row, "path": target.removeprefix("[default]")}

    def _check_moved(self, after: TagState, removed: Collection[str]) -> None:
        """Who names a tag that has moved must name it where it is; nobody else may read something else than before."""
        if not self.moved:
            return
        for path in removed:
            for user in self._users(path):
                self.faults.refuse("CFG-432", path, f"is needed by {user}, which can't be carried along", "change that")
        for path in {*self.moved, *dependents(self._before, self.moved)}:
            old, new = self._before.reads.get(path, Reads()), after.reads.get(self.moved.get(path, path), Reads())
            for was, now in ((old.inputs, new.inputs), (old.others, new.others)):
                if sorted(self.moved.get(each, each) for each in was) != sorted(now):
                    self.faults.refuse("CFG-433", path, "would read other tags then", "change its formula first")

    def _users(self, path: str) -> Sequence[str]:
        return needed_by(self._configuration).get(path, ())

    # definitions

    def _expand(self) -> dict[str, str]:
        """Members of the instances that were touched; gives the instance of each member of all."""
        instance_of = dict(self._before.instance_of)
        if not self._touched:
            return instance_of
        before = {path for path, instance in self._before.instance_of.items() if instance in self._touched}
        for path in before:
            del instance_of[path]
        there = [self._instances[path] for path in sorted(self._touched) if path in self._instances]
        entries, owners = expanded(self._udts.values(), there, self.faults)
        for path in before:
            self._tags.pop(path, None)
            self.gone.add(path)
        for path, entry in entries.items():
            if path in self._tags or path in self._given or path in instance_of:
                self.faults.refuse("CFG-160", path, f"is there already, and would be a member of {owners[path]}")
                continue
            if self._reserved(path) and path not in self._before.tags:
                self.faults.refuse("CFG-423", path, "is a tag of the gateway itself", "choose another path")
                continue
            self._read(path, entry)
        return {**instance_of, **owners}

    def _define(self) -> None:
        for name, (row, as_text) in self._given.items():
            if self.faults.full:
                return
            if name in self._carried:
                self._read(name, _text_entry(row, as_text=as_text))
            elif name in self._tags and name not in self._before.tags:
                self.faults.refuse("CFG-160", name, "there is already one of this name")
            elif self._read(name, _text_entry(row, as_text=as_text)):
                old = (
                    next((path for path, target in self.moved.items() if target == name), name) if self.moved else name
                )
                self.rows["tag", old] = row
        for members in self._members.values():
            self.unchanged += [path for path in members if path not in self.entries]

    def _read(self, path: str, entry: Entry) -> bool:
        """Whether the definition is another one now."""
        tag = read_tag(entry, f"tag.{path}", self.faults)
        if tag is None:
            return False
        self._tags[path] = tag
        if self._before.tags.get(path) == tag:
            if path in self._given:
                self.unchanged.append(path)
            return False
        self.entries[path] = entry
        return True

    def _after(self, instance_of: Mapping[str, str]) -> TagState:
        before = self._before
        reads = {path: found for path, found in before.reads.items() if path in self._tags}
        for path in self.entries:
            reads.pop(path, None)
            if depends(self._tags[path]):
                found = reads_of(self._tags[path], self._checks.formula)
                if found.inputs or found.others:
                    reads[path] = found
        return TagState(
            self._tags,
            self._udts,
            self._instances,
            instance_of,
            before.files,
            before.digests,
            _order(before.order, [path for path in self.entries if path not in before.tags], self.gone, self._tags),
            reads,
        )


def _order(
    before: Sequence[str], new: Sequence[str], gone: Collection[str], tags: Mapping[str, TagDefinition]
) -> list[str]:
    order = [path for path in before if path in tags] if gone else list(before)
    if len(new) == 1:
        order.insert(bisect_left(order, new[0]), new[0])
    elif new:
        order = sorted((*order, *new))
    return order


def _entry(row: Mapping[str, Any]) -> Entry:
    return _text_entry(row, as_text=False)


def _text_entry(row: Mapping[str, Any], *, as_text: bool) -> Entry:
    return Entry(row, _nowhere, as_text=as_text, place=_nowhere)


def _nowhere(_: object) -> str:
    return ""
