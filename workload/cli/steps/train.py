"""Train the example network, and check its losses."""

from collections.abc import Callable, Sequence

from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core.errors import ExitCode, WrongNumbersError
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import PRESETS, TrainSpec, divergence_line
from workload.hardware import devices
from workload.train.float64 import with_float64
from workload.train.loop import train
from workload.train.threads import with_fastest_threads


def train_presets(
    presets: Sequence[str], device: DeviceInfo, keep: Callable[[list[TrainResult]], None]
) -> list[TrainResult]:
    """Train each preset with the number of threads that is fastest now.

    `keep` is called with the results so far, including those of an unfinished training run.
    """
    done: list[TrainResult] = []
    for preset in presets:
        spec = PRESETS[preset]
        with progress(f"train {preset}", spec.steps) as advance:

            def show(result: TrainResult, advance: Callable[[float, str], None] = advance) -> None:
                keep([*done, result])
                advance(len(result.losses), "")

            result = train(
                spec, with_fastest_threads(spec, device), preset=preset, on_progress=show
            )
            devices.set_threads(device, device.threads)
            done.append(with_float64(result, device))
        keep(done)
    return done


def exit_code_of_trainings(session: Session, trained: Sequence[TrainResult]) -> ExitCode:
    """Return WRONG_NUMBERS if a loss is not finite, otherwise OK.

    Print an error line for each preset with such a loss.
    """
    code = ExitCode.OK
    for result in trained:
        try:
            require_finite(result, PRESETS[result.preset or "book"])
        except WrongNumbersError as error:
            session.error(str(error))
            code = error.exit_code
    return code


def require_finite(result: TrainResult, spec: TrainSpec) -> None:
    """Raise WrongNumbersError, with the step, if the loss stopped being finite."""
    step = result.diverged_at_step
    if step is None:
        return
    last_finite = result.losses[-2] if len(result.losses) > 1 else None
    raise WrongNumbersError(divergence_line(spec, step, last_finite, result.losses[-1]))
