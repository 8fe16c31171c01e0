"""The chapter's training loop, kept recognisable, with losses that stay on the device."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from workload import checkpoint, devices
from workload.checkpoint import Checkpoint
from workload.errors import BadInputError, NotSavedError, UnfitError
from workload.results import DeviceInfo, TrainResult
from workload.train_spec import TrainSpec
from workload.units import format_bytes

REPORT_EVERY = 100  # steps; the chapter prints as often, and losses are read no more often
PROGRESS_SEC = 0.2

Report = Callable[[int, float], None]
Progress = Callable[[TrainResult], None]


def _ignore(*_: object) -> None:
    pass


def train(  # noqa: PLR0913  a run has this many choices, all but two with a default
    spec: TrainSpec,
    device: DeviceInfo,
    *,
    preset: str | None = None,
    checkpoint_path: Path | None = None,
    checkpoint_every: int = REPORT_EVERY,
    resume: bool = False,
    on_report: Report = _ignore,
    on_progress: Progress = _ignore,
) -> TrainResult:
    """Train for `spec.steps` steps and return every loss.

    `on_report` gets (step, loss) every 100 steps, `on_progress` the result so far, now and
    then and before an error. A loss that is not finite ends the run: `diverged_at_step` says where.
    Raises UnfitError if it does not fit the memory, BadInputError for a checkpoint that
    cannot be resumed, NotSavedError if a checkpoint cannot be written.
    """
    _require_memory(spec, device)
    run = _Run(spec, device)
    if checkpoint_path:
        run.resumed_from_step = _open_checkpoint(run, checkpoint_path, resume)
    next_progress = 0.0
    finished = run.step == spec.steps
    if finished and spec.steps:
        on_report(run.step, run.losses[-1])
    while run.step < spec.steps and run.diverged_at_step is None:
        first = run.step
        stop = min(
            spec.steps,
            *((first // every + 1) * every for every in (REPORT_EVERY, checkpoint_every)),
        )
        run.advance(stop)
        if time.monotonic() >= next_progress:
            started = time.monotonic()
            on_progress(run.result(preset))
            # The result grows with the steps: telling of it may take a twentieth of the time.
            next_progress = started + max(PROGRESS_SEC, 20 * (time.monotonic() - started))
        if run.diverged_at_step is None:
            if stop % REPORT_EVERY == 0:
                on_report(stop, run.losses[-1])
            if checkpoint_path and (stop % checkpoint_every == 0 or stop == spec.steps):
                try:
                    checkpoint.save(run.state(), checkpoint_path)
                except NotSavedError:
                    on_progress(run.result(preset))
                    raise
    return run.result(preset, finished=run.diverged_at_step is None)


def draw(spec: TrainSpec, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, y, w1 and w2 in that order from one seeded generator on the CPU.

    Shapes (batch, input), (batch, output), (input, hidden), (hidden, output). Drawn on the
    CPU whatever the device, so that every device starts from the same numbers.
    """
    generator = torch.Generator().manual_seed(spec.seed)
    x, y, w1, w2 = (
        torch.randn(shape, generator=generator, dtype=dtype)
        for shape in (
            (spec.batch_size, spec.input_size),
            (spec.batch_size, spec.output_size),
            spec.w1_shape,
            spec.w2_shape,
        )
    )
    return x, y, w1, w2


def eager_step(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, learning_rate: float) -> Tensor:
    """One step of the chapter's loop, word for word; returns the loss before the update."""
    y_pred = x.mm(w1).clamp(min=0).mm(w2)
    loss = (y_pred - y).pow(2).sum()
    loss.backward()  # type: ignore[no-untyped-call]  # missing in torch's stubs
    with torch.no_grad():
        w1 -= learning_rate * w1.grad  # type: ignore[operator]  # backward() has set it
        w2 -= learning_rate * w2.grad  # type: ignore[operator]
        w1.grad.zero_()  # type: ignore[union-attr]
        w2.grad.zero_()  # type: ignore[union-attr]
    return loss.detach()


