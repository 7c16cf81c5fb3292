"""`plantgate history`: read the stored values of a data directory, whether its gateway runs or not."""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeAlias

import typer

from plantgate.cli.common import (
    EXIT_PROBLEM,
    Cell,
    Column,
    JsonOption,
    Mark,
    fail,
    note,
    print_json,
    print_table,
    progress,
    say,
    told,
)
from plantgate.cli.moments import moment, when
from plantgate.errors import Overload, StorageError, UsageError

if TYPE_CHECKING:
    from plantgate.historian.offline import HistoryFile
    from plantgate.model.history import Series
    from plantgate.model.value import Scalar

app = typer.Typer(no_args_is_help=True, help="Query, export and check the stored values of tags.")

DataDirectory: TypeAlias = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="PLANTGATE_DATA", help="Data directory of the gateway."),
]
_HERE = Path("plantgate-data")
Last: TypeAlias = Annotated[
    str | None, typer.Option("--last", metavar="TIME", help="How far back from now: 30s, 10m, 2h, 1d, 1h30m.")
]
From: TypeAlias = Annotated[
    str | None, typer.Option("--from", metavar="WHEN", help="Begin: 2026-11-20T06:00 (local) or with +01:00 or Z.")
]
To: TypeAlias = Annotated[str | None, typer.Option("--to", metavar="WHEN", help="End, as --from; without it: now.")]
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\Z")
_TABLE_ROWS = 500
_CSV_HEAD = ("path", "time", "value", "quality", "quality_name")


@app.command("query")
def query(
    tag: Annotated[str, typer.Argument(metavar="TAG", help="Path of a tag, with or without [default].")],
    last: Last = None,
    begin: From = None,
    end: To = None,
    max_points: Annotated[
        int | None,
        typer.Option("--max-points", min=3, help="At most so many; lows, highs and bad quality are kept."),
    ] = None,
    csv_file: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write CSV; - for the output.")] = None,
    as_json: JsonOption = False,
    data: DataDirectory = _HERE,
) -> None:
    """Show the values of one tag; without a time those of the last hour."""
    with _reading(as_json), _opened(data) as history:
        start, stop = _span(last, begin, end)
        if csv_file is not None and not as_json:
            parts = [history.query(tag, start, stop, max_points)] if max_points else history.export(tag, start, stop)
            _write_csv(csv_file, parts)
        elif as_json:
            _print_series(history.query(tag, start, stop, max_points))
        else:
            _print_table(history, tag, start, stop, max_points)


@app.command("export")
def export(
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="Paths of tags.")],
    csv_file: Annotated[str, typer.Option("--csv", metavar="FILE", help="The file to write; - for the output.")],
    last: Last = None,
    begin: From = None,
    end: To = None,
    data: DataDirectory = _HERE,
) -> None:
    """Write every stored value of one or more tags as CSV; without a time all of them."""
    with _reading(False), _opened(data) as history:
        start, stop = (0, 1 << 61) if not (last or begin or end) else _span(last, begin, end)
        for tag in tags:
            history.tag(tag)  # a misspelt one is told before the file is begun
        count = _write_csv(csv_file, _each(history, tags, start, stop))
    if csv_file != "-":
        note(f"wrote {count} points to {csv_file}")


@app.command("stats")
def stats(as_json: JsonOption = False, data: DataDirectory = _HERE) -> None:
    """Show what the store holds."""
    with _reading(as_json), _opened(data) as history:
        found = history.stats()
    row = {
        "points": found.points,
        "tags": found.tags,
        "blocks": found.blocks,
        "hot_points": found.hot_points,
        "bytes": found.bytes,
        "oldest": None if found.oldest is None else found.oldest // 1000,
        "newest": None if found.newest is None else found.newest // 1000,
        "file": str(history.path),
    }
    if as_json:
        print_json(row)
        return
    shown = {**row, "oldest": _local(found.oldest), "newest": _local(found.newest)}
    print_table(["what", "figure"], [(name.replace("_", " "), value) for name, value in shown.items()])


@app.command("check")
def check(as_json: JsonOption = False, data: DataDirectory = _HERE) -> None:
    """Read every block and compare its checksum. Exit status 1 if one is damaged."""
    with _reading(as_json), _opened(data) as history:
        blocks = history.stats().blocks
        history.damaged.clear()
        with progress(blocks, "blocks", enabled=not as_json) as advance:
            bad = history.check(advance)
    if as_json:
        print_json({"blocks": blocks, "damaged": bad, "problems": history.damaged})
    else:
        for problem in history.damaged:
            note(problem)
        say(f"{blocks} blocks read, {bad} damaged" if bad else f"{blocks} blocks read, all as they were written")
    if bad:
        raise typer.Exit(EXIT_PROBLEM)


