"""Tables as lines of text, in which Chinese characters take two columns."""

import io
from typing import Literal

from rich.console import Console
from rich.table import Table


def to_cells(rows: dict[str, dict[str, float]], digits: int = 4) -> list[list[str]]:
    """Returns rows of named numbers, such as the metrics of train, validation and test,
    as cells of text; the first row names the columns.
    """
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    return [["", *names]] + [
        [label, *(f"{row[name]:.{digits}f}" if name in row else "" for name in names)]
        for label, row in rows.items()
    ]


def align(
    cells: list[list[str]], justify: Literal["left", "right"] = "right", least: int = 10
) -> str:
    """Returns rows of cells as lines of text, the first column to the left.

    Args:
        cells: of which the first row is the heading.
        justify: the other columns.
        least: characters of each column.
    """
    heads, *rows = cells
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, head in enumerate(heads):
        side = justify if place else "left"
        table.add_column(head, justify=side, min_width=least, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    page = io.StringIO()
    # As wide as it has to be, and with brackets as they are.
    console = Console(
        file=page, width=1_000_000, color_system=None, markup=False, emoji=False
    )
    console.print(table, highlight=False)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())
