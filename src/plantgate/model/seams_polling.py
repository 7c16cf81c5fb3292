"""Where siblings meet about polling: tag groups, who looks at tags, devices as they are. The rest is in seams.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from plantgate.model.device import DeviceRow, PlannedRequest
from plantgate.model.taggroup import GroupRow


class GroupPoller(Protocol):
    """Reads tags by their tag groups: a driver. Knows of groups that it has tags of; others don't concern it."""

    def set_rate(self, group: str, seconds: float) -> None:
        """From now on every `seconds`; 0: not by the clock. Returns at once."""
        ...

    def read_once(self, group: str) -> None:
        """Read it now, besides its rate. Returns at once."""
        ...


class TagLeases(Protocol):
    """Who looks at which tags: leased tag groups are read faster while somebody does. Ids may be named twice."""

    def lease(self, tags: Collection[int]) -> None: ...

    def release(self, tags: Collection[int]) -> None:
        """What was leased before, once for each time."""
        ...


class TagGroupBoard(Protocol):
    """How often tag groups are read now."""

    def groups(self) -> Sequence[GroupRow]: ...


class DeviceInspector(Protocol):
    """Devices and readers as their pages show them. Methods raise nothing; None: there is no device of that name."""

    def devices(self) -> Sequence[DeviceRow]:
        """All that are configured, the disabled ones too."""
        ...

    def device(self, name: str) -> DeviceRow | None: ...

    def plan(self, name: str) -> Sequence[PlannedRequest] | None:
        """The requests that poll it now."""
        ...
