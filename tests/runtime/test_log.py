from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from plantgate.limits import LOG_FILES, LOG_STACK_LINES, LOG_TEXT_CHARS, PEER_TEXT_CHARS
from plantgate.runtime import log

LINE = re.compile(
    r"(?P<level>INFO|WARN|ERROR|DEBUG) {1,2} \| plantgate \| \d{4}/\d\d/\d\d \d\d:\d\d:\d\d \| "
    r"(?P<letter>[DIWE]) \[(?P<logger>.{30})\] \[\d\d:\d\d:\d\d\]: (?P<text>.*)\Z"
)


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    """Configures the log to a file; calling it gives the lines that are in it."""
    level = logging.getLogger().level
    file = tmp_path / "logs" / "wrapper.log"
    log.configure(file, console=False)

    def lines() -> list[str]:
        log.close()
        return file.read_text(encoding="utf-8").split("\n")[:-1]

    yield lines
    log.close()
    logging.getLogger().setLevel(level)


def test_a_line_is_as_ignition_writes_it(written: Callable[[], list[str]]) -> None:
    log.get_logger("drivers.modbus").info("connected", device="PLC1", port=502)
    log.get_logger("drivers.modbus").warning("late")
    (first, second) = written()
    match = LINE.match(first)
    assert match is not None
    assert first.startswith("INFO   | plantgate | ")
    assert match["letter"] == "I"
    assert match["logger"] == "drivers.modbus".ljust(30)
    assert match["text"] == "connected device=PLC1 port=502"
    assert second.startswith("WARN   | plantgate | ")
    assert " | W [drivers.modbus " in second


def test_times_are_local(written: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(time, "tzset"):
        pytest.skip("Windows can't change the time zone of a process")
    monkeypatch.setenv("TZ", "XYZ-9")
    time.tzset()
    try:
        log.get_logger("x").info("now")
        there = time.strftime("%Y/%m/%d %H", time.gmtime(time.time() + 9 * 3600))  # noqa: TID251
    finally:
        monkeypatch.undo()
        time.tzset()
    assert f"| {there}" in written()[0] or "59:5" in written()[0]


def test_a_long_logger_name_is_shortened_from_the_left(written: Callable[[], list[str]]) -> None:
    log.get_logger("telemetry.historian.query.PartitionManager").info("x")
    assert "| I [t.h.q.PartitionManager        ] [" in written()[0]


def test_a_stack_trace_follows_as_bare_lines(written: Callable[[], list[str]]) -> None:
    try:
        int("seven")
    except ValueError as error:
        log.get_logger("a").error("failed", exc_info=error)
        log.get_logger("b").error("failed", exc_info=True)
    logging.getLogger("asyncio").error("callback failed", exc_info=(ValueError, ValueError("later"), None))
    lines = written()
    heads = [number for number, line in enumerate(lines) if LINE.match(line)]
    assert len(heads) == 3
    for number in heads[:2]:
        assert lines[number + 1] == "Traceback (most recent call last):"
        assert 'int("seven")' in "".join(lines[number : number + 6])
    assert lines[-1] == "ValueError: later"
    assert lines.count("ValueError: later") == 1
    assert "" not in lines


HOSTILE = "x\nERROR  | plantgate | 2026/01/01 00:00:00 | E [audit] [00:00:00]: forged\r\x1b[2J\u202e\x85\u2028"


def test_no_text_can_forge_a_line(written: Callable[[], list[str]]) -> None:
    logger = log.get_logger("a")
    logger.info(HOSTILE)
    logger.info("pair", peer=HOSTILE)
    logger.info("format %s", HOSTILE)
    logging.getLogger("other").warning(HOSTILE)
    error = ValueError(HOSTILE)
    error.add_note(HOSTILE)
    logger.error("crash", exc_info=error)
    logging.getLogger("asyncio").error("crash", exc_info=(ValueError, error, None))
    log.get_logger(HOSTILE).info("named")
    lines = written()
    assert len([line for line in lines if re.match(r"\w+ *\|", line)]) == 7
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if LINE.match(line)]) == 7


def test_a_value_can_not_pose_as_further_pairs(written: Callable[[], list[str]]) -> None:
    log.get_logger("audit").info("command", command='write x = 1 outcome=done reason="', outcome="refused")
    assert written()[0].endswith(""": command command="write x = 1 outcome=done reason='" outcome=refused""")


