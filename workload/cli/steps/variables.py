"""Record environment variables that change the speed or the bits of results, and warn."""

import os

from workload.cli.session import Session
from workload.core.models.variable import Variable
from workload.core.variables import effects, set_variables
from workload.hardware.cgroups import read_limits
from workload.hardware.openmp import brings_gnu_openmp
from workload.report.terminal import summary


def record_variables(session: Session) -> None:
    """Record the environment variables that are set and may change the speed or the results."""
    session.builder.set("variables", _set_here())


def warn_of_variables(session: Session, *devices: str) -> None:
    """Warn if a variable changes the speed or the results on `devices` (kinds or backends)."""
    found = effects(_set_here(), *devices)
    if found:
        session.info(summary.variables_line(found))


def _set_here() -> tuple[Variable, ...]:
    from workload.doctor.redaction import redaction  # noqa: PLC0415  takes a tenth of a second

    return set_variables(
        os.environ,
        read_limits().usable_threads,
        redaction(os.environ).text,
        gnu_openmp=brings_gnu_openmp(),
    )