class _Run:
    """The changing state of one training run."""

    def __init__(self, spec: TrainSpec, device: DeviceInfo) -> None:
        self.spec = spec
        self.device = device
        self.step = 0
        self.resumed_from_step = 0
        self.losses: list[float] = []
        self.step_time_sec: list[float] = []
        self.diverged_at_step: int | None = None
        where = devices.torch_device(device)
        x, y, w1, w2 = draw(spec, devices.torch_dtype(spec.dtype))
        self.x, self.y = x.to(where), y.to(where)
        self._set_weights(w1, w2)

    def _set_weights(self, w1: Tensor, w2: Tensor) -> None:
        where = devices.torch_device(self.device)
        self.w1 = w1.to(where, copy=True).requires_grad_()
        self.w2 = w2.to(where, copy=True).requires_grad_()

    def restore(self, state: Checkpoint) -> None:
        """Continue after the checkpoint's last step."""
        self._set_weights(state.w1, state.w2)
        self.step = state.step
        self.losses = state.losses.tolist()

    def advance(self, stop: int) -> None:
        """Run up to step `stop`, reading the losses once, at the end."""
        count = stop - self.step
        buffer = torch.empty(count, dtype=self.w1.dtype, device=self.w1.device)
        devices.set_tf32(self.spec.dtype == "tf32")
        devices.synchronize(self.device)
        started = time.perf_counter()
        for index in range(count):
            buffer[index] = eager_step(self.x, self.y, self.w1, self.w2, self.spec.learning_rate)
        devices.synchronize(self.device)
        self.step_time_sec.append((time.perf_counter() - started) / count)
        devices.set_tf32(False)
        self._record(buffer.tolist())

    def _record(self, losses: list[float]) -> None:
        for index, loss in enumerate(losses):
            self.losses.append(loss)
            if not math.isfinite(loss):
                self.diverged_at_step = self.step + index + 1
                self.step = self.diverged_at_step
                return
        self.step += len(losses)

    def state(self) -> Checkpoint:
        losses = torch.tensor(self.losses, dtype=torch.float64)
        return Checkpoint(self.spec, self.step, self.w1, self.w2, losses)

    def result(self, preset: str | None, finished: bool = False) -> TrainResult:
        weights = checkpoint.weights_sha256(self.w1, self.w2) if finished else None
        return TrainResult(
            preset=preset,
            **asdict(self.spec),
            resumed_from_step=self.resumed_from_step,
            losses=tuple(self.losses),
            step_time_sec=tuple(self.step_time_sec),
            weights_sha256=weights,
            diverged_at_step=self.diverged_at_step,
        )


def _require_memory(spec: TrainSpec, device: DeviceInfo) -> None:
    available = devices.available_bytes(device)
    if available is not None and spec.needed_bytes > available:
        raise UnfitError(
            f"this training needs {format_bytes(spec.needed_bytes)} of memory, "
            f"{format_bytes(available)} is available: choose smaller sizes"
        )


def _open_checkpoint(run: _Run, path: Path, resume: bool) -> int:
    """Restore the run from `path` if asked to; the step it continues from."""
    try:
        usable, exists = not path.is_dir() and path.parent.is_dir(), path.exists()
    except OSError as error:  # a name too long, a directory closed to this user
        reason = error.strerror or error
        raise BadInputError(f"--checkpoint {path}: {reason}: name another file") from error
    if not usable:
        raise BadInputError(
            f"--checkpoint {path} is a directory or lies in none: name a file in an existing one"
        )
    if not resume:
        if exists:
            raise BadInputError(
                f"{path} exists: add --resume to continue it, or choose another --checkpoint"
            )
        return 0
    state = checkpoint.read(path, run.spec.checkpoint_bytes)
    differences = run.spec.differences(state.spec)
    if differences:
        raise BadInputError(
            f"{path} belongs to another run ({', '.join(differences)} differ): "
            "resume with the options it was started with"
        )
    if state.step > run.spec.steps:
        raise BadInputError(
            f"{path} is at step {state.step}, beyond --steps {run.spec.steps}: ask for more steps"
        )
    run.restore(state)
    return state.step
