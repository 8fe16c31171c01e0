"""The output of a command: text for people, error lines and at most one document.

A stream may fail at any time. A reader that closes the pipe, as `| head` does, is not an error: the
command continues without output. If a result cannot be written for another reason (the disk is
full, or stdout was closed when the command started), `lost_output` is set.
"""

import io
import os
import re
import sys
from typing import IO, AnyStr, BinaryIO, TextIO

from rich.console import Console as RichConsole
from rich.highlighter import RegexHighlighter
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from workload.core.descriptors import LOST, loss
from workload.core.units import printable
from workload.report.terminal.tables import MAX_WIDTH, Grid, wrapped

MAX_ERROR_LENGTH = 2000  # in characters; an error may quote a line of a file, even of a megabyte
# If columns are narrower than this on average, rich drops letters when it wraps text. A narrower
# terminal wraps the lines itself and drops no letters.
COLUMN_WIDTH = 11
DEFAULT_WIDTH = 80  # used for a terminal that reports 0 columns
STYLES = {"word.good": "green", "word.warning": "yellow", "word.bad": "bold red"}


class _Verdicts(RegexHighlighter):
    """A highlighter that colors verdicts and the first words of warnings."""

    base_style = "word."
    highlights = (
        r"\b(?P<good>PASS|FASTER|pass)\b",
        r"\b(?P<warning>WARN|UNCLEAR|UNJUDGED|unknown|INTERRUPTED)\b",
        r"^(?P<warning>contended|slow|noisy|uncertain|skipped|warning|interrupted)\b",
        r"\b(?P<bad>FAIL|WRONG|SLOWER|DISAGREE|UNFIT|INVALID)\b",
        r"^(?P<bad>wrong numbers|not valid|does not fit memory)\b",
    )


class Console:
    """The output of one command."""

    def __init__(
        self,
        command: str,
        has_document: bool,
        document: BinaryIO | None = None,
        quiet: bool = False,
    ) -> None:
        """Prepare the output of `command`, whose name starts each error line.

        If the command has a document, the document goes to the stream `document` (None if stdout is
        closed), and all text goes to stderr. If `quiet`, `info` prints nothing.
        """
        self._prefix = f"workload {command}"
        self._quiet = quiet
        self._has_document = has_document
        self._document = document
        self.lost_output = False
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # None if it was closed when the process started
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # text files both

    def info(self, *renderables: str | Table | Grid) -> None:
        """Print text for people on stdout, or on stderr if stdout carries a document."""
        if self._quiet:
            return
        stream = sys.stderr if self._has_document else sys.stdout
        for renderable in renderables:
            self._write(stream, laid_out(renderable, stream) + "\n", result=not self._has_document)

    def print_document(self, document: bytes) -> None:
        """Print the document on stdout."""
        self._write(self._document, document, result=True)

    def error(self, line: str) -> None:
        """Print one line on stderr, with control characters replaced."""
        one_line = printable(" ".join(line.split()))[:MAX_ERROR_LENGTH]
        self._write(sys.stderr, f"{self._prefix}: {one_line}\n", result=False)

    def show_traceback(self, text: str) -> None:
        """Print a traceback for a bug report on stderr."""
        self._write(sys.stderr, text, result=False)

    def _write(self, stream: IO[AnyStr] | None, content: AnyStr, result: bool) -> None:
        reason = loss(stream, content)
        if reason and result and not self.lost_output:
            self.lost_output = True
            self.error(f"{LOST}: {reason}")


def laid_out(renderable: str | Table | Grid, stream: TextIO | None) -> str:
    """Return the text of `renderable`, formatted for `stream`.

    If `stream` is not a terminal, the text is plain and at most MAX_WIDTH characters wide. Trailing
    whitespace is removed. Lines with tabs are not changed.
    """
    terminal = stream is not None and stream.isatty()
    text = io.StringIO()  # not `stream`: `_write` handles its errors
    console = RichConsole(
        file=text,
        width=None if terminal else MAX_WIDTH,
        markup=False,
        highlighter=_Verdicts(),
        emoji=False,
        theme=Theme(STYLES),
        force_terminal=terminal and not os.environ.get("NO_COLOR"),
        color_system="auto",
    )
    width = min(console.width or DEFAULT_WIDTH, MAX_WIDTH)
    if isinstance(renderable, str):
        return _colored(console, text, wrapped(renderable, width))
    table, left_out = (
        (renderable, []) if isinstance(renderable, Table) else renderable.fitted(width)
    )
    console.width = max(width, COLUMN_WIDTH * len(table.columns))
    console.print(table)
    lines = [_stripped(line) for line in text.getvalue().splitlines()]
    if left_out:
        lines.append(f"columns left out to fit {width} characters: {', '.join(left_out)}")
    return "\n".join(lines)


def _colored(console: RichConsole, out: io.StringIO, text: str) -> str:
    if not console.is_terminal or "\t" in text:  # rich would expand tabs
        return text
    console.print(_Verdicts()(Text(text)), soft_wrap=True)
    return out.getvalue().removesuffix("\n")


def _stripped(line: str) -> str:
    """Remove trailing blanks, even before escape sequences at the end of the line."""
    return re.sub(r"\s+((?:\x1b\[[0-9;]*m)*)$", r"\1", line)
