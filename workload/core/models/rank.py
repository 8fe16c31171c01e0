"""The results of each rank of a run on several devices."""

from typing import Annotated

from workload.core.errors import ExitCode
from workload.core.models.case import Case
from workload.core.models.device import DeviceInfo
from workload.core.models.finding import Finding
from workload.core.models.model import Count, Model, Seconds, one_of
from workload.core.models.rating import Ceilings
from workload.core.models.stress import Deep
from workload.core.models.train import TrainResult
from workload.core.models.verify import VerifyResult

COMPLETE, FAILED, INTERRUPTED = "complete", "failed", "interrupted"
DIED = "died"  # ended by a signal, or without reporting a reason
HUNG = "hung"  # it made no progress for too long and was ended
LOST = "lost"  # its GPU did not answer at the start, so it was not started


class Rank(Model, frozen=True):
    """One of several processes that ran at the same time, each on its own device.

    Sections such as `cases` have the same meaning as in a record. `doing` is what the rank did
    last, if it did not end by itself. `errors` are its lines on stderr.
    """

    rank: Count
    ended: Annotated[str, one_of(COMPLETE, FAILED, INTERRUPTED, DIED, HUNG, LOST)]
    exit_code: ExitCode | None  # None if it did not end by itself
    reason: str | None
    cpus: tuple[Count, ...]  # CPUs that were assigned to it
    gpu_index: Count | None = None  # the driver's index
    gpu_name: str | None = None
    gpu_uuid: str | None = None
    gpu_address: str | None = None  # as below /sys/bus/pci/devices
    doing: str | None = None
    errors: tuple[str, ...] = ()
    lost_device: str | None = None  # how its device was lost
    device: DeviceInfo | None = None
    findings: tuple[Finding, ...] | None = None
    verify: tuple[VerifyResult, ...] | None = None
    train: tuple[TrainResult, ...] | None = None
    cases: tuple[Case, ...] | None = None
    ceilings: Ceilings | None = None
    deep: Deep | None = None
    duration_sec: Seconds = 0.0

    @property
    def title(self) -> str:
        """The GPU of the rank or, on CPUs, the number of the rank."""
        return f"rank {self.rank}" if self.gpu_index is None else f"GPU {self.gpu_index}"

    @property
    def code(self) -> ExitCode:
        """The exit code; UNFIT if the rank did not end by itself."""
        return ExitCode.UNFIT if self.exit_code is None else self.exit_code
