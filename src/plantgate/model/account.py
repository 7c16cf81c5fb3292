"""Accounts: who may sign in, and what their role lets them do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import total_ordering


@total_ordering
class Role(Enum):
    """Each role may do what those before it may. Ordered: `Role.VIEWER < Role.ADMINISTRATOR`."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    ADMINISTRATOR = "administrator"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    def __lt__(self, other: object) -> bool:
        return self.rank < other.rank if isinstance(other, Role) else NotImplemented

    def __str__(self) -> str:
        return self.value


_RANKS = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Account:
    """One person's or program's way in. Its password is not here, nor its hash.

    Times are microseconds UTC. `epoch` is a random number that changes with the password, the role, `enabled`, and if
    the account is removed and made anew: a session that remembers another one has ended.
    """

    name: str
    role: Role
    enabled: bool
    epoch: int
    created: int
    password_changed: int
    last_sign_in: int | None = None
    last_address: str = ""


@dataclass(frozen=True, slots=True)
class Lockout:
    """`name` can't sign in from `address` before `until` (microseconds UTC): too many wrong passwords."""

    name: str
    address: str
    until: int
