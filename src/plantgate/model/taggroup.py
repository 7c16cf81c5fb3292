"""How often the tags of a group are read, and what changes that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from plantgate.model.value import Scalar

_CONDITION = re.compile(r"(?P<operator><=|>=|!=|<|>|=)\s*(?P<value>.+)\Z")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?\Z")


class GroupMode(StrEnum):
    """Ignition 8.3 manual, tag groups."""

    DIRECT = "direct"
    DRIVEN = "driven"
    LEASED = "leased"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a driving tag's value is compared with; the operator "any change" has no value."""

    operator: str
    value: Scalar = None

    def holds(self, value: Scalar) -> bool:
        """Whether `value` meets it. What can't be compared does not; "any change" is not asked this."""
        wanted = self.value
        if self.operator in {"=", "!="}:
            return (value == wanted) is (self.operator == "=")
        if isinstance(value, bool | tuple | None) or isinstance(wanted, bool | tuple | None):
            return False
        if isinstance(value, str) or isinstance(wanted, str):
            return False
        return {"<": value < wanted, "<=": value <= wanted, ">": value > wanted, ">=": value >= wanted}[self.operator]


@dataclass(frozen=True, slots=True)
class GroupNow:
    """The rate that a tag group has now, in seconds (0: not read by the clock), why, and since when (monotonic)."""

    rate: float
    why: str
    since: float


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A tag group: its keys in the file (durations are seconds), its rate now, and how many device tags it has."""

    settings: Mapping[str, Scalar]
    now: GroupNow
    tags: int


ANY_CHANGE = Condition("any change")


def parse_condition(text: str) -> Condition:
    """`> 10`, `= true`, `!= idle`, `any change`. Raises ValueError."""
    text = text.strip()
    if text == ANY_CHANGE.operator:
        return ANY_CHANGE
    match = _CONDITION.match(text)
    if match is None:
        raise ValueError('a condition looks like "> 10", "= true" or "any change"')
    return Condition(match["operator"], _value(match["value"].strip(), ordered=match["operator"] not in {"=", "!="}))


def _value(text: str, *, ordered: bool) -> Scalar:
    if _NUMBER.match(text):
        return float(text) if "." in text else int(text)
    if ordered:
        raise ValueError("only numbers are more or less than another")
    return {"true": True, "false": False}.get(text, text.strip("\"'"))
