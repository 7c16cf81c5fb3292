from __future__ import annotations

import pytest

from plantgate.model.tag import full_path, path_problem


@pytest.mark.parametrize(
    "path",
    [
        "Speed",
        "Line 1/Filler/Speed",
        "[default]Line 1/Speed",
        "[System]Readers/gate-1/UID",
        "_a/0b/c (d): e'f-g",
        "x" * 256,
    ],
)
def test_paths_that_ignition_takes(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "a//b", "a/", "/a", " a", "-a", "a/é", "a.b", "a\n", "a\x00b", "x" * 257, "[default]", "[]a", "[a",
        "[default]a\nINFO", "[de\nfault]a", "[\x1b[2J]a",
    ],
)  # fmt: skip
def test_paths_that_it_does_not(path: str) -> None:
    assert path_problem(path)


def test_the_reason_shows_nothing_unprintable() -> None:
    assert (path_problem("a/b\x1b[2J") or "").isprintable()


def test_full_path() -> None:
    assert full_path("Line 1/Speed") == "[default]Line 1/Speed"
    assert full_path("[edge]Speed") == "[edge]Speed"
