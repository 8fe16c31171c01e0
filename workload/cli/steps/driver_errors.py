"""Record the errors of the NVIDIA driver while a command runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from workload.cli.session import Session
from workload.hardware.driver_errors import DriverErrors
from workload.hardware.driver_process import driver_version


@contextmanager
def watched(session: Session) -> Iterator[None]:
    """Collect errors inside the block; `session.advise` sees those so far."""
    if driver_version() is None:  # NVML would hang this process too
        yield
        return
    with DriverErrors() as errors:
        session.watch(errors.collect)
        yield
