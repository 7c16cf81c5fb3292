"""One kind of table for all measurements."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned text: the first column to the left, the others to the right."""
    grid = [[str(head) for head in heads], *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in grid) for column in range(len(heads))]
    print(title)
    for line in grid:
        numbers = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join(["", line[0].ljust(widths[0]), *numbers]))


def _text(cell: object) -> str:
    return f"{cell:,.2f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Minimum, median, maximum."""
    return min(values), median(values), max(values)
