"""Paths with * and ?, against Python's own matcher."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.model.wildcard import Wildcard


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("[default]Line 1/*", "[default]Line 1/M/T", True),
        ("*/T", "[default]Line 1/M/T", True),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXc", False),
        ("aa*aa", "aaa", False),
        ("M?", "M1", True),
        ("M?", "M", False),
        ("M?*", "M12", True),
        ("*?2*", "112", True),
        ("m", "M", False),
    ],
)
def test_what_fits(pattern: str, text: str, fits: bool) -> None:
    assert Wildcard(pattern).matches(text) is fits


@settings(max_examples=500)
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_like_a_regular_expression(pattern: str, text: str) -> None:
    words = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    assert Wildcard(pattern).matches(text) is bool(re.fullmatch(words, text, re.DOTALL))


def test_many_stars_cost_little() -> None:
    assert not Wildcard("*a" * 500 + "b").matches("a" * 5_000)
