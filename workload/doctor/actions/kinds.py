"""Every kind of fault: what it is, where it is seen, and the action that it requires.

docker/host/ACTIONS.md shows this table. The actions for Xids and recovery actions are in
`xids.toml` and `xids.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from workload.core.models.action import Action, Fault


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `what` is the default reason of its faults."""

    what: str
    seen: str
    action: Action


KINDS = {
    "wrong-numbers": Kind(
        "wrong numbers; run `workload doctor --deep` to see whether they occur again",
        "a comparison with float64, a case or the burn-in",
        Action.DRAIN,
    ),
    "check": Kind("a failed check of the doctor", "the finding", Action.FIX_HOST),
    "blocked": Kind(
        "the driver hangs, or aborts the start of CUDA", "gpu-driver, cuda-start", Action.REBOOT
    ),
    "invalid-time": Kind(
        "an invalid time due to other processes or noise", "the case's reason", Action.RETRY
    ),
    "slowed": Kind(
        "an invalid time due to heat or power", "throttle reasons and counters", Action.FIX_HOST
    ),
    "lost-device": Kind("the GPU was lost in a run", "CUDA's error", Action.REBOOT),
    "rank-died": Kind("a process of a run on several devices died", "how it ended", Action.RETRY),
    "rank-hung": Kind("a process of a run on all GPUs hung", "how it ended", Action.DRAIN),
    "rank-hung-cpu": Kind("a process of a run on CPUs hung", "how it ended", Action.RETRY),
    "rank-slow": Kind("a GPU slower than the others of the run", "times", Action.FIX_HOST),
    "rank-slow-cpu": Kind("CPUs slower than the others of the run", "times", Action.RETRY),
    "no-answer": Kind(
        "the driver does not reach the GPU", "NVML return code, such as 15 (lost)", Action.REBOOT
    ),
    "reset-required": Kind(
        "the driver requires a reset of the GPU", "NVML return code 16", Action.RESET_GPU
    ),
    "ecc": Kind(
        "uncorrectable memory errors",
        "ECC counters; the driver's recovery action is unknown",
        Action.RESET_GPU,
    ),
    "ecc-handled": Kind(
        "uncorrectable memory errors",
        "ECC counters; the driver's recovery action is known",
        Action.RESTART_APP,
    ),
    "row-remap": Kind("a memory row could not be remapped", "remapped rows", Action.RESET_GPU),
    "sram-threshold": Kind(
        "too many uncorrectable errors in the GPU's SRAM", "the driver's threshold", Action.DRAIN
    ),
    "nvlink-down": Kind(
        "fewer NVLinks are active than on another GPU of its model",
        "the links' states",
        Action.RESET_GPU,
    ),
    # DCGM 4 reports a failure if its time window has one replay or recovery (DcgmHealthWatch,
    # MonitorNVLink4Fields).
    # A total since the last reset does not show when the errors occurred.
    "nvlink-errors": Kind(
        "NVLinks had errors during this run",
        "counters of replays and recoveries that grew",
        Action.RESET_GPU,
    ),
    "fabric-in-progress": Kind(
        "the GPU is joining its NVLink fabric", "fabric state", Action.RETRY
    ),
    "fabric-not-started": Kind(
        "the GPU has not joined its NVLink fabric", "fabric state", Action.FIX_HOST
    ),
    "fabric-error": Kind(
        "the GPU could not join its NVLink fabric", "fabric status", Action.FIX_HOST
    ),
    "fabric-unknown": Kind(
        "the NVLink fabric is in an unknown state", "another fabric state", Action.DRAIN
    ),
    "fabric-unhealthy": Kind("the NVLink fabric is unhealthy", "fabric health", Action.DRAIN),
}


def fault(kind: str, reason: str = "", evidence: Iterable[str] = (), id_: str = "") -> Fault:
    """Return a fault of the given kind. Its id is the name of the kind, unless `id_` is given."""
    row = KINDS[kind]
    return Fault(id_ or kind, row.action, reason or row.what, tuple(evidence))
