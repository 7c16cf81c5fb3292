"""Edits the tags of a data directory: checked as a whole, then written to the files that they stand in.

Where an item stands it stays. A new tag or instance goes to the file of its nearest neighbour in the order of paths, or
to `tags/<top folder>.toml` where it has none; a new type to `tags/types/<name>.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from plantgate.config.document import Configuration
from plantgate.config.fields import Entry
from plantgate.config.tags.commit import commit, finish
from plantgate.config.tags.faults import FaultList, TagFaults
from plantgate.config.tags.files import tag_file_name
from plantgate.config.tags.fileset import TagFileSet
from plantgate.config.tags.plan import Planner
from plantgate.config.tags.policy import exported_by_ignition, planned, rows_of_export, rows_of_file
from plantgate.config.tags.references import Checks, Concerned
from plantgate.config.tags.salvage import plan_what_fits
from plantgate.config.tags.state import TagState, is_tag_file, state_of
from plantgate.config.tags.text import item_name
from plantgate.config.tags.write import Row, row_of
from plantgate.model.tag import TagDefinition
from plantgate.model.tagedit import ConfiguredTag, Conflict, EntryOrigin, TagDifference, TagEdit, TagsEdited

_SHOWN_DIFFERENCES = 5_000


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What an edit does. `put` are definitions that are new or other ones, `files` what is written (by path)."""

    before: TagState
    after: TagState
    put: tuple[TagDefinition, ...]
    removed: tuple[str, ...]
    moved: Mapping[str, str]
    files: Mapping[Path, bytes]
    result: TagsEdited

    def configuration(self, configuration: Configuration) -> Configuration:
        """`configuration` with the tags as they are then."""
        return self.after.in_configuration(configuration, (*self.removed, *(tag.path for tag in self.put)))

    def differences(self) -> tuple[TagDifference, ...]:
        """The entries of the tags before and after, of so many as anybody looks at."""

        def row(state: TagState, path: str) -> Row | None:
            tag = state.tags.get(path)
            return None if tag is None else row_of(tag)

        shown = sorted({*(tag.path for tag in self.put), *self.removed})[:_SHOWN_DIFFERENCES]
        return tuple(TagDifference(path, row(self.before, path), row(self.after, path)) for path in shown)


