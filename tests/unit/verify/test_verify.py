"""On a correct device every check passes, and none is vacuous."""

from collections.abc import Iterator
from typing import Never

import pytest
import torch

from workload.core.errors import BadInputError, UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.models.verify import VerifyResult
from workload.hardware import precision
from workload.verify import (
    case,
    matmul,
    verify,
)
from workload.verify.arithmetic import operations

CPU = DeviceInfo("cpu", "cpu", "a CPU", "a test", 1)
SEEDS = range(4)
# Rounded once, and the tolerance is that rounding: a correct result may use all of it.
ROUNDED_ONCE = {name for name, *_ in operations()}


def gpu(capability: str) -> DeviceInfo:
    return DeviceInfo("cuda", "cuda:0", "a GPU", "a test", 1, capability=capability)


def used(check: VerifyResult) -> float:
    """The share of its tolerance that a check uses."""
    assert check.worst_error is not None
    return check.worst_error / check.tolerance if check.tolerance else check.worst_error


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("seed", SEEDS)
def test_every_check_passes_on_the_cpu(seed: int) -> None:
    wrong = [check for check in verify(CPU, seed=seed) if not check.ok]
    assert not wrong


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_correct_sums_use_less_than_half_of_their_tolerance(dtype: str, seed: int) -> None:
    shares = {c.name: used(c) for c in verify(CPU, [dtype], seed=seed)}
    assert all(share < 0.5 for name, share in shares.items() if name not in ROUNDED_ONCE)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_most_tolerances_are_within_a_thousand_times_the_error(dtype: str) -> None:
    shares = [used(check) for check in verify(CPU, [dtype])]
    assert sum(share > 1e-3 for share in shares) >= len(shares) - 2


@pytest.mark.parametrize("dtype", precision.default_dtypes(CPU))
def test_names_are_unique_within_a_dtype(dtype: str) -> None:
    names = [check.name for check in verify(CPU, [dtype])]
    assert len(names) == len(set(names))


def test_all_dtypes_of_a_cpu_are_checked_by_default() -> None:
    default = precision.default_dtypes(CPU)
    assert tuple(dict.fromkeys(check.dtype for check in verify(CPU))) == default


def test_the_loss_trajectory_is_not_checked_in_half_precision() -> None:
    dtypes = {check.dtype for check in verify(CPU) if check.name.startswith("training loss")}
    assert dtypes == {"float64", "float32"}


def test_an_ampere_gpu_is_checked_in_tf32_too() -> None:
    assert "tf32" in precision.default_dtypes(gpu("8.0"))


def test_a_turing_gpu_is_not_checked_in_what_it_lacks() -> None:
    assert precision.default_dtypes(gpu("7.5")) == ("float64", "float32", "float16")


@pytest.mark.parametrize("device", [CPU, gpu("7.5")], ids=["CPU", "Turing"])
def test_tf32_is_refused_where_there_is_none(device: DeviceInfo) -> None:
    with pytest.raises(UnfitError, match=r"TF32.*: leave tf32 out"):
        next(verify(device, ["tf32"]))


def test_an_unknown_dtype_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="unknown dtype 'float8'"):
        next(verify(CPU, ["float8"]))


def test_each_check_is_known_before_the_next_one_runs() -> None:
    checks = verify(CPU, ["float32", "float8"])
    assert next(checks).name == "a + b"


def test_two_runs_find_the_same_errors() -> None:
    assert list(verify(CPU, ["float32"])) == list(verify(CPU, ["float32"]))


def test_another_seed_draws_other_inputs() -> None:
    assert list(verify(CPU, ["float32"], seed=1)) != list(verify(CPU, ["float32"], seed=2))


def test_torchs_own_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    list(verify(CPU, ["float32"]))
    assert torch.equal(before, torch.get_rng_state())


def test_the_precision_of_convolutions_is_put_back() -> None:
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # missing in stubs
    before = convolutions.fp32_precision
    list(verify(CPU, ["float32"]))
    assert convolutions.fp32_precision == before


def test_an_operation_that_fails_on_the_device_is_an_unfit_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> Never:
        raise RuntimeError("no kernel image is available\nmore lines")

    monkeypatch.setattr(torch, "matmul", refuse)
    with pytest.raises(
        UnfitError, match=r"an operation in float32 failed on a CPU \(no kernel image"
    ):
        list(verify(CPU, ["float32"]))


def test_a_result_of_the_wrong_shape_has_no_error() -> None:
    a_case = case.VerifyCase(CPU, "float32", 0)
    check = a_case.judge("shape", torch.zeros(2), matmul.exact(torch.ones(3).double()))
    assert check.worst_error is None
    assert not check.ok


def test_drawn_inputs_are_exact_on_the_device() -> None:
    a_case = case.VerifyCase(CPU, "bfloat16", 0)
    drawn = a_case.draw(100)
    assert torch.equal(a_case.place(drawn).double(), drawn)
    assert a_case.place(drawn).dtype == precision.torch_dtype("bfloat16")


def test_what_a_float64_cpu_does_to_its_inputs_leaves_the_reference_alone() -> None:
    a_case = case.VerifyCase(CPU, "float64", 0)
    drawn = a_case.draw(3)
    kept = drawn.clone()
    a_case.place(drawn).zero_()
    assert torch.equal(drawn, kept)
