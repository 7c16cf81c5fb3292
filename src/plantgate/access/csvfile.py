"""Cards and holders as a CSV file, for Excel and the personnel office.

Reading takes all rows or none; what is wrong is listed by line and column. A card is its credential as the reader tells
it, or `#<hash>-<mark>` as `export` writes it: no file ever holds a card's number that was not typed into it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Final, TypeVar

import msgspec

from plantgate.access import csvcells as cells
from plantgate.access.cardkey import CardKey, last4, normalised
from plantgate.access.faults import GROUP_SEPARATOR, item_faults
from plantgate.limits import ACCESS_CSV_BYTES, ACCESS_FAULTS, PEER_TEXT_CHARS
from plantgate.model.access import AccessChange, AccessData, AccessKind, BadRow, Card, CardImport, Group, Holder, Put
from plantgate.runtime.log import printable

Item = TypeVar("Item")

COLUMNS: Final = (
    "card",
    "last4",
    "holder_id",
    "holder",
    "groups",
    "label",
    "enabled",
    "valid_from",
    "valid_until",
    "holder_valid_from",
    "holder_valid_until",
    "note",
)
"""`enabled`, `valid_from`, `valid_until` and `label` are the card's, `note` the holder's."""
_HASH: Final = re.compile(r"#([0-9a-f]{32})(?:-([0-9a-f]{4}))?\Z")
_SPOILT: Final = re.compile(r"[0-9][.,]?[0-9]*[eE]\+[0-9]+\Z")
_ODD_HEX: Final = re.compile(r"[0-9A-Fa-f]+\Z")


def export(data: AccessData, key: CardKey) -> str:
    """Every card with its holder, and every holder without a card; by holder. UTF-8 with BOM when written to a file."""
    cards: dict[str, list[Card]] = {}
    for card in data.cards.values():
        cards.setdefault(card.holder, []).append(card)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for holder_id in sorted(data.holders):
        holder = data.holders[holder_id]
        held = sorted(cards.get(holder_id, ()), key=lambda card: card.id)
        for each in held or (None,):
            writer.writerow([cells.guarded(cell) for cell in _row(holder, each, key)])
    return text.getvalue()


def _row(holder: Holder, card: Card | None, key: CardKey) -> list[str]:
    known = card or Card(id="", last4="", holder=holder.id)
    return [
        f"#{known.id}-{key.mark(known.id)}" if card else "",
        known.last4,
        holder.id,
        holder.name,
        GROUP_SEPARATOR.join(holder.groups),
        known.label,
        ("true" if known.enabled else "false") if card else "",
        cells.moment_text(known.valid_from),
        cells.moment_text(known.valid_until),
        cells.moment_text(holder.valid_from),
        cells.moment_text(holder.valid_until),
        holder.note,
    ]


def at_revision(summary: CardImport, revision: int) -> CardImport:
    return replace(summary, revision=revision)


def read(
    raw: bytes, data: AccessData, key: CardKey, *, create: bool = False, zone: tzinfo | None = None
) -> tuple[CardImport, list[AccessChange]]:
    """What a file would change in `data`. With a bad row: no changes, and `CardImport.bad` lists them.

    Columns may be left out, except `card` and `holder_id`: what they would say stays as it is. `create` allows holders
    and groups that are new. Dates without an offset are in `zone` (None: this host's).
    """
    reading = _Reading(data, key, create, zone)
    try:
        text = _text(raw)
    except _BadCellError as error:
        reading.complain(error.line, "", str(error))
    else:
        reading.rows(text)
    return reading.summary()


class _BadCellError(ValueError):
    """What is wrong with a cell, in words."""

    def __init__(self, message: str, column: str = "", line: int = 1) -> None:
        super().__init__(message)
        self.column = column
        self.line = line


def _text(raw: bytes) -> str:
    if len(raw) > ACCESS_CSV_BYTES:
        raise _BadCellError(f"the file has {len(raw):,} bytes, more than the {ACCESS_CSV_BYTES:,} that are read")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _BadCellError('this is UTF-16: save it as "CSV UTF-8"')
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _BadCellError('this is not UTF-8: save it as "CSV UTF-8"', line=line) from None


def _lines(text: str) -> tuple[str, int, str]:
    """The delimiter, how many lines come before the header, and the text from the header on."""
    first, _, rest = text.partition("\n")
    if first.strip().lower() in {"sep=;", "sep=,"}:  # Excel's own hint
        return first.strip()[-1], 1, rest
    return (";" if first.count(";") > first.count(",") else ","), 0, text


class _Known:
    """The draft that new items are judged against."""

    def __init__(self, data: AccessData, holders: Mapping[str, Holder], groups: Mapping[str, Group]) -> None:
        self._maps: dict[AccessKind, Mapping[str, object]] = {
            AccessKind.HOLDERS: ChainMap(dict(holders), dict(data.holders)),
            AccessKind.GROUPS: ChainMap(dict(groups), dict(data.groups)),
        }

    def items(self, kind: AccessKind) -> Mapping[str, object]:
        return self._maps[kind]


class _Reading:
    """One file: what it says about holders, cards and groups, and what is wrong with it."""

    def __init__(self, data: AccessData, key: CardKey, create: bool, zone: tzinfo | None) -> None:
        self._data, self._key, self._create, self._zone = data, key, create, zone
        self._columns: dict[str, int] = {}
        self._holders: dict[str, tuple[Holder, int]] = {}
        self._cards: dict[str, tuple[Card, int]] = {}
        self._groups: dict[str, int] = {}
        self._bad: list[BadRow] = []
        self._bad_count = 0

    def complain(self, line: int, column: str, message: str) -> None:
        self._bad_count += 1
        if len(self._bad) < ACCESS_FAULTS:
            self._bad.append(BadRow(line, column, printable(message)))

    # --- rows -------------------------------------------------------------------------------------------

    def rows(self, text: str) -> None:
        delimiter, skipped, rest = _lines(text)
        rows = csv.reader(io.StringIO(rest, newline=""), delimiter=delimiter, strict=True)
        line = skipped + 1
        while True:
            try:
                row = next(rows)
            except StopIteration:
                break
            except csv.Error as error:
                self.complain(line, "", f"the quotes or cells of this row are wrong: {error}")
            else:
                if not self._columns:
                    if not self._header(row, line):
                        return
                elif any(cell.strip() for cell in row):
                    self._row(row, line)
            line = skipped + rows.line_num + 1
        if not self._columns:
            self.complain(1, "", f"the file is empty; its first line names the columns: {', '.join(COLUMNS)}")

    def _header(self, row: list[str], line: int) -> bool:
        names = [cell.strip().casefold() for cell in row]
        while names and not names[-1]:
            names.pop()
        for name in names:
            if name not in COLUMNS:
                self.complain(line, name, f"there is no column {name!r}; columns are {', '.join(COLUMNS)}")
            elif name in self._columns:
                self.complain(line, name, f"column {name} is there twice")
            self._columns[name] = names.index(name)
        for name in ("card", "holder_id"):
            if name not in self._columns:
                self.complain(line, name, f"column {name} is missing")
        return not self._bad_count

    def _row(self, row: list[str], line: int) -> None:
        if any(cell.strip() for cell in row[max(self._columns.values()) + 1 :]):
            self.complain(line, "", "the row has more cells than the header")
            return
        given = {
            name: cells.unguarded(row[place].strip()) if place < len(row) else ""
            for name, place in self._columns.items()
        }
        try:
            holder = self._holder(given, line)
            card = self._card(given, holder)
        except _BadCellError as error:
            self.complain(line, error.column, str(error))
            return
        self._holders.setdefault(holder.id, (holder, line))
        if card is None:
            return
        if card.id in self._cards:
            self.complain(line, "card", f"this card is in line {self._cards[card.id][1]} already")
            return
        self._cards[card.id] = (card, line)

    # --- holders ----------------------------------------------------------------------------------------

    def _holder(self, given: Mapping[str, str], line: int) -> Holder:
        holder_id = given["holder_id"]
        if not holder_id:
            raise _BadCellError("every row needs the holder's id", "holder_id")
        known = self._data.holders.get(holder_id)
        if known is None:
            if not self._create:
                raise _BadCellError(f"there is no holder {holder_id}", "holder_id")
            if not given.get("holder"):
                raise _BadCellError("a new holder needs a name", "holder")
            known = Holder(id=holder_id, name=given["holder"])
        changes: dict[str, object] = {}
        if given.get("holder"):
            changes["name"] = given["holder"]
        if "groups" in given:
            changes["groups"] = self._group_names(given["groups"], line)
        if "note" in given:
            changes["note"] = given["note"]
        changes |= self._dates(given, "holder_valid_from", "holder_valid_until")
        holder = msgspec.structs.replace(known, **changes)
        before, where = self._holders.get(holder_id, (holder, line))
        if before != holder:
            raise _BadCellError(f"this says something else about the holder than line {where}", "holder_id")
        return holder

    def _group_names(self, cell: str, line: int) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in cell.split(GROUP_SEPARATOR) if name.strip()))
        for name in names:
            if name not in self._data.groups:
                if not self._create:
                    raise _BadCellError(f"there is no group {name}", "groups")
                self._groups.setdefault(name, line)
        return names

    # --- cards ------------------------------------------------------------------------------------------

    def _card(self, given: Mapping[str, str], holder: Holder) -> Card | None:
        identity = self._identity(given["card"], given.get("last4", ""))
        if identity is None:
            return None
        card_id, shown = identity
        changes: dict[str, object] = {"holder": holder.id}
        if "label" in given:
            changes["label"] = given["label"]
        if given.get("enabled"):
            if (enabled := cells.yes(given["enabled"])) is None:
                raise _BadCellError("enabled is true or false", "enabled")
            changes["enabled"] = enabled
        changes |= self._dates(given, "valid_from", "valid_until")
        known = self._data.cards.get(card_id) or Card(id=card_id, last4=shown, holder=holder.id)
        return msgspec.structs.replace(known, **changes)

    def _identity(self, cell: str, shown: str) -> tuple[str, str] | None:
        """The hash of a card and what people see of it; None for an empty cell."""
        if not cell:
            return None
        if cell.startswith("#"):
            return self._exported(cell, shown)
        plain = normalised(cell)
        if _SPOILT.match(cell):
            raise _BadCellError("a spreadsheet has rounded this number: format the column as text", "card")
        if _ODD_HEX.match(plain) and len(plain) % 2:
            raise _BadCellError("an odd number of hex digits: a spreadsheet may have cut a leading zero", "card")
        if len(plain) > PEER_TEXT_CHARS or not plain.isprintable():
            raise _BadCellError("this can't be the number of a card", "card")
        return self._key.card_id(cell), last4(cell)

    def _exported(self, cell: str, shown: str) -> tuple[str, str]:
        found = _HASH.match(cell)
        known = self._data.cards.get(found[1]) if found else None
        genuine = found is not None and (
            known is not None if found[2] is None else found[2] == self._key.mark(found[1])
        )
        if found is None or not genuine:
            raise _BadCellError("this is not a card that this gateway has exported", "card")
        return found[1], known.last4 if known else shown

    def _dates(self, given: Mapping[str, str], *columns: str) -> dict[str, object]:
        """`valid_from` and `valid_until` from these columns, as far as the file has them."""
        found: dict[str, object] = {}
        for column, field in zip(columns, ("valid_from", "valid_until"), strict=True):
            if column not in given:
                continue
            try:
                until = field == "valid_until"
                found[field] = cells.moment(given[column], self._zone, end=until) if given[column] else None
            except ValueError as error:
                raise _BadCellError(f"{given[column]!r}: {error}", column) from None
        return found

    # --- the end ----------------------------------------------------------------------------------------

    def summary(self) -> tuple[CardImport, list[AccessChange]]:
        holders = self._differing(self._holders, self._data.holders)
        cards = self._differing(self._cards, self._data.cards)
        groups = {name: (Group(name=name), line) for name, line in self._groups.items()}
        draft = _Known(
            self._data,
            {key: holder for key, (holder, _) in self._holders.items()},
            {key: group for key, (group, _) in groups.items()},
        )
        for column, items in (("groups", groups), ("holder_id", holders), ("card", cards)):
            for item, line in items.values():
                for fault in item_faults(item, draft, None):
                    self.complain(line, column, fault)
        if self._bad_count:
            return CardImport(bad=tuple(sorted(self._bad, key=_by_line)), bad_count=self._bad_count), []
        new_holders = len(holders.keys() - self._data.holders.keys())
        new_cards = len(cards.keys() - self._data.cards.keys())
        summary = CardImport(
            new_cards=new_cards,
            changed_cards=len(cards) - new_cards,
            unchanged=len(self._cards) - len(cards),
            new_holders=new_holders,
            changed_holders=len(holders) - new_holders,
            new_groups=len(groups),
        )
        return summary, [Put(item) for items in (groups, holders, cards) for item, _ in items.values()]

    @staticmethod
    def _differing(found: Mapping[str, tuple[Item, int]], known: Mapping[str, Item]) -> dict[str, tuple[Item, int]]:
        return {key: pair for key, pair in found.items() if known.get(key) != pair[0]}


def _by_line(bad: BadRow) -> tuple[int, str]:
    return bad.line, bad.column
