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
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

from plantgate.limits import LOG_FILE_BYTES, LOG_FILES, LOG_STACK_LINES, LOG_TEXT_CHARS, PEER_TEXT_CHARS

_LETTERS = {"debug": "D", "info": "I", "warning": "W", "error": "E", "critical": "E"}
_INTEGER_BITS = 2_048
# What can't stand bare as the value of a pair: it would end there, and the rest could pose as further pairs.
_BARE = re.compile(r'[^\s="]+\Z')
_LINE_START = re.compile(r"\s*[A-Za-z]+\s*\|")
_LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR", "critical": "ERROR"}


def printable(text: object, limit: int = PEER_TEXT_CHARS) -> str:
    """`text` as one short printable line: control and other unprintable characters become `\\x1b` and the like.

    Whatever a peer sends can neither forge a line, nor move a terminal's cursor, nor fill the disk.
    """
    if isinstance(text, int) and text.bit_length() > _INTEGER_BITS:
        return f"a whole number of {text.bit_length()} bits"  # Python refuses to print it
    raw = str(text)
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


def _wrapper_line(_: object, method: str, event: MutableMapping[str, Any]) -> str:
    """Render one structlog event as a wrapper.log line; an exception follows as bare lines."""
    level = event.pop("level", method)
    stamp = event.pop("timestamp")
    name = abbreviate(printable(event.pop("logger", "gateway")))
    text = printable(event.pop("event"), LOG_TEXT_CHARS)
    failure = event.pop("exc_info", None)
    pairs = "".join(f" {key}={_pair(value)}" for key, value in event.items())
    line = (
        f"{_LEVELS.get(level, 'INFO'):<6} | {'plantgate':<9} | {stamp:%Y/%m/%d %H:%M:%S} | "
        f"{_LETTERS.get(level, 'I')} [{name:<30}] [{stamp:%H:%M:%S}]: {text}{pairs}"
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


def configure(file: Path | None, *, console: bool, level: str = "INFO") -> None:
    """Send all log lines to `file` (rotated, bounded) and, if `console`, to standard error.

    Called once by the composition root. A file that can't be written is not fatal: the console gets the lines.
    """
    handlers: list[logging.Handler] = []
    trouble = None
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                logging.handlers.RotatingFileHandler(
                    file, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8"
                )
            )
        except OSError as error:
            trouble = error
    if console or not handlers:
        handlers.append(logging.StreamHandler(sys.stderr))
    root = logging.getLogger()
    close()
    for handler in handlers:
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _wrapper_line],
                foreign_pre_chain=[
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.add_log_level,
                    _local_timestamp,
                ],
            )
        )
        root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it tells of its start and end; so do we
    if trouble is not None:
        get_logger("gateway").warning("the log file can't be written, logging to the console", reason=str(trouble))


def _through_logging() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            _local_timestamp,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def close() -> None:
    """Flush and drop our handlers: what is logged later goes where Python's own logging puts it."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(handler)
            handler.close()


def _local_timestamp(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    import datetime  # noqa: PLC0415 - only here

    event["timestamp"] = datetime.datetime.now().astimezone()  # noqa: TID251 - a log line is stamped when written
    return event
