"""The gateway's log: lines as Ignition's wrapper.log has them, in DIR/logs/wrapper.log.

    INFO   | jvm 1    | 2021/03/14 08:49:25 | I [t.h.q.PartitionManager        ] [07:49:25]: text key=value

(`reference` of that layout: Ignition 8.3 manual, gateway logs.) Our second column says `plantgate`. Tools that parse
the layout keep working. Text that a peer chose goes through `printable` before it gets here.
"""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
import threading
import time
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import structlog

from plantgate.limits import LOG_FILE_BYTES, LOG_FILES, LOG_STACK_LINES, LOG_TEXT_CHARS, PEER_TEXT_CHARS

_LETTERS = {"debug": "D", "info": "I", "warning": "W", "error": "E", "critical": "E"}
_NUMBERS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
_INTEGER_BITS = 2_048
# What can't stand bare as the value of a pair: it would end there, and the rest could pose as further pairs.
_BARE = re.compile(r'[^\s="]+\Z')
# A log with more lines than this in a second is a busy one: its further lines are written together, so often.
_BUSY_LINES = 100
_BUSY_SECONDS = 0.05
_LINE_START = re.compile(r"\s*[A-Za-z]+\s*\|")
_LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR", "critical": "ERROR"}


def printable(text: object, limit: int = PEER_TEXT_CHARS) -> str:
    """`text` as one short printable line: control and other unprintable characters become `\\x1b` and the like.

    Whatever a peer sends can neither forge a line, nor move a terminal's cursor, nor fill the disk.
    """
    if isinstance(text, int) and text.bit_length() > _INTEGER_BITS:
        return f"a whole number of {text.bit_length()} bits"  # Python refuses to print it
    raw = text if type(text) is str else str(text)
    if len(raw) <= limit and raw.isprintable():
        return raw
    cut = raw[:limit]
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in cut)
    if len(safe) > limit:
        safe = safe[:limit]
    return f"{safe}... ({len(raw)} characters)" if len(raw) > limit else safe


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for one part, named by dots: `drivers.modbus`."""
    if not structlog.is_configured():
        # At import: what a command logs that never calls `configure` goes to standard error, as Python's logging has
        # it. structlog's own default prints on standard output, among the JSON, and adds every local variable to a
        # stack trace.
        _through_logging()
    return structlog.stdlib.get_logger(name)


def abbreviate(name: str, width: int = 30) -> str:
    """`drivers.modbus.PLC1` shortened from the left to `width`: `d.m.PLC1`, as Java loggers are."""
    if len(name) <= width:
        return name
    *parents, last = name.split(".")
    short = ".".join([parent[:1] for parent in parents] + [last])
    return short[:width]


def _wrapper_line(level: str, logger: str, event: MutableMapping[str, Any], at: float) -> str:
    """Render one event of `at` (seconds since 1970) as a wrapper.log line; an exception follows as bare lines."""
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(at))
    name = abbreviate(printable(logger))
    text = printable(event.pop("event"), LOG_TEXT_CHARS)
    failure = event.pop("exc_info", None)
    pairs = "".join([f" {key}={_pair(value)}" for key, value in event.items()])
    line = (
        f"{_LEVELS.get(level, 'INFO'):<6} | plantgate | {stamp} | "
        f"{_LETTERS.get(level, 'I')} [{name:<30}] [{stamp[11:]}]: {text}{pairs}"
    )
    return "\n".join([line, *_stack(failure)]) if failure else line


def _pair(value: object) -> str:
    text = printable(value)
    return text if _BARE.match(text) else '"' + text.replace('"', "'") + '"'


def _stack(failure: object) -> list[str]:
    """The stack trace in bounded, printable lines, none of which can be taken for a line of the log.

    `failure` is what `exc_info` may be: an exception, the triple of the standard library, or True for the current one.
    """
    error = failure[1] if isinstance(failure, tuple) else failure
    if not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    if error is None:
        return []
    lines = "".join(traceback.format_exception(error)).rstrip().split("\n")
    if len(lines) > LOG_STACK_LINES:
        half = LOG_STACK_LINES // 2
        lines[half:-half] = [f"  ... {len(lines) - 2 * half} more lines ..."]
    safe = [printable(line, LOG_TEXT_CHARS) for line in lines]
    return [f"    {line}" if _LINE_START.match(line) else line for line in safe]


class _Ready(logging.LogRecord):
    """A record whose message is the finished line: it is rendered once, however many places it is written to."""


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, _Ready):
            return str(record.msg)
        event = {"event": record.getMessage(), "exc_info": record.exc_info}  # of a library
        return _wrapper_line(record.levelname.lower(), record.name, event, record.created)


# What `_wrapper_line` takes, to be rendered later.
_Unrendered: TypeAlias = tuple[str, str, MutableMapping[str, Any], float]
# Values that are the same when they are rendered later.
_PLAIN = frozenset((str, int, float, bool, type(None)))


class _Writer(logging.Handler):
    """Writes lines to the rotated file and to standard error: at once, or in a busy second every 50 ms together.

    A thousand badges a second are a thousand audit lines; to render and write each by itself would cost more than the
    badges. What is above INFO never waits, nor does what was held before it.
    """

    def __init__(self, file: Path | None, *, console: bool) -> None:
        super().__init__()
        self._file = None
        self._size = 0
        if file is not None:
            self._file = logging.handlers.RotatingFileHandler(file, backupCount=LOG_FILES - 1, encoding="utf-8")
            self._size = file.stat().st_size
        self._console = console
        self._held: list[str | _Unrendered] = []
        self._swap = threading.Lock()  # of `_held`; the handler's own lock is held while lines are written
        self._second, self._lines = 0, 0
        self._wake, self._ended = threading.Event(), threading.Event()
        self._later: threading.Thread | None = None
        self.setFormatter(_Lines())

    def hold(self, event: _Unrendered) -> bool:
        """Keep an event for the next round. False if it should be written now: this is not a busy second."""
        second = int(event[3])
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= _BUSY_LINES or self._ended.is_set() or not _PLAIN.issuperset(map(type, event[2].values())):
            return False
        with self._swap:
            self._held.append(event)
        if not self._wake.is_set():
            self._write_later()
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            with self._swap:
                self._held.append(line)
            self._write()
        except Exception:  # noqa: BLE001 - as every handler of the standard library: a log must not end the gateway
            self.handleError(record)

    def close(self) -> None:
        self._ended.set()
        self._wake.set()
        if self._later is not None:
            self._later.join()
        self._write_held()
        if self._file is not None:
            self._file.close()
        super().close()

    def _write_later(self) -> None:
        self._wake.set()
        if self._later is None:
            self._later = threading.Thread(target=self._write_what_is_held, name="log", daemon=True)
            self._later.start()

    def _write_what_is_held(self) -> None:
        while self._wake.wait() and not self._ended.wait(_BUSY_SECONDS):
            self._wake.clear()
            self._write_held()

    def _write_held(self) -> None:
        self.acquire()
        try:
            self._write()
        except (OSError, ValueError):
            pass  # the disk is full or standard error is closed: the next line is told so
        finally:
            self.release()

    def _write(self) -> None:
        with self._swap:
            held, self._held = self._held, []
        lines = [f"{each if isinstance(each, str) else _wrapper_line(*each)}\n" for each in held]
        if not lines:
            return
        if self._console:
            sys.stderr.write("".join(lines))
            sys.stderr.flush()
        if self._file is not None:
            self._write_file(self._file, lines)

    def _write_file(self, file: logging.handlers.RotatingFileHandler, lines: list[str]) -> None:
        start = 0
        file.stream = file.stream or file._open()
        for place, line in enumerate(lines):
            size = len(line.encode("utf-8", "replace"))
            if self._size and self._size + size > LOG_FILE_BYTES:
                file.stream.write("".join(lines[start:place]))
                file.doRollover()
                start, self._size = place, 0
            self._size += size
        file.stream.write("".join(lines[start:]))
        file.stream.flush()


# The handler that `configure` installed.
_writer: _Writer | None = None


def configure(file: Path | None, *, console: bool, level: str = "INFO") -> None:
    """Send all log lines to `file` (rotated, bounded) and, if `console`, to standard error.

    Called once by the composition root. A file that can't be written is not fatal: the console gets the lines.
    """
    global _writer  # noqa: PLW0603 - one log a process
    trouble, writer = None, None
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            writer = _Writer(file, console=console)
        except OSError as error:
            trouble = error
    close()
    root = logging.getLogger()
    _writer = writer or _Writer(None, console=True)
    root.addHandler(_writer)
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it tells of its start and end; so do we
    if trouble is not None:
        get_logger("gateway").warning("the log file can't be written, logging to the console", reason=str(trouble))


def _through_logging() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _hand_over,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def close() -> None:
    """Flush and drop our handlers: what is logged later goes where Python's own logging puts it."""
    global _writer
    writer, _writer = _writer, None
    if writer is not None:
        root = logging.getLogger()
        root.removeHandler(writer)
        root.setLevel(logging.WARNING)  # as Python has it: others' chatter is not ours to collect
        writer.close()


def _hand_over(logger: logging.Logger, method: str, event: MutableMapping[str, Any]) -> NoReturn:
    """To Python's logging, which knows the places. Not through `logger.info`, which looks for its caller first."""
    now = time.time()  # noqa: TID251 - a log line is stamped when written
    if _writer is None or method != "info" or not _writer.hold((method, logger.name, event, now)):
        line = _wrapper_line(method, logger.name, event, now)
        logger.handle(_Ready(logger.name, _NUMBERS.get(method, logging.INFO), "", 0, line, None, None))
    raise structlog.DropEvent
