"""Compare the benchmarks with other ways to time; run it with --target cpu|gpu and --rounds N.

1. This project's timing against a plain loop, alternating in one process.
2. The command line against pytest-benchmark on one case, in alternating processes.

Prints both ratios of medians and a verdict; exit code 3 if one is out of its limits. No test,
because a busy machine would fail it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from workload.cli.main import prepare_libraries

# Before torch is imported, as on the command line.
prepare_libraries()

import torch

from workload.bench.operations.matmul import MatMul
from workload.bench.timing import measure
from workload.cli.steps.measure import LIMITS_SHARE
from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.core.statistics import median, median_interval
from workload.hardware import devices

DEVICES = {"cpu": "cpu", "gpu": "cuda"}
LOOP_CASE = MatMul(Shape(2048, 2048, 2048), "float32")
LOOP_LIMITS = (0.98, 1.02)
LOOP_BUDGET_SEC = 2.0
# A synchronization costs a GPU's host 10 to 40 µs, so there a loop times many calls at once.
LOOP_CALLS = {"cpu": 1, "cuda": 50}
PROCESS_CASE = "1024-float32"
PROCESS_LIMITS = (0.95, 1.05)  # processes differ more than the samples of one
PROCESS_BUDGET_SEC = 1.5


def main() -> int:
    """Compare twice; 0 if both agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=DEVICES, default="cpu")
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    device = devices.resolve(DEVICES[arguments.target])
    print(f"{device.name}, torch {torch.__version__}, {device.threads} threads", flush=True)
    loops = compare_loops(device, arguments.rounds)
    agree = judged("harness / plain loop, 2048 float32", loops, LOOP_LIMITS)
    processes = compare_processes(arguments.target, arguments.rounds)
    name = "pytest-benchmark / command line, 1024 float32"
    agree = judged(name, processes, PROCESS_LIMITS) and agree
    return ExitCode.OK if agree else ExitCode.WRONG_NUMBERS


def compare_loops(device: DeviceInfo, rounds: int) -> list[float]:
    """Return the ratio of the medians, ours over the loop's, for each round."""
    call = LOOP_CASE.prepare(device).call

    def by_harness() -> float:
        return measure(call, device, LOOP_BUDGET_SEC).median_sec or 0.0

    def by_hand() -> float:
        return plain_loop(call, device)

    return alternated(by_harness, by_hand, rounds)


def plain_loop(call: Callable[[], object], device: DeviceInfo) -> float:
    """Return the median seconds of a call in a plain loop that runs as long as the timing does."""
    calls = LOOP_CALLS[device.kind]
    samples = []
    deadline = time.perf_counter() + LOOP_BUDGET_SEC
    while time.perf_counter() < deadline:
        devices.synchronize(device)
        started = time.perf_counter()
        for _ in range(calls):
            call()
        devices.synchronize(device)
        samples.append((time.perf_counter() - started) / calls)
    return median(samples) or 0.0


def compare_processes(target: str, rounds: int) -> list[float]:
    """Return the ratio of the medians, pytest-benchmark's over the command line's, a pair."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "suite.json"
        return alternated(lambda: by_suite(target, path), lambda: by_command(target), rounds)


def by_suite(target: str, path: Path) -> float:
    """Return the median that pytest-benchmark writes."""
    suite = Path(__file__).parent / "test_matmul_speed.py"
    options = f"-q -p no:cacheprovider --case-budget {PROCESS_BUDGET_SEC} --target {target}"
    run("pytest", *options.split(), "-k", PROCESS_CASE, "--benchmark-json", str(path), str(suite))
    (benchmark,) = json.loads(path.read_text())["benchmarks"]
    return float(benchmark["stats"]["median"])


def by_command(target: str) -> float:
    """Return the median that `workload matmul` writes."""
    size, _, dtype = PROCESS_CASE.partition("-")
    budget = PROCESS_BUDGET_SEC / (1 - LIMITS_SHARE)
    options = f"--device {DEVICES[target]} --sizes {size} --dtypes {dtype} --budget {budget}"
    record = json.loads(run("workload", "matmul", *options.split(), "--json"))
    (case,) = (case for case in record["cases"] if case["kind"] == "matmul")
    return float(case["timing"]["median_sec"])


def run(module: str, *arguments: str) -> str:
    """Return the module's output; print it and exit if it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def alternated(first: Callable[[], float], second: Callable[[], float], rounds: int) -> list[float]:
    """Return the ratios first / second; the order alternates too."""
    ratios = []
    for index in range(rounds):
        if index % 2:
            below, above = second(), first()
        else:
            above, below = first(), second()
        ratios.append(above / below)
    return ratios


def judged(name: str, ratios: Sequence[float], limits: tuple[float, float]) -> bool:
    """Print the median ratio, its interval and a verdict; return whether it is in the limits."""
    ratio = median(ratios) or 0.0
    interval = median_interval(ratios)
    known = "95 %: {:.4f} to {:.4f}".format(*interval) if interval else "too few rounds to tell"
    agree = limits[0] <= ratio <= limits[1]
    verdict = "agree" if agree else "DISAGREE"
    allowed = "allowed {} to {}".format(*limits)
    print(f"{name}: {ratio:.4f} ({known}), {allowed}: {verdict}", flush=True)
    return agree


if __name__ == "__main__":
    sys.exit(main())
