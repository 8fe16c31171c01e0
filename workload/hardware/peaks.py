"""Find a device's peak performance: a GPU's from its datasheet, a CPU's by calculation.

Peaks are dense, that is, without 2:4 sparsity. Unknown hardware has no peak: a wrong peak would
give percentages over 100 or make a slow GPU look fast. The figures and their sources are in
peaks.toml.

Not covered: lower clocks under load, power limits, MIG slices, virtual GPUs, Arm CPUs with
different types of cores (big.LITTLE).
"""

import re
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from workload.core.files import read_table
from workload.core.models.device import DeviceInfo
from workload.core.models.rating import Ceilings
from workload.core.units import plural
from workload.hardware.processor import Processor, read_processor

Row = dict[str, Any]

TABLE = Path(__file__).with_name("peaks.toml")
GIB = 1 << 30
# A driver reports less memory than the product's name says (T4 with ECC: 14.6 of 16 GiB) or, if
# the name is rounded, a little more.
MEMORY_SHOWN = (0.88, 1.02)
FLOP_PER_FMA = 2
CPU_DTYPE_BITS = {"float64": 64, "float32": 32}


def datasheet_ceilings(device: DeviceInfo) -> Ceilings:
    """Return a known GPU's dense peaks or a CPU's nominal ones; none for an unknown device.

    A CPU's nominal peak is for all CPUs that this process may use, however many threads run.
    """
    if device.kind == "cpu":
        found = nominal_cpu_peaks(read_processor(), device.usable_cpus or device.threads)
    else:
        found = gpu_peaks(device.name, device.sm_count, device.memory_bytes)
    return replace(found, cache_bytes=device.cache_bytes)


def gpu_peaks(name: str, sm_count: int | None = None, memory_bytes: int | None = None) -> Ceilings:
    """Return the peaks of the known GPU that matches all arguments; none unless exactly one does.

    The whole name must match. The SM count rules out MIG slices, smaller variants and MPS clients
    with a limit, for which CUDA reports only the SMs that the client may use. The memory size
    distinguishes GPUs of the same name.
    """
    fitting = [
        row
        for row in read_table(TABLE)["gpu"]
        if name in row["names"]
        and sm_count in (None, row["sm_count"])
        and _memory_fits(memory_bytes, row["memory_gib"])
    ]
    if len(fitting) != 1:
        return Ceilings()
    [row] = fitting
    return Ceilings(
        peak_source=f"{row['source']} (checked {row['date']})",
        peak_gflops={dtype: 1e3 * tflops for dtype, tflops in row["peak_tflops"].items()},
        peak_gbs=row.get("memory_gb_per_sec"),
    )


def _memory_fits(shown_bytes: int | None, product_gib: int) -> bool:
    least, most = (share * product_gib * GIB for share in MEMORY_SHOWN)
    return shown_bytes is None or least <= shown_bytes <= most


def nominal_cpu_peaks(processor: Processor, cpus: int) -> Ceilings:
    """Return the peaks of `cpus` CPUs on distinct cores; none for an unknown family or clock.

    A peak is cores × clock × FMA units × lanes × 2. For bfloat16 with AMX, it is cores × clock ×
    the table's `amx_flop_per_clock`. `peak_source` lists the inputs. A peak is not an upper bound:
    turbo may exceed the reported clock. CPUs of the same core share its units, so at most as many
    CPUs are counted as the machine has cores.
    """
    row = next((row for row in read_table(TABLE)["cpu"] if _is_family(processor, row)), None)
    instruction_bits = _instruction_bits(processor.flags)
    if row is None or processor.clock_mhz is None or instruction_bits is None:
        return Ceilings()
    cores, units = min(cpus, processor.cores or cpus), row["fma_units"]
    vector_bits = min(row["vector_bits"], instruction_bits)
    lanes = {dtype: vector_bits // bits for dtype, bits in CPU_DTYPE_BITS.items()}
    flop_per_clock = {dtype: units * count * FLOP_PER_FMA for dtype, count in lanes.items()}
    if "amx_bf16" in processor.flags and "amx_flop_per_clock" in row:
        flop_per_clock["bfloat16"] = row["amx_flop_per_clock"]
    peaks = {
        dtype: cores * processor.clock_mhz / 1e3 * flop for dtype, flop in flop_per_clock.items()
    }
    return Ceilings(
        peak_source=(
            f"nominal: {plural(cores, 'core')} × {processor.clock_mhz / 1e3:.3g} GHz "
            f"({processor.clock_source}) × {units} FMA units × {lanes['float32']} lanes × "
            f"{FLOP_PER_FMA} = {peaks['float32']:.0f} GFLOP/s for {row['name']}; the real clock "
            "may be lower (wide vectors) or higher (turbo)"
        ),
        peak_gflops=peaks,
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
    """Return the width of the widest vectors with FMA; a hypervisor may hide wider ones.

    An Arm core's units count as 128 bits wide, whether or not SVE combines them.
    """
    if "avx512f" in flags:
        return 512
    if {"avx2", "fma"} <= flags:
        return 256
    return 128 if "asimd" in flags else None
