"""References and patterns."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.tags.expressions import FolderPattern, parse


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("{Line 2/Speed}", "[plant]Line 2/Speed"),
        ("{[~]Line 2/Speed}", "[plant]Line 2/Speed"),
        ("{[other]Speed}", "[other]Speed"),
        ("{[.]Speed}", "[plant]Line 1/Filler/Speed"),
        ("{./Speed}", "[plant]Line 1/Filler/Speed"),
        ("{../Speed}", "[plant]Line 1/Speed"),
        ("{[..]Speed}", "[plant]Line 1/Speed"),
        ("{[.]../Speed}", "[plant]Line 1/Speed"),
        ("{../../Speed}", "[plant]Speed"),
        ("{.././../Speed}", "[plant]Speed"),
        ("{../Caps/M-1 (old)}", "[plant]Line 1/Caps/M-1 (old)"),
    ],
)
def test_what_a_path_means_for_a_tag_in_a_folder(written: str, full: str) -> None:
    assert parse(written).bound("[plant]Line 1/Filler").references == {full}


@pytest.mark.parametrize("written", ["{A/../B}", "{[default]../B}", "{[~]./B}", "{A//B}", "{/A}", "{A/}", "{\u00c4}"])
def test_what_no_path_may_be(written: str) -> None:
    with pytest.raises(Exception, match="EXP-130"):
        parse(written)


@pytest.mark.parametrize(
    ("written", "full", "base"),
    [
        ("{*}", "[plant]*", "[plant]"),
        ("{./*}", "[plant]Line 1/*", "[plant]Line 1"),
        ("{../**}", "[plant]**/*", "[plant]"),
        ("{A/M*/Speed}", "[plant]A/M*/Speed", "[plant]A"),
        ("{[x]A/B/**/Speed}", "[x]A/B/**/Speed", "[x]A/B"),
    ],
)
def test_what_a_pattern_means(written: str, full: str, base: str) -> None:
    assert parse(f"sum({written})").bound("[plant]Line 1").folders == {full}
    assert FolderPattern(full).base == base


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("[p]A/*", ["[p]A/x", "[p]A/x y"], ["[p]A", "[p]A/B/x", "[p]AB/x", "[q]A/x", "[p]x"]),
        ("[p]*", ["[p]x"], ["[p]A/x", "[p2]x"]),
        ("[p]A/M*", ["[p]A/M", "[p]A/M1"], ["[p]A/m1", "[p]A/XM1"]),
        ("[p]A/*a*b", ["[p]A/ab", "[p]A/xaxbxb"], ["[p]A/ba", "[p]A/b", "[p]A/abx"]),
        ("[p]A/a*a", ["[p]A/aa", "[p]A/aba"], ["[p]A/a"]),
        ("[p]A/**/*", ["[p]A/x", "[p]A/B/x", "[p]A/B/C/x"], ["[p]B/x"]),
        ("[p]**/Speed", ["[p]Speed", "[p]A/Speed", "[p]A/B/Speed"], ["[p]A/Speeds", "[p]Speed/A"]),
        ("[p]M*/**/a/b", ["[p]M1/a/b", "[p]M1/x/a/b"], ["[p]M1/b", "[p]N/a/b", "[p]a/b"]),
        ("[p]*/Speed", ["[p]A/Speed"], ["[p]Speed", "[p]A/B/Speed"]),
    ],
)
def test_which_tags_a_pattern_names(pattern: str, fitting: list[str], other: list[str]) -> None:
    matches = FolderPattern(pattern).matches
    assert [path for path in (*fitting, *other) if matches(path)] == fitting


@given(
    st.text("ab*", min_size=1, max_size=8).filter(lambda name: "**" not in name), st.text("ab", min_size=1, max_size=12)
)
def test_a_star_is_that_of_the_shell(name: str, tag: str) -> None:
    assert FolderPattern(f"[p]{name}").matches(f"[p]{tag}") == bool(re.match(fnmatch.translate(name), tag))


def test_many_stars_cost_no_more_than_the_name_is_long() -> None:
    assert not FolderPattern(f"[p]{'*a' * 120}b").matches(f"[p]{'a' * 255}")
