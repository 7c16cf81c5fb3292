"""What the user of a session may do, branch by branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from plantgate.model.tag import full_path
from plantgate.model.wildcard import Wildcard

_EVERYTHING = "*"


# Bits of a set of rights: plain numbers, for they are asked of with every value.
BROWSE, READ, WRITE, CALL = 1, 2, 4, 8
_ALL = (BROWSE, READ, WRITE, CALL)


class Rights:
    """Patterns of paths with `*` and `?`, one list for each right; a path is granted what any pattern grants it.

    `Line 1/*` is `[default]Line 1/*`, as everywhere. Two are equal if their patterns are, so that what is worked out
    for one session serves all sessions of the same roles.
    """

    __slots__ = ("_everywhere", "_hash", "_key", "_partly")

    def __init__(
        self,
        browse: Iterable[str] = (),
        read: Iterable[str] = (),
        write: Iterable[str] = (),
        call: Iterable[str] = (),
    ) -> None:
        self._key = tuple(tuple(sorted({_full(each) for each in patterns})) for patterns in (browse, read, write, call))
        self._hash = hash(self._key)  # asked for with every value
        self._everywhere = 0
        by_pattern: dict[str, int] = {}  # one pattern often grants several rights: it is looked at once
        for right, patterns in zip(_ALL, self._key, strict=True):
            if _EVERYTHING in patterns:
                self._everywhere |= right
                continue
            for pattern in patterns:
                by_pattern[pattern] = by_pattern.get(pattern, 0) | right
        self._partly = tuple((bits, Wildcard(pattern)) for pattern, bits in by_pattern.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rights) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return "Rights({})".format(", ".join(repr(patterns) for patterns in self._key))

    @property
    def everywhere(self) -> int:
        """The rights that hold for every path, as bits."""
        return self._everywhere

    def of(self, path: str) -> int:
        """The rights on a full path, as bits. The cost is the path times its patterns."""
        granted = self._everywhere
        for bits, pattern in self._partly:
            if bits & ~granted and pattern.matches(path):
                granted |= bits
        return granted

    @classmethod
    def of_roles(cls, table: Mapping[str, Rights], roles: Iterable[str]) -> Rights:
        """What `roles` may do together; a role that is not in the table may do nothing."""
        keys = [table[role]._key for role in roles if role in table]
        return cls(*(set[str]().union(*(key[place] for key in keys)) for place in range(len(_ALL))))


def _full(pattern: str) -> str:
    return pattern if pattern.startswith(("*", "?")) else full_path(pattern)


EVERYTHING = Rights(*((_EVERYTHING,) for _ in _ALL))
NOTHING = Rights()
