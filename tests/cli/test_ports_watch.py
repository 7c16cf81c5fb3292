"""`ports watch` as a person sees it: on a terminal that is drawn, resized and left with Ctrl+C."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bench.processes import free_ports, wait_for

if sys.platform == "win32":
    pytest.skip("Windows has no such terminals", allow_module_level=True)

import fcntl
import pty
import termios

# Becomes the leader of the terminal that it is started on, so that Ctrl+C reaches it.
_ON_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from plantgate.cli.main import main
sys.argv[0] = "plantgate"
main()
"""


class Terminal:
    """A terminal with a command of ours on it. `text` is all that was written, `screen` what stands there now."""

    def __init__(self, rows: int, columns: int, *arguments: str) -> None:
        self.master, self._slave = pty.openpty()
        self.resize(rows, columns)
        self.modes = termios.tcgetattr(self._slave)
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self) -> None:
        while select.select([self.master], [], [], 0.02)[0]:
            self.text += os.read(self.master, 65_536).decode()

    @property
    def screen(self) -> str:
        self.read()
        return _plain(self.text.rpartition("\x1b[H")[2])

    def until(self, condition: Callable[[str], bool]) -> str:
        """The screen as soon as `condition` holds for it."""
        found: list[str] = []

        def looked() -> bool:
            found[:] = [self.screen]
            return condition(found[0])

        try:
            wait_for(looked, "on the screen")
        except AssertionError:
            pytest.fail(f"not on the screen:\n{found[0]}")
        return found[0]

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def modes_now(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


@pytest.fixture
def ports() -> list[int]:
    return free_ports(2)


@pytest.fixture
def terminal(tmp_path: Path, ports: list[int]) -> Iterator[Terminal]:
    file = tmp_path / "gateway.xml"
    file.write_text(
        f'<properties><entry key="gateway.port">{ports[0]}</entry><entry key="gateway.sslport">{ports[1]}</entry>'
        "</properties>",
        encoding="utf-8",
    )
    opened = Terminal(24, 80, "ports", "watch", "--interval", "0.2", "--gateway-xml", str(file))
    try:
        yield opened
    finally:
        opened.close()


def test_it_lives_is_resized_and_leaves_the_terminal_as_it_was(terminal: Terminal, ports: list[int]) -> None:
    terminal.until(lambda screen: "no change yet" in screen)
    with socket.socket() as server:
        server.bind(("127.0.0.1", ports[0]))
        server.listen()
        screen = terminal.until(lambda screen: f"http {ports[0]} opened by" in screen)
        row = next(line for line in screen.splitlines() if f"{ports[0]}  http " in line)
        assert "LISTENING" in row
        assert str(os.getpid()) in screen
        for columns in (40, 80):
            terminal.resize(24, columns)
            screen = terminal.until(partial(_is_wide, columns))
            assert "opcua_discovery" in screen, "no name is broken"
            assert "LISTENING" in screen
        terminal.resize(12, 80)
        terminal.until(lambda screen: screen.count("\n") < 12 and "Ctrl+C ends this" in screen)
    terminal.press(b"\x03")
    assert terminal.process.wait(10) == 0
    terminal.read()
    assert terminal.text.count("\x1b[?1049h") == terminal.text.count("\x1b[?1049l") == 1, "the alternate screen is left"
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l"), "the cursor is shown again"
    assert terminal.modes_now() == terminal.modes
    last = _plain(terminal.text.rpartition("\x1b[?1049l")[2])
    assert f"http {ports[0]} opened by" in last, "what was seen stays readable"
    assert "Ctrl+C" not in last


def test_a_request_to_end_leaves_it_sane_too(terminal: Terminal) -> None:
    terminal.until(lambda screen: "no change yet" in screen)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(10) == 0
    terminal.read()
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")


def _is_wide(columns: int, screen: str) -> bool:
    """A frame fills the terminal: its longest line is as long as that is wide."""
    return max((len(line) for line in screen.splitlines()), default=0) == columns
