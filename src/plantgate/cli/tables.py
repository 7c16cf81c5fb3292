"""Tables on a terminal, of any width: no word is broken as long as it fits on a line by itself.

Imports rich: import it where a table is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from plantgate.cli.common import Cell, Column, Mark, shown_text

_BETWEEN = 2  # blanks between columns
_FRAME = 3  # and what the frame takes


def drawn(
    heads: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, *, title: str = "", wrap: bool = False
) -> RenderableType:
    """`rows` as they fit into `width` characters.

    Optional columns go, the last first, until no cell has to be wrapped; with `wrap` only until no word has to be
    broken. Where the other columns need more room even so, each row becomes a paragraph of its own, a line a cell.
    """
    shown = _fitting(heads, rows, width, wrap=wrap)
    if rows and len(shown) > 1 and _needed(heads, rows, shown, wrap=True) > width:
        return _paragraphs(heads, rows, shown, title)
    table = Table(
        title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _BETWEEN - 1, 0, 0)
    )
    for index in shown:
        least = _width(heads, rows, index, wrap=True)
        table.add_column(heads[index].header, justify=heads[index].justify, overflow="fold", min_width=least)
    for row in rows:
        table.add_row(*(_cell(row[index]) for index in shown))
    return table


def _cell(cell: Cell) -> Text:
    # Text, not str: rich would read "[default]Line 1" as markup.
    return Text(shown_text(cell), style=cell.style if isinstance(cell, Mark) else "")


def _paragraphs(heads: Sequence[Column], rows: Sequence[Sequence[Cell]], shown: Sequence[int], title: str) -> Table:
    """Cells that say nothing are left out."""
    grid = Table.grid(padding=(0, _BETWEEN, 0, 0))
    grid.title, grid.title_justify = title or None, "left"
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, row in enumerate(rows):
        if number:
            grid.add_row("", "")
        for index in shown:
            if shown_text(row[index]) != "-":
                grid.add_row(heads[index].header, _cell(row[index]))
    return grid


def _fitting(heads: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, *, wrap: bool) -> list[int]:
    """The positions of the columns to show in `width` characters."""
    shown = list(range(len(heads)))
    for index in reversed(range(len(heads))):
        if _needed(heads, rows, shown, wrap=wrap) <= width:
            break
        if heads[index].optional:
            shown.remove(index)
    return shown


def _needed(heads: Sequence[Column], rows: Sequence[Sequence[Cell]], shown: Sequence[int], *, wrap: bool) -> int:
    """How wide the columns `shown` are together."""
    return sum(_width(heads, rows, index, wrap=wrap) for index in shown) + _BETWEEN * (len(shown) - 1) + _FRAME


def _width(heads: Sequence[Column], rows: Sequence[Sequence[Cell]], index: int, *, wrap: bool) -> int:
    """How wide a column is: as it stands, or with `wrap` as narrow as its longest word allows."""
    texts = [heads[index].header, *(shown_text(row[index]) for row in rows)]
    pieces = [piece for text in texts for piece in text.split()] if wrap else texts
    return max((cell_len(piece) for piece in pieces), default=0)
