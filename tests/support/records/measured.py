"""Cases, runs and files like those of real measurements, without measuring."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from workload.compare.loader import Side
from workload.compare.run import Run
from workload.core import records
from workload.core.errors import ExitCode
from workload.core.methods import HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.device import DeviceInfo
from workload.core.models.model import as_json
from workload.core.models.record import SCHEMA_VERSION
from workload.core.models.timing import Timing
from workload.core.models.train import TrainResult
from workload.core.models.variable import Variable
from workload.core.models.waits import Waits
from workload.core.records import RecordBuilder

CPU = DeviceInfo("cpu", "cpu", "a CPU", "--device cpu", threads=2, swept_threads=(1, 2))
GPU = DeviceInfo("cuda", "cuda:0", "a GPU", "--device cuda", 2, capability="9.0", driver="580.1")
COMPATIBLE = Variable("MKL_CBWR", "COMPATIBLE", "speed and bits", ("cpu",))
HARMLESS = Variable("OMP_DYNAMIC", "false", "neither", ("cpu",))
TRAINING = TrainResult(
    preset="book",
    batch_size=64,
    input_size=1000,
    hidden_size=100,
    output_size=10,
    learning_rate=1e-6,
    steps=3,
    seed=0,
    dtype="float32",
    resumed_from_step=0,
    losses=(9e6, 4e6, 1e6),
    step_time_sec=(1e-3,) * 7,
    weights_sha256=None,
)
STARTED = datetime(2026, 11, 23, tzinfo=UTC)


def timing(
    seconds: float = 1e-3, samples: int = 20, method: str = HOST_CLOCK, cache: str = WARM
) -> Timing:
    """Return equal samples: the interval of their median has no width."""
    return Timing(method, cache, 1, (seconds,) * samples, 0.1, steady=True, overhead_sec=0.0)


def contended(seconds: float = 1e-3, share: float = 0.4) -> Timing:
    """The same, taken while the threads waited for other processes for a share of the time."""
    waits = Waits(1.0, run_delay_sec=share, waits=20, foreign_sec=0.9)
    return replace(timing(seconds), waits=waits)


def case(seconds: float = 1e-3, size: int = 64, dtype: str = "float32", **changes: Any) -> Case:
    """Return a correct matmul of this size, at this speed."""
    values: dict[str, Any] = {
        "kind": Kind.MATMUL,
        "shape": (size, size, size),
        "dtype": dtype,
        "flops": 2 * size**3,
        "bytes": 12 * size**2,
        "launches": 1,
        "status": CaseStatus.OK,
        "timing": timing(seconds),
        "error_share": 0.5,
    }
    return Case(**{**values, **changes})


def run(
    *cases: Case, device: DeviceInfo = CPU, minute: int = 0, trainings: Sequence[TrainResult] = ()
) -> Run:
    """One process run that began at this minute."""
    moment = STARTED + timedelta(minutes=minute)
    versions = {"torch": "2.13.0"}
    return Run("a file", "run", moment, device, cases, tuple(trainings), versions=versions)


def side(*runs: Run) -> Side:
    """These runs."""
    device = runs[0].device
    assert device
    return Side("results", device, runs)


def side_of(*cases: Case, device: DeviceInfo = CPU, trainings: Sequence[TrainResult] = ()) -> Side:
    """One run of these cases."""
    return side(run(*cases, device=device, trainings=trainings))


def write_record(
    directory: Path,
    *cases: Case,
    device: DeviceInfo | None = CPU,
    trainings: Sequence[TrainResult] = (),
    kind: str = "run",
    variables: Sequence[Variable] | None = (),
) -> Path:
    """A valid record of these."""
    builder = RecordBuilder(kind, [])
    builder.set("variables", variables)
    if device:
        builder.set("device", device)
    builder.set("cases", cases)
    builder.set("train", trainings)
    return records.save(builder.as_ended(ExitCode.OK, None), directory)


def benchmark_document(
    *cases: Case,
    device: DeviceInfo = CPU,
    minute: int = 0,
    variables: Sequence[Variable] | None = (),
) -> dict[str, Any]:
    """What pytest-benchmark 5.3.1 writes of these cases: the parts that are read, and others."""
    return {
        "machine_info": {
            "node": "a host",
            "workload": {
                "schema_version": SCHEMA_VERSION,
                "device": as_json(device),
                "ceilings": None,
                "image": None,
                "variant": "cpu",
                "revision": "abc",
                "versions": {"torch": "2.13.0"},
                "variables": as_json(variables),
            },
        },
        "commit_info": {},
        "benchmarks": [
            {"name": one.name, "extra_info": {"case": as_json(one)}, "stats": {}} for one in cases
        ],
        "datetime": (STARTED + timedelta(minutes=minute)).isoformat(),
        "version": "5.3.1",
    }


def write_benchmarks(path: Path, *cases: Case, **changes: Any) -> Path:
    """A file of pytest-benchmark."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(benchmark_document(*cases, **changes)))
    return path


def set_at(document: Any, place: str, value: object) -> None:
    """Replace the value at a dotted path."""
    *way, last = place.split(".")
    for step in way:
        document = document[int(step) if step.isdigit() else step]
    document[last] = value
