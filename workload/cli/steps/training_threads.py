"""The CPU threads of `workload train`: the sizes decide; a hint if another number is faster."""

from workload.cli.options import TrainOptions
from workload.cli.session import Session
from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_case import spec_of
from workload.core.units import format_seconds, plural
from workload.hardware import devices
from workload.hardware.openmp import most_threads
from workload.report.terminal.tables import labelled
from workload.train.modes import MODES
from workload.train.threads import faster_threads

# What each number of threads would compile or capture again is not tried for a hint.
HINTED_MODES = ("eager", "fused", "dual")
LONGEST_STEP_SEC = 1.0


def with_training_threads(device: DeviceInfo, options: TrainOptions) -> DeviceInfo:
    """Set the number of threads: --threads or what the sizes decide. Raises BadInputError."""
    if device.kind != "cpu":
        if options.threads is not None:
            raise BadInputError(f"--threads is for CPUs, the device is {device.torch_name}")
        return device
    most, why = most_threads(device)
    if options.threads is not None and options.threads > most:
        raise BadInputError(f"--threads {options.threads}: {why}: choose no more threads")
    return devices.set_threads(device, options.threads or options.spec.threads(device.threads))


def show_faster_threads(session: Session, result: TrainResult, device: DeviceInfo) -> None:
    """Say so if another number of threads is much faster now."""
    step_sec = result.median_step_sec or LONGEST_STEP_SEC
    if device.kind != "cpu" or result.mode not in HINTED_MODES or step_sec >= LONGEST_STEP_SEC:
        return
    most, _ = most_threads(device)
    found = faster_threads(spec_of(result), device, most, MODES[result.mode])
    if found:
        count, *seconds = found
        sec, own_sec = map(format_seconds, seconds)
        session.info(
            labelled(
                "hint",
                f"a step takes {sec} with {plural(count, 'thread')} now, {own_sec} with "
                f"{device.threads}: --threads {count} in a new run",
            )
        )
