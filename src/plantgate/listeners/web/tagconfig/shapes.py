"""What crosses the wire when tags are configured. Entries are the keys of [[tag]] as a file has them."""

from __future__ import annotations

from typing import Any

import msgspec

from plantgate.listeners.web.wire import Metadata, Problem, Tag
from plantgate.model.tagedit import ConfiguredTag, TagFault, TagsEdited

Entry = dict[str, Any]


class BrowseItem(msgspec.Struct):
    """`kind`: folder, tag or udt_instance. `tags` are beneath it, `bad` of them are not good."""

    name: str
    path: str
    kind: str
    tags: int
    bad: int
    tag: Tag | None


class BrowseItems(msgspec.Struct):
    items: list[BrowseItem]
    metadata: Metadata


class Configured(msgspec.Struct):
    """`origin`: tag (it has an entry of its own), instance (a member), system (the gateway makes it)."""

    path: str
    entry: Entry
    origin: str
    udt: str
    instance: str
    file: str
    line: int | None
    editable: bool
    why_not: str
    revision: int

    @classmethod
    def of(cls, tag: ConfiguredTag, revision: int) -> Configured:
        return cls(
            path=tag.path,
            entry=dict(tag.entry),
            origin=tag.origin,
            udt=tag.udt,
            instance=tag.instance,
            file=tag.file,
            line=tag.line or None,
            editable=tag.editable,
            why_not=tag.why_not,
            revision=revision,
        )


class ConfiguredItem(msgspec.Struct):
    path: str
    entry: Entry
    origin: str
    editable: bool


class ConfiguredItems(msgspec.Struct):
    items: list[ConfiguredItem]
    metadata: Metadata
    revision: int


class Difference(msgspec.Struct):
    """The entry before and after; null where there is none."""

    path: str
    before: Entry | None
    after: Entry | None


class TagsPut(msgspec.Struct, forbid_unknown_fields=True):
    """Whole entries, `path` and `type` among their keys; an item with `udt` is an instance."""

    items: list[Entry]
    dry_run: bool = False


class TagsRemove(msgspec.Struct, forbid_unknown_fields=True):
    """Paths of tags, instances and folders."""

    paths: list[str]
    dry_run: bool = False


class TagRename(msgspec.Struct, forbid_unknown_fields=True):
    """A tag, instance or folder and its new path."""

    path: str
    to: str
    dry_run: bool = False


class TagsDone(msgspec.Struct):
    """What was done, or with dry_run would be (then `differences` has up to 5,000 tags before and after).

    `errors` is always empty: what is wrong is answered with 409 and a problem that has them.
    """

    revision: int
    added: list[str]
    changed: list[str]
    unchanged: list[str]
    removed: list[str]
    renamed: list[tuple[str, str]]
    ignored: list[str]
    types: list[str]
    files: list[str]
    unmapped: list[tuple[str, str]]
    differences: list[Difference]
    errors: list[Entry]

    @classmethod
    def of(cls, done: TagsEdited, *, dry_run: bool) -> TagsDone:
        differences = [
            Difference(each.path, _entry(each.before), _entry(each.after)) for each in done.differences if dry_run
        ]
        return cls(
            revision=done.revision,
            added=list(done.added),
            changed=list(done.changed),
            unchanged=list(done.unchanged),
            removed=list(done.removed),
            renamed=list(done.renamed),
            ignored=list(done.ignored),
            types=list(done.types),
            files=list(done.files),
            unmapped=list(done.unmapped),
            differences=differences,
            errors=[],
        )


def _entry(entry: Any) -> Entry | None:
    return None if entry is None else dict(entry)


class FaultItem(msgspec.Struct):
    path: str
    key: str
    message: str
    hint: str
    code: str

    @classmethod
    def of(cls, fault: TagFault) -> FaultItem:
        return cls(fault.path, fault.key, fault.message, fault.hint, fault.code)


class TagProblem(Problem, kw_only=True):
    """A problem with each thing that is wrong, by tag and key."""

    errors: list[FaultItem]


class GroupDone(msgspec.Struct):
    revision: int


class GroupPut(msgspec.Struct, forbid_unknown_fields=True):
    """All keys of the group: one that is missing or null is its default. Durations are texts ("500ms") or seconds."""

    name: str | None = None
    rate: str | float | None = None
    mode: str | None = None
    driving_tag: str | None = None
    condition: str | None = None
    driven_rate: str | float | None = None
    one_shot: bool | None = None
    leased_rate: str | float | None = None
    read_after_write: bool | None = None
    optimistic_writes: bool | None = None
    optimistic_write_timeout: str | float | None = None
