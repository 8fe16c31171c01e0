"""What an operator should do about a machine and its GPUs."""

from enum import StrEnum

from workload.core.models.model import Fact


class Action(StrEnum):
    """What to do, from the least to the most severe."""

    NONE = "none"
    RETRY = "retry"  # run the same command again
    RESTART_APP = "restart-app"  # restart the programs that use the GPU
    FIX_HOST = "fix-host"  # fix settings, software or cooling of the host
    RESET_GPU = "reset-gpu"
    REBOOT = "reboot"
    DRAIN = "drain"  # send no more jobs to this machine, and find out more
    CONTACT_SUPPORT = "contact-support"

    @property
    def severity(self) -> int:
        """The position in the order above; 0 is the least severe."""
        return list(Action).index(self)


class Fault(Fact, frozen=True):
    """One fault of a GPU or of the machine, and the action that it requires.

    `id` stays the same while the fault lasts, and identifies the fault in other records.
    """

    id: str  # for example "xid-79", "recovery-1", or the id of a check
    action: Action
    reason: str
    evidence: tuple[str, ...] = ()


class GpuAction(Fact, frozen=True):
    """The action for one GPU: the action of its most severe fault."""

    index: int
    name: str | None
    uuid: str | None
    action: Action
    reason: str
    fault: str | None = None
    evidence: tuple[str, ...] = ()
    counters: dict[str, int] | None = None  # NVML's error counters that only a reset clears


class Advice(Fact, frozen=True):
    """The action for the machine: the most severe action of its GPUs and of its own faults."""

    action: Action
    reason: str
    evidence: tuple[str, ...] = ()
    gpus: tuple[GpuAction, ...] = ()
