"""Which driver a CUDA build needs and which GPUs a wheel has kernels for."""

import pytest

from workload.hardware.cuda_support import (
    driver_suffices,
    kernel_source,
    minimum_driver,
    parse_capability,
    supports,
)

TORCH_2_13_CUDA_13 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")


@pytest.mark.parametrize(("cuda", "driver"), [("13.0", "580"), ("13.2", "580"), ("12.8", "525")])
def test_each_cuda_major_has_its_oldest_driver(cuda: str, driver: str) -> None:
    assert minimum_driver(cuda) == driver


@pytest.mark.parametrize("cuda", ["99.0", "", "next"])
def test_the_driver_for_an_unknown_cuda_is_unknown(cuda: str) -> None:
    assert minimum_driver(cuda) is None


def test_the_first_driver_of_the_branch_suffices() -> None:
    assert driver_suffices("580.65.06", "13.0") is True


def test_the_last_driver_of_the_branch_before_does_not_suffice() -> None:
    assert driver_suffices("579.99", "13.0") is False


def test_a_driver_newer_than_any_known_is_fine() -> None:
    assert driver_suffices("1234.5", "13.0") is True


def test_a_driver_for_cuda_12_does_for_a_cuda_12_build() -> None:
    assert driver_suffices("535.183.01", "12.8") is True


def test_a_driver_version_that_is_no_number_is_not_judged() -> None:
    assert driver_suffices("open-source", "13.0") is None


def test_a_driver_for_an_unknown_cuda_is_not_judged() -> None:
    assert driver_suffices("580.65.06", "99.0") is None


def test_a_gpu_runs_the_binary_of_its_own_capability() -> None:
    assert kernel_source((9, 0), TORCH_2_13_CUDA_13) == "sm_90"


def test_a_gpu_runs_the_closest_binary_of_a_lower_minor() -> None:
    assert kernel_source((8, 9), TORCH_2_13_CUDA_13) == "sm_86"


def test_a_two_digit_major_is_read_right() -> None:
    assert kernel_source((12, 0), TORCH_2_13_CUDA_13) == "sm_120"


def test_a_gpu_older_than_every_binary_has_no_kernels() -> None:
    assert not supports((7, 0), TORCH_2_13_CUDA_13)


def test_a_gpu_of_another_major_version_has_no_kernels_without_ptx() -> None:
    assert not supports((11, 0), TORCH_2_13_CUDA_13)


def test_ptx_serves_a_newer_gpu() -> None:
    assert kernel_source((13, 0), (*TORCH_2_13_CUDA_13, "compute_120")) == "compute_120"


def test_ptx_does_not_serve_an_older_gpu() -> None:
    assert not supports((7, 0), ("compute_75",))


def test_a_binary_wins_over_ptx() -> None:
    assert kernel_source((9, 0), ("sm_90", "compute_90")) == "sm_90"


def test_an_accelerated_binary_serves_its_own_capability_only() -> None:
    assert supports((9, 0), ("sm_90a",))
    assert not supports((9, 1), ("sm_90a",))


def test_accelerated_ptx_serves_no_newer_gpu() -> None:
    assert not supports((10, 0), ("compute_90a",))


def test_a_family_binary_serves_higher_minors_of_its_family_only() -> None:
    assert supports((10, 3), ("sm_100f",))
    assert not supports((12, 0), ("sm_100f",))


def test_an_empty_arch_list_supports_nothing() -> None:
    assert not supports((9, 0), ())


def test_entries_of_other_vendors_are_ignored() -> None:
    assert not supports((9, 0), ("gfx942", "xe-lpg"))


def test_a_capability_is_two_numbers() -> None:
    assert parse_capability("12.0") == (12, 0)
