"""The training modes against their targets, all alternating in one run: medians.

    PYTHONPATH=. python tests/benchmarks/mode_targets.py [--device cuda] [--rounds 15]

Ends with 5 if a target is missed, with 3 if a number is wrong. Data are drawn and modes checked
before the clock starts; `whole` is a run of 500 steps from the data to the final weights. A ratio
is the median of the rounds' own ratios, in which the machine's drift cancels out. Each round sets
up again: where buffers happen to lie makes some percent.
"""

import argparse
import contextlib
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from workload.cli.main import prepare_libraries

sys.path.append(str(Path(__file__).parents[1]))  # tests, for support
prepare_libraries()  # as the command line does, before torch is imported

import torch  # noqa: E402  see above
from rich.console import Console  # noqa: E402
from support.benchmarks.targets import Target, targets_table, times_table  # noqa: E402
from torch import Tensor  # noqa: E402

from workload.core.errors import ExitCode, WorkloadError  # noqa: E402
from workload.core.models.device import DeviceInfo  # noqa: E402
from workload.core.train_spec import PRESETS, TrainSpec  # noqa: E402
from workload.hardware import devices  # noqa: E402
from workload.train.modes import MODES  # noqa: E402
from workload.train.modes.check import require_right  # noqa: E402
from workload.train.modes.fused import FusedLoop  # noqa: E402
from workload.train.modes.mode import Data, draw  # noqa: E402

STEPS = 100  # a sample
FEW_STEPS = 20  # where a few percent decide: more and shorter rounds

Seconds = dict[str, list[float]]  # one a round
Sample = Callable[[], Callable[[], object]]  # sets up; what it returns is timed


@dataclass(frozen=True)
class Bench:
    """One training on one device; every sample starts from its data."""

    spec: TrainSpec
    device: DeviceInfo
    data: Data

    def steps(self, name: str, steps: int = STEPS) -> Sample:
        """Time steps of a mode, without the set-up and the first step."""

        def set_up() -> Callable[[], object]:
            loop = MODES[name].start(self.spec, self.device, self.data)
            loop.advance(1)
            return lambda: loop.advance(steps)

        return set_up

    def chapter(self, steps: int) -> Sample:
        """Time the chapter's code, without the first step, which allocates gradients."""
        x, y, *weights = self.data
        rate = self.spec.learning_rate

        def set_up() -> Callable[[], object]:
            w1, w2 = (w.clone().requires_grad_() for w in weights)
            chapter((x, y, w1, w2), rate, 1)
            return lambda: chapter((x, y, w1, w2), rate, steps)

        return set_up

    def products(self, steps: int) -> Sample:
        """Time the two large matmuls of `fused` alone, its lower limit."""

        def set_up() -> Callable[[], object]:
            loop = MODES["fused"].start(self.spec, self.device, self.data)
            assert isinstance(loop, FusedLoop)
            loop.advance(1)
            g = torch.randn_like(loop._g) * 1e-6  # hardly changes w1

            def products() -> None:
                for _ in range(steps):
                    loop._hidden()
                    loop._update(g)

            return products

        return set_up

    def whole(self, name: str) -> Sample:
        """Time a whole run: set-up, all steps, and the weights."""

        def run() -> object:
            loop = MODES[name].start(self.spec, self.device, self.data)
            losses = [loop.advance(STEPS) for _ in range(0, self.spec.steps, STEPS)]
            return losses, loop.weights()

        return lambda: run

    def alternate(self, samples: dict[str, Sample], rounds: int) -> Seconds:
        """Return the seconds of each, timed in turns, forwards and backwards."""
        seconds: Seconds = {name: [] for name in samples}
        for turn in range(rounds + 1):  # the first warms up
            for name in list(samples)[:: 1 if turn % 2 else -1]:
                timed = samples[name]()
                with contextlib.redirect_stdout(io.StringIO()):
                    devices.synchronize(self.device)
                    started = time.perf_counter()
                    timed()
                    devices.synchronize(self.device)
                    taken = time.perf_counter() - started
                if turn:
                    seconds[name].append(taken)
        return seconds


def checked(spec: TrainSpec, device: DeviceInfo, names: list[str]) -> Bench:
    """Return a bench, after its modes were checked."""
    for name in names:
        require_right(MODES[name], spec, device)
    return Bench(spec, device, draw(spec, device.torch_name))


