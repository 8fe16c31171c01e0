"""The peaks of the hardware: a GPU's by its datasheet, a CPU's by arithmetic.

Peaks are dense. Unknown hardware has no peak: a wrong one gives percentages over 100 or makes a
slow GPU look fast. The figures and their sources are in peaks.toml.

Not covered: lower clocks under load, power limits, MIG slices, virtual GPUs, Arm CPUs with
cores of several kinds.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from workload.hardware.processor import Processor

Row = dict[str, Any]

GIB = 1 << 30
# A driver shows less memory than the product's name says (T4 with ECC: 14.6 of 16 GiB) or, where
# the name is rounded, a little more.
MEMORY_SHOWN = (0.88, 1.02)
FLOP_PER_FMA = 2
CPU_DTYPE_BITS = {"float64": 64, "float32": 32}


@dataclass(frozen=True)
class Peak:
    """A GPU's dense peaks. A dtype that is missing is unknown, or not in hardware."""

    name: str  # the device's, as it was asked for
    peak_gflops: Mapping[str, float]  # by dtype: float64, float32, tf32, bfloat16, float16
    memory_gb_per_sec: float | None
    source: str
    date: str  # when the source was last compared, "2026-11-25"

    def gflops(self, dtype: str) -> float | None:
        """Return the peak of a dtype in GFLOP/s, None if unknown."""
        return self.peak_gflops.get(dtype)


def find_peak(
    name: str, sm_count: int | None = None, memory_bytes: int | None = None
) -> Peak | None:
    """Return the peaks of the one GPU that fits each given fact, None if none or several do.

    The name must match as a whole. The SM count distinguishes slices and smaller variants, also
    under MPS, where CUDA counts only the SMs a client may use; memory distinguishes GPUs of one
    name.
    """
    fitting = [
        row
        for row in _table()["gpu"]
        if name in row["names"]
        and sm_count in (None, row["sm_count"])
        and _memory_fits(memory_bytes, row["memory_gib"])
    ]
    if len(fitting) != 1:
        return None
    [row] = fitting
    return Peak(
        name=name,
        peak_gflops={dtype: 1e3 * tflops for dtype, tflops in row["peak_tflops"].items()},
        memory_gb_per_sec=row.get("memory_gb_per_sec"),
        source=row["source"],
        date=row["date"].isoformat(),
    )


def _memory_fits(shown_bytes: int | None, product_gib: int) -> bool:
    least, most = (share * product_gib * GIB for share in MEMORY_SHOWN)
    return shown_bytes is None or least <= shown_bytes <= most


@cache
def _table() -> dict[str, list[Row]]:
    return tomllib.loads((resources.files("workload.hardware") / "peaks.toml").read_text("utf-8"))


@dataclass(frozen=True)
class CpuPeak:
    """The inputs of a CPU's nominal peak. Not a bound: turbo may exceed the clock shown."""

    family: str  # "AMD Zen 5"
    cores: int
    clock_mhz: float
    clock_source: str
    fma_units: int  # per core
    vector_bits: int  # per unit, as far as the instructions at hand use them
    amx_flop_per_clock: int | None  # per core, in bfloat16

    def gflops(self, dtype: str) -> float | None:
        """Return cores × clock × FMA units × lanes × 2, or AMX's for bfloat16; None if unknown."""
        per_clock = self._flop_per_clock(dtype)
        return None if per_clock is None else self.cores * self.clock_mhz / 1e3 * per_clock

    def describe(self, dtype: str) -> str | None:
        """Describe the inputs in one sentence, None if the peak is unknown."""
        gflops = self.gflops(dtype)
        if gflops is None:
            return None
        per_core = f"{self.fma_units} FMA units × {self._lanes(dtype)} lanes × {FLOP_PER_FMA}"
        if dtype == "bfloat16":
            per_core = f"{self.amx_flop_per_clock} FLOP of AMX"
        return (
            f"{self.cores} {'core' if self.cores == 1 else 'cores'} × "
            f"{self.clock_mhz / 1e3:.3g} GHz ({self.clock_source}) × {per_core} = {gflops:.0f} "
            f"GFLOP/s for {self.family}; the real clock may be lower (wide vectors) or higher "
            "(turbo)"
        )

    def _flop_per_clock(self, dtype: str) -> int | None:
        if dtype == "bfloat16":
            return self.amx_flop_per_clock
        lanes = self._lanes(dtype)
        return None if lanes is None else self.fma_units * lanes * FLOP_PER_FMA

    def _lanes(self, dtype: str) -> int | None:
        bits = CPU_DTYPE_BITS.get(dtype)
        return None if bits is None else self.vector_bits // bits


def nominal_cpu_peak(processor: Processor, cpus: int) -> CpuPeak | None:
    """Return the peak of `cpus` CPUs on distinct cores, None for an unknown family or clock.

    Two CPUs of one core share its units, so at most the machine's cores count.
    """
    row = next((row for row in _table()["cpu"] if _is_family(processor, row)), None)
    instruction_bits = _instruction_bits(processor.flags)
    if row is None or processor.clock_mhz is None or instruction_bits is None:
        return None
    return CpuPeak(
        family=row["name"],
        cores=min(cpus, processor.cores or cpus),
        clock_mhz=processor.clock_mhz,
        clock_source=processor.clock_source,
        fma_units=row["fma_units"],
        vector_bits=min(row["vector_bits"], instruction_bits),
        amx_flop_per_clock=(
            row.get("amx_flop_per_clock") if "amx_bf16" in processor.flags else None
        ),
    )


def _is_family(processor: Processor, row: Row) -> bool:
    if "part" in row:
        return (processor.vendor, processor.part) == (row["vendor"], row["part"])
    model = processor.model
    return (
        (processor.vendor, processor.family) == (row["vendor"], row["family"])
        and model is not None
        and any(first <= model <= last for first, last in row["models"])
        and re.search(row.get("brand", ""), processor.brand or "") is not None
    )


def _instruction_bits(flags: frozenset[str]) -> int | None:
    """Return the widest vectors with fused multiply-add; a hypervisor may hide some.

    An Arm core's units are counted as 128 bits wide, whether SVE joins them or not.
    """
    if "avx512f" in flags:
        return 512
    if {"avx2", "fma"} <= flags:
        return 256
    return 128 if "asimd" in flags else None
