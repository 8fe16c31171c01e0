"""Records of devices that do not exist, made by formula: no number in them was ever measured.

They carry the word synthetic wherever a person could take them for real.
"""

import math
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from support.doctor.machines import TORCH

from workload.core import roofline
from workload.core.errors import ExitCode
from workload.core.methods import CUDA_EVENTS, CUDA_GRAPH, HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.device import DeviceInfo
from workload.core.models.facts import DEFAULT, Facts
from workload.core.models.machine import System
from workload.core.models.rating import Ceilings
from workload.core.models.record import HostCpu, Record
from workload.core.models.timing import Telemetry, Timing
from workload.core.models.train import TrainResult
from workload.core.models.verify import VerifyResult
from workload.core.records import RecordBuilder
from workload.core.shape import Shape
from workload.core.train_spec import PRESETS

CPU = DeviceInfo("cpu", "cpu", "synthetic CPU", "made by a test", 8, memory_bytes=64 << 30)
GPU = DeviceInfo(
    "cuda",
    "cuda:0",
    "synthetic GPU",
    "made by a test",
    1,
    capability="9.0",
    memory_bytes=80 << 30,
    driver="0.0 synthetic",
    sm_count=100,
    cache_bytes=50 << 20,
)
# GFLOP/s that the largest products of the simulated devices reach, and GB/s of their memory.
RATES = {
    "cpu": {"float64": 90.0, "float32": 190.0, "bfloat16": 800.0},
    "cuda": {
        "float64": 5.5e4,
        "float32": 4.8e4,
        "tf32": 3.6e5,
        "bfloat16": 7.2e5,
        "float16": 7.0e5,
    },
}
BANDWIDTH = {"cpu": 50.0, "cuda": 4000.0}
SIZES = {"cpu": (512, 1024, 2048, 4096), "cuda": (512, 1024, 2048, 4096, 8192, 16384)}
STEP_SEC = {"cpu": {"book": 3e-4, "wide": 2.2e-3}, "cuda": {"book": 1.6e-4, "wide": 1.7e-4}}
ELEMENT_BYTES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}


def wave(count: int, width: float = 0.02) -> list[float]:
    """Factors around 1, the same at each call."""
    return [1 + width * math.sin(2.4 * index) * math.cos(0.7 * index) for index in range(count)]


def timing(seconds: float, device: DeviceInfo, count: int = 30) -> Timing:
    """Samples around `seconds`, with telemetry on the GPU."""
    method = HOST_CLOCK if device.kind == "cpu" else CUDA_GRAPH if seconds < 5e-5 else CUDA_EVENTS
    samples = tuple(seconds * factor for factor in wave(count))
    told = telemetry(count) if device.kind == "cuda" else None
    return Timing(method, WARM, 4, samples, 0.3, True, 1e-8, told)


def telemetry(count: int) -> Telemetry:
    """Return telemetry of a GPU under load, with small variations."""
    factors = wave(count)
    return Telemetry(
        at_sec=tuple(0.02 * index for index in range(count)),
        sm_clock_mhz=tuple(15.0 * round(130 * factor) for factor in factors),
        power_watt=tuple(620 * factor for factor in factors),
        temperature_celsius=tuple(float(round(58 * factor)) for factor in factors),
        power_capped=True,
        other_processes=0,
    )


def matmul(edge: int, dtype: str, device: DeviceInfo) -> Case:
    """A square product, slower than the device's best where it is small."""
    shape, share = Shape(edge, edge, edge), edge / (edge + 300)
    seconds = shape.flops / (RATES[device.kind][dtype] * 1e9 * share)
    return Case(
        kind=Kind.MATMUL,
        shape=(edge, edge, edge),
        dtype=dtype,
        flops=shape.flops,
        bytes=shape.elements * ELEMENT_BYTES[dtype],
        launches=1,
        status=CaseStatus.OK,
        timing=timing(seconds, device),
        error_share=0.2,
    )


def copy(device: DeviceInfo) -> Case:
    """A copy far beyond the caches."""
    elements = 1 << 26
    seconds = 8 * elements / (BANDWIDTH[device.kind] * 1e9)
    return Case(
        Kind.COPY, (elements,), "float32", 0, 8 * elements, 1, CaseStatus.OK,
        timing=timing(seconds, device), error_share=0.0,
    )  # fmt: skip


def launch(device: DeviceInfo) -> Case:
    """Return a launch."""
    seconds = {"cpu": 7e-7, "cuda": 4e-6}[device.kind]
    return Case(
        Kind.LAUNCH, (1,), "float32", 0, 8, 1, CaseStatus.OK,
        timing=timing(seconds, device), error_share=0.0,
    )  # fmt: skip


