"""The console script: arguments in, exit code out."""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workload.cli import signals
from workload.cli.arguments import parse
from workload.core.errors import ExitCode, UnfitError, first_line

if TYPE_CHECKING:
    from workload.cli.session import Session


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    signals.exit_on_signal()
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    # Only now: `--help` and a refusal need neither rich nor the schema's validator.
    from workload.cli.session import Session  # noqa: PLC0415

    session = Session(arguments, argv)
    return int(session.run(_run_command))


def _run_command(session: "Session") -> ExitCode:
    _require_directory()
    limit_spinning()
    try:
        # Only now, because most commands import torch, which takes seconds.
        module = importlib.import_module(f"workload.cli.commands.{session.arguments.command}")
    except (Exception, SystemExit) as error:  # a broken library raises anything
        raise UnfitError(
            f"a library cannot be imported ({first_line(error)}): install from docker/locks, "
            "or run inside the image; `workload doctor` says more"
        ) from error
    code = module.command(session)
    return ExitCode(code)


def limit_spinning() -> None:
    """Let OpenMP's threads wait by spinning for some tens of microseconds, then sleep.

    Without end they make small products up to a thousand times slower on a busy machine; on
    an idle one both are as fast (2 cores: 180 GFLOP/s at 512). A value that is set stays. To
    be called before torch is imported.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _require_directory() -> None:
    """Some libraries end the process with a code of their own where this fails."""
    try:
        Path.cwd()
    except OSError as error:
        raise UnfitError("the current directory is gone: change to one that exists") from error
