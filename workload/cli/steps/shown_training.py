"""Run the training of `workload train` with its progress and lines, alone or on a rank."""

from collections.abc import Callable

from workload.cli.options import TrainOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.cli.steps.training_threads import with_training_threads
from workload.core.errors import UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.distributed.group import Group
from workload.hardware import precision
from workload.report.terminal import summary
from workload.train.loop import train


def prepared(device: DeviceInfo, options: TrainOptions) -> DeviceInfo:
    """Set the number of threads. Raises UnfitError for a dtype that the device cannot compute."""
    problem = precision.tf32_problem(device) if options.spec.dtype == "tf32" else None
    if problem:
        raise UnfitError(f"{problem}: choose another --dtype")
    return with_training_threads(device, options)


def train_shown(  # noqa: PLR0913  what the two ways to train differ in
    session: Session,
    options: TrainOptions,
    device: DeviceInfo,
    mode: str,
    *,
    shows_mode: bool,
    on_device: Callable[[DeviceInfo], None],
    group: Group | None = None,
) -> TrainResult:
    """Train in `mode`, whose line is printed with `shows_mode`; the record has each step so far."""
    quiet = group is not None and not group.place.leads
    with progress("train", options.spec.steps, quiet=quiet) as advance:

        def show(result: TrainResult) -> None:
            session.builder.set("train", [result])
            advance(len(result.losses), f"loss {result.losses[-1]:.4g}")

        def show_mode(name: str, reason: str) -> None:
            if shows_mode:
                session.info(summary.mode_line(name, reason))

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
            on_device=on_device,
            on_mode=show_mode,
            on_report=lambda step, loss: session.info(summary.loss_line(step, loss)),
            on_progress=show,
        )