def convolution(device: DeviceInfo) -> Case:
    """A convolution, with twice the rate of a product on the CPU and half on the GPU."""
    flops = 2 * 16 * 64 * 64 * 9 * 56 * 56
    factor = {"cpu": 1.9, "cuda": 0.4}[device.kind]
    seconds = flops / (RATES[device.kind]["float32"] * 1e9 * factor)
    return Case(
        Kind.CONVOLUTION, (16, 64, 56, 64), "float32", flops, 26_000_000, 1, CaseStatus.OK,
        timing=timing(seconds, device), error_share=0.1,
    )  # fmt: skip


def cases(device: DeviceInfo) -> tuple[list[Case], Ceilings]:
    """Everything a run measures, rated."""
    found = [launch(device), copy(device)]
    for edge in SIZES[device.kind]:
        found += [matmul(edge, dtype, device) for dtype in RATES[device.kind]]
    found.append(convolution(device))
    found.append(
        replace(
            matmul(4096, "float32", device),
            shape=(4096, 4096, 4097),
            status=CaseStatus.SKIPPED,
            reason="needs 68 s, allowed 4 s",
            timing=None,
        )
    )
    peaks = {dtype: 1.35 * rate for dtype, rate in RATES[device.kind].items()}
    stated = Ceilings("synthetic: 1.35 times the rates", peaks, 1.2 * BANDWIDTH[device.kind])
    ceilings = roofline.measured(found, stated)
    return roofline.rated(found, ceilings), ceilings


def training(preset: str, device: DeviceInfo) -> TrainResult:
    """A loss that falls as the chapter's does, to another end on each device."""
    spec = PRESETS[preset]
    end = {"cpu": 3e-5, "cuda": 2.4e-5}[device.kind]
    losses = tuple(3e7 * math.exp(-0.09 * step) + end for step in range(spec.steps))
    step_sec = STEP_SEC[device.kind][preset]
    return TrainResult(
        preset=preset,
        batch_size=spec.batch_size,
        input_size=spec.input_size,
        hidden_size=spec.hidden_size,
        output_size=spec.output_size,
        learning_rate=spec.learning_rate,
        steps=spec.steps,
        seed=spec.seed,
        dtype=spec.dtype,
        resumed_from_step=0,
        losses=losses,
        step_time_sec=tuple(step_sec * factor for factor in wave(10, 0.08)),
        weights_sha256=None,
    )


def facts(torch: str = "0 synthetic", system: str = "none", **known: Any) -> Facts:
    """Return facts that are mostly unknown."""
    required = len(Facts.__struct_fields__) - len(Facts.__struct_defaults__)
    unknown: dict[str, Any] = dict.fromkeys(Facts.__struct_fields__[:required])
    return Facts(
        **unknown
        | {
            "requested_device": "auto",
            "depth": DEFAULT,
            "system": System("3 synthetic", system, "none", "none", None),
            "torch": replace(TORCH, version=torch),
            "mapped_libraries": (),
        }
        | known
    )


def made(
    device: DeviceInfo | None,
    code: ExitCode = ExitCode.OK,
    reason: str | None = None,
    started_at: str = "2001-01-01T00:00:00+00:00",
    **sections: Any,
) -> Record:
    """Return a record of that device; `sections` replace those of a healthy run."""
    builder = RecordBuilder("run", ["run"])
    if device is not None:
        found, ceilings = cases(device)
        trained = [training(preset, device) for preset in ("book", "wide")]
        for name, value in (
            ("device", device),
            ("environment", facts()),
            ("verify", [VerifyResult("matmul 64", "float32", 1e-7, 1e-6, "relative error")]),
            ("train", trained),
            ("cases", found),
            ("ceilings", ceilings),
        ):
            builder.set(name, value)
    for name, value in sections.items():
        builder.set(name, value)
    ended = builder.as_ended(code, reason)
    return replace(ended, started_at=datetime.fromisoformat(started_at), duration_sec=60.0)


def host_cpu() -> HostCpu:
    """What a GPU's run measures on the CPU beside it."""
    found = (matmul(1024, "float32", CPU), matmul(1024, "bfloat16", CPU))
    return HostCpu(CPU, (training("book", CPU),), found)


HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
    "\"'&amp;</svg></style>{{ 7 * 7 }}\x1b[31m" + "W" * 3000
)


def hostile(device: DeviceInfo) -> DeviceInfo:
    """Return a device whose texts all contain markup attacks."""
    return replace(device, name=HOSTILE, reason=HOSTILE, driver=HOSTILE, capability=HOSTILE)
