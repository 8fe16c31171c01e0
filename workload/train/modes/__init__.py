"""Seven modes of training the example network, and the choice among them.

The network and its training loop are those of a book's chapter on PyTorch basics (see README.md).

    eager    the book's loop, line for line
    fused    gradients derived by hand, updates folded into the matmuls
    graph    the fused step as a CUDA graph, several steps per replay
    compile  the fused step through torch.compile
    dual     the same losses through the Gram matrix of the batch, in float64

Two of the modes run on several ranks, each of which trains on its own rows of the batch:

    all-reduce  the book's loop, with one all-reduce of the gradients per step
    ddp         the same through DistributedDataParallel

`auto` chooses the fastest mode with the arithmetic of `eager`. Each mode is checked against float64
before it is used. All modes start from the same data and end with the same weights, up to rounding.
"""

import math

from workload.bench.timing import TimingConfig, measure
from workload.core.errors import WrongNumbersError
from workload.core.methods import CUDA_EVENTS
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import BLOCK_STEPS, TrainSpec
from workload.core.units import format_seconds
from workload.hardware import precision
from workload.train.modes.check import require_right
from workload.train.modes.compile import COMPILE
from workload.train.modes.dual import DUAL
from workload.train.modes.eager import EAGER
from workload.train.modes.fused import FUSED
from workload.train.modes.graph import GRAPH
from workload.train.modes.mode import Data, Mode
from workload.train.modes.ranks import RANK_MODES

# In the order in which `auto` tries them.
MODES = {mode.name: mode for mode in (EAGER, FUSED, GRAPH, COMPILE, DUAL)}
# Even a short step is not timed by a CUDA graph, because its launches are part of the step time.
BY_EVENTS = TimingConfig(CUDA_EVENTS)
TRIAL_SEC = 0.3  # per mode that `auto` tries
# Compiling takes about this long; `auto` skips `compile` if the whole training run takes less.
COMPILE_SEC = 20.0


def choose(requested: str, spec: TrainSpec, device: DeviceInfo, data: Data) -> tuple[Mode, str]:
    """Return the mode that `requested` names, or the fastest one for `auto`, and the reason.

    `auto` times its candidates with `data`, which is on the device. Raises the error of
    `Mode.refusal` if the mode is not supported, and WrongNumbersError if the requested mode, or
    every candidate of `auto`, fails the check.
    """
    if requested == "auto":
        return _fastest(spec, device, data)
    mode = (MODES | RANK_MODES)[requested]
    refused = mode.refusal(spec, device)
    if refused:
        raise refused
    require_right(mode, spec, device)
    return mode, f"--mode {requested}"


def _fastest(spec: TrainSpec, device: DeviceInfo, data: Data) -> tuple[Mode, str]:
    step_sec: dict[str, float] = {}
    notes = []
    for name, mode in MODES.items():
        if not mode.same_arithmetic or mode.refusal(spec, device):
            continue
        training_sec = spec.steps * min(step_sec.values(), default=math.inf)
        if mode is COMPILE and training_sec < COMPILE_SEC:
            notes.append("compile not tried: compiling takes longer than the training run")
            continue
        try:
            require_right(mode, spec, device)
        except WrongNumbersError as error:
            failure = error
            notes.append(f"{name} left out: its numbers are wrong")
        else:
            step_sec[name] = _trial_sec(mode, spec, device, data)
    if not step_sec:
        raise failure
    trials = ", ".join(f"{name} {format_seconds(sec)}" for name, sec in step_sec.items())
    fastest = min(step_sec, key=step_sec.__getitem__)
    return MODES[fastest], "; ".join([f"auto: the fastest ({trials} per step)", *notes])


def _trial_sec(mode: Mode, spec: TrainSpec, device: DeviceInfo, data: Data) -> float:
    """Measure the median seconds of a step."""
    with precision.matmul_precision(spec.dtype):
        loop = mode.start(spec, device, data)
        timing = measure(lambda: loop.advance(BLOCK_STEPS), device, TRIAL_SEC, BY_EVENTS)
    return (timing.median_sec or 0.0) / BLOCK_STEPS
