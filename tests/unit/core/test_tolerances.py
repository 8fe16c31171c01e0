"""Correct matmuls stay within the tolerances, and faulty ones exceed them."""

import sys

import pytest
import torch
from torch import Tensor

from workload.core.tolerances import half_subnormal, matmul_tolerance, unit_roundoff

TORCH_DTYPES = {name: getattr(torch, name) for name in ("float32", "bfloat16", "float16")}
CASES = [(dtype, k) for dtype in TORCH_DTYPES for k in (1, 2, 3, 16, 100, 1000, 4096, 16384)]


def normal(rows: int, columns: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


def worst_ratio(product: Tensor, left: Tensor, right: Tensor, dtype: str) -> float:
    """Largest error of `product` over its tolerance; left and right are float64."""
    u_out, kappa = matmul_tolerance(dtype, left.shape[1])
    reference = left @ right
    norms = left.norm(dim=1)[:, None] * right.norm(dim=0)[None, :]
    allowed = u_out * reference.abs() + kappa * norms + half_subnormal(dtype)
    return float(((product.double() - reference).abs() / allowed).max())


@pytest.mark.parametrize("dtype", list(TORCH_DTYPES))
def test_unit_roundoff_is_half_of_torchs_epsilon(dtype: str) -> None:
    assert unit_roundoff(dtype) == torch.finfo(TORCH_DTYPES[dtype]).eps / 2


@pytest.mark.parametrize("dtype", list(TORCH_DTYPES))
def test_half_subnormal_is_half_of_torchs_smallest_number(dtype: str) -> None:
    numbers = torch.finfo(TORCH_DTYPES[dtype])
    assert half_subnormal(dtype) == numbers.smallest_normal * numbers.eps / 2


def test_float64_is_pythons_float() -> None:
    assert unit_roundoff("float64") == sys.float_info.epsilon / 2


@pytest.mark.parametrize(("dtype", "k"), CASES)
def test_a_correct_product_is_within_its_tolerance(dtype: str, k: int) -> None:
    for seed in range(3):
        left = normal(32, k, seed).to(TORCH_DTYPES[dtype])
        right = normal(k, 24, seed + 100).to(TORCH_DTYPES[dtype])
        assert worst_ratio(left @ right, left.double(), right.double(), dtype) <= 1


@pytest.mark.parametrize("k", [16, 100, 1000, 4096, 16384])
def test_a_float32_product_uses_a_real_part_of_its_tolerance(k: int) -> None:
    left, right = normal(64, k, 0).float(), normal(k, 64, 1).float()
    assert worst_ratio(left @ right, left.double(), right.double(), "float32") > 0.01


@pytest.mark.parametrize("k", [16, 100, 1000, 4096, 16384])
def test_a_float32_product_of_inputs_cut_to_tf32_is_seen(k: int) -> None:
    left, right = normal(32, k, 0).float(), normal(k, 24, 1).float()
    product = truncated_to_tf32(left) @ truncated_to_tf32(right)
    assert worst_ratio(product, left.double(), right.double(), "float32") > 10


@pytest.mark.parametrize("k", [1, 2, 16, 100, 1000, 4096, 16384])
@pytest.mark.parametrize("seed", range(3))
def test_a_tf32_product_may_truncate_its_inputs(k: int, seed: int) -> None:
    left, right = normal(64, k, seed).float(), normal(k, 64, seed + 100).float()
    product = truncated_to_tf32(left) @ truncated_to_tf32(right)
    assert worst_ratio(product, left.double(), right.double(), "tf32") <= 1


@pytest.mark.parametrize("k", [16, 100, 1000, 4096, 16384])
def test_a_tf32_product_of_inputs_cut_to_bfloat16_is_seen(k: int) -> None:
    left, right = normal(32, k, 0).float(), normal(k, 24, 1).float()
    product = left.bfloat16().float() @ right.bfloat16().float()
    assert worst_ratio(product, left.double(), right.double(), "tf32") > 1


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_half_precision_product_summed_in_half_precision_is_seen(dtype: str) -> None:
    torch_dtype = TORCH_DTYPES[dtype]
    left, right = normal(8, 512, 0).to(torch_dtype), normal(512, 8, 1).to(torch_dtype)
    total = torch.zeros(8, 8, dtype=torch_dtype)
    for index in range(512):
        total += left[:, index, None] * right[None, index, :]
    assert worst_ratio(total, left.double(), right.double(), dtype) > 1


def test_a_product_without_terms_is_refused() -> None:
    with pytest.raises(ValueError, match="k >= 1, got 0"):
        matmul_tolerance("float32", 0)


def truncated_to_tf32(values: Tensor) -> Tensor:
    """float32 with the last 13 of its 23 fraction bits set to zero."""
    return (values.view(torch.int32) & ~0x1FFF).view(torch.float32)
