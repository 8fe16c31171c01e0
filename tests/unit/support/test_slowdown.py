"""A matmul slowed down on purpose stays correct and does more work; no other changes."""

import pytest
import torch
from support.benchmarks.slowdown import Slowdown, parse_slowdown
from torch import Tensor

from workload.bench.operations.limits import Launch
from workload.bench.operations.matmul import MatMul
from workload.bench.runner import run_case
from workload.core.models.case import CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape

SLOW = Slowdown("matmul 64 float32", 1.25)
PRODUCT = MatMul(Shape(64, 64, 64), "float32")


def test_a_name_and_a_factor_are_read() -> None:
    assert parse_slowdown("matmul 64x100x10 float32=1.25") == Slowdown(
        "matmul 64x100x10 float32", 1.25
    )


@pytest.mark.parametrize(
    "text", ["matmul 64 float32", "matmul 64 float32=1", "matmul 64 float32=3", "launch 1=1.2"]
)
def test_what_cannot_be_slowed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not `matmul SIZE DTYPE=FACTOR`|could not convert"):
        parse_slowdown(text)


def test_the_named_product_multiplies_its_first_rows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    multiplied: list[int] = []
    multiply = torch.mm

    def note(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
        multiplied.append(len(a))
        return multiply(a, b, out=out)

    monkeypatch.setattr(torch, "mm", note)
    slower = SLOW.applied(PRODUCT)
    assert isinstance(slower, MatMul)
    a, b, out = torch.ones(64, 64), torch.ones(64, 64), torch.empty(64, 64)
    slower.multiply(a, b, out)
    assert multiplied == [64, 16]


def test_a_slower_product_is_still_right(cpu: DeviceInfo) -> None:
    assert run_case(SLOW.applied(PRODUCT), cpu, 0.1).status is CaseStatus.OK


@pytest.mark.parametrize("other", [Launch(), MatMul(Shape(64, 64, 64), "float64")])
def test_other_operations_stay_as_they_are(other: MatMul | Launch) -> None:
    assert SLOW.applied(other) is other
