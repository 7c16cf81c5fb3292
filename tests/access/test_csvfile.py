"""Cards and holders to a CSV file and back; a file with bad rows changes nothing and hears about every one."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.access import csvcells, csvfile
from plantgate.access.cardkey import CardKey
from plantgate.access.csvfile import COLUMNS
from plantgate.access.edit import edit
from plantgate.access.faults import LAST_MOMENT
from plantgate.limits import ACCESS_CSV_BYTES, ACCESS_FAULTS
from plantgate.model.access import AccessData, Card, CardImport, Group, Holder, Put
from tests.access.plant import BERLIN, at, plant

KEY = CardKey(b"k" * 32)
DATA = plant()
HEAD = "card,holder_id,holder,groups\n"


def read(text: str | bytes, data: AccessData = DATA, *, create: bool = False) -> tuple[CardImport, AccessData]:
    """What an import says, and the data after it."""
    raw = text if isinstance(text, bytes) else text.encode()
    summary, changes = csvfile.read(raw, data, KEY, create=create, zone=BERLIN)
    return summary, edit(data, changes).data if changes else data


def bad(text: str | bytes, *, create: bool = False) -> list[tuple[int, str, str]]:
    summary, data = read(text, create=create)
    assert data is DATA
    assert summary == CardImport(bad=summary.bad, bad_count=summary.bad_count)
    assert summary.bad_count >= len(summary.bad) > 0
    return [(row.line, row.column, row.message) for row in summary.bad]


def test_an_export_comes_back_without_a_change() -> None:
    text = csvfile.export(DATA, KEY)
    assert text.startswith(",".join(COLUMNS) + "\r\n")
    summary, after = read(text)
    assert summary == CardImport(unchanged=4)
    assert after is DATA


def test_an_export_brings_back_what_was_lost() -> None:
    text = csvfile.export(DATA, KEY)
    summary, after = read(text, create=True, data=AccessData())
    assert summary == CardImport(new_cards=4, new_holders=4, new_groups=3)
    assert after.cards == DATA.cards
    assert after.holders == DATA.holders


def test_no_number_of_a_card_is_exported_and_a_holder_without_one_is() -> None:
    data = edit(DATA, [Put(Holder(id="30", name="Nora"))]).data
    rows = list(csv.DictReader(io.StringIO(csvfile.export(data, KEY))))
    assert [row["holder_id"] for row in rows] == ["17", "18", "19", "20", "30"]
    assert all(row["card"].startswith("#") for row in rows[:4])
    assert (rows[4]["card"], rows[4]["enabled"]) == ("", "")
    assert rows[1]["groups"] == "Office|Shift A"


def test_new_people_and_cards() -> None:
    text = (
        "card;holder_id;holder;groups;label;enabled;valid_until;note\r\n"
        '04:a1:b2:c3;30;"Müller; Jörg";Shift A|Welders;blue;ja;31.12.2026;"line 1\r\nline ""2"""\r\n'
        "\r\n"
        '04A1B2C4;30;"Müller; Jörg";Shift A|Welders;;nein;2026-12-31 14:00;"line 1\r\nline ""2"""\r\n'
        ";31;Nora;;;;;\r\n"
    )
    summary, after = read(b"\xef\xbb\xbf" + text.encode(), create=True)
    assert summary == CardImport(new_cards=2, new_holders=2, new_groups=1)
    holder = after.holders["30"]
    assert (holder.name, holder.groups) == ("Müller; Jörg", ("Shift A", "Welders"))
    assert holder.note == 'line 1\r\nline "2"'
    first, second = (after.cards[KEY.card_id(uid)] for uid in ("04A1B2C3", "04A1B2C4"))
    assert (first.last4, first.label, first.enabled, first.holder) == ("B2C3", "blue", True, "30")
    assert first.valid_until == at("2027-01-01 00:00")  # until the end of that day
    assert (second.enabled, second.valid_until) == (False, at("2026-12-31 14:00"))
    assert after.holders["31"].groups == ()


def test_what_the_file_does_not_say_stays() -> None:
    data = edit(DATA, [Put(Card(id=KEY.card_id("04A1"), last4="04A1", holder="17", label="red", valid_until=5))]).data
    summary, after = read("holder_id,card\n18,04A1\n", data)
    assert summary == CardImport(changed_cards=1)
    card = after.cards[KEY.card_id("04A1")]
    assert (card.holder, card.label, card.valid_until) == ("18", "red", 5)
    assert after.holders == data.holders


