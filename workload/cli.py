"""The console script: arguments in, exit code out."""

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workload import interrupts
from workload.arguments import parse
from workload.errors import ExitCode, UnfitError, first_line

if TYPE_CHECKING:
    from workload.session import Session


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    interrupts.leave_quietly()
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    # Only now: `--help` and a refusal need neither rich nor the schema's validator.
    from workload.session import Session  # noqa: PLC0415

    session = Session(arguments, argv)
    return int(session.run(_run_command))


def _run_command(session: "Session") -> ExitCode:
    _require_directory()
    # OpenMP's threads wait for each other by spinning, and on a busy machine that can make small
    # products a thousand times slower. Some tens of microseconds, then sleep: as fast when idle
    # (2 cores: 180 GFLOP/s at 512 both ways). To be set before torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # The images carry no NumPy, which nothing here uses: no reason to warn about it.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    try:
        # Only now, because most commands import torch, which takes seconds.
        module = importlib.import_module(f"workload.commands.{session.arguments.command}")
    except (ImportError, OSError) as error:
        raise UnfitError(
            f"a library cannot be imported ({first_line(error)}): install from docker/locks, "
            "or run inside the image; `workload doctor` says more"
        ) from error
    code = module.command(session)
    return ExitCode(code)


def _require_directory() -> None:
    """Some libraries end the process with a code of their own where this fails."""
    try:
        Path.cwd()
    except OSError as error:
        raise UnfitError("the current directory is gone: change to one that exists") from error
