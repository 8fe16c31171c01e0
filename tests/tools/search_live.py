"""Compare the guided search with a recorded full scan, on this machine.

    docker/host/in-docker cpu-test python tests/tools/search_live.py --target cpu

Searches, then times the winner of the search and the winner of the scan (tests/sweeps) in
alternation. Prints both medians and their ratio; exit code 3: the search loses more than a percent.
No test, because it takes minutes and fails on a busy machine.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workload.cli.main import prepare_libraries

prepare_libraries()  # before torch is imported, as on the command line
sys.path.append(str(Path(__file__).parents[1]))  # support

import torch
from support.recorded_sweep import Sweep, path_of, read

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import run_case
from workload.bench.search import EVALUATED_SHARE, confirm, fastest, search
from workload.cli.commands.matmul import CONFIRMING_ROUNDS
from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.hardware import devices

DEVICES = {"cpu": "cpu", "gpu": "cuda"}
CONFIRMED = 5
CASE_SEC = 1.0
ROUNDS = 15
LOWEST_RATIO = 0.99


def main() -> int:
    """Search, then compare with the scan; return 0 if the search did as well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=DEVICES, default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    device = devices.resolve(DEVICES[arguments.target])
    sweep = read(path_of(device.kind, arguments.dtype))
    print(f"{device.name}, torch {torch.__version__}, {device.threads} threads", flush=True)
    if sweep.device != device.name:
        print(f"note: the scan was of {sweep.device}", flush=True)
    rate = gflops_of(device, arguments.dtype)
    found = searched(sweep, rate, arguments.seed)
    return compared(found, max(sweep.grid, key=sweep.gflops), rate)


def gflops_of(device: DeviceInfo, dtype: str) -> Callable[[Shape], float | None]:
    """Return a function that checks and times a shape."""
    return lambda shape: run_case(MatMul(shape, dtype), device, CASE_SEC).gflops


def searched(sweep: Sweep, rate: Callable[[Shape], float | None], seed: int) -> Shape:
    """Return the fastest shape of a search; its best few are measured again."""
    started = time.monotonic()
    most = round(EVALUATED_SHARE * len(sweep.grid))
    best = fastest(search(sweep.grid, rate, most, seed))[:CONFIRMED]
    winner = next(iter(confirm(best, rate, CONFIRMING_ROUNDS)))
    took = time.monotonic() - started
    print(f"search: {most} of {len(sweep.grid)} shapes, {took:.0f} s: {winner}", flush=True)
    return winner


def compared(found: Shape, scanned: Shape, rate: Callable[[Shape], float | None]) -> int:
    """Time both winners in alternation; print the times and a verdict."""
    rates = confirm([*{found, scanned}], rate, ROUNDS)
    ratio = rates[found] / rates[scanned]
    verdict = "as good" if ratio >= LOWEST_RATIO else "WORSE"
    print(f"search {found}: {rates[found]:.1f} GFLOP/s, scan {scanned}: {rates[scanned]:.1f}")
    print(f"search / scan: {ratio:.4f}, medians of {ROUNDS}, at least {LOWEST_RATIO}: {verdict}")
    return ExitCode.OK if ratio >= LOWEST_RATIO else ExitCode.WRONG_NUMBERS


if __name__ == "__main__":
    sys.exit(main())
