"""Environment variables that change speed or bits: recorded, and a warning if some are set."""

import os

from workload.cli.session import Session
from workload.core.models.variable import Variable
from workload.core.variables import effects, set_variables
from workload.hardware.cgroups import read_limits
from workload.hardware.openmp import brings_gnu_openmp
from workload.report.terminal import summary


def record_variables(session: Session) -> None:
    """Keep what is set of the known variables in the record."""
    session.builder.set("variables", _set_here())


def warn_of_variables(session: Session, *devices: str) -> None:
    """Print one line if a variable changes the results of these: a device's kind, a backend."""
    found = effects(_set_here(), *devices)
    if found:
        session.info(summary.variables_line(found))


def _set_here() -> tuple[Variable, ...]:
    from workload.doctor.redaction import redaction  # noqa: PLC0415  a tenth of a second

    return set_variables(
        os.environ,
        read_limits().usable_threads,
        redaction(os.environ).text,
        gnu_openmp=brings_gnu_openmp(),
    )