def test_an_empty_cell_empties() -> None:
    data = edit(DATA, [Put(Card(id=KEY.card_id("04A1"), last4="04A1", holder="17", label="red", valid_until=5))]).data
    summary, after = read("card,holder_id,label,valid_until,groups\n04A1,17,,,\n", data)
    assert (summary.changed_cards, summary.changed_holders) == (1, 1)
    card = after.cards[KEY.card_id("04A1")]
    assert (card.label, card.valid_until, after.holders["17"].groups) == ("", None, ())


EXPORTED = csvfile.export(DATA, KEY).splitlines()[1].split(",")[0]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        (HEAD + "04A1,99,Zoe,\n", 2, "holder_id", "there is no holder 99"),
        (HEAD + "04A1,17,Ada,Welders\n", 2, "groups", "there is no group Welders"),
        (HEAD + "04A1,,Ada,\n", 2, "holder_id", "every row needs the holder's id"),
        (HEAD + "4A1B2C3,17,,\n", 2, "card", "an odd number of hex digits"),
        (HEAD + "1.23457E+15,17,,\n", 2, "card", "a spreadsheet has rounded this number"),
        (HEAD + '"1,2E+15",17,,\n', 2, "card", "a spreadsheet has rounded this number"),
        (HEAD + f"{EXPORTED[:-1]}x,17,,\n", 2, "card", "not a card that this gateway has exported"),
        (HEAD + f"#{'0' * 32},17,,\n", 2, "card", "not a card that this gateway has exported"),
        (HEAD + f"#{'0' * 32}-0000,17,,\n", 2, "card", "not a card that this gateway has exported"),
        (HEAD + "04A1,17,Ada,Shift A\n04:A1,17,Ada,Shift A\n", 3, "card", "this card is in line 2 already"),
        (HEAD + "04A1,17,Ada,Shift A\n04A2,17,Ada,\n", 3, "holder_id",
         "this says something else about the holder than line 2"),
        (HEAD + "04A1,17,Ada,Shift A,more\n", 2, "", "more cells than the header"),
        (HEAD + '04A1,17,"A"da,\n', 2, "", "the quotes or cells of this row are wrong"),
        (HEAD + '04A1,17,"Ada,\n', 2, "", "the quotes or cells of this row are wrong"),
        (HEAD + "04A1,17,A\x07da,\n", 2, "holder_id", "the name is from 1 to 100 printable characters"),
        (HEAD + f"{'AB' * 200},17,,\n", 2, "card", "this can't be the number of a card"),
        (HEAD + "x\x00y,17,,\n", 2, "card", "this can't be the number of a card"),
        ("card,holder_id,enabled\n04A1,17,maybe\n", 2, "enabled", "enabled is true or false"),
        ("card,holder_id,valid_from\n04A1,17,31/12/2026\n", 2, "valid_from", "not a date such as 2026-12-31"),
        ("card,holder_id,valid_from\n04A1,17,2026-02-30\n", 2, "valid_from", "'2026-02-30': day is out of range"),
        ("card,holder_id,valid_from\n04A1,17,0001-01-01\n", 2, "valid_from", "not a date from 1970"),
        ("card,holder_id,valid_from,valid_until\n04A1,17,2026-02-02,2026-01-01\n", 2, "card",
         "it ends before it begins"),
        ("card,holder_id,holder_valid_until\n,17,25:00\n", 2, "holder_valid_until", "not a date"),
        ("card,holder\n04A1,Ada\n", 1, "holder_id", "column holder_id is missing"),
        ("card,holder_id,pin\n04A1,17,1234\n", 1, "pin", "there is no column 'pin'"),
        ("card,holder_id,card\n04A1,17,04A2\n", 1, "card", "column card is there twice"),
        ("sep=;\ncard;holder_id\n\n04A1;99\n", 4, "holder_id", "there is no holder 99"),
        ("", 1, "", "the file is empty"),
        (HEAD.encode() + b"04A1,17,Ren\xe9,\n", 2, "", "this is not UTF-8"),
        ("card,holder_id\n04A1,17\n".encode("utf-16"), 1, "", "this is UTF-16"),
        (b"x" * (ACCESS_CSV_BYTES + 1), 1, "", "more than the 33,554,432 that are read"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_nothing_is_imported(text: str | bytes, line: int, column: str, says: str) -> None:
    if text == HEAD + '04A1,17,"Ada,\n':
        text = HEAD + '04A2,18,"Grace Hopper",Office|Shift A\n04A1,17,"Ada,\n'
        line = 3
    found = bad(text)
    assert len(found) == 1, found
    assert found[0][:2] == (line, column)
    assert says in found[0][2]


def test_new_holders_need_a_name() -> None:
    assert bad("card,holder_id\n04A1,99\n", create=True) == [(2, "holder", "a new holder needs a name")]


def test_every_bad_row_counts_and_the_first_are_listed() -> None:
    rows = "".join(f"04A{number:05},nobody {number},,\n" for number in range(20_000))
    summary, _ = read(HEAD + rows + "04A1,17,Ada Lovelace,Shift A\n")
    assert summary.bad_count == 20_000
    assert len(summary.bad) == ACCESS_FAULTS
    assert summary.bad[0].line == 2
    assert summary.new_cards == 0


def test_a_row_over_several_lines_is_named_by_its_first() -> None:
    text = 'card,holder_id,note\n04A1,17,"one\ntwo\nthree"\n04A2,99,x\n'
    assert bad(text) == [(5, "holder_id", "there is no holder 99")]


@pytest.mark.parametrize("name", ["=1+1", "+49 351", "-x", "@SUM(A1)", "'quoted", "''=x", "a=b", '=HYPERLINK("x")'])
def test_a_spreadsheet_runs_nothing_of_it(name: str) -> None:
    data = edit(DATA, [Put(Holder(id="30", name=name, note=name))]).data
    text = csvfile.export(data, KEY)
    row = next(row for row in csv.DictReader(io.StringIO(text)) if row["holder_id"] == "30")
    assert row["holder"][0] not in "=+-@"
    _, after = read(text, data)
    assert after.holders["30"] == data.holders["30"]


UNPRINTABLE: tuple[Literal["C", "Z"], ...] = ("C", "Z")
words = st.text(st.characters(exclude_categories=UNPRINTABLE), min_size=1, max_size=9)
moments = st.one_of(st.none(), st.integers(0, LAST_MOMENT))


@settings(max_examples=100)
@given(
    st.lists(st.builds(lambda i, n, g, f, note: Holder(id=i, name=n, groups=tuple(g), valid_from=f, note=note),
                       words.filter(lambda word: word != "*"), words.filter(lambda word: word != "*"),
                       st.lists(st.sampled_from(["A", "B;C", 'D"E', "=F"]), unique=True), moments,
                       st.text(st.sampled_from("ab;,\"'=\n\u00e4 "), max_size=8).map(str.strip)),
             unique_by=lambda holder: holder.id, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), words, st.booleans(), moments), max_size=8),
)  # fmt: skip
def test_whatever_is_exported_comes_back(holders: list[Holder], cards: list[tuple[int, str, bool, int | None]]) -> None:
    groups = {name: Group(name=name) for name in ("A", "B;C", 'D"E', "=F")}
    data = AccessData(
        holders={holder.id: holder for holder in holders},
        groups=groups,
        cards={
            KEY.card_id(f"{number}"): Card(
                id=KEY.card_id(f"{number}"), last4="4080", holder=holders[owner % len(holders)].id, label=label,
                enabled=enabled, valid_from=begin,
            )
            for number, (owner, label, enabled, begin) in enumerate(cards if holders else [])
        },
    )  # fmt: skip
    text = csvfile.export(data, KEY)
    summary, changes = csvfile.read(text.encode(), data, KEY)
    assert (summary.bad, changes) == ((), [])
    summary, changes = csvfile.read(text.encode("utf-8-sig"), AccessData(groups=groups), KEY, create=True)
    assert summary.bad == ()
    found = {change.item for change in changes if isinstance(change, Put)}
    assert found == {*data.holders.values(), *data.cards.values()}


