"""The sections about what a badge does beside opening a door; as in `document.py`, each struct is a schema."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from plantgate.config.kinds import Name, Seconds
from plantgate.model.badge import AccessVerdict
from plantgate.model.value import Scalar


class WithoutData(StrEnum):
    """What happens to badges while there is no access data to decide from (damaged, or still being read)."""

    DENY = "deny"
    ACCEPT = "accept"


class ShowCards(StrEnum):
    LAST4 = "last4"
    FULL = "full"


class Access(Struct, frozen=True, kw_only=True):
    """[access]: `show_cards` is about the reader's live tag LastCard only; nowhere else is a whole number shown."""

    without_data: WithoutData = WithoutData.DENY
    show_cards: ShowCards = ShowCards.LAST4


class BadgeWrite(Struct, frozen=True, kw_only=True):
    """[[badge_write]]: a badge that is accepted or denied writes `value` to `tag` (a full path after `load`).

    With `pulse` the tag gets `after` so many seconds later; of a Boolean tag that is the opposite of `value` if it is
    not given. `readers` are names, "*" is every reader; `groups` are of the access data, none: any badge.
    """

    name: Name
    tag: str
    value: Scalar
    on: AccessVerdict = AccessVerdict.ACCEPTED
    readers: tuple[str, ...] = ("*",)
    groups: tuple[str, ...] = ()
    pulse: Seconds | None = None
    after: Scalar = None


class WritePermit(Struct, frozen=True, kw_only=True):
    """[[write_permit]]: `tags` can only be written within `within` seconds after an accepted badge.

    A tag is a path, or `Folder/*` for all below a folder (full paths after `load`). `readers` and `groups` say whose
    badge and where, as in [[badge_write]]; `once` makes it good for one write.
    """

    name: Name
    tags: tuple[str, ...]
    readers: tuple[str, ...] = ("*",)
    groups: tuple[str, ...] = ()
    within: Seconds = 30.0
    once: bool = False
