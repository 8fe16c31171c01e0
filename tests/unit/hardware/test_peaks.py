"""Datasheet peaks: every row's arithmetic, and which GPUs match."""

import tomllib
from collections.abc import Callable
from datetime import date
from importlib import resources
from typing import Any

import pytest
from support.device_names import KNOWN, UNKNOWN

from workload.core.models.rating import Ceilings
from workload.core.units import DTYPE_BYTES
from workload.hardware.peaks import gpu_peaks

GIB = 1 << 30
TABLE = tomllib.loads((resources.files("workload.hardware") / "peaks.toml").read_text("utf-8"))
GPUS: list[dict[str, Any]] = TABLE["gpu"]
NAMES = [(name, row) for row in GPUS for name in row["names"]]
ROWS = [pytest.param(row, id=f"{row['names'][0]}, {row['memory_gib']} GiB") for row in GPUS]
TENSOR_DTYPES = ("tf32", "bfloat16", "float16")

# FLOP a clock and SM, dense, by architecture: two for each multiply-add.
# Plain cores: CUDA C++ Programming Guide, "Arithmetic Instructions" (results a clock and SM).
# Tensor cores: FMAs a clock and SM in the architecture whitepapers of V100, Turing, A100, GA102,
# H100 and Ada; Blackwell: CUTLASS's Blackwell notes (tcgen05 does twice Hopper's wgmma).
# GeForce: with float32 accumulation, half of the same silicon in a data-center GPU.
FLOP_PER_CLOCK: dict[str, dict[str, int]] = {
    "volta": {"float64": 64, "float32": 128, "float16": 1024},
    "turing": {"float64": 4, "float32": 128, "float16": 1024},
    "ampere": {"float64": 128, "float32": 128, "tf32": 1024, "bfloat16": 2048, "float16": 2048},
    "ampere-ga102": {"float64": 4, "float32": 256, "tf32": 512, "bfloat16": 1024, "float16": 1024},
    "ampere-geforce": {"float64": 4, "float32": 256, "tf32": 256, "bfloat16": 512, "float16": 512},
    "ada": {"float64": 4, "float32": 256, "tf32": 512, "bfloat16": 1024, "float16": 1024},
    "ada-geforce": {"float64": 4, "float32": 256, "tf32": 256, "bfloat16": 512, "float16": 512},
    "hopper": {"float64": 256, "float32": 256, "tf32": 2048, "bfloat16": 4096, "float16": 4096},
    "blackwell": {"float64": 128, "float32": 256, "tf32": 4096, "bfloat16": 8192, "float16": 8192},
    "blackwell-geforce": {
        "float64": 4, "float32": 256, "tf32": 256, "bfloat16": 512, "float16": 512,
    },
}  # fmt: skip
TOLERANCE = 0.02  # datasheets round: 0.5 of 60 TFLOP/s
# NVIDIA states B200's tensor peaks at a clock it does not publish: 6 % below the boost clock's.
LOOSE = {("NVIDIA B200", dtype): 0.06 for dtype in TENSOR_DTYPES}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_its_sms_times_their_rate_times_the_clock(row: dict[str, Any]) -> None:
    rates = FLOP_PER_CLOCK[row["architecture"]]
    for dtype, stated_tflops in row["peak_tflops"].items():
        clock_mhz = row["boost_mhz"]
        if dtype in TENSOR_DTYPES:
            clock_mhz = row.get("tensor_mhz", clock_mhz)
        tflops = row["sm_count"] * rates[dtype] * clock_mhz / 1e6
        tolerance = LOOSE.get((row["names"][0], dtype), TOLERANCE)
        assert stated_tflops == pytest.approx(tflops, rel=tolerance), dtype


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_every_dtype_its_architecture_multiplies(row: dict[str, Any]) -> None:
    assert row["peak_tflops"].keys() == FLOP_PER_CLOCK[row["architecture"]].keys()


@pytest.mark.parametrize(
    "row", [*ROWS, *(pytest.param(cpu, id=cpu["name"]) for cpu in TABLE["cpu"])]
)
def test_a_row_says_where_it_is_from_and_when_it_was_checked(row: dict[str, Any]) -> None:
    assert len(row["source"]) > 10
    assert row["date"] >= date(2026, 11, 1)


def test_the_units_are_in_the_names_of_the_cells() -> None:
    cells = {cell for row in GPUS for cell in row}
    units = {"peak_tflops", "boost_mhz", "tensor_mhz", "memory_gib", "memory_gb_per_sec"}
    words = {"names", "architecture", "sm_count", "source", "date"}
    assert cells == units | words


