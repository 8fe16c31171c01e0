"""The training engines against their targets, all alternating in one run: medians.

    PYTHONPATH=. python tests/benchmarks/engine_targets.py [--device cuda] [--rounds 11]

Ends with 5 if a target is missed, with 3 if a number is wrong. Data are drawn and engines checked
before the clock starts; `whole` is a run of 500 steps from the data to the final weights.
"""

import argparse
import contextlib
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from workload.cli import limit_spinning

limit_spinning()  # as the command line does, before torch is imported

import torch  # noqa: E402  see above
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from torch import Tensor  # noqa: E402

from workload import devices  # noqa: E402
from workload.engines import ENGINES  # noqa: E402
from workload.engines.check import require_right  # noqa: E402
from workload.engines.data import Data, draw  # noqa: E402
from workload.engines.engine import Loop  # noqa: E402
from workload.engines.fused import FusedLoop  # noqa: E402
from workload.errors import ExitCode, WorkloadError  # noqa: E402
from workload.results import DeviceInfo  # noqa: E402
from workload.train_spec import PRESETS, TrainSpec  # noqa: E402
from workload.units import format_seconds  # noqa: E402

STEPS = 100  # a sample
LOSS_TOLERANCE = 1e-8  # of dual, relative, at each of 500 steps

Timed = Callable[[], Callable[[], object]]  # makes ready; what it returns is timed


@dataclass(frozen=True)
class Target:
    """A figure that has a limit."""

    name: str
    value: float
    limit: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def chapter(data: Data, learning_rate: float) -> None:
    """The chapter's loop, verbatim but for the number of its steps."""
    x, y, w1, w2 = data
    for t in range(1, STEPS + 1):
        y_pred = x.mm(w1).clamp(min=0).mm(w2)

        loss = (y_pred - y).pow(2).sum()
        if t % 100 == 0:
            print("Iteration: ", t, "\t", "Loss: ", loss.item())  # noqa: T201  the chapter's
        loss.backward()

        with torch.no_grad():
            w1 -= learning_rate * w1.grad
            w2 -= learning_rate * w2.grad

            w1.grad.zero_()
            w2.grad.zero_()


def chapter_sample(spec: TrainSpec, data: Data) -> Timed:
    x, y, *weights = data

    def ready() -> Callable[[], object]:
        w1, w2 = (w.clone().requires_grad_() for w in weights)
        return lambda: chapter((x, y, w1, w2), spec.learning_rate)

    return ready


def steps_sample(name: str, spec: TrainSpec, device: DeviceInfo, data: Data) -> Timed:
    """STEPS steps of an engine that is under way: set-up is not timed."""
    loop = ENGINES[name].start(spec, device, data)
    loop.advance(STEPS)

    def ready() -> Callable[[], object]:
        return lambda: loop.advance(STEPS)

    return ready


def products_sample(spec: TrainSpec, device: DeviceInfo, data: Data) -> Timed:
    """The two large products of `fused` alone, STEPS times: its floor."""
    loop = ENGINES["fused"].start(spec, device, data)
    assert isinstance(loop, FusedLoop)
    g = torch.randn_like(loop._g) * 1e-6  # w1 stays what it is, nearly

    def ready() -> Callable[[], object]:
        def products() -> None:
            for _ in range(STEPS):
                loop._hidden()
                loop._update(g)

        return products

    return ready


def whole_sample(name: str, spec: TrainSpec, device: DeviceInfo, data: Data) -> Timed:
    """A whole run: set-up, all steps, and the weights."""

    def run() -> object:
        loop: Loop = ENGINES[name].start(spec, device, data)
        losses = [loop.advance(STEPS) for _ in range(0, spec.steps, STEPS)]
        return losses, loop.weights()

    return lambda: run


