"""A change of access data: made on a copy, judged as a whole, and then either all of it or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from plantgate.access.faults import item_faults, kind_faults, reference_faults
from plantgate.errors import ConfigError
from plantgate.limits import ACCESS_FAULTS
from plantgate.model.access import (
    AccessChange,
    AccessData,
    AccessItem,
    AccessKind,
    Calendar,
    Card,
    Group,
    Holder,
    Lockdown,
    Passage,
    Put,
    Remove,
    ReplaceRules,
    Rule,
    Schedule,
    Zone,
)
from plantgate.runtime.log import printable

STRUCTS: Final[dict[AccessKind, type[AccessItem | Rule]]] = {
    AccessKind.HOLDERS: Holder,
    AccessKind.CARDS: Card,
    AccessKind.GROUPS: Group,
    AccessKind.ZONES: Zone,
    AccessKind.PASSAGES: Passage,
    AccessKind.CALENDARS: Calendar,
    AccessKind.SCHEDULES: Schedule,
    AccessKind.LOCKDOWNS: Lockdown,
    AccessKind.RULES: Rule,
}
_KINDS: Final = {struct: kind for kind, struct in STRUCTS.items()}
_FAULT_CHARS: Final = 300
ORDER_KEY: Final = ""
"""The key of the row that says in which order the rules are."""

Value: TypeAlias = AccessItem | Rule | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one item: None before it was there, None after it is gone."""

    kind: AccessKind
    key: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Edit:
    """The data after a change, and what differs. No rows: nothing differs, and it is the same data."""

    data: AccessData
    rows: tuple[Row, ...]


def kind_of(item: AccessItem | Rule) -> AccessKind:
    return _KINDS[type(item)]


def key_of(item: AccessItem | Rule) -> str:
    """By what its kind is known."""
    if isinstance(item, Holder | Card):
        return item.id
    if isinstance(item, Passage):
        return item.reader
    return item.zone if isinstance(item, Lockdown) else item.name


def is_lockdown(change: AccessChange) -> bool:
    """A lockdown or its release: it can't wait for a disk."""
    if isinstance(change, Remove):
        return change.kind is AccessKind.LOCKDOWNS
    return isinstance(change, Put) and isinstance(change.item, Lockdown)


def edit(data: AccessData, changes: Sequence[AccessChange], readers: Collection[str] | None = None) -> Edit:
    """`data` after all of `changes`. Raises ConfigError ACC-210 with every fault.

    Only what differs is judged, and what refers to something that is gone: the rest was judged when it came.
    """
    draft = _Draft(data)
    for change in changes:
        draft.take(change)
    rows = draft.rows()
    # Finding the nearest names of a fault is dear: those that nobody will read are not looked for.
    faults = list(islice(chain(draft.faults, _faults(draft, rows, readers)), ACCESS_FAULTS + 1))
    if faults:
        shown = [printable(fault, _FAULT_CHARS) for fault in faults[:ACCESS_FAULTS]]
        more = ["and more"] if len(faults) > ACCESS_FAULTS else []
        raise ConfigError("ACC-210", "; ".join(shown + more), "nothing was changed: correct it and try again")
    return Edit(draft.result() if rows else data, rows)


def _faults(draft: _Draft, rows: Sequence[Row], readers: Collection[str] | None) -> Iterator[str]:
    removed: dict[AccessKind, set[str]] = {}
    for row in rows:
        if isinstance(row.after, tuple):
            continue
        if row.after is None:
            removed.setdefault(row.kind, set()).add(row.key)
        else:
            yield from item_faults(row.after, draft, readers)
    for kind in sorted({row.kind for row in rows}):
        yield from kind_faults(kind, draft.items(kind))
    yield from reference_faults(removed, draft)


class _Draft:
    """The data while it changes: a kind is copied when it is first touched (100,000 cards: 1 ms)."""

    def __init__(self, data: AccessData) -> None:
        self._data = data
        self._copies: dict[AccessKind, dict[str, Any]] = {}
        self._rules = {rule.name: rule for rule in data.rules}
        self._touched: dict[tuple[AccessKind, str], None] = {}
        self.faults: list[str] = []

    def items(self, kind: AccessKind) -> Mapping[str, Any]:
        if kind is AccessKind.RULES:
            return self._rules
        found: Mapping[str, Any] = self._copies[kind] if kind in self._copies else getattr(self._data, kind.value)
        return found

    def take(self, change: AccessChange) -> None:
        if isinstance(change, ReplaceRules):
            self._replace_rules(change.rules)
        elif isinstance(change, Put):
            self._copy(kind := kind_of(change.item))[key := key_of(change.item)] = change.item
            self._touched[kind, key] = None
        elif change.kind is AccessKind.RULES:
            self._remove_rule(change.key)
        elif self._copy(change.kind).pop(change.key, None) is None:
            self.faults.append(f"{change.kind}.{change.key}: there is none that could be removed")
        else:
            self._touched[change.kind, change.key] = None

    def _replace_rules(self, rules: Sequence[Rule]) -> None:
        named = {rule.name: rule for rule in rules}
        if len(named) < len(rules):
            twice = sorted(name for name, count in Counter(rule.name for rule in rules).items() if count > 1)
            self.faults.append(f"rules: more than one is called {', '.join(twice)}")
        for name in [*self._rules, *named]:
            self._touched[AccessKind.RULES, name] = None
        self._rules = named

    def _remove_rule(self, name: str) -> None:
        if name not in self._rules:
            self.faults.append(f"rules.{name}: there is none that could be removed")
            return
        self._replace_rules([rule for rule in self._rules.values() if rule.name != name])

    def _copy(self, kind: AccessKind) -> dict[str, Any]:
        if kind not in self._copies:
            self._copies[kind] = dict(getattr(self._data, kind.value))
        return self._copies[kind]

    def rows(self) -> tuple[Row, ...]:
        """What differs from before, in the order in which it was touched."""
        old_rules = {rule.name: rule for rule in self._data.rules}
        found: list[Row] = []
        for kind, key in self._touched:
            old = old_rules if kind is AccessKind.RULES else getattr(self._data, kind.value)
            before, after = old.get(key), self.items(kind).get(key)
            if before != after:
                found.append(Row(kind, key, before, after))
        order_before, order_after = tuple(old_rules), tuple(self._rules)
        if order_before != order_after:
            found.append(Row(AccessKind.RULES, ORDER_KEY, order_before, order_after))
        return tuple(found)

    def result(self) -> AccessData:
        changed: dict[str, Any] = {kind.value: items for kind, items in self._copies.items()}
        rules = tuple(self._rules.values())
        if rules != self._data.rules:
            changed["rules"] = rules
        return replace(self._data, revision=self._data.revision + 1, **changed)
