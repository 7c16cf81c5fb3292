"""Takes tags from a file into the tag files of a data directory on which no gateway runs: all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plantgate.config.document import Configuration
from plantgate.config.source import read_bytes
from plantgate.config.tags.commit import commit
from plantgate.config.tags.edit import TagBook, TagPlan
from plantgate.config.tags.files import TAG_SUFFIXES
from plantgate.config.tags.policy import read_rows, refuse_form
from plantgate.config.tags.references import Checks
from plantgate.limits import CONFIG_FILE_BYTES
from plantgate.model.tagedit import Conflict, TagsEdited

__all__ = ["Conflict", "Import", "plan_import", "read_rows"]

Load = Callable[[Mapping[Path, bytes]], Configuration]


@dataclass(frozen=True, slots=True)
class Import:
    """What an import does: `apply` writes it. `result` has the paths, and what was not taken over with reasons."""

    plan: TagPlan
    directory: Path

    @property
    def result(self) -> TagsEdited:
        return self.plan.result

    @property
    def unmapped(self) -> Sequence[tuple[str, str]]:
        """(path, reason) of what was not taken over."""
        return self.plan.result.unmapped

    @property
    def files(self) -> Sequence[str]:
        return self.plan.result.files

    def apply(self) -> None:
        """Raises StorageError."""
        commit(self.directory, self.plan.files)


def plan_import(
    directory: Path,
    file: Path,
    load: Load,
    *,
    to: str = "",
    folder: str = "",
    conflict: Conflict = Conflict.ABORT,
) -> Import:
    """What importing `file` into `directory` would do, checked as a whole. Raises ConfigErrors; nothing is written.

    `load(drafts)` loads the directory with files as they would be. `to` is the name of a file of the tags folder for
    what is new (else `<file>.toml`), `folder` a folder that all paths are put into.
    """
    if file.suffix.lower() not in {*TAG_SUFFIXES, ".xml"}:
        refuse_form(file)
    book = TagBook(load({}), directory, Checks())
    target = to or f"{file.stem}.toml"
    data = read_bytes(file, CONFIG_FILE_BYTES)
    plan = book.plan_import(data, file.name, conflict, into=folder, file=target)
    load(plan.files)
    return Import(plan, directory)
