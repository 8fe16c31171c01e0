"""Map the recovery action that the driver reports for a GPU through NVML to an action.

Source: nvml.h, nvmlDeviceGpuRecoveryAction_t; NVIDIA, GPU Memory Error Management, "Recovery
Action". A number that is not known here asks for "drain".
"""

from dataclasses import dataclass

from workload.core.models.action import Action


@dataclass(frozen=True)
class Recovery:
    """A recovery action in words."""

    name: str
    action: Action
    what: str


RECOVERIES = {
    0: Recovery("none", Action.NONE, "the driver asks for no action"),
    1: Recovery("GPU reset", Action.RESET_GPU, "the driver asks for a reset of the GPU"),
    2: Recovery("node reboot", Action.REBOOT, "the driver asks for a reboot"),
    3: Recovery(
        "drain P2P",
        Action.RESTART_APP,
        "the driver asks to stop the jobs that use NVLink or peer-to-peer copies, then to check",
    ),
    4: Recovery(
        "drain and reset",
        Action.RESET_GPU,
        "the driver asks to stop the jobs that use NVLink or peer-to-peer copies, then to reset "
        "the GPU",
    ),
    5: Recovery(
        "recover the IMEX domain", Action.FIX_HOST, "the driver asks to recover the IMEX domain"
    ),
    6: Recovery("bus reset", Action.RESET_GPU, "the driver asks for a reset of the GPU's bus"),
    7: Recovery("system reboot", Action.REBOOT, "the driver asks for a reboot of the system"),
}


def recovery(number: int) -> Recovery:
    """Return what a recovery action asks for."""
    unknown = Recovery(
        f"number {number}",
        Action.DRAIN,
        f"the driver asks for recovery action {number}, which is not known here",
    )
    return RECOVERIES.get(number, unknown)
