"""The layout of tables and labelled lines on a terminal."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table

MAX_WIDTH = 100  # characters of a table or a line, even on a wider terminal or in a log
LABEL_WIDTH = 11
GAP = 2  # characters between two cells
# The label of a line: spaces, then up to 20 characters that are followed by two spaces.
_LABEL = re.compile(r"\s*(\S.{,19}?\s{2,})?")
# Spaces at which no line is broken: between a number and its unit, and around "action:", which
# scripts read.
_QUANTITY = re.compile(
    r"(?<=\d) (?=(?:[kMGT]?B|[µm]?s|min|h|GFLOP/s|GB/s|GHz|IQR)\b|% )"
    r"|(?<=;) (?=action: )|(?<=; action:) "
)
NO_BREAK = "\N{NO-BREAK SPACE}"
# The minimum widths of columns that rich must not break.
WIDTHS = {"dtype": 8, "verdict": 7}


@dataclass(frozen=True)
class Grid:
    """A table that leaves out columns if the terminal is too narrow.

    `numbers` are the headers of right-aligned columns. `optional` are the headers of columns
    that may be left out, the least important first. `footer` has rows that follow a blank row.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    footer: tuple[tuple[str, ...], ...] = ()

    def fitted(self, width: int) -> tuple[Table, list[str]]:
        """Return the table for this width, and the headers that are left out."""
        left_out: list[str] = []
        for header in self.optional:
            if self._needed(left_out) <= width:
                break
            if header in self.headers:
                left_out.append(header)
        return self._table(left_out), left_out

    def _needed(self, left_out: Sequence[str]) -> int:
        columns = zip(self.headers, *self.rows, *self.footer, strict=True)
        widths = [max(map(cell_len, column)) for column in columns if column[0] not in left_out]
        return sum(widths) + GAP * (len(widths) - 1)

    def _table(self, left_out: Sequence[str]) -> Table:
        kept = [index for index, header in enumerate(self.headers) if header not in left_out]
        table = new_table(*(self.headers[index] for index in kept))
        for column, index in zip(table.columns, kept, strict=True):
            column.justify = "right" if self.headers[index] in self.numbers else "left"
        blank = [("",) * len(self.headers)] if self.footer else []
        for row in (*self.rows, *blank, *self.footer):
            table.add_row(*(row[index] for index in kept))
        return table


def new_table(*headers: str) -> Table:
    """Return a table without borders. On a narrow terminal, text wraps and is never cut."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), highlight=True)
    for header in headers:
        table.add_column(header, overflow="fold", min_width=WIDTHS.get(header))
    return table


def labelled(label: str, text: str) -> str:
    """Return a line that begins with a label."""
    return f"{label:<{LABEL_WIDTH - 1}} {text}"


def wrapped(text: str, width: int) -> str:
    """Wrap each line at spaces; continuation lines are indented to the text after the label.

    A word that is longer than the line, such as a path, stays whole. Lines with tabs stay as
    they are, and so do commands, which are indented further than the text after a label.
    """
    return "\n".join(_wrapped(line, width) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    command = line.startswith(" " * (LABEL_WIDTH + 1))
    if cell_len(line) <= width or "\t" in line or command:
        return line
    label = _LABEL.match(line)
    start = label.end() if label else 0
    indent = start or GAP
    first, *rest = textwrap.wrap(
        _QUANTITY.sub(NO_BREAK, line[start:]),
        max(width - indent, 1),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    lines = [line[:start] + first, *(" " * indent + one for one in rest)]
    return "\n".join(lines).replace(NO_BREAK, " ")
