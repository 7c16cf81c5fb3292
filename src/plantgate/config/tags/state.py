"""All that is known of the tags of a data directory, as one value: what is edited, and where it is written."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from sys import intern

import msgspec

from plantgate.config.document import Configuration
from plantgate.config.load import PLANTGATE_TOML
from plantgate.config.overrides import canonical
from plantgate.config.tags.checks import FormulaCheck
from plantgate.config.tags.document import InstanceEntry, UdtEntry
from plantgate.config.tags.files import TAG_FOLDER
from plantgate.model.tag import TagDefinition, full_path

SECTIONS = ("udt", "instance", "tag")


@dataclass(frozen=True, slots=True)
class Reads:
    """What a tag depends on, full paths: `inputs` make its value, `others` are read for writes and alarms."""

    inputs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagState:
    """By full paths (types: by name). Nobody changes one: an edit makes the next.

    `files` has the name of the file of each item, by section; `order` all paths of tags, sorted; `reads` what tags
    depend on, of those that depend on any; `instance_of` the instance of a member.
    """

    tags: Mapping[str, TagDefinition]
    udts: Mapping[str, UdtEntry]
    instances: Mapping[str, InstanceEntry]
    instance_of: Mapping[str, str]
    files: Mapping[str, Mapping[str, str]]
    digests: Mapping[str, str]
    order: Sequence[str]
    reads: Mapping[str, Reads]

    def below(self, folder: str) -> Iterator[str]:
        """Tags in `folder` (`[default]Line 1/`), at any depth."""
        for place in range(bisect_left(self.order, folder), len(self.order)):
            if not self.order[place].startswith(folder):
                return
            yield self.order[place]

    def instances_below(self, folder: str) -> list[str]:
        return [path for path in self.instances if path.startswith(folder)]

    def in_configuration(self, configuration: Configuration, changed: Iterable[str]) -> Configuration:
        """`configuration` with these tags. Of those that `changed` the file is known, and no longer the line."""
        sources = dict(configuration.sources)
        for path in changed:
            sources.pop(f"tag.{path}", None)
            if path in self.tags:
                instance = self.instance_of.get(path)
                files = self.files["instance"] if instance else self.files["tag"]
                sources[f"tag.{path}"] = files.get(instance or path, "")
        return msgspec.structs.replace(
            configuration,
            tags=tuple(self.tags.values()),
            udts=tuple(self.udts.values()),
            instances=tuple(self.instances.values()),
            instance_of=self.instance_of,
            digests=self.digests,
            sources=sources,
        )


def state_of(configuration: Configuration, formula_check: FormulaCheck | None) -> TagState:
    """As `load` has found it."""
    tags = {tag.path: tag for tag in configuration.tags}
    reads = ((path, reads_of(tag, formula_check)) for path, tag in tags.items() if depends(tag))
    return TagState(
        tags=tags,
        udts={udt.name: udt for udt in configuration.udts},
        instances={full_path(instance.path): instance for instance in configuration.instances},
        instance_of=configuration.instance_of,
        files=_files(configuration),
        digests=configuration.digests,
        order=sorted(tags),
        reads={path: found for path, found in reads if found.inputs or found.others},
    )


def _files(configuration: Configuration) -> dict[str, dict[str, str]]:
    sources = configuration.sources
    files: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for tag in configuration.tags:
        if tag.path not in configuration.instance_of:
            files["tag"][tag.path] = intern(sources.get(f"tag.{tag.path}", "").rpartition(":")[0])
    for section, by, items in (("instance", "path", configuration.instances), ("udt", "name", configuration.udts)):
        for item in items:
            name = canonical(section, getattr(item, by))
            files[section][name] = intern(sources.get(f"{section}.{name}.{by}", "").rpartition(":")[0])
    return files


def file_path(directory: Path, name: str) -> Path:
    """`tags/line1.toml` of errors as a path."""
    return directory.joinpath(*name.split("/"))


def is_tag_file(name: str) -> bool:
    """One of the tags folder: only the gateway's own edits change it while it runs."""
    return name.startswith(f"{TAG_FOLDER}/") and name != PLANTGATE_TOML


def depends(tag: TagDefinition) -> bool:
    return bool(tag.source or tag.expression or tag.alarms)


def reads_of(tag: TagDefinition, formula_check: FormulaCheck | None) -> Reads:
    """Formulas that can't be read give nothing: the check tells of them."""

    def formula(definition: TagDefinition, key: str) -> Sequence[str]:
        found = formula_check(definition, key) if formula_check is not None else ()
        return () if isinstance(found, str) else found

    inputs = [tag.source] if tag.source else []
    inputs += formula(tag, "expression") if tag.expression else ()
    others = list(formula(tag, "write_expression")) if tag.write_expression else []
    for alarm in tag.alarms:
        if alarm.expression:
            others += formula(replace(tag, expression=alarm.expression), "expression")
    return Reads(tuple(inputs), tuple(others))
