"""Import the function that runs the command of each type of options."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from workload.cli import options as of
from workload.core.errors import ExitCode

if TYPE_CHECKING:
    from workload.cli.session import Session


def load(options: of.Options) -> "Callable[[Session], ExitCode]":
    """Import and return the command for `options`.

    Most commands import torch, which takes seconds.
    """
    match options:
        case of.RunOptions():
            from workload.cli.commands import run

            command = partial(run.command, options=options)
        case of.DoctorOptions():
            from workload.cli.commands import doctor

            command = partial(doctor.command, options=options)
        case of.ExplainOptions():
            from workload.cli.commands import doctor

            command = partial(doctor.explain_checks, options=options)
        case of.VerifyOptions():
            from workload.cli.commands import verify

            command = partial(verify.command, options=options)
        case of.TrainOptions():
            from workload.cli.commands import train

            command = partial(train.command, options=options)
        case of.MatmulOptions():
            from workload.cli.commands import matmul

            command = partial(matmul.command, options=options)
        case of.CollectivesOptions():
            from workload.cli.commands import collectives

            command = partial(collectives.command, options=options)
        case of.CompareOptions():
            from workload.cli.commands import compare

            command = partial(compare.command, options=options)
        case of.ReportOptions():
            from workload.cli.commands import report

            command = partial(report.command, options=options)
        case _:
            raise TypeError(f"no command takes {type(options).__name__}")
    return command
