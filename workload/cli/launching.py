"""Find out which rank this process is, or start ranks that run the same command line."""

import os
import sys
from collections.abc import Sequence

from workload.cli.options import RankOptions, TrainOptions
from workload.core.errors import BadInputError, ExitCode, UnfitError, WorkloadError
from workload.core.garbage import without_garbage_collection
from workload.core.imports import import_problem
from workload.core.units import plural, printable
from workload.distributed.environment import Place, read_place
from workload.distributed.failures import LAUNCHED
from workload.hardware.child import end_with_parent
from workload.ranks.resources import require_resources


def enter(options: RankOptions, argv: Sequence[str]) -> Place | ExitCode | None:
    """Return the rank of this process and related settings, or None if it runs alone.

    If this process has to start ranks, run them and return their exit code. On an error, print
    the reason in one line and return the error's exit code.
    """
    try:
        place = read_place(os.environ)
        if place or options.ranks:
            _leave_errors_to_lines()
        if _starts_ranks(options, place):
            return _launch(options, argv)
    except WorkloadError as error:
        _say(options, str(error))
        return error.exit_code
    if place is not None and LAUNCHED in os.environ:
        end_with_parent()
    return place


def _leave_errors_to_lines() -> None:
    """Keep torch from logging a stack trace for each attempt to reach a lost rank.

    The log level is changed only if it is unset or ERROR. This program sets ERROR itself, and child
    processes inherit it; any other level was set by the user.
    """
    if os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR") == "ERROR":
        os.environ["TORCH_CPP_LOG_LEVEL"] = "FATAL"


def _starts_ranks(options: RankOptions, place: Place | None) -> bool:
    """Return whether this process starts ranks: it does with --ranks, unless it is a rank.

    Raises BadInputError if --ranks does not match the ranks that a launcher has started.
    """
    if options.ranks is None:
        return False
    if place is None:
        return True
    if place.started_by_torch:
        if options.ranks == place.local_world_size:
            return False
    elif options.rendezvous:  # srun or an Indexed Job starts a launcher on each node
        return True
    raise BadInputError(
        f"--ranks {options.ranks}, but {place.started_by} has started "
        f"{plural(place.local_world_size, 'rank')} on this node: leave --ranks out, or "
        "start one process per node and add --nodes and --rendezvous"
    )


def _launch(options: RankOptions, argv: Sequence[str]) -> ExitCode:
    require_resources(options.ranks or 1)
    try:
        with without_garbage_collection():
            from workload.distributed.launch import Launch, launch  # noqa: PLC0415  imports torch
            from workload.train.resume import require_free  # noqa: PLC0415  imports torch
    except (Exception, SystemExit) as error:  # a broken library may raise any exception
        raise UnfitError(f"{import_problem(error)}; run `workload doctor` for details") from error
    if isinstance(options, TrainOptions) and options.checkpoint and not options.resume:
        require_free(options.checkpoint)  # only here: restarted ranks continue from the file
    plan = Launch(
        options.ranks or 1,
        nodes=options.nodes,
        rendezvous=options.rendezvous,
        max_restarts=options.max_restarts,
        join_timeout_sec=options.join_timeout,
    )
    code = launch(("-m", "workload", *argv), plan)
    if code is not ExitCode.OK:
        word = "interrupted" if code is ExitCode.INTERRUPTED else "terminated"
        _say(options, word)
    return code


def _say(options: RankOptions, line: str) -> None:
    sys.stderr.write(f"workload {options.command}: {printable(' '.join(line.split()))}\n")