def test_an_end_in_9999_is_none() -> None:
    assert csvcells.moment("31.12.9999", BERLIN, end=True) is None
    with pytest.raises(ValueError, match="1970 to 9998"):
        csvcells.moment("31.12.9999", BERLIN, end=False)


@pytest.mark.parametrize(
    ("cell", "end", "expected"),
    [
        ("2026-12-31", False, "2026-12-31T00:00:00+01:00"),
        ("2026-12-31", True, "2027-01-01T00:00:00+01:00"),
        ("2026-07-31 06:30", False, "2026-07-31T06:30:00+02:00"),
        ("2026-07-31T06:30:15Z", True, "2026-07-31T06:30:15+00:00"),
        ("2026-07-31T06:30:15.000001-05:00", True, "2026-07-31T06:30:15.000001-05:00"),
        ("1.7.2026 6:30", False, "2026-07-01T06:30:00+02:00"),
        ("01.07.2026", True, "2026-07-02T00:00:00+02:00"),
    ],
)
def test_dates_as_people_write_them(cell: str, end: bool, expected: str) -> None:
    found = csvcells.moment(cell, BERLIN, end=end)
    assert found is not None
    assert datetime.fromtimestamp(found / 1e6, UTC) == datetime.fromisoformat(expected)
    assert csvcells.moment(csvcells.moment_text(found), BERLIN, end=end) == found
