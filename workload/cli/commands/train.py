"""`workload train`: the chapter's training loop."""

from dataclasses import replace

from workload.cli.commands import announce, measuring
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core import roofline
from workload.core.errors import BadInputError, ExitCode, UnfitError, WrongNumbersError
from workload.core.results import TrainResult
from workload.core.train_case import train_case
from workload.core.train_spec import PRESETS, TrainSpec, divergence_line
from workload.hardware import devices
from workload.report.terminal import summary
from workload.train.loop import train


def command(session: Session) -> ExitCode:
    """Train, print the chapter's lines, and fail where the loss stopped being finite."""
    arguments = session.arguments
    if arguments.resume and arguments.checkpoint is None:
        raise BadInputError("--resume needs --checkpoint FILE, the file to resume from")
    spec, preset = specification(arguments)
    device = devices.resolve(arguments.device)
    problem = devices.tf32_problem(device) if spec.dtype == "tf32" else None
    if problem:
        raise UnfitError(f"{problem}: choose another --dtype")
    announce(session, device)
    with progress("train", spec.steps) as advance:

        def tell(mode: str, reason: str) -> None:
            if arguments.mode != "eager":  # the default needs no words
                session.info(summary.mode_line(mode, reason))

        def show(result: TrainResult) -> None:
            session.builder.set("train", [result])
            advance(len(result.losses), f"loss {result.losses[-1]:.4g}")

        result = train(
            spec,
            device,
            mode=arguments.mode,
            preset=preset,
            checkpoint_path=arguments.checkpoint,
            checkpoint_every=arguments.checkpoint_every,
            resume=arguments.resume,
            on_mode=tell,
            on_report=lambda step, loss: session.info(summary.loss_line(step, loss)),
            on_progress=show,
        )
    session.builder.set("train", [result])
    require_finite(result, spec)
    ceilings = measuring.measure_limits(session, device, spec.dtype)
    rating = roofline.rate(train_case(result, device.kind), ceilings)
    session.info(summary.train_line(result, rating))
    return ExitCode.OK


def specification(arguments: object) -> tuple[TrainSpec, str | None]:
    """The preset with what was given in place; its name, or None where they differ."""
    given = vars(arguments)
    base = PRESETS[given["preset"]]
    changes = {name: given[name] for name in vars(base) if given[name] is not None}
    spec = replace(base, **changes)
    return spec, given["preset"] if spec == base else None


def require_finite(result: TrainResult, spec: TrainSpec) -> None:
    """Raises WrongNumbersError that names the step at which the loss left the numbers."""
    step = result.diverged_at_step
    if step is None:
        return
    last_finite = result.losses[-2] if len(result.losses) > 1 else None
    raise WrongNumbersError(divergence_line(spec, step, last_finite, result.losses[-1]))
