"""Which tags lie in which folder. Made in one pass over the tags, anew when there are others."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Sequence

from plantgate.model.tag import TagDefinition


class Folder:
    """`path` is full and without a slash at its end (`[default]Line 1`), that of a provider is `[default]`."""

    __slots__ = ("folders", "parent", "path", "tags")

    def __init__(self, path: str, parent: Folder | None) -> None:
        self.path = path
        self.parent = parent
        self.folders: list[Folder] = []
        self.tags = array("I")

    @property
    def name(self) -> str:
        return name_of(self.path)


class TagIndex:
    """Folders by their paths, in the order in which their first tags are defined. It never changes once made."""

    def __init__(
        self, definitions: Sequence[TagDefinition], ids: Collection[int], shown: Callable[[int], int] | None
    ) -> None:
        """`shown` says whether a tag is to be there; None shows all. `seen` is how many were looked at."""
        self.folders: dict[str, Folder] = {}
        self.roots: list[Folder] = []
        self.seen = len(ids)
        folders = self.folders
        for tag in ids:
            if shown is not None and not shown(tag):
                continue
            place = parent_of(definitions[tag].path)
            folder = folders.get(place)
            if folder is None:
                folder = self._add(place)
            folder.tags.append(tag)

    def _add(self, path: str) -> Folder:
        """With the folders above it that are not there yet."""
        missing = [path]
        while (above := parent_of(missing[-1])) and above not in self.folders:
            missing.append(above)
        parent = self.folders.get(above)
        for each in reversed(missing):
            folder = self.folders[each] = Folder(each, parent)
            (self.roots if parent is None else parent.folders).append(folder)
            parent = folder
        return self.folders[path]


def parent_of(path: str) -> str:
    """`[default]Line 1/Speed` -> `[default]Line 1` -> `[default]` -> empty."""
    slash = path.rfind("/")
    if slash >= 0:
        return path[:slash]
    return path[: path.index("]") + 1] if not path.endswith("]") else ""


def name_of(path: str) -> str:
    """The last name of a path; of a provider its name without brackets."""
    slash = path.rfind("/")
    if slash >= 0:
        return path[slash + 1 :]
    return path[1:-1] if path.endswith("]") else path[path.index("]") + 1 :]


def joined(folder: str, name: str) -> str:
    """The path of what is called `name` in a folder."""
    return f"{folder}{name}" if folder.endswith("]") else f"{folder}/{name}"
