"""Captured conversations: the text form, and the corpus in captures/ with the events each one gives."""

from __future__ import annotations

import contextlib
import json
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import ConfigError
from plantgate.limits import CAPTURE_BYTES
from plantgate.protocols.scrdr import TagEvent
from plantgate.protocols.scrdr.capture import (
    CaptureErrors,
    Entry,
    Kind,
    data_kind,
    decode,
    format_capture,
    format_entry,
    move_word,
    parse_capture,
    row,
)

CORPUS = sorted((Path(__file__).parent / "captures").glob("*.txt"))


def load(path: Path) -> list[Entry]:
    return parse_capture(path.read_text(encoding="ascii"), path.name)


# the corpus


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 14
    assert all(path.with_suffix(".events").is_file() for path in CORPUS)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_capture_gives_its_events(path: Path) -> None:
    lines = path.with_suffix(".events").read_text(encoding="ascii").splitlines()
    assert [{"at": at / 1e6, **row(event)} for at, event in decode(load(path))] == [json.loads(line) for line in lines]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_capture_gives_its_events_however_it_is_cut(path: Path, size: int) -> None:
    entries = load(path)
    cut: list[Entry] = []
    for kind, group in groupby([entry for entry in entries if entry.kind is not Kind.HOST], lambda entry: entry.kind):
        if kind is Kind.READER:
            data = b"".join(entry.data for entry in group)
            cut += [Entry(0, kind, data[start : start + size]) for start in range(0, len(data), size)]
        else:
            cut += [Entry(0, kind) for _ in group]
    assert [row(event) for _, event in decode(cut)] == [row(event) for _, event in decode(entries)]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_capture_is_written_back_as_it_was(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    remarks = [line[2:] for line in text.splitlines()[1:] if line.startswith("# ")]
    assert format_capture(load(path), *remarks) == text


# the form


@st.composite
def conversations(draw: st.DrawFn) -> list[Entry]:
    entries: list[Entry] = []
    at = 0
    for _ in range(draw(st.integers(0, 3))):
        entries.append(Entry(at, Kind.OPEN))
        for data in draw(st.lists(st.binary(min_size=1, max_size=3_000), max_size=4)):
            at += draw(st.integers(0, 10**8))
            entries.append(Entry(at, draw(st.sampled_from([Kind.READER, Kind.HOST])), data))
        entries.append(Entry(at, draw(st.sampled_from([Kind.CLOSED, Kind.RESET, Kind.LEFT]))))
    return entries


@given(conversations(), st.text(max_size=50))
def test_round_trip(entries: list[Entry], remark: str) -> None:
    assert parse_capture(format_capture(entries, remark)) == entries
    assert "".join(format_entry(entry) for entry in entries).isascii()


def test_every_byte_has_a_form() -> None:
    entry = Entry(1_500_000, Kind.READER, bytes(range(256)))
    lines = format_entry(entry).splitlines()
    assert lines[0] == r"1.500000 < \x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n"
    assert lines[1].startswith(r"         + \x0B\x0C\r\x0E")
    assert "\\\\" in lines[1]
    assert max(map(len, lines)) < 1_000


def test_spaces_at_the_ends_survive_an_editor_that_strips_them() -> None:
    entries = [Entry(0, Kind.OPEN), Entry(0, Kind.HOST, b" a  "), Entry(0, Kind.LEFT)]
    text = "\r\n".join(line.rstrip() for line in format_capture(entries).splitlines())
    assert r"\x20a \x20" in text
    assert parse_capture(text) == entries


def test_several_messages_of_one_segment_stay_one() -> None:
    text = "0 open\n1 < a\\n\n  + b\\n\n# between\n+ c\n2.5 left\n"
    assert parse_capture(text) == [
        Entry(0, Kind.OPEN),
        Entry(1_000_000, Kind.READER, b"a\nb\nc"),
        Entry(2_500_000, Kind.LEFT),
    ]


@pytest.mark.parametrize(
    ("lines", "number", "words"),
    [
        ("0 open\nnonsense", 2, "is no entry"),
        ("0 open\n1 < \\q", 2, "a backslash is"),
        ("0 open\n1 < \\x4", 2, "a backslash is"),
        ("0 open\n1 < caf\u00e9", 2, "bytes outside 20..7E"),
        ("0 open\n1 <", 2, "without bytes"),
        ("0 open\n1 left now", 2, "nothing follows left"),
        ("0 open\n2 < a\n1 < b", 3, "is before the line above"),
        ("0 open\n1 open", 2, "open comes when"),
        ("1 < a", 1, "comes before open"),
        ("0 open\n1 left\n2 closed", 3, "comes before open"),
        ("0 open\n+ a", 2, "goes on with a line"),
        ("0 open\n99999999 left", 2, "too long a time"),
    ],
)
def test_bad_line(lines: str, number: int, words: str) -> None:
    with pytest.raises(CaptureErrors) as caught:
        parse_capture(lines, "day.txt")
    assert caught.value.message.startswith(f"day.txt:{number}: ")
    assert words in caught.value.message


def test_all_bad_lines_are_told_within_reason() -> None:
    with pytest.raises(CaptureErrors) as caught:
        parse_capture("\x1b[2J nonsense\n" * 1_000)
    assert len(caught.value.errors) == 50
    assert "\x1b" not in str(caught.value)


def test_a_file_that_is_too_long_is_none() -> None:
    with pytest.raises(ConfigError, match="no capture"):
        parse_capture("#" * (CAPTURE_BYTES + 1))


@given(st.text(max_size=200))
def test_parse_takes_any_text(text: str) -> None:
    with contextlib.suppress(CaptureErrors):
        parse_capture(text)


@pytest.mark.parametrize(
    ("data", "kind"), [("", ""), ("00AF", "hex"), ("00af", "hex"), ("00A", "text"), ("https://a.example", "text")]
)
def test_data_kind(data: str, kind: str) -> None:
    assert data_kind(data) == kind


def test_move_words() -> None:
    assert [move_word(TagEvent(move=move)) for move in ("", "I", "R", "IR")] == [
        "read",
        "inserted",
        "removed",
        "came and went",
    ]
