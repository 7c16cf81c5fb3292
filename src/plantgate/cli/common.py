"""What every command shares: options, tables, JSON, and how an error is told.

Standard output holds the answer and nothing else, so that it can be piped; errors and progress go to
standard error.
Exit status: 0 fine, 1 found a problem, 2 wrong use (a command line or a configuration that can't be meant).
Nothing heavy is imported here: rich only when a table or a bar is drawn on a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, TypeAlias

import typer

from plantgate.errors import ConfigError, PlantgateError, UsageError

EXIT_OK: Final = 0
EXIT_PROBLEM: Final = 1
EXIT_USAGE: Final = 2

DataOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Data directory: gateway.xml, plantgate.toml, tags/.",
        show_default=False,
    ),
]
RequiredDataOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Data directory: gateway.xml, plantgate.toml, tags/.",
        show_default=False,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting; may be given several times.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `justify` "right" is for numbers.

    On a terminal that is too narrow the `optional` columns are left out, the last first; the others wrap.
    """

    header: str
    justify: Literal["left", "right"] = "left"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell that stands out on a colour terminal. The word says it all: colour only repeats it."""

    text: str
    style: str


Cell: TypeAlias = str | int | float | Mark | None


def fail(error: PlantgateError, *, as_json: bool = False) -> NoReturn:
    """Tell `error` (each one of a list) with its next step on standard error and leave.

    Exit status 2 for what the person asked or configured, 1 for what was found on the way.
    """
    problems: Sequence[PlantgateError] = getattr(error, "errors", None) or (error,)
    if as_json:
        rows = [{"code": item.code, "message": item.message, "hint": item.hint} for item in problems]
        typer.echo(json.dumps({"error": rows[0], "errors": rows}, ensure_ascii=False), err=True)
    else:
        for item in problems:
            typer.echo(f"error: {item}", err=True)
    raise typer.Exit(EXIT_USAGE if isinstance(error, ConfigError | UsageError) else EXIT_PROBLEM)


@contextmanager
def told(*, as_json: bool = False) -> Iterator[None]:
    """Run the body of a command; one of our errors is told by `fail` instead of a traceback."""
    try:
        yield
    except PlantgateError as error:
        fail(error, as_json=as_json)


def say(text: str = "") -> None:
    """A line of the answer on standard output."""
    typer.echo(text)


def note(text: str) -> None:
    """A remark on standard error, beside the answer."""
    typer.echo(text, err=True)


def print_json(value: Mapping[str, Any] | Sequence[Any], *, one_line: bool = False) -> None:
    """`value` (plain dicts, lists, scalars) as JSON on standard output; `one_line` for streams of events."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=None if one_line else 2))
    if one_line:
        sys.stdout.flush()


def print_table(columns: Sequence[str | Column], rows: Sequence[Sequence[Cell]], *, title: str = "") -> None:
    """A table of text on standard output.

    On a terminal rich draws it (NO_COLOR honoured, long cells wrapped between words); in a pipe it is aligned text, no
    colour, no frame and nothing cut, one line a row, so that grep and awk can read it.
    """
    heads = [Column(column) if isinstance(column, str) else column for column in columns]
    if sys.stdout.isatty():
        from rich.console import Console

        from plantgate.cli.tables import drawn

        console = Console()
        console.print(drawn(heads, rows, console.width, title=title))
        return
    grid = [[head.header for head in heads], *([shown_text(cell) for cell in row] for row in rows)]
    widths = [max(len(line[index]) for line in grid) for index in range(len(heads))]
    for line in grid:
        cells = (
            text.rjust(width) if head.justify == "right" else text.ljust(width)
            for head, text, width in zip(heads, line, widths, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())


def shown_text(cell: Cell) -> str:
    """A cell as it is read; "-" if it is empty."""
    if cell is None or cell == "":
        return "-"
    return cell.text if isinstance(cell, Mark) else str(cell)


class Bar:
    """`bar(steps)` moves it on. What is printed meanwhile is printed `aside`, or it would end up in its line."""

    def __call__(self, steps: int) -> None:
        """No bar: nothing to move."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The bar is away during the block."""
        yield


@contextmanager
def progress(total: int, label: str, *, enabled: bool = True) -> Iterator[Bar]:
    """A bar on standard error if that is a terminal that can move its cursor, else nothing at all."""
    if not enabled or not sys.stderr.isatty():
        yield Bar()
        return
    from plantgate.cli.bars import drawn_bar

    with drawn_bar(total, label) as bar:
        yield bar
