"""One call of the command line: what is said, what is recorded, how it ends."""

import argparse
import threading
import traceback
from collections.abc import Callable, Sequence

from workload import interrupts, record
from workload.console import Console
from workload.errors import ExitCode, NotSavedError, WorkloadError


class Session:
    """Runs one command, records what it finds and ends it, by itself or by a signal."""

    def __init__(self, arguments: argparse.Namespace, argv: Sequence[str]) -> None:
        """`arguments` are the parsed `argv`."""
        self.arguments = arguments
        self.draft = record.Draft(arguments.command, argv)
        self._console = Console(arguments.command, arguments.json)
        self.say = self._console.say
        self.complain = self._console.complain
        self.print_json = self._console.print_json
        self._ending = threading.Lock()
        self._ended = False

    def run(self, command: Callable[["Session"], ExitCode]) -> ExitCode:
        """Run `command`; whatever happens, end with a record where one is due, and its code."""
        interrupts.serve(self._save_interrupted)
        reason = None
        try:
            code = command(self)
        except WorkloadError as error:
            code, reason = error.exit_code, str(error)
            self.complain(reason)
        except Exception as error:
            code, reason = ExitCode.BUG, f"{type(error).__name__}: {error}"
            self._console.show_traceback(traceback.format_exc())
            self.complain(f"unexpected error, please report it with the lines above: {reason}")
        code = self._end(code, reason)
        return ExitCode.NOT_SAVED if code is ExitCode.OK and self._console.lost_output else code

    def _end(self, code: ExitCode, reason: str | None) -> ExitCode:
        """Write the record, say where it is, and print it if JSON was asked for.

        Bad input leaves no record: nothing ran.
        """
        with self._ending:
            if self._ended or code is ExitCode.BAD_INPUT or not hasattr(self.arguments, "output"):
                return code
            self._ended = True
            ended = self.draft.as_ended(code, reason)
            if self.arguments.output is not None:
                try:
                    self.say(f"record  {record.save(ended, self.arguments.output)}")
                except NotSavedError as error:
                    self.complain(str(error))
                    code = code or error.exit_code
                    ended["exit_code"] = int(code)
            if self.arguments.json:
                self.print_json(record.dump(ended))
            return code

    def _save_interrupted(self, code: ExitCode) -> None:
        """From the signal thread: what is known so far is the record.

        If the command is just ending by itself, its own record is being written: it wins.
        """
        self._end(code, "ended by a signal")
        self.complain("terminated" if code is ExitCode.TERMINATED else "interrupted")
