"""Record a sweep: the GFLOP/s of every shape of a grid, timed one by one.

    python tests/tools/record_sweep.py                          # all shapes, ten readings each
    python tests/tools/record_sweep.py --best 0.3 --readings 20 # more of the best third
    python tests/tools/record_sweep.py --device cuda --dtype bfloat16
    python tests/tools/record_sweep.py --seconds 20 --output FILE   # as many as the time allows

A shape's readings lie apart in time, so that a busy minute spoils one of each, not a region of
the grid. tests/sweeps/<kind>-<dtype>.json is written every few seconds and the next call goes
on from there, so the recording may be ended at any time. Ten readings of all shapes in float32
take 5 minutes on two quiet CPU cores. The search is proven on their medians, in
tests/unit/bench/test_search.py.
"""

import argparse
import json
import math
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workload.cli.main import prepare_libraries

prepare_libraries()  # before torch is imported, as on the command line
sys.path.append(str(Path(__file__).parents[1]))  # support

import torch
from support.recorded_sweep import Sweep, path_of, undisturbed

from workload.bench.search import DEFAULT_EDGES, cube
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.hardware import devices, precision

# A batch this long makes the clock and a GPU's one wait at its end less than a percent.
MIN_BATCH_SEC = 10e-3
# While another program disturbs, a shape is timed again after a pause, this many times at most.
ATTEMPTS = 10
PAUSE_SEC = 0.2
SHAPES_A_WRITE = 100


def main() -> None:
    """Add readings to this device's sweep until each shape has enough."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N")
    parser.add_argument("--dtype", default="float32", help="of the matrices")
    parser.add_argument("--best", type=float, default=1.0, help="share of the shapes to time")
    parser.add_argument("--readings", type=int, default=10, help="undisturbed ones of each shape")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after this long")
    parser.add_argument("--output", type=Path, help="another file than the one in tests/sweeps")
    arguments = parser.parse_args()
    device = devices.resolve(arguments.device)
    path = arguments.output or path_of(device.kind, arguments.dtype)
    document = read_or_begin(path, device, arguments.dtype)
    sweep = Sweep(document)
    make_timer = Timer(device, arguments.dtype)
    ends_at = time.monotonic() + arguments.seconds
    while time.monotonic() < ends_at and (
        lacking := sweep.lacking(arguments.best, arguments.readings)
    ):
        random.shuffle(lacking)  # drift must not look like a slope
        for shape in lacking[:SHAPES_A_WRITE]:
            if time.monotonic() > ends_at:
                break
            sweep.add(shape, undisturbed_gflops(shape, make_timer, sweep.readings[shape]))
        document["date"] = datetime.now(UTC).date().isoformat()
        path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    read = sum(bool(readings) for readings in sweep.readings.values())
    print(f"{path.name}: {read} of {len(sweep.grid)} shapes")


def read_or_begin(path: Path, device: DeviceInfo, dtype: str) -> dict[str, Any]:
    """Read the document so far; readings of two machines or versions are never mixed."""
    edges = DEFAULT_EDGES[device.kind]
    made_by = {
        "device": device.name,
        "kind": device.kind,
        "threads": device.threads,
        "torch": torch.__version__,
        "dtype": dtype,
    }
    if not path.exists():
        return made_by | {"date": None, "edges": edges, "gflops": [[] for _ in cube(edges)]}
    document: dict[str, Any] = json.loads(path.read_text())
    other = {name: document[name] for name in made_by if document[name] != made_by[name]}
    if other:
        raise SystemExit(f"{path} was recorded with {other}: move it away to begin again")
    return document


class Timer:
    """Times products of views of the same random numbers, as large as the largest of a grid."""

    def __init__(self, device: DeviceInfo, dtype: str) -> None:
        where, kind = device.torch_name, precision.torch_dtype(dtype)
        elements = max(DEFAULT_EDGES[device.kind]) ** 2
        self.device = device
        self.a, self.b = (torch.randn(elements, device=where).to(kind) for _ in range(2))
        self.c = torch.empty(elements, device=where, dtype=kind)

    def gflops(self, shape: Shape) -> float:
        """Return the rate of one batch, after a warm-up call that gives the batch's length."""
        calls = max(1, round(MIN_BATCH_SEC / self._call_sec(shape, 1)))
        return shape.flops / self._call_sec(shape, calls) / 1e9

    def _call_sec(self, shape: Shape, calls: int) -> float:
        a = self.a[: shape.m * shape.k].view(shape.m, shape.k)
        b = self.b[: shape.k * shape.n].view(shape.k, shape.n)
        c = self.c[: shape.m * shape.n].view(shape.m, shape.n)
        devices.synchronize(self.device)
        started = time.perf_counter()
        for _ in range(calls):
            torch.mm(a, b, out=c)
        devices.synchronize(self.device)
        return (time.perf_counter() - started) / calls


def undisturbed_gflops(shape: Shape, make_timer: Timer, readings: list[float]) -> float:
    """Return a reading that earlier ones do not show to be disturbed, or the last attempt's."""
    for _ in range(ATTEMPTS):
        rate = make_timer.gflops(shape)
        if rate in undisturbed([*readings, rate]):
            break
        time.sleep(PAUSE_SEC)
    return rate


if __name__ == "__main__":
    main()
