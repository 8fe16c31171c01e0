"""The CPU's nominal peak: arithmetic of what /proc says, or nothing."""

import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from workload.core.models.rating import Ceilings
from workload.hardware.peaks import nominal_cpu_peaks
from workload.hardware.processor import Processor, read_processor

FAMILIES: list[dict[str, Any]] = tomllib.loads(
    resources.files("workload.hardware").joinpath("peaks.toml").read_text("utf-8")
)["cpu"]

TURIN = Processor(
    vendor="AuthenticAMD",
    family=0x1A,
    model=0x02,
    brand="AMD EPYC",
    flags=frozenset({"avx2", "fma", "avx512f", "avx512_bf16"}),
    cores=8,
    clock_mhz=3000.0,
    clock_source="cpuinfo_max_freq",
)
SAPPHIRE_RAPIDS = replace(
    TURIN,
    vendor="GenuineIntel",
    family=6,
    model=0x8F,
    brand="Intel(R) Xeon(R) Platinum 8480C",
    flags=frozenset({"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"}),
)
SKYLAKE_SP = replace(SAPPHIRE_RAPIDS, model=0x55, flags=frozenset({"avx2", "fma", "avx512f"}))


def gflops(processor: Processor, threads: int = 2, dtype: str = "float32") -> float | None:
    return nominal_cpu_peaks(processor, threads).peak_gflops.get(dtype)


def test_a_cpu_peak_is_cores_times_clock_times_units_times_lanes_times_two() -> None:
    assert gflops(TURIN, 2, "float32") == pytest.approx(2 * 3.0 * 2 * 16 * 2)
    assert gflops(TURIN, 2, "float64") == pytest.approx(2 * 3.0 * 2 * 8 * 2)


def test_a_cpu_peak_prints_its_inputs() -> None:
    assert nominal_cpu_peaks(TURIN, 2).peak_source == (
        "nominal: 2 cores × 3 GHz (cpuinfo_max_freq) × 2 FMA units × 16 lanes × 2 = 384 GFLOP/s "
        "for AMD Zen 5; the real clock may be lower (wide vectors) or higher (turbo)"
    )


def test_threads_beyond_the_cores_add_nothing() -> None:
    assert gflops(TURIN, 16) == gflops(TURIN, 8)


def test_an_unknown_number_of_cores_is_taken_to_suffice() -> None:
    assert gflops(replace(TURIN, cores=None), 16) == pytest.approx(16 * 3.0 * 64)


@pytest.mark.parametrize(
    ("family", "model", "flop_per_clock"),
    [(0x17, 0x01, 16), (0x17, 0x31, 32), (0x19, 0x01, 32), (0x19, 0x11, 32), (0x1A, 0x44, 64)],
)
def test_each_zen_has_its_width(family: int, model: int, flop_per_clock: int) -> None:
    processor = replace(TURIN, family=family, model=model)
    assert gflops(processor, 1) == pytest.approx(3.0 * flop_per_clock)


def test_a_hypervisor_that_hides_avx512_halves_the_lanes() -> None:
    assert gflops(replace(TURIN, flags=frozenset({"avx2", "fma"})), 1) == pytest.approx(3.0 * 32)


def test_a_haswell_has_no_avx512_to_use() -> None:
    haswell = replace(SKYLAKE_SP, model=0x3F, flags=frozenset({"avx2", "fma"}))
    assert gflops(haswell, 1) == pytest.approx(3.0 * 32)


@pytest.mark.parametrize(
    ("brand", "expected"),
    [
        ("Intel(R) Xeon(R) Platinum 8268 CPU @ 2.90GHz", 192.0),
        ("Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", 192.0),
        ("Intel(R) Xeon(R) Gold 5118 CPU @ 2.30GHz", None),
        ("Intel(R) Xeon(R) Silver 4216 CPU @ 2.10GHz", None),
        ("Intel(R) Xeon(R) CPU @ 2.00GHz", None),
        ("", None),
    ],
)
def test_a_skylake_sp_must_say_that_it_has_two_units(brand: str, expected: float | None) -> None:
    assert gflops(replace(SKYLAKE_SP, brand=brand), 1) == expected


def test_amx_is_the_bfloat16_peak() -> None:
    assert gflops(SAPPHIRE_RAPIDS, 2, "bfloat16") == pytest.approx(2 * 3.0 * 1024)


