"""The only printing: words for people, complaints, and the one document.

A stream may fail at any moment. A reader that has left, as `| head` does, is no error: the
work goes on in silence. A stream that cannot take what is written (a full disk, closed from
the start) has lost a result, which `lost_output` remembers.
"""

import io
import os
import sys
from typing import TextIO

from rich.console import Console as RichConsole
from rich.table import Table

from workload.core.units import printable

MAX_ERROR_LENGTH = 2000  # characters; a file may hold a line of a megabyte
# In columns narrower than these on average, rich drops letters where it breaks a text. A terminal
# that has less room breaks the lines itself, and loses none.
COLUMN_WIDTH = 11
PIPED_WIDTH = 160  # columns; a log keeps a row in one line


class Console:
    """Where one command's words go."""

    def __init__(self, command: str, document_on_stdout: bool) -> None:
        """`command` heads each complaint; a document on stdout sends the words to stderr."""
        self._prefix = f"workload {command}"
        self._document = document_on_stdout
        self.lost_output = False
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # None if closed from the start
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # text files both

    def info(self, *renderables: str | Table) -> None:
        """Print for people: on stdout, or on stderr where stdout carries a document.

        Lines go out as they are, tabs included; rich lays out the tables.
        """
        stream = sys.stderr if self._document else sys.stdout
        for renderable in renderables:
            text = renderable if isinstance(renderable, str) else laid_out(renderable, stream)
            self._write(stream, text + "\n", result=not self._document)

    def print_document(self, document: bytes) -> None:
        """The one document on stdout."""
        self._write(sys.stdout, document.decode(), result=True)

    def error(self, line: str) -> None:
        """One line on stderr, safe for a terminal whatever file its words come from."""
        one_line = printable(" ".join(line.split()))[:MAX_ERROR_LENGTH]
        self._write(sys.stderr, f"{self._prefix}: {one_line}\n", result=False)

    def show_traceback(self, text: str) -> None:
        """What a bug report needs, on stderr."""
        self._write(sys.stderr, text, result=False)

    def _write(self, stream: TextIO | None, text: str, result: bool) -> None:
        try:
            if stream is None:
                raise OSError("closed")
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            _discard(stream)
        except OSError as error:
            _discard(stream)
            if result and not self.lost_output:
                self.lost_output = True
                self.error(f"the output could not be written: {error.strerror or error}")


def _discard(stream: TextIO | None) -> None:
    """From now on the stream's words go nowhere, at interpreter exit too."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def laid_out(table: Table, stream: TextIO | None) -> str:
    """The table as wide as the terminal, or as a file likes; without trailing blanks."""
    width = None if stream is not None and stream.isatty() else PIPED_WIDTH
    text = io.StringIO()  # not the stream: it may be full, and `_write` knows what to do then
    console = RichConsole(
        file=text, width=width, markup=False, highlight=False, emoji=False, color_system=None
    )
    console.width = max(console.width, COLUMN_WIDTH * len(table.columns))
    console.print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