def test_the_dtypes_are_this_project_s() -> None:
    assert {dtype for row in GPUS for dtype in row["peak_tflops"]} == DTYPE_BYTES.keys()


def test_no_two_rows_fit_the_same_gpu() -> None:
    for name, row in NAMES:
        assert gpu_peaks(name, row["sm_count"], row["memory_gib"] * GIB) != Ceilings(), name


def test_turing_and_volta_have_no_bfloat16() -> None:
    for name in ("Tesla T4", "Tesla V100-SXM2-16GB"):
        assert gpu_peaks(name).peak_gflops.keys() == {"float64", "float32", "float16"}


def test_a_peak_is_in_gflops_with_its_source_and_date() -> None:
    found = gpu_peaks("NVIDIA H100 80GB HBM3", 132, 85_520_809_984)
    assert found.peak_gflops["bfloat16"] == pytest.approx(989_400)
    assert found.peak_gflops["float64"] == pytest.approx(66_900)
    assert found.peak_gbs == 3350
    assert found.peak_source is not None
    assert "whitepaper" in found.peak_source
    assert found.peak_source.endswith("(checked 2026-11-25)")


def test_a_bandwidth_sources_disagree_on_is_unknown() -> None:
    found = gpu_peaks("NVIDIA B200")
    assert found.peak_gflops
    assert found.peak_gbs is None


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_name_matches(name: str) -> None:
    assert gpu_peaks(name) != Ceilings()


def test_every_name_in_the_table_is_in_the_corpus() -> None:
    collides = {"NVIDIA GH200 480GB", "NVIDIA GH200 120GB"}
    assert {name for name, _ in NAMES} == {*KNOWN} | collides


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_name_that_only_resembles_a_known_one_has_no_peak(name: str) -> None:
    assert gpu_peaks(name) == Ceilings()


@pytest.mark.parametrize("change", [str.lower, str.upper, lambda name: f"{name} ", lambda _: ""])
def test_a_name_counts_to_the_letter(change: Callable[[str], str]) -> None:
    assert gpu_peaks(change("NVIDIA H100 PCIe")) == Ceilings()


@pytest.mark.parametrize("sm_count", [114, 131, 16, 0])
def test_a_gpu_with_other_sms_has_no_peak(sm_count: int) -> None:
    assert gpu_peaks("NVIDIA H100 80GB HBM3", sm_count) == Ceilings()


def test_a_gpu_with_other_memory_has_no_peak() -> None:
    assert gpu_peaks("NVIDIA H100 80GB HBM3", 132, 40 * GIB) == Ceilings()


# Bytes that torch or nvidia-smi really showed.
@pytest.mark.parametrize(
    ("name", "shown_bytes"),
    [
        ("NVIDIA A10", 23_609_475_072),
        ("Tesla T4", 15_655_829_504),
        ("NVIDIA GeForce RTX 3090", 25_286_672_384),
        ("NVIDIA GeForce RTX 4090", 25_386_352_640),
        ("NVIDIA A100-SXM4-40GB", 42_405_855_232),
        ("NVIDIA L40S", 46_068 << 20),
        ("NVIDIA H100 80GB HBM3", 81_559 << 20),
        ("NVIDIA H200", 143_771 << 20),
        ("NVIDIA B200", 182_631 << 20),
        ("NVIDIA GH200 144G HBM3e", 153_008_209_920),
        ("NVIDIA GH200 480GB", 97_280 << 20),
    ],
)
def test_the_memory_a_driver_shows_fits_its_gpu(name: str, shown_bytes: int) -> None:
    assert gpu_peaks(name, memory_bytes=shown_bytes) != Ceilings()


@pytest.mark.parametrize(("shown_gib", "gb_per_sec"), [(95, 4000), (142.5, 4900)])
def test_memory_tells_gpus_of_one_name_apart(shown_gib: float, gb_per_sec: int) -> None:
    found = gpu_peaks("NVIDIA GH200 480GB", 132, int(shown_gib * GIB))
    assert found.peak_gbs == gb_per_sec


def test_gpus_of_one_name_without_their_memory_have_no_peak() -> None:
    assert gpu_peaks("NVIDIA GH200 480GB", 132) == Ceilings()


@pytest.mark.parametrize("shown_gib", [83, 99, 115, 125, 148])
def test_memory_that_fits_no_gpu_of_a_name_has_no_peak(shown_gib: int) -> None:
    assert gpu_peaks("NVIDIA GH200 480GB", 132, shown_gib * GIB) == Ceilings()
