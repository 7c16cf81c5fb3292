"""`TagConfiguration` without files: notes what it is asked, refuses what it is told to refuse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from plantgate.config.tags.faults import TagFaults
from plantgate.config.tags.write import row_of
from plantgate.errors import Refused
from plantgate.model.command import Origin
from plantgate.model.seams import TagReader
from plantgate.model.tag import full_path
from plantgate.model.tagedit import (
    ConfiguredTag,
    Conflict,
    EntryOrigin,
    TagDifference,
    TagEdit,
    TagFault,
    TagsEdited,
)


class TagDesk:
    def __init__(self, tags: TagReader) -> None:
        self._tags = tags
        self._watchers: list[Callable[[], None]] = []
        self.revision = 7
        self.faults: list[TagFault] = []
        self.asked: list[tuple[Any, ...]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    async def origins(self) -> Callable[[str], EntryOrigin]:
        return lambda path: EntryOrigin.SYSTEM if "Note" in path else EntryOrigin.TAG

    async def instances(self) -> Collection[str]:
        return {"[default]Door"}

    async def configured(self, path: str) -> ConfiguredTag | None:
        tag = self._tags.find(path)
        if tag is None:
            return None
        entry = row_of(self._tags.definitions()[tag])
        return ConfiguredTag(full_path(path), entry, EntryOrigin.TAG, file="tags/line.toml", line=3)

    def _done(self, origin: Origin, revision: int | None, *asked: Any, dry_run: bool) -> TagsEdited:
        assert origin.may_write
        if revision not in (None, self.revision):
            raise Refused("CFG-450", "the tags have been changed since you looked at them", "look at them again")
        if self.faults:
            raise TagFaults(self.faults)
        self.asked.append((*asked, dry_run))
        if not dry_run:
            self.revision += 1
            for changed in self._watchers:
                changed()
        return TagsEdited(self.revision, added=["[default]New"], differences=[TagDifference("[default]New", None, {})])

    async def edit(
        self, edit: TagEdit, origin: Origin, revision: int | None = None, *, dry_run: bool = False
    ) -> TagsEdited:
        return self._done(origin, revision, edit, dry_run=dry_run)

    async def import_tags(
        self,
        data: bytes,
        name: str,
        conflict: Conflict,
        origin: Origin,
        revision: int | None = None,
        *,
        into: str = "",
        file: str = "",
        dry_run: bool = False,
    ) -> TagsEdited:
        return self._done(origin, revision, data, name, conflict, into, file, dry_run=dry_run)

    async def export_tags(self, form: str, path: str = "") -> tuple[bytes, Sequence[tuple[str, str]]]:
        return f"{form} {path}".encode(), [("Note", "no counterpart")]

    async def reload(self, origin: Origin) -> TagsEdited:
        return self._done(origin, None, "reload", dry_run=False)

    async def put_group(self, name: str, keys: Mapping[str, Any] | None, origin: Origin) -> None:
        self._done(origin, None, name, keys, dry_run=False)
