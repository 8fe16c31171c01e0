"""One call of the command line: where words go, what is recorded, how it ends."""

import argparse
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from workload import interrupts, record
from workload.errors import ExitCode, NotSavedError, WorkloadError

PIPED_WIDTH = 160  # columns; a log keeps a row in one line


class Session:
    """Prints, records and ends one command."""

    def __init__(self, arguments: argparse.Namespace, argv: Sequence[str]) -> None:
        """`arguments` are the parsed `argv`."""
        self.arguments = arguments
        self.draft = record.Draft(arguments.command, argv)
        self._ending = threading.Lock()
        self._ended = False

    def say(self, *renderables: str | Table) -> None:
        """Print for people: on stdout, or on stderr where stdout carries JSON.

        Lines go out as they are, tabs included; rich lays out the tables.
        """
        stream = sys.stderr if self.arguments.json else sys.stdout
        try:
            for renderable in renderables:
                text = renderable if isinstance(renderable, str) else _laid_out(renderable, stream)
                print(text, file=stream, flush=True)
        except BrokenPipeError:
            _discard_stdout()

    def print_json(self, document: bytes) -> None:
        """The one JSON document on stdout."""
        try:
            sys.stdout.write(document.decode())
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_stdout()

    def complain(self, line: str) -> None:
        """One line on stderr."""
        one_line = " ".join(line.split())
        print(f"workload {self.arguments.command}: {one_line}", file=sys.stderr, flush=True)  # noqa: T201  the door to stderr

    def run(self, command: Callable[["Session"], ExitCode]) -> ExitCode:
        """Run `command`, whatever happens end with a record where one is due, and its code."""
        interrupts.serve(self._save_interrupted)
        reason = None
        try:
            code = command(self)
        except WorkloadError as error:
            code, reason = error.exit_code, str(error)
            self.complain(reason)
        except Exception as error:
            code, reason = ExitCode.BUG, f"{type(error).__name__}: {error}"
            traceback.print_exc()
            self.complain(f"unexpected error, please report it with the lines above: {reason}")
        return self._end(code, reason)

    def _end(self, code: ExitCode, reason: str | None) -> ExitCode:
        """Write the record, then say where it is, then print it if JSON was asked for.

        Bad input leaves no record: nothing ran.
        """
        with self._ending:
            if self._ended or code is ExitCode.BAD_INPUT or not hasattr(self.arguments, "output"):
                return code
            self._ended = True
            if self.arguments.output is not None:
                code = self._write_record(code, reason)
            if self.arguments.json:
                self.print_json(record.dump(self.draft.finish(code, reason)))
            return code

    def _write_record(self, code: ExitCode, reason: str | None) -> ExitCode:
        try:
            path = record.save(self.draft.finish(code, reason), self.arguments.output)
        except NotSavedError as error:
            self.complain(str(error))
            return code or error.exit_code
        self.say(f"record  {path}")
        return code

    def _save_interrupted(self, code: ExitCode) -> None:
        """From the signal thread: what is known so far is the record.

        If the command is just ending by itself, its own record is being written: it wins.
        """
        self._end(code, "ended by a signal")
        self.complain("terminated" if code is ExitCode.TERMINATED else "interrupted")


def _laid_out(table: Table, stream: TextIO) -> str:
    """The table as wide as the terminal, or as a file likes; without trailing blanks."""
    width = None if stream.isatty() else PIPED_WIDTH
    console = Console(file=stream, width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _discard_stdout() -> None:
    """The reader of our output has gone, as `| head` does: work on, print no more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