def test_a_line_is_bounded_whatever_a_peer_sends(written: Callable[[], list[str]]) -> None:
    log.get_logger("a").info("\x1b" * 1_000_000, peer="\x00" * 1_000_000)
    log.get_logger("a").info("lone \udc80 surrogate")
    (line, surrogate) = written()
    assert len(line) < LOG_TEXT_CHARS + PEER_TEXT_CHARS + 200
    assert surrogate.endswith("lone \\udc80 surrogate")


def test_a_stack_trace_is_bounded(written: Callable[[], list[str]]) -> None:
    error = ValueError("\n".join(f"line {number}" for number in range(100_000)))
    log.get_logger("a").error("crash", exc_info=error)
    lines = written()
    assert len(lines) <= LOG_STACK_LINES + 2
    assert lines[1] == "ValueError: line 0"
    assert lines[-1] == "line 99999"


@given(st.text(st.characters(categories=None, exclude_categories=()), max_size=600), st.integers(1, 300))
def test_printable_is_one_short_printable_line(text: str, limit: int) -> None:
    safe = log.printable(text, limit)
    assert safe.isprintable()
    assert len(safe) <= limit + len(f"... ({len(text)} characters)")
    if text.isprintable() and len(text) <= limit:
        assert safe == text


def test_printable_of_a_megabyte_costs_what_is_kept() -> None:
    assert log.printable("é" * 1_048_576) == "é" * 256 + "... (1048576 characters)"
    assert log.printable("\x1b[2J\n") == "\\x1b[2J\\n"
    assert log.printable(10**5_000) == "a whole number of 16610 bits"
    assert log.printable(None) == "None"


def test_a_file_that_can_not_be_written_is_not_fatal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    log.configure(tmp_path / "logs" / "wrapper.log", console=False)
    log.get_logger("a").error("still heard")
    log.close()
    text = capsys.readouterr().err
    assert "still heard" in text
    assert "can't be written" in text


def test_the_log_is_rotated_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LOG_FILE_BYTES", 2_000)
    log.configure(tmp_path / "wrapper.log", console=False)
    for number in range(1_000):
        log.get_logger("a").info("flapping", number=number)
    log.close()
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["wrapper.log", *(f"wrapper.log.{number}" for number in range(1, LOG_FILES))]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= LOG_FILES * 2_000


def test_a_busy_second_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    """What is held is written together: by the next line above INFO, 50 ms later, or at the end."""
    file = tmp_path / "wrapper.log"
    log.configure(file, console=False)
    audit, other = log.get_logger("audit"), log.get_logger("other")
    for number in range(2_000):
        audit.info("command", number=number, actor="ada", outcome=None)
        if number % 500 == 499:
            other.warning("in between", number=number)
            assert file.read_text(encoding="utf-8").splitlines()[-1].endswith(f"in between number={number}")
    log.close()
    numbers = re.findall(r"command number=(\d+) actor=ada outcome=None", file.read_text(encoding="utf-8"))
    assert [int(number) for number in numbers] == list(range(2_000))


def test_what_a_busy_second_held_is_written_soon(tmp_path: Path) -> None:
    file = tmp_path / "wrapper.log"
    log.configure(file, console=False)
    for number in range(1_000):
        log.get_logger("audit").info("command", number=number)
    deadline = time.monotonic() + 10  # noqa: TID251
    while len(file.read_text(encoding="utf-8").splitlines()) < 1_000:
        assert time.monotonic() < deadline  # noqa: TID251
        threading.Event().wait(0.005)
    log.close()


def test_what_is_held_is_rendered_as_it_was(tmp_path: Path) -> None:
    """A value that may change until then is rendered at once."""
    file = tmp_path / "wrapper.log"
    log.configure(file, console=False)
    growing: list[int] = []
    for number in range(300):
        growing.append(number)
        log.get_logger("audit").info("grows", size=growing[:], last=growing)
        growing[-1] = -1
    log.close()
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 300
    assert 'last="[-1, -1, 2]"' in lines[2]


def test_configuring_twice_writes_each_line_once(tmp_path: Path) -> None:
    log.configure(tmp_path / "a.log", console=False)
    log.configure(tmp_path / "b.log", console=False)
    log.get_logger("a").info("once")
    log.close()
    assert (tmp_path / "a.log").read_text() == ""
    assert len((tmp_path / "b.log").read_text().splitlines()) == 1


def test_unconfigured_nothing_is_printed_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands with --json own standard output."""
    assert structlog.is_configured()
    log.get_logger("a").error("crashed", exc_info=ValueError("x"))
    sys.stdout.flush()
    assert capsys.readouterr().out == ""