class TagBook:
    """The tags of a data directory. `plan` and `write` take their time: call them on a worker thread."""

    def __init__(self, configuration: Configuration, directory: Path, checks: Checks) -> None:
        self.configuration = configuration
        self.directory = directory
        self.checks = checks
        self._state: TagState | None = None

    @property
    def state(self) -> TagState:
        """Made when it is asked for first, which takes a second for a hundred thousand tags."""
        if self._state is None:
            self._state = state_of(self.configuration, self.checks.formula)
        return self._state

    @property
    def known(self) -> TagState | None:
        """The state, if it was asked for before."""
        return self._state

    def plan(self, edit: TagEdit, reserved: Callable[[str], bool] = lambda _: False) -> TagPlan:
        """What `edit` would do; nothing is written. `reserved` are paths of tags that the gateway makes itself.

        Raises TagFaults with all that is wrong, Refused CFG-413 if files were edited by hand, ConfigError.
        """
        before, files = self.state, TagFileSet(self.directory, self.state)
        files.check()
        planner = Planner(before, self.configuration, self.checks, files.written, reserved)
        after = planner.plan(edit)
        names = files.write(planner.rows, after, planner.moved, edit.file)
        contents, digests = files.contents()
        after = replace(after, files=names, digests=digests)
        put = tuple(after.tags[path] for path in planner.entries)
        removed = tuple(planner.removed)
        moved = {old: new for old, new in planner.moved.items() if new in after.tags}
        items = set(planner.entries)
        items |= {name for (section, name), row in planner.rows.items() if row and item_name(section, row) == name}
        items -= {*planner.types, *moved.values()}
        result = TagsEdited(
            revision=0,
            added=sorted(path for path in items if not _is_there(before, path)),
            changed=sorted(path for path in items if _is_there(before, path)),
            unchanged=sorted(path for path in planner.unchanged if path not in items),
            removed=sorted(path for path in removed if path not in moved),
            renamed=sorted(moved.items()),
            types=sorted(planner.types),
            files=sorted(
                tag_file_name(path) if is_tag_file(_relative(self.directory, path)) else path.name for path in contents
            ),
        )
        return TagPlan(before, after, put, removed, moved, contents, result)

    def write(self, plan: TagPlan) -> Configuration:
        """Write the files of `plan`, all or none; gives the configuration with its tags. Raises StorageError."""
        finish(self.directory)
        commit(self.directory, plan.files)
        return plan.configuration(self.configuration)

    def accept(self, plan: TagPlan, configuration: Configuration) -> None:
        """`plan` was written: from now on its state is the one that is edited."""
        self.configuration = configuration
        self._state = plan.after

    def plan_import(
        self,
        data: bytes,
        name: str,
        conflict: Conflict,
        *,
        into: str = "",
        file: str = "",
        reserved: Callable[[str], bool] = lambda _: False,
    ) -> TagPlan:
        """What importing the file `data` would do; the ending of `name` is its format. Raises as `plan`.

        Of what Ignition has exported that is taken which can be, the rest is said; another file is taken whole.
        """
        document = exported_by_ignition(data, Path(name))
        if document is None:
            rows, unmapped = rows_of_file(data, Path(name))
            wanted = planned(self.state, rows, conflict, into, file)
            plan = self.plan(wanted.edit, reserved)
        else:
            rows, unmapped = rows_of_export(document, Path(name))
            wanted = planned(self.state, rows, conflict, into, file)
            devices = {device.name for device in self.configuration.devices}
            plan, left = plan_what_fits(lambda edit: self.plan(edit, reserved), wanted.edit, devices)
            unmapped = [*unmapped, *left]
        result = replace(
            plan.result,
            ignored=wanted.ignored,
            renamed=[*plan.result.renamed, *wanted.renamed],
            unmapped=[(each.path, each.reason) for each in unmapped],
        )
        return replace(plan, result=result)

    def plan_reload(self, loaded: Configuration) -> TagPlan:
        """What taking over the tags of `loaded`, read from the files anew, would do.

        Raises TagFaults for tags that need what only a restart brings, or that what runs still needs.
        """
        before, after = self.state, state_of(loaded, self.checks.formula)
        changed = {path: tag for path, tag in after.tags.items() if before.tags.get(path) != tag}
        removed = [path for path in before.tags if path not in after.tags]
        faults = FaultList()
        devices = {device.name for device in self.configuration.devices}
        groups = {group.name for group in self.configuration.tag_groups}
        for path, tag in changed.items():
            if tag.device and tag.device not in devices:
                faults.refuse("CFG-414", path, f"device {tag.device} does not run yet", "restart the gateway", "device")
            if tag.group not in groups:
                faults.refuse("CFG-414", path, f"tag group {tag.group} is not in force yet", "restart", "group")
        entries = {path: Entry(row_of(tag), lambda _: "", place=lambda _: "") for path, tag in changed.items()}
        if not faults:
            Concerned(self.configuration, before, self.checks, faults).check(after, entries, removed)
        faults.raise_any()
        result = TagsEdited(
            revision=0,
            added=sorted(path for path in changed if path not in before.tags),
            changed=sorted(path for path in changed if path in before.tags),
            removed=sorted(removed),
        )
        return TagPlan(before, after, tuple(changed.values()), tuple(removed), {}, {}, result)

    def configured(self, path: str) -> ConfiguredTag | None:
        """A tag as it is defined; None if no file has it. Raises ConfigError."""
        state, files = self.state, TagFileSet(self.directory, self.state)
        tag = state.tags.get(path)
        if tag is None:
            return None
        instance = state.instance_of.get(path, "")
        section, name = ("instance", instance) if instance else ("tag", path)
        file, entry, why = state.files[section].get(name, ""), row_of(tag), ""
        try:
            row, as_text = files.written(section, name)
        except TagFaults as error:
            why = error.message
        else:
            entry = entry if instance or as_text else row
        return ConfiguredTag(
            path=path,
            entry=entry,
            origin=EntryOrigin.INSTANCE if instance else EntryOrigin.TAG,
            udt=state.instances[instance].udt if instance else "",
            instance=instance,
            file=file,
            line=files.text(file).line(section, name) if file else 0,
            editable=not why,
            why_not=why,
        )


def _is_there(state: TagState, path: str) -> bool:
    return path in state.tags or path in state.instances


def _relative(directory: Path, path: Path) -> str:
    return path.relative_to(directory).as_posix()