def test_a_hidden_amx_leaves_bfloat16_unknown() -> None:
    flags = SAPPHIRE_RAPIDS.flags - {"amx_bf16"}
    assert gflops(replace(SAPPHIRE_RAPIDS, flags=flags), dtype="bfloat16") is None


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "tf32"])
def test_a_dtype_without_a_rate_has_no_cpu_peak(dtype: str) -> None:
    assert gflops(TURIN, 2, dtype) is None


@pytest.mark.parametrize(
    "unknown",
    [
        {"vendor": None},
        {"vendor": "HygonGenuine"},
        {"family": 0x1B},
        {"model": None},
        {"model": 0x24},  # Strix Point: 256-bit units
        {"clock_mhz": None},
        {"flags": frozenset({"sse4_2", "avx"})},
    ],
)
def test_a_cpu_with_an_unknown_input_has_no_peak(unknown: dict[str, Any]) -> None:
    assert nominal_cpu_peaks(replace(TURIN, **unknown), 2) == Ceilings()


def test_no_two_families_claim_one_model() -> None:
    claimed = [
        (row["vendor"], row.get("family"), model)
        for row in FAMILIES
        for first, last in row.get("models", [(row.get("part"),) * 2])
        for model in ([first] if first == last else range(first, last + 1))
    ]
    assert len(claimed) == len(set(claimed))


def cpuinfo(**changed: str) -> str:
    fields = {
        "vendor_id": "AuthenticAMD",
        "cpu family": "26",
        "model": "2",
        "model name": "AMD EPYC 9555",
        "cpu MHz": "2596.094",
        "physical id": "0",
        "core id": "0",
        "flags": "fpu avx2 fma avx512f",
    } | {key.replace("_", " "): text for key, text in changed.items()}
    return "".join(f"{key}\t: {text}\n" for key, text in fields.items())


def machine(root: Path, *processors: str, max_khz: str | None = None) -> Path:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text("\n".join(processors))
    if max_khz is not None:
        folder = root / "sys/devices/system/cpu/cpu0/cpufreq"
        folder.mkdir(parents=True)
        (folder / "cpuinfo_max_freq").write_text(f"{max_khz}\n")
    return root


def test_a_processor_is_read_from_proc(tmp_path: Path) -> None:
    processor = read_processor(machine(tmp_path, cpuinfo()))
    assert processor == Processor(
        vendor="AuthenticAMD",
        family=26,
        model=2,
        brand="AMD EPYC 9555",
        flags=frozenset({"fpu", "avx2", "fma", "avx512f"}),
        cores=1,
        clock_mhz=2596.094,
        clock_source="cpu MHz of /proc/cpuinfo",
    )


def test_the_highest_clock_shown_counts(tmp_path: Path) -> None:
    slow, fast = cpuinfo(cpu_MHz="1200.5"), cpuinfo(cpu_MHz="3100.25", core_id="1")
    assert read_processor(machine(tmp_path, slow, fast)).clock_mhz == 3100.25


def test_cpufreq_s_maximum_goes_before_the_clock_of_the_moment(tmp_path: Path) -> None:
    processor = read_processor(machine(tmp_path, cpuinfo(), max_khz="4400000"))
    assert (processor.clock_mhz, processor.clock_source) == (4400.0, "cpuinfo_max_freq")


def test_two_threads_of_one_core_are_one_core(tmp_path: Path) -> None:
    root = machine(tmp_path, cpuinfo(), cpuinfo(), cpuinfo(core_id="1"))
    assert read_processor(root).cores == 2


@pytest.mark.parametrize("clock", ["", "unknown", "0.000", "-1", "nan", "inf"])
def test_a_clock_that_is_no_number_is_unknown(tmp_path: Path, clock: str) -> None:
    root = machine(tmp_path, cpuinfo(cpu_MHz=clock), max_khz="<unsupported>")
    assert read_processor(root).clock_mhz is None


def test_an_arm_machine_has_no_nominal_peak(tmp_path: Path) -> None:
    text = "processor\t: 0\nBogoMIPS\t: 2000.00\nFeatures\t: fp asimd sve2 bf16\n"
    processor = read_processor(machine(tmp_path, text))
    assert (processor.vendor, processor.clock_mhz, processor.cores) == (None, None, None)
    assert nominal_cpu_peaks(processor, 72) == Ceilings()


def test_a_machine_without_proc_has_no_nominal_peak(tmp_path: Path) -> None:
    assert nominal_cpu_peaks(read_processor(tmp_path), 2) == Ceilings()
