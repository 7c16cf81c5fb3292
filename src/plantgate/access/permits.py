"""Tags that may be written only by whoever has just shown the right badge at the right reader.

A badge counts when it was accepted and its holder is known; only the newest one of a permit counts. Of several permits
for one tag any one will do. Doors and `[[badge_write]]` are not asked: they follow from a badge already, and a strike
that could not be released would stay open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plantgate.access.origin import AccessOrigin
from plantgate.model.access import EVERYWHERE, Ruling
from plantgate.model.badge import AccessVerdict
from plantgate.model.command import Origin
from plantgate.runtime.clock import Clock

_FOLDER = "/*"


@dataclass(frozen=True, slots=True)
class PermitSettings:
    """`tags` are full paths, `[default]Folder/*` is everything below a folder; empty `groups` mean every known holder.

    `within` seconds after the badge; with `once` it is good for one write.
    """

    name: str
    tags: tuple[str, ...]
    readers: frozenset[str]
    groups: frozenset[str]
    within: float
    once: bool

    @property
    def needed(self) -> str:
        """What it takes, in words."""
        who = f" of {_either(self.groups)}" if self.groups - {EVERYWHERE} else ""
        where = "any reader" if EVERYWHERE in self.readers else _either(self.readers)
        return f"an accepted badge{who} at {where} within {self.within:g} s{' for each write' * self.once}"


@dataclass(frozen=True, slots=True)
class _Badge:
    holder: str
    at: float


class Permits:
    """Implements `WritePermits`. All calls come from the event loop; none of them waits."""

    def __init__(self, permits: Sequence[PermitSettings], clock: Clock) -> None:
        self._clock = clock
        self._permits = permits
        self._badges: dict[str, _Badge] = {}
        self._exact: dict[str, list[PermitSettings]] = {}
        self._below: dict[str, list[PermitSettings]] = {}
        for permit in permits:
            for path in permit.tags:
                if path.endswith(_FOLDER):
                    self._below.setdefault(path.removesuffix("*"), []).append(permit)
                else:
                    self._exact.setdefault(path, []).append(permit)

    def badge(self, reader: str, ruling: Ruling) -> None:
        """A badge was decided."""
        if ruling.verdict is not AccessVerdict.ACCEPTED or not ruling.holder_id:
            return
        for permit in self._permits:
            if counts(reader, ruling, permit.readers, permit.groups):
                self._badges[permit.name] = _Badge(ruling.holder, self._clock.mono())

    # WritePermits

    def problem(self, path: str, origin: Origin) -> str | None:
        """Why `path` may not be written now, in words, None if it may. Uses up a permit that is good once."""
        if not (asked := self._for(path, origin)):
            return None
        permit = self._good(asked)
        if permit is None:
            return f"{path} needs {', or '.join(permit.needed for permit in asked)}"
        if permit.once:
            del self._badges[permit.name]
        return None

    def permitted_by(self, path: str, origin: Origin) -> str:
        """The holder whose badge permits `path` to be written now; empty if nobody's does, or none is needed."""
        permit = self._good(self._for(path, origin))
        return self._badges[permit.name].holder if permit is not None else ""

    def _good(self, asked: Sequence[PermitSettings]) -> PermitSettings | None:
        now = self._clock.mono()
        for permit in asked:
            badge = self._badges.get(permit.name)
            if badge is not None and now - badge.at <= permit.within:
                return permit
        return None

    def _for(self, path: str, origin: Origin) -> list[PermitSettings]:
        """The permits of which `origin` needs one to write `path`."""
        if isinstance(origin, AccessOrigin):
            return []
        below = [permit for folder, permits in self._below.items() if path.startswith(folder) for permit in permits]
        return [*self._exact.get(path, ()), *below]


def counts(reader: str, ruling: Ruling, readers: frozenset[str], groups: frozenset[str]) -> bool:
    """Whether a badge at `reader` is one of these: EVERYWHERE is each of them, no groups mean anybody."""
    if reader not in readers and EVERYWHERE not in readers:
        return False
    if not groups:
        return True
    return not groups.isdisjoint(ruling.groups) or (EVERYWHERE in groups and bool(ruling.holder_id))


def _either(names: frozenset[str]) -> str:
    *others, last = sorted(names)
    return f"{', '.join(others)} or {last}" if others else last
