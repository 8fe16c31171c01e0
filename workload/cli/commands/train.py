"""`workload train`: train the example network in one process or with several ranks."""

from contextlib import nullcontext

from msgspec.structs import replace

from workload.cli.options import TrainOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.cli.steps import measure
from workload.cli.steps.device import announce, device_of_rank
from workload.cli.steps.train import require_finite
from workload.cli.steps.variables import warn_of_variables
from workload.core import roofline
from workload.core.errors import BadInputError, ExitCode, UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_case import spec_of, step_case
from workload.core.train_spec import RANK_MODE_NAMES
from workload.core.units import format_seconds, plural
from workload.distributed.environment import Place
from workload.distributed.group import BACKENDS, Group, joined
from workload.hardware import devices, precision
from workload.hardware.openmp import most_threads
from workload.report.terminal import case_table, summary
from workload.report.terminal.collective_table import scaling_table
from workload.report.terminal.tables import labelled
from workload.train.float64 import with_float64
from workload.train.loop import train
from workload.train.modes import MODES
from workload.train.scaling import measure_scaling
from workload.train.threads import faster_threads

# Other modes would compile or capture again for each number of threads tried for the hint.
HINTED_MODES = ("eager", "fused", "dual")
LONGEST_STEP_SEC = 1.0


def command(session: Session, options: TrainOptions) -> ExitCode:
    """Train, print the loss every 100 steps, and fail if the loss stops being finite.

    With several ranks, each rank uses its own device and its own rows of the batch, and rank 0
    prints the result. With --scaling, training steps are also measured on fewer ranks.
    """
    place = session.place
    mode = _mode(options, place)
    device = _device(options, place)
    session.builder.set("device", device)
    with joined(place, device) if place else nullcontext() as group:
        result = _train(session, options, device, mode, group)
        session.builder.set("train", [result])
        require_finite(result, options.spec)
        if options.scaling:
            points = measure_scaling(options.spec, device, mode)
            result = replace(result, scaling=tuple(points))
    # A resumed run uses the number of threads of its checkpoint.
    device = replace(device, threads=result.threads or device.threads)
    if place is None or place.leads:
        result = with_float64(result, device)
    session.builder.set("train", [result])
    if place:
        _show_together(session, result, device, place)
    else:
        _show_alone(session, options, result, device)
    return ExitCode.OK


def _mode(options: TrainOptions, place: Place | None) -> str:
    """Return the requested mode, or the default one. Raises BadInputError."""
    if place is None:
        if options.scaling:
            raise BadInputError("--scaling is for several ranks: add --ranks N")
        return options.mode or "eager"
    mode = options.mode or RANK_MODE_NAMES[0]
    if mode not in RANK_MODE_NAMES:
        raise BadInputError(
            f"mode {mode} runs on one rank, and {place.started_by} has started "
            f"{plural(place.world_size, 'rank')}: choose --mode {' or '.join(RANK_MODE_NAMES)}"
        )
    return mode


def _device(options: TrainOptions, place: Place | None) -> DeviceInfo:
    """Resolve the device and set its threads. Raises UnfitError if the dtype is not supported."""
    requested = options.device
    device = device_of_rank(requested, place) if place else devices.resolve(requested)
    problem = precision.dtype_problem(options.spec.dtype, device)
    if problem:
        raise UnfitError(f"{problem}: choose another --dtype")
    return _with_threads(device, options)


def _train(
    session: Session, options: TrainOptions, device: DeviceInfo, mode: str, group: Group | None
) -> TrainResult:
    """Train, show the progress and the losses, and record each step."""
    quiet = group is not None and not group.place.leads
    with progress("train", options.spec.steps, quiet=quiet) as advance:

        def show_device(used: DeviceInfo) -> None:
            announce(session, used)
            if group:
                session.info(labelled("ranks", _ranks_line(group.place)))
            warn_of_variables(session, used.kind, *([BACKENDS[used.kind]] if group else []))

        def show_mode(name: str, reason: str) -> None:
            if options.mode not in (None, "eager"):  # the default is not announced
                session.info(labelled("mode", f"{name} ({reason})"))

        def show_loss(step: int, loss: float) -> None:
            # The format of the book: print("Iteration: ", t, "\t", "Loss: ", loss)
            session.info(f"Iteration:  {step} \t Loss:  {loss}")

        def show(result: TrainResult) -> None:
            session.builder.set("train", [result])
            advance(len(result.losses), f"loss {result.losses[-1]:.4g}")

        return train(
            options.spec,
            device,
            mode=mode,
            preset=options.unchanged_preset,
            checkpoint_path=options.checkpoint,
            checkpoint_every=options.checkpoint_every,
            resume=options.resume,
            threads=options.threads,
            group=group,
            on_device=show_device,
            on_mode=show_mode,
            on_report=show_loss,
            on_progress=show,
        )


def _ranks_line(place: Place) -> str:
    words = f"{plural(place.world_size, 'rank')}, started by {place.started_by}"
    return f"{words}, restart {place.restart}" if place.restart else words


def _show_together(session: Session, result: TrainResult, device: DeviceInfo, place: Place) -> None:
    session.info(summary.train_line(result, device))
    if result.scaling:
        session.info(scaling_table(result.scaling))
    elif device.kind == "cpu" and place.world_size == place.local_world_size > 1:
        words = "ranks on the CPUs of one machine are for checking results, not for measuring speed"
        session.info(labelled("hint", f"{place.world_size} {words}"))


def _show_alone(
    session: Session, options: TrainOptions, result: TrainResult, device: DeviceInfo
) -> None:
    """Show how close a step is to the device's limits, and a faster number of threads, if any."""
    ceilings = measure.measure_limits(session, device, options.spec.dtype)
    (case,) = roofline.rated([step_case(result, device)], ceilings)
    session.info(summary.train_line(result, device, case.rating), *case_table.warning_lines([case]))
    if options.threads is None and not device.emulated_on:
        _show_faster_threads(session, result, device)


def _with_threads(device: DeviceInfo, options: TrainOptions) -> DeviceInfo:
    """Return the device with threads set from --threads or from the sizes. Raises BadInputError."""
    if device.kind != "cpu":
        if options.threads is not None:
            raise BadInputError(f"--threads is for CPUs, but the device is {device.torch_name}")
        return device
    most, why = most_threads(device)
    if options.threads is not None and options.threads > most:
        raise BadInputError(f"--threads {options.threads}: {why}; choose fewer threads")
    return devices.set_threads(device, options.threads or options.spec.threads(device.threads))


def _show_faster_threads(session: Session, result: TrainResult, device: DeviceInfo) -> None:
    """Print a line if another number of threads is much faster now."""
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
                f"{device.threads}: use --threads {count} in a new run",
            )
        )
