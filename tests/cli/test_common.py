"""What every command does alike: tables in pipes, errors, exit status."""

from __future__ import annotations

import io
import json
import re

import pytest
import typer

from plantgate.cli.common import Cell, Column, Mark, fail, print_json, print_table, progress, told
from plantgate.config.problems import ConfigErrors
from plantgate.errors import ConfigError, Refused, Unavailable, UsageError


def test_a_table_in_a_pipe_is_plain_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        ["name", Column("port", "right"), "state"],
        [["[default]Line 1", 8088, Mark("OPEN", "green")], ["b", 1, None], ["c", 22, ""]],
        title="unseen",
    )
    assert capsys.readouterr().out.splitlines() == [
        "name             port  state",
        "[default]Line 1  8088  OPEN",
        "b                   1  -",
        "c                  22  -",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch, width: int = 80) -> _Terminal:
    screen = _Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return screen


def test_a_terminal_gets_colour_unless_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[list[Cell]] = [["[default]x", Mark("OPEN", "green")]]
    screen = _terminal(monkeypatch)
    print_table(["name", "state"], rows)
    assert "\x1b[32mOPEN" in screen.getvalue()
    assert "[default]x" in screen.getvalue(), "square brackets are not markup"
    screen = _terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(["name", "state"], rows)
    assert "\x1b[32m" not in screen.getvalue()
    assert "OPEN" in screen.getvalue()


@pytest.mark.parametrize(("width", "shown"), [(80, "nfs"), (50, "nf"), (30, "n"), (10, "n")])
def test_a_narrow_terminal_loses_the_optional_columns(monkeypatch: pytest.MonkeyPatch, width: int, shown: str) -> None:
    screen = _terminal(monkeypatch, width)
    heads: list[str | Column] = ["name", Column("first", optional=True), Column("second", optional=True)]
    print_table(heads, [["n" * 20, "f" * 20, "s" * 20]])
    assert "".join(letter for letter in "nfs" if letter * 8 in screen.getvalue()) == shown


_WORDS: list[list[Cell]] = [
    ["opcua_discovery", 4096, "python (pid 4711, root)", "plantgate.toml:94"],
    ["http", 8088, None, "gateway.xml:8"],
]


@pytest.mark.parametrize("width", [40, 50, 58, 60, 80, 120])
def test_no_word_is_broken_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    screen = _terminal(monkeypatch, width)
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(["name", Column("port", "right"), "held by", "set by"], _WORDS)
    text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert max(len(line) for line in text.splitlines()) <= width
    for word in ("opcua_discovery", "4096", "python", "4711,", "root)", "plantgate.toml:94", "gateway.xml:8"):
        assert word in text.split(), text


def test_what_does_not_fit_side_by_side_is_told_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _terminal(monkeypatch, 36)
    monkeypatch.setenv("NO_COLOR", "1")
    heads: list[str | Column] = ["name", Column("port", "right"), "held by", "set by", Column("why", optional=True)]
    print_table(heads, [[*row, "a reason"] for row in _WORDS])
    text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert [line.rstrip() for line in text.splitlines()] == [
        "name     opcua_discovery",
        "port     4096",
        "held by  python (pid 4711, root)",
        "set by   plantgate.toml:94",
        "",
        "name     http",
        "port     8088",
        "set by   gateway.xml:8",
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("CFG-111", "gateway.xml:3: gateway.port: no", "do this"), 2),
        (UsageError("PORT-106", "no", "do this"), 2),
        (Unavailable("PORT-102", "no", "do this"), 1),
        (Refused("X-1", "no", "do this"), 1),
    ],
)
def test_an_error_is_told_on_standard_error(
    capsys: pytest.CaptureFixture[str], error: ConfigError, status: int
) -> None:
    with pytest.raises(typer.Exit) as left, told():
        raise error
    assert left.value.exit_code == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: {error.message} [{error.code}]\n  next: do this\n"


def test_each_of_several_errors_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    errors = ConfigErrors([ConfigError("CFG-1", "one"), ConfigError("CFG-2", "two", "mend it")])
    with pytest.raises(typer.Exit):
        fail(errors)
    assert capsys.readouterr().err == "error: one [CFG-1]\nerror: two [CFG-2]\n  next: mend it\n"
    with pytest.raises(typer.Exit):
        fail(errors, as_json=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {
        "error": {"code": "CFG-1", "message": "one", "hint": ""},
        "errors": [
            {"code": "CFG-1", "message": "one", "hint": ""},
            {"code": "CFG-2", "message": "two", "hint": "mend it"},
        ],
    }


def test_json_lines_for_streams(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "ü"}, one_line=True)
    assert capsys.readouterr().out == '{"a": "ü"}\n'


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3, "scanning") as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with progress(3, "scanning") as advance:
        advance(3)
    assert "scanning" in screen.getvalue()
    assert "3/3" in screen.getvalue()
