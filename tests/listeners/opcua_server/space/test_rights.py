from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plantgate.listeners.opcua_server.space.rights import BROWSE, CALL, EVERYTHING, NOTHING, READ, WRITE, Rights
from plantgate.model.wildcard import Wildcard

_PATTERN = st.text(alphabet="a/*?", max_size=5).map(lambda text: f"[default]{text}")
_PATH = st.text(alphabet="ab/", max_size=6).map(lambda text: f"[default]{text}")
_PATTERNS = st.lists(_PATTERN, max_size=3)


def test_everything_and_nothing() -> None:
    assert EVERYTHING.of("[default]Line 1/Speed") == BROWSE | READ | WRITE | CALL
    assert EVERYTHING.everywhere == BROWSE | READ | WRITE | CALL
    assert NOTHING.of("[default]Line 1/Speed") == NOTHING.everywhere == 0


def test_each_right_has_its_own_patterns() -> None:
    rights = Rights(browse=["*"], read=["Line 1/*", "[other]*"], write=["*/Setpoint"])
    assert rights.of("[default]Line 1/Speed") == BROWSE | READ
    assert rights.of("[default]Line 1/Setpoint") == BROWSE | READ | WRITE
    assert rights.of("[default]Line 2/Setpoint") == BROWSE | WRITE
    assert rights.of("[other]Line 2") == BROWSE | READ
    assert rights.of("[default]Line 10") == BROWSE
    assert rights.everywhere == BROWSE


def test_a_pattern_means_the_default_provider_unless_it_says_otherwise() -> None:
    assert Rights(read=["Speed"]).of("[default]Speed") == READ
    assert Rights(read=["Speed"]).of("[other]Speed") == 0
    assert Rights(read=["?default]Speed"]).of("[default]Speed") == READ


@given(_PATTERNS, _PATTERNS, _PATH)
def test_a_path_is_granted_what_any_pattern_grants(read: list[str], write: list[str], path: str) -> None:
    granted = Rights(read=read, write=write).of(path)
    assert bool(granted & READ) is any(Wildcard(pattern).matches(path) for pattern in read)
    assert bool(granted & WRITE) is any(Wildcard(pattern).matches(path) for pattern in write)


@given(_PATTERNS, _PATTERNS, _PATH)
def test_roles_add_up(first: list[str], second: list[str], path: str) -> None:
    table = {"viewer": Rights(read=first), "operator": Rights(read=second, write=second)}
    both = Rights.of_roles(table, ["viewer", "operator", "nobody"])
    assert both.of(path) == table["viewer"].of(path) | table["operator"].of(path)
    assert Rights.of_roles(table, ["nobody"]) == NOTHING


def test_the_same_patterns_are_the_same_rights() -> None:
    left, right = Rights(read=["a", "b", "a"]), Rights(read=["[default]b", "a"])
    assert left == right
    assert hash(left) == hash(right)
    assert left != Rights(browse=["a", "b"])
    assert left != "rights"
    assert "[default]a" in repr(left)
