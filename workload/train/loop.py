"""Train with one of the modes. Losses are read from the device only at reports and checkpoints."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from msgspec.structs import replace
from torch import Tensor

from workload.bench.timers import Laps
from workload.core.errors import NotSavedError, UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import BLOCK_STEPS, TrainSpec
from workload.distributed.group import Group
from workload.hardware import devices, precision
from workload.hardware.waits import Watch
from workload.train import checkpoint, modes
from workload.train.checkpoint import Checkpoint
from workload.train.modes.mode import Data, draw
from workload.train.resume import Saves, open_checkpoint
from workload.train.warm_up import warm_up, warm_up_together

REPORT_EVERY = 100  # steps, as in the book's example
TIMED_STEPS = 2 * BLOCK_STEPS  # one sample of the step time is the mean over this many steps
PROGRESS_SEC = 0.2

Report = Callable[[int, float], None]
Progress = Callable[[TrainResult], None]
OnDevice = Callable[[DeviceInfo], None]
OnMode = Callable[[str, str], None]


def _ignore(*_: object) -> None:
    pass


def train(  # noqa: PLR0913  a run has this many choices, all but two with a default
    spec: TrainSpec,
    device: DeviceInfo,
    *,
    mode: str = "eager",
    preset: str | None = None,
    checkpoint_path: Path | None = None,
    checkpoint_every: int = REPORT_EVERY,
    resume: bool = False,
    threads: int | None = None,
    group: Group | None = None,
    on_device: OnDevice = _ignore,
    on_mode: OnMode = _ignore,
    on_report: Report = _ignore,
    on_progress: Progress = _ignore,
) -> TrainResult:
    """Train for `spec.steps` steps; return the result, which contains every loss.

    `mode` is one of MODE_NAMES. A loss that is not finite ends the run; `diverged_at_step` is the
    step of that loss. On a CPU, a new run uses `device.threads` threads, and a resumed run uses the
    number in its checkpoint; `threads`, if given, must equal that number. In a `group`, every rank
    makes the same call, `mode` is one of RANK_MODE_NAMES, and rank 0 reads and writes the
    checkpoint.

    The callbacks receive:

    - `on_device`: the device; it is called after the checkpoint, if any, has been read;
    - `on_mode`: the name of the mode, and why it was chosen;
    - `on_report`: the step and its loss, every 100 steps;
    - `on_progress`: the result so far, at intervals and before an error is raised.

    Raises UnfitError if the training run does not fit in memory, if a checkpoint needs more threads
    than can run, or if the device is lost or does not support the mode. Raises WrongNumbersError,
    before any step, if the mode computes wrong losses. Raises BadInputError if the mode does not
    support the dtype, or if the checkpoint cannot be resumed. Raises NotSavedError if a checkpoint
    cannot be written.
    """
    _require_memory(spec, device)
    with devices.translate_cuda_errors(device):
        run = _Run(spec, device, group)
    if checkpoint_path:
        run.restore(open_checkpoint(Saves(checkpoint_path, resume, threads), spec, device, group))
    on_device(devices.set_threads(run.device, run.device.threads))
    run.start(mode)
    on_mode(run.mode, run.mode_reason)
    next_progress = 0.0
    if run.step == spec.steps and spec.steps:
        on_report(run.step, run.losses[-1])
    try:
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
                # The result grows with the steps; on_progress takes at most 1/20 of the time.
                next_progress = started + max(PROGRESS_SEC, 20 * (time.monotonic() - started))
            if run.diverged_at_step is None:
                if stop % REPORT_EVERY == 0:
                    on_report(stop, run.losses[-1])
                if checkpoint_path and (stop % checkpoint_every == 0 or stop == spec.steps):
                    run.save(checkpoint_path)
    except (UnfitError, NotSavedError):
        if run.losses:
            on_progress(run.result(preset))
        raise
    return run.result(preset, finished=run.diverged_at_step is None)


class _Run:
    """The state of one training run."""

    def __init__(self, spec: TrainSpec, device: DeviceInfo, group: Group | None) -> None:
        self.spec = spec
        self.device = device
        self.group = group
        self.ranks = group.place.world_size if group else 1
        self.mode = self.mode_reason = ""
        self.step = 0
        self.resumed_from_step = 0
        self.losses: list[float] = []
        self.step_time_sec: list[float] = []
        self.diverged_at_step: int | None = None
        self.warm_up_sec, self.steady = 0.0, False
        self._data: Data = draw(spec)

    def restore(self, state: Checkpoint | None) -> None:
        """Continue after the last step of `state`, with its threads; do nothing if it is None."""
        if state is None:
            return
        x, y, _, _ = self._data
        self._data = x, y, state.w1, state.w2
        self.step = self.resumed_from_step = state.step
        if state.threads is not None and self.device.kind == "cpu":
            self.device = replace(self.device, threads=state.threads)
        self.losses = state.losses.tolist()

    def start(self, requested: str) -> None:
        """Choose and check the mode, copy the data to the device, and warm up."""
        with devices.translate_cuda_errors(self.device):
            x, y, w1, w2 = (tensor.to(self.device.torch_name) for tensor in self._data)
            del self._data
            mode, self.mode_reason = modes.choose(requested, self.spec, self.device, (x, y, w1, w2))
            self.mode = mode.name
            left = self.spec.steps - self.step
            with precision.matmul_precision(self.spec.dtype):
                if left:
                    copy = mode.start(self.spec, self.device, (x, y, w1, w2))
                    warm = warm_up_together if self.group else warm_up
                    self.warm_up_sec, self.steady = warm(copy, self.device, left, TIMED_STEPS)
                    del copy  # free its memory
                self._loop = mode.start(self.spec, self.device, (x, y, w1, w2))
        self._watch = Watch()

    def advance(self, stop: int) -> None:
        """Run up to step `stop`; read the losses once, at the end."""
        laps = [min(TIMED_STEPS, stop - first) for first in range(self.step, stop, TIMED_STEPS)]
        step_sec = self.step_time_sec[-1] if self.step_time_sec else self.warm_up_sec
        watched = devices.translate_cuda_errors(self.device, step_sec * (stop - self.step))
        with watched, precision.matmul_precision(self.spec.dtype):
            devices.synchronize(self.device)
            timer = Laps(self.device)
            losses = []
            for steps in laps:
                losses.append(self._loop.advance(steps))
                timer.mark()
            times = timer.seconds()
            read = torch.cat(losses).tolist()
        self.step_time_sec += [sec / steps for sec, steps in zip(times, laps, strict=True)]
        self._record(read)

    def _record(self, losses: list[float]) -> None:
        for index, loss in enumerate(losses):
            self.losses.append(loss)
            if not math.isfinite(loss):
                self.diverged_at_step = self.step + index + 1
                self.step = self.diverged_at_step
                return
        self.step += len(losses)

    def save(self, path: Path) -> None:
        """Write the checkpoint; in a group, only rank 0 writes it."""
        losses = torch.tensor(self.losses, dtype=torch.float64)
        threads = self.device.threads if self.device.kind == "cpu" else None
        state = Checkpoint(self.spec, self.step, *self._weights(), losses, threads, self.ranks)
        if self.group:
            self.group.on_rank_0(lambda: checkpoint.save(state, path))
        else:
            checkpoint.save(state, path)

    def _weights(self) -> tuple[Tensor, Tensor]:
        """Return w1 and w2 on the CPU."""
        with devices.translate_cuda_errors(self.device):
            w1, w2 = self._loop.weights()
            return w1.detach().cpu(), w2.detach().cpu()

    def result(self, preset: str | None, finished: bool = False) -> TrainResult:
        weights = checkpoint.weights_sha256(*self._weights()) if finished else None
        return TrainResult(
            preset=preset,
            **asdict(self.spec),
            resumed_from_step=self.resumed_from_step,
            losses=tuple(self.losses),
            step_time_sec=tuple(self.step_time_sec),
            weights_sha256=weights,
            diverged_at_step=self.diverged_at_step,
            mode=self.mode,
            mode_reason=self.mode_reason,
            threads=self.device.threads if self.device.kind == "cpu" else None,
            warm_up_sec=self.warm_up_sec,
            steady=self.steady,
            waits=self._watch.waits(),
            ranks=self.ranks,
        )


def _require_memory(spec: TrainSpec, device: DeviceInfo) -> None:
    problem = devices.memory_problem(spec.needed_bytes, device)
    if problem:
        raise UnfitError(f"this training run {problem}: choose smaller sizes")
