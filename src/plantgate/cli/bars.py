"""Progress bars on a terminal, of any width. Imports rich: import it where a bar is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.cells import set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from plantgate.cli.common import Bar

_TIME = 8  # "0:00:00", and the blank before it
_BAR = range(10, 41)
_LABEL = 10  # what of a label must be left for a bar to stand beside it


class _Drawn(Bar):
    def __init__(self, bar: Progress, total: int, label: str) -> None:
        self._bar = bar
        self._task = bar.add_task(label, total=total)

    def __call__(self, steps: int) -> None:
        self._bar.advance(self._task, steps)

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


@contextmanager
def drawn_bar(total: int, label: str) -> Iterator[Bar]:
    """A bar of one line that is gone at the end of the block."""
    console = Console(stderr=True)
    if console.is_dumb_terminal:
        yield Bar()
        return
    columns, text = _fitting(console.width, total, label)
    # Standard output stays where it is: it may be a file.
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    with bar:
        yield _Drawn(bar, total, text)


def _fitting(width: int, total: int, label: str) -> tuple[list[ProgressColumn], str]:
    """The columns that `width` characters have room for, and what of `label`.

    The count always, then the time, then ten characters of the label, ten of the bar, and the rest of each.
    """
    columns: list[ProgressColumn] = [MofNCompleteColumn()]
    room = width - 2 * len(str(total)) - 2
    if room >= _TIME + _LABEL:
        columns.append(TimeRemainingColumn())
        room -= _TIME
    beside = min(len(label), max(_LABEL, room - 1 - _BAR[0]))
    if room - beside - 1 >= _BAR[0]:
        columns.insert(0, BarColumn(bar_width=min(_BAR[-1], room - beside - 1)))
    else:
        beside = min(len(label), max(0, room))
    text = label if beside == len(label) else f"{set_cell_size(label, max(0, beside - 1))}\N{HORIZONTAL ELLIPSIS}"
    return [TextColumn("{task.description}", markup=False), *columns] if beside else columns, text