@contextmanager
def _reading(as_json: bool) -> Iterator[None]:
    """Errors are told; a tag that is not there is something found (exit 1), not a command that can't be meant."""
    with told(as_json=as_json):
        try:
            yield
        except UsageError as error:
            if error.code == "HI-201":
                raise StorageError(error.code, error.message, error.hint) from None
            raise


@contextmanager
def _opened(data: Path) -> Iterator[HistoryFile]:
    from plantgate.historian.offline import HistoryFile

    with HistoryFile(data) as history:
        yield history
        for problem in history.damaged[:10]:
            note(f"warning: left out: {problem}")


def _span(last: str | None, begin: str | None, end: str | None) -> tuple[int, int]:
    """Start and end in microseconds UTC."""
    from plantgate.runtime.clock import SystemClock

    if last is not None and begin is not None:
        raise UsageError("HI-206", "--last and --from exclude each other", "give one of them")
    stop = SystemClock().wall() if end is None else moment(end, "--to")
    if begin is not None:
        return moment(begin, "--from"), stop
    return stop - round(_duration("1h" if last is None else last).total_seconds() * 1e6), stop


def _duration(text: str) -> timedelta:
    match = _DURATION.match(text)
    if match is None or not text:
        raise UsageError("HI-207", f"--last {text}: not a time", "write 30s, 10m, 2h, 1d or 1h30m")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise UsageError("HI-207", f"--last {text}: too long", "write 30s, 10m, 2h, 1d or 1h30m") from None


def _local(time: int | None) -> str | None:
    """Local time with its offset, to the millisecond."""
    if time is None:
        return None
    return when(time).astimezone().isoformat(sep=" ", timespec="milliseconds")


def _utc(time: int) -> str:
    return when(time).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _plain(value: Scalar) -> Scalar:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_series(series: Series) -> None:
    from plantgate.model.quality import label

    points: list[dict[str, Any]] = [
        {"t": time // 1000, "time": _utc(time), "value": _plain(value), "quality": code, "quality_name": label(code)}
        for time, value, code in zip(series.times, series.values, series.qualities, strict=True)
    ]
    print_json({"path": series.path, "points": points})


def _print_table(history: HistoryFile, tag: str, start: int, stop: int, most: int | None) -> None:
    from plantgate.model.quality import is_good, label

    try:
        series = history.query(tag, start, stop, most)
    except Overload:
        series = history.query(tag, start, stop, _TABLE_ROWS)
        note(f"these are {_TABLE_ROWS} of more than a million points, lows and highs among them; --csv writes all")
    if most is None and len(series.times) > _TABLE_ROWS:
        note(f"these are {_TABLE_ROWS} of {len(series.times)} points, lows and highs among them; --csv writes all")
        series = history.query(tag, start, stop, _TABLE_ROWS)
    if not series.times:
        note(f"no values of {series.path} from {_local(start)} to {_local(stop)}; --last 1d looks further back")
        return
    rows: list[list[Cell]] = [
        [_local(time), _cell(value), label(code) if is_good(code) else Mark(label(code), "red")]
        for time, value, code in zip(series.times, series.values, series.qualities, strict=True)
    ]
    print_table(["time", Column("value", "right"), "quality"], rows, title=series.path)


def _cell(value: Scalar) -> Cell:
    from plantgate.runtime.log import printable

    if isinstance(value, float):
        return f"{value:.9g}"  # a Float4 has seven digits that mean something; JSON and CSV have them all
    return printable(value) if isinstance(value, str) else str(value) if isinstance(value, bool | tuple) else value


def _each(history: HistoryFile, tags: Sequence[str], start: int, stop: int) -> Iterator[Series]:
    with progress(len(tags), "tags") as advance:
        for tag in tags:
            yield from history.export(tag, start, stop)
            advance(1)


def _write_csv(name: str, parts: Iterable[Series]) -> int:
    """Write `parts` to a file, which is there only when it is whole, or to the output for `-`."""
    if name == "-":
        return _write_rows(sys.stdout, parts)
    target = Path(name)
    partial = target.with_name(f"{target.name}.part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            count = _write_rows(file, parts)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        fail(StorageError("HI-117", f"{name}: {error.strerror or error}", "choose another file with --csv"))
    return count


def _write_rows(file: TextIO, parts: Iterable[Series]) -> int:
    from plantgate.model.quality import label

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_CSV_HEAD)
    count = 0
    for part in parts:
        count += len(part.times)
        writer.writerows(
            (part.path, _utc(time), value, code, label(code))
            for time, value, code in zip(part.times, part.values, part.qualities, strict=True)
        )
    return count
