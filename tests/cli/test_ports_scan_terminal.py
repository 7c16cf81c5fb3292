"""`plantgate ports scan` on a real terminal: what a person sees while it runs, and what is left of it."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.processes import free_ports
from plantgate.cli.bars import _fitting
from tests.ports.loopback import open_port

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no pty")

_SPLIT = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+")


class _Screen:
    """What a terminal shows: enough of one for a bar. `widest` is the longest line that was ever on it."""

    def __init__(self, text: str) -> None:
        self.lines = [""]
        self.seen: set[str] = set()
        row = column = 0
        for part in _SPLIT.findall(text):
            if part == "\r":
                column = 0
            elif part == "\n":
                row += 1
                self.lines += [""] * (row + 1 - len(self.lines))
            elif part == "\x1b[2K":
                self.lines[row] = ""
            elif part.startswith("\x1b"):
                row -= int(part[2:-1] or 1) if part.endswith("A") else 0
            else:
                line = self.lines[row].ljust(column)
                self.lines[row] = line[:column] + part + line[column + len(part) :]
                column += len(part)
                self.seen.add(self.lines[row])


def _on_a_terminal(width: int, *arguments: str, output: Path | None = None, **environment: str) -> tuple[str, int]:
    """All that the command wrote to a terminal `width` characters wide, and its exit status."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}}
    with ExitStack() as stack:
        answer = stack.enter_context(output.open("w")) if output is not None else theirs
        process = subprocess.Popen(
            [sys.executable, "-m", "plantgate.cli.main", "ports", "scan", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=theirs,
            env={**kept, "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)
        written = b""
        while True:
            try:
                data = os.read(ours, 65_536)
            except OSError:  # Linux: the other side is closed
                break
            if not data:
                break
            written += data
        os.close(ours)
        return written.decode(), process.wait(30)


@pytest.mark.parametrize("width", [80, 40])
def test_a_bar_while_it_runs_and_nothing_of_it_at_the_end(width: int) -> None:
    (port,) = free_ports(1)
    with open_port("127.0.11.9", port):
        text, status = _on_a_terminal(
            width, "127.0.11.1-100", "--only", "oracle", "--port", str(port), "--rate", "400", NO_COLOR="1"
        )
    screen = _Screen(text)
    counts = [line for line in screen.seen if re.search(r"\d+/200 \d:\d\d:\d\d", line)]
    assert status == 0
    assert counts, "the count is never cut"
    assert any("\N{BOX DRAWINGS HEAVY HORIZONTAL}" in line for line in counts)
    assert max(len(line) for line in screen.seen if "/200" in line) <= width
    shown = [line.rstrip() for line in screen.lines if line.strip()]
    assert shown[0] == "127.0.11.9", "the bar is out of the way of what is printed meanwhile"
    assert shown[-1].endswith("with none of these ports open")
    assert not any("/200" in line for line in screen.lines)
    assert not re.search(r"\x1b\[[\d;]*[39]\dm", text), "NO_COLOR: bold at most"


def test_the_answer_goes_where_it_is_sent(tmp_path: Path) -> None:
    """The bar is on the terminal, the answer in the file."""
    answer = tmp_path / "answer.txt"
    (port,) = free_ports(1)
    with open_port("127.0.12.9", port):
        text, status = _on_a_terminal(
            80, "127.0.12.1-100", "--only", "oracle", "--port", str(port), "--rate", "400", output=answer
        )
    assert status == 0
    assert "/200" in text
    assert "127.0.12.9" not in text
    assert answer.read_text().startswith("127.0.12.9\nname ")
    assert "\x1b" not in answer.read_text()


def test_a_dumb_terminal_and_json_get_no_bar() -> None:
    for arguments in (("--only", "oracle"), ("--only", "oracle", "--json")):
        text, status = _on_a_terminal(80, "127.0.13.1-5", *arguments, TERM="dumb")
        assert status == 0
        assert "\x1b" not in text
        assert text.startswith("[" if "--json" in arguments else "5 hosts: 5 that answer")


@pytest.mark.parametrize("width", [1, 5, 9, 12, 20, 30, 39, 40, 41, 60, 80, 200])
@pytest.mark.parametrize("label", ["x", "scanning 192.0.2.0/24", "scanning " + "192.0.2.0/24 " * 5])
def test_count_label_and_bar_fit_into_any_width(width: int, label: str) -> None:
    columns, text = _fitting(width, 12_345, label)
    sizes = {"MofNCompleteColumn": 11, "TimeRemainingColumn": 7, "TextColumn": len(text)}
    total = sum(getattr(column, "bar_width", None) or sizes[type(column).__name__] for column in columns)
    assert total + len(columns) - 1 <= max(width, 11)
