"""Emulated dtypes are known by the CPU's flags, and only float16 is left out for it."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from support.records.measured import CPU, GPU

from workload.hardware import precision
from workload.hardware.precision import benchmarked_dtypes, emulation, emulations


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_bfloat16_is_in_hardware_with_either_extension(flag: str) -> None:
    assert emulation("bfloat16", {"sse2", flag}) is None


def test_an_emulated_dtype_names_what_is_missing() -> None:
    assert emulation("bfloat16", {"sse2", "avx2"}) == "no AVX512_BF16 or AMX: emulated"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float32_and_float64_are_never_emulated(dtype: str) -> None:
    assert emulation(dtype, {"sse2"}) is None


def test_nothing_is_said_of_a_cpu_whose_flags_are_unknown() -> None:
    assert emulation("float16", {"asimdhp"}) is None


@pytest.fixture
def plain_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend a CPU without 16-bit arithmetic."""
    pretended = SimpleNamespace(flags=frozenset({"sse2", "avx2"}))
    monkeypatch.setattr(precision, "read_processor", lambda: pretended)


@pytest.mark.usefixtures("plain_cpu")
def test_emulated_float16_is_not_timed_by_default_but_bfloat16_is() -> None:
    assert benchmarked_dtypes(CPU) == ("float64", "float32", "bfloat16")
    assert list(emulations(CPU, ["float32", "bfloat16"])) == ["bfloat16"]


@pytest.mark.usefixtures("plain_cpu")
def test_a_gpu_emulates_nothing_whatever_its_host() -> None:
    hopper = replace(GPU, capability="9.0")
    assert emulations(hopper, ["float16"]) == {}
    assert "float16" in benchmarked_dtypes(hopper)
