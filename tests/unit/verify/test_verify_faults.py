"""Each planted fault is found, by the expected checks."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from msgspec import structs
from support.half_sums import conv2d_in_float16
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from workload.core.models.device import DeviceInfo
from workload.train.modes import eager
from workload.verify import autograd, convolution, matmul, verify
from workload.verify.case import VerifyCase

Change = Callable[[Tensor], Tensor]

CPU = DeviceInfo("cpu", "cpu", "a CPU", "a test", 1)
MATMULS = {
    "matmul, vectors",
    "matmul, matrix and vector",
    "matmul, matrices",
    "matmul, tensors",
}
GRADIENTS = {"autograd, gradient of w1", "autograd, gradient of w2"}
CONVOLUTIONS = {
    "convolution",
    "convolution, gradient of input",
    "convolution, gradient of weight",
}
TRAINING = {"training loss, 30 steps"}
aten = torch.ops.aten
PRODUCTS = {aten.mm, aten.mv, aten.dot, aten.bmm, aten.addmv, aten.convolution}
PRODUCTS |= {aten.convolution_backward}


class Products(TorchDispatchMode):
    """Cuts the float32 inputs of every product, as a device in a lower precision would."""

    def __init__(self, cut: Change) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # missing in torch's stubs
        self.cut = cut

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket in PRODUCTS:
            args = [
                self.cut(arg)
                if isinstance(arg, torch.Tensor) and arg.dtype == torch.float32
                else arg
                for arg in args
            ]
        return func(*args, **(kwargs or {}))


def truncated_to_tf32(values: Tensor) -> Tensor:
    return (values.contiguous().view(torch.int32) & ~0x1FFF).view(torch.float32)


def rounded_to_tf32(values: Tensor) -> Tensor:
    return truncated_to_tf32(values * (1 + 2**-11))


def rounded_to_bfloat16(values: Tensor) -> Tensor:
    return values.bfloat16().float()


def failed(dtype: str = "float32") -> set[str]:
    return {check.name for check in verify(CPU, [dtype]) if not check.ok}


@pytest.mark.parametrize("cut", [truncated_to_tf32, rounded_to_tf32, rounded_to_bfloat16])
def test_float32_silently_computed_in_less_fails_every_product(cut: Change) -> None:
    with Products(cut):
        assert failed() >= MATMULS | GRADIENTS | CONVOLUTIONS | TRAINING | {"two-layer loss"}


@pytest.mark.parametrize("cut", [truncated_to_tf32, rounded_to_tf32])
@pytest.mark.parametrize("seed", range(3))
def test_an_honest_tf32_device_passes(cut: Change, seed: int) -> None:
    case = VerifyCase(CPU, "tf32", seed)
    with Products(cut):
        found = [check for group in (matmul, autograd, convolution) for check in group.checks(case)]
    assert [check for check in found if not check.ok] == []


def test_tf32_silently_computed_in_bfloat16_fails_the_products() -> None:
    with Products(rounded_to_bfloat16):
        wrong = {c.name for c in matmul.checks(VerifyCase(CPU, "tf32", 0)) if not c.ok}
    assert wrong >= {"matmul, matrices", "matmul, tensors"}


@pytest.mark.parametrize(
    ("dtype", "fault"), [("float64", 1e-9), ("float32", 1e-3), ("bfloat16", 0.5), ("float16", 0.1)]
)
def test_one_wrong_element_fails_the_matrix_products(
    monkeypatch: pytest.MonkeyPatch, dtype: str, fault: float
) -> None:
    honest = torch.matmul

    def matmul(a: Tensor, b: Tensor) -> Tensor:
        result = honest(a, b)
        if result.dim() > 1:
            result[..., -1, -1] += fault
        return result

    monkeypatch.setattr(torch, "matmul", matmul)
    assert failed(dtype) - {"matmul is not a * b"} == {"matmul, matrices", "matmul, tensors"}


def test_a_matmul_that_multiplies_elements_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = torch.matmul
    monkeypatch.setattr(torch, "matmul", lambda a, b: a * b if a.shape == b.shape else honest(a, b))
    assert "matmul is not a * b" in failed()


def test_a_product_that_is_not_a_number_has_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = torch.matmul
    monkeypatch.setattr(torch, "matmul", lambda a, b: honest(a, b) * torch.nan)
    wrong = [check for check in verify(CPU, ["float32"]) if not check.ok]
    assert {check.name for check in wrong} == MATMULS | {"matmul is not a * b"}
    assert all(check.worst_error is None for check in wrong)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    ("function", "name"), [("add", "a + b"), ("sub", "a - b"), ("mul", "a * b"), ("div", "a / b")]
)
def test_a_function_off_by_one_unit_in_the_last_place_is_found(
    monkeypatch: pytest.MonkeyPatch, dtype: str, function: str, name: str
) -> None:
    honest = getattr(torch, function)

    def off(a: Tensor, b: Tensor) -> Tensor:
        result = honest(a, b)
        return torch.nextafter(result, 2 * result)

    monkeypatch.setattr(torch, function, off)
    assert failed(dtype) == {name, "operator = function"}


def test_a_gradient_without_its_factor_of_two_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = torch.autograd.grad
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *args: tuple(part / 2 for part in honest(*args))
    )
    gradients_of_convolution = {
        f"convolution, gradient of {x}" for x in ("input", "weight", "bias")
    }
    for dtype in ("float64", "float32", "bfloat16", "float16"):
        assert failed(dtype) == GRADIENTS | gradients_of_convolution


def test_a_relu_that_lets_gradients_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaky(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, values: Tensor) -> Tensor:
            return values.relu()

        @staticmethod
        def backward(_: Any, gradient: Tensor) -> Tensor:
            return gradient

    leaky: Change = Leaky.apply
    monkeypatch.setattr(torch.Tensor, "clamp", lambda values, **_: leaky(values))
    assert "autograd, gradient of w1" in failed()


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_convolution_padded_with_ones_is_found(
    monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    honest = functional.conv2d

    def conv2d(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
        framed = functional.pad(x, [padding] * 4, value=1.0)
        return honest(framed, weight, bias, stride)

    monkeypatch.setattr(functional, "conv2d", conv2d)
    assert failed(dtype) == {"convolution", "convolution, gradient of weight"}


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_a_convolution_without_its_bias_is_found(
    monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    honest = functional.conv2d
    monkeypatch.setattr(
        functional,
        "conv2d",
        lambda x, weight, bias, stride, padding: honest(x, weight, 0 * bias, stride, padding),
    )
    assert failed(dtype) == {"convolution", "convolution, gradient of bias"}


@pytest.mark.parametrize(("architecture", "wrong"), [("aarch64", False), ("x86_64", True)])
def test_a_convolution_summed_in_float16_is_right_on_an_arm_cpu_alone(
    monkeypatch: pytest.MonkeyPatch, architecture: str, wrong: bool
) -> None:
    case = VerifyCase(structs.replace(CPU, architecture=architecture), "float16", 0)
    monkeypatch.setattr(convolution, "convolve", conv2d_in_float16)
    failed = {check.name for check in convolution.checks(case) if not check.ok}
    assert ("convolution" in failed) is wrong


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_learning_rate_off_by_a_thousandth_is_found(
    monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    honest = eager.eager_step
    monkeypatch.setattr(
        eager, "eager_step", lambda x, y, w1, w2, rate: honest(x, y, w1, w2, 1.001 * rate)
    )
    assert failed(dtype) == TRAINING


def test_gradients_that_are_not_zeroed_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "zero_", lambda gradient: gradient)
    assert failed() == TRAINING


def test_a_training_that_overflows_has_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = eager.eager_step
    monkeypatch.setattr(eager, "eager_step", lambda x, y, w1, w2, _: honest(x, y, w1, w2, 1e-2))
    (check,) = [check for check in verify(CPU, ["float32"]) if not check.ok]
    assert check.name in TRAINING
    assert check.worst_error is None