def alternate(samples: dict[str, Timed], device: DeviceInfo, rounds: int) -> dict[str, float]:
    """Median seconds of each, taken in turns, forwards and backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in samples}
    for turn in range(rounds + 1):  # the first warms up
        for name in list(samples)[:: 1 if turn % 2 else -1]:
            timed = samples[name]()
            with contextlib.redirect_stdout(io.StringIO()):
                devices.synchronize(device)
                started = time.perf_counter()
                timed()
                devices.synchronize(device)
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def place(spec: TrainSpec, device: DeviceInfo) -> Data:
    where = devices.torch_device(device)
    x, y, w1, w2 = (t.to(where) for t in draw(spec, devices.torch_dtype(spec.dtype)))
    return x, y, w1, w2


def on_cpu(device: DeviceInfo, rounds: int) -> Iterator[tuple[str, dict[str, float], list[Target]]]:
    """`wide`: every engine against the chapter's code, eager, or the floor."""
    spec = PRESETS["wide"]
    exact = replace(spec, dtype="float64")
    data, exact_data = place(spec, device), place(exact, device)
    for name, checked in (("eager", spec), ("fused", spec), ("dual", exact)):
        require_right(ENGINES[name], checked, device)
    median = alternate(
        {
            "chapter": chapter_sample(spec, data),
            "eager": steps_sample("eager", spec, device, data),
            "fused": steps_sample("fused", spec, device, data),
            "products": products_sample(spec, device, data),
            "dual": steps_sample("dual", exact, device, exact_data),
            "eager, whole": whole_sample("eager", spec, device, data),
            "dual, whole": whole_sample("dual", exact, device, exact_data),
        },
        device,
        rounds,
    )
    yield (
        "wide",
        median,
        [
            Target(
                "eager off the chapter's code",
                abs(ratio(median, "eager", "chapter") - 1),
                0.02,
                False,
            ),
            Target("fused over eager, steps/s", ratio(median, "eager", "fused"), 1.4, True),
            Target(
                "fused over its two products, time", ratio(median, "fused", "products"), 1.10, False
            ),
            Target("dual over eager, steps/s", ratio(median, "eager", "dual"), 20, True),
            Target(
                "dual over eager, whole runs",
                ratio(median, "eager, whole", "dual, whole"),
                15,
                True,
            ),
            Target(
                "dual's loss off float64's",
                loss_error(exact, device, exact_data),
                LOSS_TOLERANCE,
                False,
            ),
        ],
    )


def on_gpu(device: DeviceInfo, rounds: int) -> Iterator[tuple[str, dict[str, float], list[Target]]]:
    """`book` and `wide`: the best engine that does the seed's arithmetic against eager."""
    for preset in ("book", "wide"):
        spec = PRESETS[preset]
        data = place(spec, device)
        usable = [
            name
            for name, engine in ENGINES.items()
            if engine.seeds_arithmetic and engine.refusal(spec, device) is None
        ]
        for name in usable:
            require_right(ENGINES[name], spec, device)
        samples = {name: steps_sample(name, spec, device, data) for name in usable}
        median = alternate(samples, device, rounds)
        best = min(median, key=median.__getitem__)
        yield preset, median, [Target(f"{best} over eager", ratio(median, "eager", best), 10, True)]


def ratio(median: dict[str, float], one: str, other: str) -> float:
    return median[one] / median[other]


def loss_error(spec: TrainSpec, device: DeviceInfo, data: Data) -> float:
    """Largest relative difference between the losses of dual and eager, both in float64."""
    losses: list[Tensor] = [
        ENGINES[name].start(spec, device, data).advance(spec.steps) for name in ("dual", "eager")
    ]
    return float(((losses[0] - losses[1]) / losses[1]).abs().max())


def times_table(preset: str, median: dict[str, float]) -> Table:
    """Seconds a step and GFLOP/s, counted as for the chapter's five products."""
    spec = PRESETS[preset]
    table = Table(preset, "a step", "GFLOP/s")
    for name, seconds in median.items():
        step = seconds / (spec.steps if "whole" in name else STEPS)
        does_all = name not in ("products",) and "dual" not in name
        rate = f"{spec.step_flops / step / 1e9:.0f}" if does_all else "-"
        table.add_row(name, format_seconds(step), rate)
    return table


def targets_table(targets: list[Target]) -> Table:
    table = Table("target", "found", "limit", "verdict")
    for target in targets:
        limit = f"{'≥' if target.at_least else '≤'} {target.limit:g}"
        table.add_row(target.name, f"{target.value:.3g}", limit, "met" if target.met else "MISSED")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=11, help="at least 9 for a verdict")
    arguments = parser.parse_args()
    console = Console()
    try:
        device = devices.resolve(arguments.device)
        console.print(f"{device.name}, {device.threads} threads, medians of {arguments.rounds}")
        missed = False
        measure = on_gpu if device.kind == "cuda" else on_cpu
        for preset, median, targets in measure(device, arguments.rounds):
            console.print(times_table(preset, median), targets_table(targets))
            missed = missed or not all(target.met for target in targets)
    except WorkloadError as error:
        console.print(f"engine_targets: {error}")
        return error.exit_code
    return ExitCode.TOO_SLOW if missed else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
