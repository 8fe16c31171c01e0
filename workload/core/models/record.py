"""A record: the results of one run as a JSON document."""

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta
from msgspec.structs import replace

from workload.core.errors import ExitCode
from workload.core.models.action import Action, GpuAction
from workload.core.models.case import Case
from workload.core.models.collectives import Collectives
from workload.core.models.device import DeviceInfo
from workload.core.models.facts import Facts
from workload.core.models.finding import Finding
from workload.core.models.model import Model, Seconds, one_of
from workload.core.models.rank import Rank
from workload.core.models.rating import Ceilings
from workload.core.models.train import TrainResult
from workload.core.models.variable import Variable
from workload.core.models.verify import VerifyResult
from workload.core.models.xid import LinkErrors, Xid

# 1: the first version. 2: `cases` of every kind, with timing and rating, replace `matmul`; adds
# `ceilings` and the engine (now `mode`) of a training run. 3: see CHANGELOG.md, 0.2.0.
SCHEMA_VERSION: Final = 3
STATUSES = ("complete", "failed", "interrupted")


class HostCpu(Model, frozen=True):
    """The results that a run on a GPU measured on the host's CPU."""

    device: DeviceInfo
    train: tuple[TrainResult, ...]
    cases: tuple[Case, ...]


class Record(Model, frozen=True):
    """A record of one workload run: times in seconds, rates in GFLOP/s and GB/s.

    Unknown values are null, as are sections that the command does not write.
    """

    schema_version: Literal[3]
    kind: Annotated[str, one_of("run", "train", "matmul", "verify", "doctor", "collectives")]
    started_at: Annotated[datetime, Meta(tz=True)]
    workload_version: str
    arguments: tuple[str, ...]
    device: DeviceInfo | None
    environment: Facts | None
    findings: tuple[Finding, ...] | None
    verify: tuple[VerifyResult, ...] | None
    train: tuple[TrainResult, ...] | None
    cases: tuple[Case, ...] | None
    ceilings: Ceilings | None
    host_cpu: HostCpu | None
    # Errors that the NVIDIA driver reported while the command ran; None if they are unknown.
    xids: tuple[Xid, ...] | None
    action: Action | None  # what to do about the machine; None if the run was interrupted
    action_reason: str | None
    action_evidence: tuple[str, ...] | None
    gpus: tuple[GpuAction, ...] | None  # the action for each GPU; None if no GPU was checked
    status: Annotated[str, one_of(*STATUSES)]
    exit_code: ExitCode
    reason: str | None
    duration_sec: Seconds
    # The variables of `core/variables.toml` that are set.
    variables: tuple[Variable, ...] | None = None
    # The results of a run on several devices.
    ranks: tuple[Rank, ...] | None = None
    link_errors: tuple[LinkErrors, ...] | None = None  # like `xids`, for NVLinks
    collectives: Collectives | None = None  # the ranks that worked together

    def of_rank(self, rank: Rank) -> "Record":
        """Return the record of one rank, in the form of a run on one device."""
        facts = self.environment
        return replace(
            self,
            device=rank.device,
            environment=replace(facts, deep=rank.deep) if facts else None,
            findings=rank.findings,
            verify=rank.verify,
            train=rank.train,
            cases=rank.cases,
            ceilings=rank.ceilings,
            status=rank.ended if rank.ended in STATUSES else "failed",
            exit_code=rank.code,
            reason=rank.reason,
            duration_sec=rank.duration_sec,
            ranks=None,
        )
