"""NVML reports a GPU's settings and health, and the reason of each missing answer."""

from typing import Any

import pynvml
import pytest
from support.fakes.nvml import HEALTHY, fake_nvml

from workload.core.models.gpu import GpuState, Pcie
from workload.hardware import driver_codes
from workload.hardware.gpu_state import (
    BRANDS,
    COMPUTE_MODES,
    NOT_SUPPORTED,
    THROTTLE_REASONS,
    Questions,
    clock_reasons,
    read_gpu_state,
)


def gpu(**changes: Any) -> GpuState:
    return read_gpu_state(Questions(fake_nvml(changes), "a handle"))


def test_a_healthy_gpu_leaves_no_question_open() -> None:
    assert gpu().silent == {}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({}, "brand", "NVIDIA"),
        ({"nvmlDeviceGetBrand": 5}, "brand", "GeForce"),
        ({"nvmlDeviceGetBrand": 99}, "brand", None),
        ({}, "mig", False),
        ({"nvmlDeviceGetMigMode": (1, 1)}, "mig_slices", 0),
        ({"nvmlDeviceGetComputeMode": 3}, "compute_mode", "exclusive process"),
        ({"nvmlDeviceGetComputeRunningProcesses": [1, 2, 3]}, "processes", 3),
        ({"nvmlDeviceGetEccMode": (0, 1)}, "ecc", False),
        ({"nvmlDeviceGetTotalEccErrors": 4}, "ecc_uncorrected", 4),
        ({"nvmlDeviceGetRemappedRows": (0, 1, 1, 0)}, "remap_pending", True),
        ({"nvmlDeviceGetRemappedRows": (0, 1, 0, 1)}, "remap_failed", True),
        ({"nvmlDeviceGetCurrentClocksEventReasons": 0x48}, "throttled",
         ("hardware slowdown", "hardware thermal slowdown")),
        ({"nvmlDeviceGetPersistenceMode": 0}, "persistence", False),
    ],
)  # fmt: skip
def test_an_answer_reaches_its_field(changes: dict[str, Any], field: str, value: object) -> None:
    assert getattr(gpu(**changes), field) == value


def test_slices_are_counted_where_mig_is_on() -> None:
    assert (
        gpu(nvmlDeviceGetMigMode=(1, 1), nvmlDeviceGetMigDeviceHandleByIndex="a slice").mig_slices
        == 7
    )


def test_a_link_tells_its_place_generation_and_width() -> None:
    pcie = gpu(nvmlDeviceGetCurrPcieLinkWidth=8, nvmlDeviceGetMaxPcieLinkGeneration=4).pcie
    assert pcie == Pcie("0000:65:00.0", generation=4, gpu_generation=5, width=8)


def test_a_question_left_open_keeps_its_reason() -> None:
    state = gpu(nvmlDeviceGetEccMode={"error": "Not Supported"})
    assert (state.ecc, state.silent) == (None, {"ecc": "Not Supported"})


def test_a_question_the_binding_does_not_know_is_left_open() -> None:
    nvml = fake_nvml()
    del nvml.nvmlDeviceGetRemappedRows
    assert read_gpu_state(Questions(nvml, "a handle")).silent == {
        "row-remap": "nvidia-ml-py has no nvmlDeviceGetRemappedRows"
    }


def test_an_older_binding_knows_the_reasons_by_another_name() -> None:
    nvml = fake_nvml({"nvmlDeviceGetCurrentClocksThrottleReasons": 0x80})
    del nvml.nvmlDeviceGetCurrentClocksEventReasons
    assert clock_reasons(nvml, "a handle") == 0x80


def test_the_numbers_are_those_of_the_real_binding() -> None:
    brands = "QUADRO TESLA GEFORCE TITAN QUADRO_RTX NVIDIA_RTX NVIDIA".split()
    modes = "DEFAULT PROHIBITED EXCLUSIVE_PROCESS".split()
    reasons = "HwSlowdown SwThermalSlowdown HwThermalSlowdown HwPowerBrakeSlowdown".split()
    assert list(BRANDS) == [getattr(pynvml, f"NVML_BRAND_{name}") for name in brands]
    assert list(COMPUTE_MODES) == [getattr(pynvml, f"NVML_COMPUTEMODE_{name}") for name in modes]
    assert list(THROTTLE_REASONS) == [
        getattr(pynvml, f"nvmlClocksThrottleReason{name}") for name in reasons
    ]


def test_the_reason_of_what_a_gpu_lacks_is_worded_as_by_the_real_binding() -> None:
    assert str(pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)) == NOT_SUPPORTED


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NVML_ERROR_NO_PERMISSION", driver_codes.NVML_PERMISSION),
        ("NVML_ERROR_RESET_REQUIRED", driver_codes.NVML_RESET_REQUIRED),
        ("NVML_ERROR_LIB_RM_VERSION_MISMATCH", driver_codes.NVML_MISMATCH),
        ("NVML_ERROR_UNKNOWN", driver_codes.NVML_UNKNOWN),
    ],
)
def test_the_codes_are_those_of_the_real_binding(name: str, code: int) -> None:
    assert getattr(pynvml, name) == code


def test_every_question_is_one_that_the_real_binding_knows() -> None:
    names = [name for name in HEALTHY if name.startswith("nvmlDevice")]
    assert [name for name in names if not hasattr(pynvml, name)] == []
