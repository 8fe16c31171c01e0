"""`workload train`: train the example network."""

from msgspec.structs import replace

from workload.cli.options import TrainOptions
from workload.cli.session import Session
from workload.cli.steps import measure
from workload.cli.steps.device import announce
from workload.cli.steps.rank_training import train_on_ranks
from workload.cli.steps.shown_training import prepared, train_shown
from workload.cli.steps.train import require_finite
from workload.cli.steps.training_threads import show_faster_threads
from workload.cli.steps.variables import warn_of_variables
from workload.core import roofline
from workload.core.emulation import without_speed
from workload.core.errors import BadInputError, ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.train_case import train_case
from workload.hardware import devices
from workload.report.terminal import case_table, summary
from workload.train.float64 import with_float64


def command(session: Session, options: TrainOptions) -> ExitCode:
    """Train, print the loss every 100 steps, and fail if the loss stops being finite."""
    if session.place:
        return train_on_ranks(session, options, session.place)
    if options.scaling:
        raise BadInputError("--scaling is for several ranks: add --ranks N")
    spec, mode = options.spec, options.mode or "eager"
    device = prepared(devices.resolve(options.device), options)
    session.builder.set("device", device)

    def show_device(used: DeviceInfo) -> None:
        announce(session, used)
        warn_of_variables(session, used.kind)

    result = train_shown(
        session, options, device, mode, shows_mode=mode != "eager", on_device=show_device
    )
    # The checkpoint may have had another number of threads.
    device = replace(device, threads=result.threads or device.threads)
    result = with_float64(result, device)
    session.builder.set("train", [result])
    require_finite(result, spec)
    ceilings = measure.measure_limits(session, device, spec.dtype)
    step = without_speed(train_case(result, device.kind), device)
    (case,) = roofline.rated([step], ceilings)
    session.info(summary.train_line(result, device, case.rating), *case_table.warning_lines([case]))
    if options.threads is None and not device.emulated_on:
        show_faster_threads(session, result, device)
    return ExitCode.OK
