"""Where what was read came from, for the sources of errors."""

from __future__ import annotations

from dataclasses import dataclass, field

from plantgate.config.fields import Entry


@dataclass(slots=True)
class Origins:
    """The entry of each item that was read, by section and name; for sources of errors."""

    tables: dict[str, Entry] = field(default_factory=dict)
    items: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def of(self, section: str, name: str, key: str) -> str:
        entry = self.items[section, name]
        return entry.source(key) or entry.where(None)

    def inside(self, section: str, name: str, path: tuple[str | int, ...]) -> str:
        """The place of something within a key of an item."""
        entry = self.items[section, name]
        key = str(path[0])
        return self.of(section, name, key) if key in entry.overrides or entry.place is None else entry.place(path)

    def scalar(self, section: str, key: str) -> str:
        entry = self.tables.get(section)
        return (entry.source(key) if entry is not None else None) or "default"
