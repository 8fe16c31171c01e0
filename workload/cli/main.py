"""The console script: it parses the arguments, runs a command and returns its exit code."""

import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workload.cli import signals
from workload.cli.arguments import parse
from workload.cli.exceptions import crash_is_unfit
from workload.cli.options import DoctorOptions, Options, RankOptions, RecordOptions, RunOptions
from workload.cli.registry import load
from workload.core.descriptors import open_standard, reserve_stdout
from workload.core.errors import ExitCode, UnfitError
from workload.core.garbage import without_garbage_collection
from workload.core.imports import import_problem
from workload.hardware.affinity import given_cpus
from workload.hardware.binding import binding_problem
from workload.hardware.child import end_with_parent
from workload.ranks.member import this_member

if TYPE_CHECKING:
    from workload.cli.session import Session
    from workload.distributed.environment import Place


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    open_standard()
    signals.exit_on_signal()
    argv = sys.argv[1:] if argv is None else argv
    options, member = parse(argv), this_member()
    if member and isinstance(options, RunOptions | DoctorOptions):
        end_with_parent()
        # The supervisor writes the record of all ranks.
        options = replace(options, device=member.device, ranks=None, output=None, json=False)
    place: Place | None = None
    if isinstance(options, RankOptions):
        from workload.cli.launching import enter  # noqa: PLC0415  few commands need it

        entered = enter(options, argv)
        if isinstance(entered, ExitCode):
            return entered
        place = entered
    document = reserve_stdout() if options.document else None
    try:
        # Imported here: `--help` and rejected arguments need neither rich nor msgspec.
        from workload.cli.session import Session  # noqa: PLC0415
    except (Exception, SystemExit) as error:  # a broken library may raise any exception
        sys.stderr.write(f"workload {options.command}: {import_problem(error)}\n")
        return ExitCode.UNFIT
    session = Session(options, argv, document, member, place)
    code = session.run(lambda session: _run_command(session, options))
    if (session.lost and _cuda_is_initialized()) or (place is not None and code):
        _exit_without_cleanup(code)
    return int(code)


def _cuda_is_initialized() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized()


def _exit_without_cleanup(code: ExitCode) -> None:
    """End the process at once, because the GPU is lost or this rank failed.

    If the GPU is lost, PyTorch's cleanup at exit may abort the process. If another rank is lost,
    the cleanup of NCCL waits for that rank. After a failure, a thread of gloo may abort the process
    while Python shuts down (seen once, with torch 2.13).
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.flush()
    os._exit(code)


def _run_command(session: "Session", options: Options) -> ExitCode:
    _require_directory()
    session.require_writable_places()
    if isinstance(options, RecordOptions):
        _set_deadlines(session, options)
        from workload.cli.steps.variables import record_variables  # noqa: PLC0415  needs msgspec

        record_variables(session)
        problem = binding_problem()
        if problem:
            raise UnfitError(problem)
    if isinstance(options, RecordOptions) and not isinstance(options, DoctorOptions):
        from workload.hardware.import_limits import require_import_limits  # noqa: PLC0415  needs msgspec

        require_import_limits()
    prepare_libraries()
    # This program does not use NumPy, and the interpreter of `make PYTHON=` may not have it.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    # torch may warn again why CUDA does not start; the device line already has the reason.
    warnings.filterwarnings("ignore", message="CUDA initialization")
    try:
        with crash_is_unfit(options.command), without_garbage_collection():
            command = load(options)
    except (Exception, SystemExit) as error:  # a broken library may raise any exception
        raise UnfitError(f"{import_problem(error)}; run `workload doctor` for details") from error
    return command(session)


def _set_deadlines(session: "Session", options: RecordOptions) -> None:
    from workload.hardware.alarm import Alarm  # noqa: PLC0415  needs ctypes
    from workload.hardware.driver_process import driver_deadline  # noqa: PLC0415  needs msgspec
    from workload.hardware.watchdog import watchdog  # noqa: PLC0415  needs msgspec

    watchdog.on_silence = session.end_silent
    watchdog.alarm = Alarm(watchdog.ring)
    driver_deadline.limit_sec, driver_deadline.tell = options.driver_timeout, session.error


def prepare_libraries() -> None:
    """Record the usable CPUs before OpenMP binds threads, and limit how long its threads spin.

    With the limit, threads spin for some tens of microseconds, then sleep. Without it, small
    matmuls are up to a thousand times slower on a busy machine. On an idle machine, the limit makes
    no difference (180 GFLOP/s at size 512 on 2 cores, with and without it). Environment variables
    that are already set are kept. Call this before torch is imported.
    """
    given_cpus()
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # After a GPU error, PyTorch would log a warning for each object that it frees at exit.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def _require_directory() -> None:
    """Raise UnfitError if the current directory is gone: some libraries would end the process."""
    try:
        Path.cwd()
    except OSError as error:
        raise UnfitError("the current directory is gone: change to one that exists") from error
