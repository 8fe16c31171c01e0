"""How every table on a terminal looks."""

from rich.table import Table


def new_table(*headers: str) -> Table:
    """A table without lines; words wrap in the columns that hold them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, no_wrap=header not in ("found", "note", "error is"))
    return table
