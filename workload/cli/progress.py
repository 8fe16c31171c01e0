"""A progress bar on stderr, shown only if stderr is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

BAR_WIDTH = 20  # leaves room for the longest note at 80 columns
Advance = Callable[[float, str], None]


@contextmanager
def progress(description: str, total: float | None, *, quiet: bool = False) -> Iterator[Advance]:
    """Yield `advance(completed, note)`; the bar disappears at the end.

    If `total` is None, the bar pulses. If `quiet`, no bar is shown.
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _completed, _note: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(BAR_WIDTH),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=total, note="")
        yield lambda completed, note: bar.update(task, completed=completed, note=note)