# fmt: off
def chapter(data: Data, learning_rate: float, steps: int) -> None:
    """Run the chapter's loop, unchanged except for the number of steps."""
    x, y, w1, w2 = data
    for t in range(1, steps + 1):
        y_pred = x.mm(w1).clamp(min = 0).mm(w2)

        loss = (y_pred - y).pow(2).sum()
        if t % 100 == 0:
            print("Iteration: ", t, "\t", "Loss: ", loss.item())  # noqa: T201  the chapter's
        loss.backward()

        with torch.no_grad():
            w1 -= learning_rate * w1.grad  # type: ignore[operator]  # backward() has set it
            w2 -= learning_rate * w2.grad  # type: ignore[operator]  # as above

            w1.grad.zero_()  # type: ignore[union-attr]  # as above
            w2.grad.zero_()  # type: ignore[union-attr]  # as above
# fmt: on


def on_cpu(device: DeviceInfo, rounds: int) -> Iterator[tuple[str, Seconds, list[Target]]]:
    """`wide`: every mode against the chapter's code, eager, or the floor."""
    seed = checked(PRESETS["wide"], device, ["eager", "fused"])
    exact = checked(replace(PRESETS["wide"], dtype="float64"), device, ["dual"])
    seconds = seed.alternate(
        {
            "eager": seed.steps("eager"),
            "fused": seed.steps("fused"),
            "dual": exact.steps("dual"),
            "eager, whole": seed.whole("eager"),
            "dual, whole": exact.whole("dual"),
        },
        rounds,
    )
    untouched, floor = close_pairs(seed, rounds * STEPS // FEW_STEPS)
    whole = ratios(seconds, "eager, whole", "dual, whole")
    targets = [
        Target("eager / chapter's code, time", untouched, 0.98, 1.02),
        Target("eager / fused, time", ratios(seconds, "eager", "fused"), 1.4),
        Target("fused / its two products, time", floor, high=1.10),
        Target("eager / dual, time", ratios(seconds, "eager", "dual"), 20),
        Target("eager / dual, whole runs, time", whole, 15),
        Target("dual's loss off float64's", [dual_error(exact)], high=1e-8),
    ]
    yield "wide", seconds, targets


def close_pairs(bench: Bench, rounds: int) -> tuple[list[float], list[float]]:
    """Eager over the chapter's code, and fused over its products: two at a time, few steps."""
    eager = {"chapter": bench.chapter(FEW_STEPS), "eager": bench.steps("eager", FEW_STEPS)}
    fused = {"products": bench.products(FEW_STEPS), "fused": bench.steps("fused", FEW_STEPS)}
    return (
        ratios(bench.alternate(eager, rounds), "eager", "chapter"),
        ratios(bench.alternate(fused, rounds), "fused", "products"),
    )


def dual_error(bench: Bench) -> float:
    """Largest relative difference between the losses of dual and eager, both in float64."""
    dual, eager = (
        MODES[name].start(bench.spec, bench.device, bench.data).advance(bench.spec.steps)
        for name in ("dual", "eager")
    )
    error: Tensor = (dual - eager) / eager
    return float(error.abs().max())


def on_gpu(
    device: DeviceInfo, rounds: int, without: str | None
) -> Iterator[tuple[str, Seconds, list[Target]]]:
    """`book` and `wide`: the best mode that does the seed's arithmetic against eager."""
    for preset in ("book", "wide"):
        spec = PRESETS[preset]
        usable = [
            name
            for name, mode in MODES.items()
            if name != without and mode.same_arithmetic and mode.refusal(spec, device) is None
        ]
        bench = checked(spec, device, usable)
        seconds = bench.alternate({name: bench.steps(name) for name in usable}, rounds)
        best = min(seconds, key=lambda name: statistics.median(seconds[name]))
        found = ratios(seconds, "eager", best)
        yield preset, seconds, [Target(f"eager / {best}, time", found, 10)]


def ratios(seconds: Seconds, one: str, other: str) -> list[float]:
    """Return how many times longer `one` took, for each round."""
    return [a / b for a, b in zip(seconds[one], seconds[other], strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=15, help="at least 9 for a verdict")
    parser.add_argument(
        "--without", choices=MODES, help="leave a mode out on a GPU: compile takes a minute first"
    )
    arguments = parser.parse_args()
    console = Console()
    missed = False
    try:
        device = devices.resolve(arguments.device)
        console.print(f"{device.name}, {device.threads} threads, {arguments.rounds} rounds")
        measure = partial(on_gpu, without=arguments.without) if device.kind == "cuda" else on_cpu
        for preset, seconds, targets in measure(device, arguments.rounds):
            console.print(times_table(preset, seconds, STEPS), targets_table(targets))
            missed = missed or not all(target.met for target in targets)
    except WorkloadError as error:
        console.print(f"mode_targets: {error}")
        return error.exit_code
    return ExitCode.TOO_SLOW if missed else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
