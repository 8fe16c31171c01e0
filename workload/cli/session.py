"""One run of a command: its output, its record and how it ends."""

import contextlib
import os
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from workload.cli import signals
from workload.cli.console import Console
from workload.cli.exceptions import explain
from workload.cli.options import Options, RecordOptions
from workload.core import places, records
from workload.core.errors import ExitCode, LostDeviceError, NotSavedError
from workload.core.journal import Journal
from workload.core.models.action import Advice
from workload.distributed.environment import Place
from workload.distributed.failures import (
    LAUNCHED,
    FollowedError,
    LostRankError,
    report_failure,
    with_rank,
)
from workload.doctor.actions.decide import advise
from workload.doctor.actions.history import earlier_records
from workload.doctor.actions.kinds import fault
from workload.hardware.driver_errors import DriverErrors, Reported
from workload.hardware.driver_process import driver_version
from workload.ranks.member import Member
from workload.report.terminal.tables import labelled

# An interrupted run says nothing about the machine.
INTERRUPTIONS = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


class Session:
    """A run of one command and its record. It ends when the command returns or a signal arrives."""

    def __init__(
        self,
        options: Options,
        argv: Sequence[str],
        document: BinaryIO | None = None,
        member: Member | None = None,
        place: Place | None = None,
    ) -> None:
        """Start a record. `options` are the parsed `argv`; `document` is the document's stream.

        `member` is set if this process is one of several ranks that work independently. `place` is
        set if this process is one of several ranks that work together; only rank 0 of these prints
        and writes the results.
        """
        self._options = options
        self.argv = tuple(argv)
        self.member, self.place = member, place
        self._quiet = place is not None and not place.leads
        self._journal: Journal | None = None
        self._collect: Callable[[], None] = lambda: None
        self._remove: Callable[[], None] = lambda: None
        self.builder = records.RecordBuilder(options.command, argv)
        self._console = Console(options.command, options.document, document, self._quiet)
        self.info = self._console.info
        self.error = self._console.error
        self.print_document = self._console.print_document
        self._ending = threading.Lock()
        self._ended: ExitCode | None = None
        self._driver_errors: Callable[[], Reported] | None = None
        self._saves = True
        # The traceback of this error keeps GPU objects from being freed: see `main`.
        self.lost: LostDeviceError | None = None

    def run(self, command: Callable[["Session"], ExitCode]) -> ExitCode:
        """Run `command`, write its record (if any) even after an error, and return the code."""
        reason = None
        try:
            signals.serve(self._save_interrupted)
            if self.member:
                self._journal = Journal(self.member.journal)
                self.builder.follow(self._journal.keep)
            code = command(self)
        except Exception as error:
            code, reason = explain(error)
            self.lost = error if isinstance(error, LostDeviceError) else self.lost
            self._tell(code, reason, error)
        return self._end(code, reason)

    def watch_driver(self) -> None:
        """Start to collect the errors that the NVIDIA driver reports; `advise` uses them."""
        if driver_version() is not None:  # otherwise NVML could hang this process
            self._driver_errors = DriverErrors().collect

    def collect_at_end(self, collect: Callable[[], None], remove: Callable[[], None]) -> None:
        """Set two functions to call when the command ends.

        If a signal ends the command, `collect` is called before the record is written. However the
        command ends, `remove` is called last, unless the record could not be saved.
        """
        self._collect, self._remove = collect, remove

    def wait_for_others(self) -> float:
        """Wait until all ranks are ready; return the seconds waited, 0 without other ranks."""
        if self.member is None:
            return 0.0
        from workload.hardware.devices import sharing  # noqa: PLC0415  imports torch

        sharing.processes = self.member.count
        return self.member.wait_for_others()

    def advise(self, code: ExitCode) -> Advice:
        """Decide what to do about the machine after these results; record and return the advice.

        This is called before the verdict is printed, and again before the record is written: driver
        errors may occur in between, and a command that ends early, for example because a GPU is
        lost, prints no verdict.
        """
        folder = self._options.output if isinstance(self._options, RecordOptions) else None
        if self._driver_errors:
            errors = self._driver_errors()
            self.builder.set("xids", errors.xids)
            self.builder.set("link_errors", errors.link_errors)
        record = self.builder.as_ended(code, None)
        faults = [fault("lost-device", self.lost.what)] if self.lost else []
        advice = advise(record, lambda: earlier_records(folder), faults)
        self.builder.set("advice", advice)
        return advice

    def require_writable_places(self) -> None:
        """Raise NotSavedError, before the command starts, if its results could not be written."""
        if self._quiet:
            return
        for option, folder in self._options.written.items():
            try:
                places.require_writable(folder, option)
            except NotSavedError:
                if option == "--bundle":  # the doctor can print its findings without a bundle
                    continue
                self._saves = False
                raise
            if places.ends_with_container(folder):
                self.info(
                    f"warning: {folder} is in the container and is lost with it: mount a folder "
                    f"there, for example with --volume, or choose another with {option}"
                )

    def _tell(self, code: ExitCode, reason: str, error: Exception) -> None:
        """Print why the command failed, or pass the line to the launcher, which prints it."""
        if code is ExitCode.BUG:
            self._console.show_traceback(traceback.format_exc())
            reason = f"unexpected error, please report it with the lines above: {reason}"
        if self.place is not None:
            consequence = isinstance(error, LostRankError | FollowedError)
            report_failure(os.environ, reason, consequence)
            if LAUNCHED in os.environ or isinstance(error, FollowedError):
                return
            reason = with_rank(self.place.rank, reason)
        self.error(reason)

    def _end(self, code: ExitCode, reason: str | None) -> ExitCode:
        """End the command once: when it returns, or earlier on a signal. Return the exit code."""
        with self._ending:
            if self._ended is None:
                if code in INTERRUPTIONS:
                    self._collect()
                # Bad input leaves no record: nothing ran.
                ran = code is not ExitCode.BAD_INPUT and not self._quiet
                if ran and isinstance(self._options, RecordOptions):
                    code = self._publish(self._options, code, reason)
                if code is not ExitCode.NOT_SAVED:
                    self._remove()
                lost = code is ExitCode.OK and self._console.lost_output
                self._ended = ExitCode.NOT_SAVED if lost else code
            return self._ended

    def _publish(self, options: RecordOptions, code: ExitCode, reason: str | None) -> ExitCode:
        """Write the record and print its path; print the record with --json."""
        if code not in INTERRUPTIONS:
            self.advise(code)
        ended = self.builder.as_ended(code, reason)
        if self._journal:
            self._journal.keep("lost", self.lost.what if self.lost else None)
            self._journal.keep("ended", ended)
        if options.output is not None and self._saves:
            try:
                self._announce(records.save(ended, options.output))
            except NotSavedError as error:
                self.error(str(error))
                code = code or error.exit_code
                ended = self.builder.as_ended(code, reason or str(error))
                with contextlib.suppress(NotSavedError, OSError):  # this may fail too
                    self._announce(records.save(ended, Path(tempfile.gettempdir())))
        # If the ranks will be restarted, a later attempt prints the record.
        if options.json and not (code and self.place and self.place.restarts_left):
            self.print_document(records.dump(ended))
        return code

    def _announce(self, path: Path) -> None:
        lost = ", lost with this container" if places.ends_with_container(path.parent) else ""
        self.info(labelled("record", f"{path}{lost}"))

    def end_silent(self, error: LostDeviceError) -> None:
        """Save the results so far and end the process while its main thread waits for the GPU."""
        self.lost = error

        def save(code: ExitCode) -> ExitCode:
            self.error(str(error))
            return self._end(code, str(error))

        signals.save_and_exit(error.exit_code, save)

    def _save_interrupted(self, code: ExitCode) -> ExitCode:
        """Save the results so far; called from the signal thread."""
        ended = self._end(code, "ended by a signal")
        if ended is code and LAUNCHED not in os.environ and self.member is None:
            self.error("terminated" if code is ExitCode.TERMINATED else "interrupted")
        return ended
