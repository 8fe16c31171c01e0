"""One mismatch in many matmuls is found, named and counted."""

from collections.abc import Callable, Iterator

import pytest
import torch
from msgspec.structs import replace
from support.doctor.machines import BURN_IN
from torch import Tensor

from workload.core.models.device import DeviceInfo
from workload.core.models.stress import BurnIn
from workload.doctor.stress.burn_in import (
    EDGES,
    LARGEST,
    MEMORY_SHARE,
    TILE,
    Multiply,
    burn_in,
    choose_edge,
    multiply,
    pairs,
    with_rates,
)

DTYPES = ("float64", "float32")
# What holds an element's bits.
BITS = {"float64": torch.int64, "float32": torch.int32}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Use one thread, which is faster for small matmuls."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Ticking:
    """A clock that moves on by `step` seconds at each look."""

    def __init__(self, step_sec: float = 1.0) -> None:
        self._now_sec, self._step_sec = 0.0, step_sec

    def __call__(self) -> float:
        self._now_sec += self._step_sec
        return self._now_sec


class Bent:
    """A correct matmul, except that `bend` changes some of them, counted from 1."""

    def __init__(self, bend: Callable[[Tensor], object], *numbers: int) -> None:
        self._bend, self._numbers, self.count = bend, numbers, 0

    def __call__(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        self.count += 1
        multiply(a, b, out)
        if self.count in self._numbers:
            self._bend(out)


def flipping(bit: int, dtype: str = "float32", place: int = 1000) -> Callable[[Tensor], object]:
    def flip(out: Tensor) -> None:
        out.view(BITS[dtype]).view(-1)[place] ^= 1 << bit

    return flip


def small(
    cpu: DeviceInfo, product: Multiply, dtype: str = "float32", budget_sec: float = 0.3
) -> BurnIn:
    """Some hundred matmuls of one tile or more, on a simulated clock."""
    return burn_in(cpu, dtype, budget_sec, edge=TILE, product=product, clock=Ticking(0.01))


def test_one_flipped_bit_in_ten_thousand_matmuls_is_found(cpu: DeviceInfo) -> None:
    found = small(cpu, Bent(flipping(16), 9_001), budget_sec=1.0)
    assert found.products > 10_000
    assert (found.wrong_products, found.wrong_elements) == (1, 1)
    assert (found.first_wrong, found.first_wrong_elements) == (9_001, 1)


def test_correct_matmuls_have_no_wrong_element(cpu: DeviceInfo) -> None:
    product = Bent(flipping(0))
    found = small(cpu, product)
    assert (found.wrong_elements, found.first_wrong, found.error) == (0, None, None)
    assert found.products == product.count
    assert found.elements == product.count * TILE**2


@pytest.mark.parametrize("bit", range(32))
def test_a_flip_of_any_bit_of_float32_is_found(cpu: DeviceInfo, bit: int) -> None:
    assert small(cpu, Bent(flipping(bit), 2), budget_sec=0.06).wrong_elements == 1


@pytest.mark.parametrize("bit", [0, 20, 30, 51, 52, 62, 63])
def test_a_flip_of_a_bit_of_float64_is_found(cpu: DeviceInfo, bit: int) -> None:
    bent = Bent(flipping(bit, "float64"), 2)
    assert small(cpu, bent, "float64", budget_sec=0.06).wrong_elements == 1


def test_errors_that_cancel_in_the_sum_are_all_counted(cpu: DeviceInfo) -> None:
    def swap(out: Tensor) -> None:
        out[:2] = out[:2].flip(0)

    assert small(cpu, Bent(swap, 7)).wrong_elements > 100


def test_nan_is_wrong(cpu: DeviceInfo) -> None:
    def lose(out: Tensor) -> None:
        out[3, 3] = torch.nan

    assert small(cpu, Bent(lose, 7)).wrong_elements == 1


def test_a_kernel_that_does_nothing_is_wrong(cpu: DeviceInfo) -> None:
    def rest(_a: Tensor, _b: Tensor, _out: Tensor) -> None:
        """A matmul that does nothing, so the previous result stays."""

    found = small(cpu, rest)
    assert found.wrong_products == found.products


def test_a_skipped_matmul_is_wrong(cpu: DeviceInfo) -> None:
    count = 0

    def product(a: Tensor, b: Tensor, out: Tensor) -> None:
        nonlocal count
        count += 1
        if count != 50:
            multiply(a, b, out)

    found = small(cpu, product)
    assert (found.wrong_products, found.first_wrong) == (1, 50)


def test_the_first_wrong_matmul_is_named_and_the_others_are_counted(cpu: DeviceInfo) -> None:
    found = small(cpu, Bent(flipping(16), 30, 31, 900))
    assert (found.first_wrong, found.wrong_products, found.wrong_elements) == (30, 3, 3)


def test_an_exception_of_the_driver_is_the_error_and_earlier_results_are_kept(
    cpu: DeviceInfo,
) -> None:
    def fail(_out: Tensor) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with …")

    found = small(cpu, Bent(fail, 100))
    assert found.error == "CUDA error: unspecified launch failure"
    assert 0 < found.products < 100


def test_the_result_so_far_is_kept_after_every_batch(cpu: DeviceInfo) -> None:
    told: list[BurnIn] = []
    clock = Ticking(0.01)
    found = burn_in(cpu, "float32", 0.15, told.append, edge=TILE, clock=clock)
    assert told[-1] == found
    assert [one.products for one in told] == sorted({one.products for one in told})


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
@pytest.mark.parametrize("edge", [TILE, 4 * TILE])
def test_the_expected_result_is_that_of_exact_arithmetic(
    cpu: DeviceInfo, dtype: str, edge: int
) -> None:
    for pair in pairs(cpu, dtype, edge):
        exact = pair.a.double() @ pair.b.double()
        assert torch.equal(pair.product, exact.to(pair.product.dtype))


def test_the_pairs_differ_in_almost_every_element(cpu: DeviceInfo) -> None:
    first, second = pairs(cpu, "float32", TILE)
    assert (first.product != second.product).float().mean() > 0.99


@pytest.mark.parametrize("dtype", LARGEST)
def test_no_sum_needs_rounding(dtype: str) -> None:
    digits = 53 if dtype == "float64" else 24
    assert EDGES[-1] * LARGEST[dtype] ** 2 < 1 << (digits - 1)


def test_values_a_power_of_two_apart_differ(cpu: DeviceInfo) -> None:
    product = pairs(cpu, "float32", 4 * TILE)[0].product.view(-1)
    for power in range(1, 15):
        away = 1 << power
        assert (product[:-away] == product[away:]).float().mean() < 0.05


def test_a_device_with_little_memory_gets_small_matmuls(
    cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_bytes = 1 << 20
    monkeypatch.setattr(
        "workload.doctor.stress.burn_in.devices.available_bytes", lambda _: room_bytes
    )
    edge = choose_edge(cpu, "float32", multiply, lambda: 0.0)
    assert 9 * edge**2 * 4 <= MEMORY_SHARE * room_bytes < 9 * (2 * edge) ** 2 * 4


def test_a_slow_device_gets_small_matmuls(cpu: DeviceInfo) -> None:
    assert choose_edge(cpu, "float32", multiply, Ticking(1.0)) == EDGES[0]


def test_the_rates_are_those_of_the_first_and_last_quarter() -> None:
    found = replace(BURN_IN, edge=500, first_gflops=None, last_gflops=None)
    rated = with_rates(found, [(20, 1.0), (10, 1.0), (10, 1.0), (4, 1.0)])
    assert (rated.first_gflops, rated.last_gflops) == (5.0, 1.0)


def test_too_few_batches_have_no_rate() -> None:
    assert with_rates(BURN_IN, [(20, 1.0)]).last_gflops is None
