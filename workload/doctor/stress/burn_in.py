"""Run matmuls back to back on one device, and compare every element of every result.

The operands are integers so small that no sum needs rounding. Therefore the correct result does not
depend on the order of summation and is compared without a tolerance. Each operand repeats a tile of
TILE × TILE elements, so the correct result repeats a tile too. That tile is computed in int64,
which is quick and needs no BLAS library. TILE is prime, so that reading from an address that is off
by a power of two gives another value. Two pairs of operands alternate, so that a stale result is a
mismatch.

Detects every element whose value is wrong. In all dtypes, this covers any flipped bit of a result
except the sign of a zero. In float64, float32 and tf32, it also covers any flipped bit of an
operand or a sum that reaches the result. Does not detect flipped bits that bfloat16 rounds away (8
significant bits), or changes after the comparison.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from msgspec.structs import replace
from torch import Tensor

from workload.core.errors import first_line
from workload.core.models.device import DeviceInfo
from workload.core.models.stress import BurnIn
from workload.hardware import devices, precision

TILE = 61
EDGES = tuple(TILE << power for power in range(8))  # up to 7808
# The largest operand with exact sums: edge × largest² stays below 2**22 in float32, which also
# accumulates bfloat16 and tf32, and below 2**52 in float64.
LARGEST = {"float64": 1 << 19, "float32": 23, "tf32": 23, "bfloat16": 23}
PAIRS = 2
MATRICES = 4 * PAIRS + 1  # operands and correct result of each pair, the result, spare memory
MEMORY_SHARE = 0.25  # of the free memory
PRODUCT_SEC = 0.1  # maximum time of one matmul, which limits the edge
BATCH_SEC = 0.25  # between two reads of the clock, the counts and the sensors
MAX_BATCH = 512

Multiply = Callable[[Tensor, Tensor, Tensor], None]  # a, b, output
Clock = Callable[[], float]


def multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Multiply two matrices: the operation under test."""
    torch.mm(a, b, out=out)


@dataclass(frozen=True)
class Pair:
    """Two operands and their correct product, all (edge, edge) on the device."""

    a: Tensor
    b: Tensor
    product: Tensor


def burn_in(  # noqa: PLR0913  tests pass their own edge, product and clock
    device: DeviceInfo,
    dtype: str,
    budget_sec: float,
    keep: Callable[[BurnIn], None] = lambda _: None,
    *,
    edge: int | None = None,
    product: Multiply = multiply,
    clock: Clock = time.monotonic,
) -> BurnIn:
    """Multiply until the time budget is used up, but at least once.

    `keep` receives the result so far after each batch. If a driver or a library raises an
    exception, its text becomes the result's `error`. If `edge` is not given, `choose_edge` sets it.
    """
    found = BurnIn(device.torch_name, dtype, edge or 0, 0, 0, 0, 0, None, None, None, None)
    batches: list[tuple[int, float]] = []
    try:
        with precision.matmul_precision(dtype):
            deadline = clock() + budget_sec
            edge = edge or choose_edge(device, dtype, product, clock)
            found = replace(found, edge=edge)
            bench = _Bench(device, pairs(device, dtype, edge), product)
            count = 1
            while not batches or clock() < deadline:
                start = clock()
                wrong = bench.multiply(found.products, count)
                seconds = clock() - start
                batches.append((count, seconds))
                found = with_rates(_counted(found, wrong), batches)
                keep(found)
                count = _next_count(count, seconds, min(BATCH_SEC, deadline - clock()))
    except Exception as error:  # drivers and libraries may raise any exception
        found = replace(found, error=first_line(error))
    return found


def _next_count(count: int, seconds: float, wanted_sec: float) -> int:
    return max(1, min(MAX_BATCH, int(count * wanted_sec / max(seconds, 1e-9))))


class _Bench:
    """The operands, and memory for one result and its comparison."""

    def __init__(self, device: DeviceInfo, pairs: Sequence[Pair], product: Multiply) -> None:
        self._device, self._pairs, self._product = device, pairs, product
        self._result = torch.full_like(pairs[0].product, torch.nan)
        self._differs = torch.empty_like(self._result, dtype=torch.bool)

    def multiply(self, done: int, count: int) -> list[int]:
        """Return the number of mismatches in each of `count` matmuls. Synchronizes once."""
        wrong = []
        for number in range(done, done + count):
            pair = self._pairs[number % len(self._pairs)]
            self._product(pair.a, pair.b, self._result)
            torch.ne(self._result, pair.product, out=self._differs)  # NaN differs from everything
            wrong.append(torch.count_nonzero(self._differs))
        counts: list[int] = torch.stack(wrong).tolist()
        return counts


def pairs(device: DeviceInfo, dtype: str, edge: int) -> list[Pair]:
    """Return PAIRS different pairs of operands. `edge` must be a multiple of TILE."""
    return [_pair(device, dtype, edge, seed) for seed in range(PAIRS)]


def _pair(device: DeviceInfo, dtype: str, edge: int, seed: int) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    most, repeats = LARGEST[dtype], edge // TILE
    a, b = torch.randint(-most, most + 1, (2, TILE, TILE), generator=generator)
    product = (a.unsqueeze(2) * b.unsqueeze(0)).sum(dim=1) * repeats  # int64, without a library

    def everywhere(tile: Tensor) -> Tensor:
        kind = precision.torch_dtype(dtype)
        # Convert from float64, which is exact, so that bfloat16 rounds once.
        return tile.double().to(device.torch_name, kind).repeat(repeats, repeats)

    return Pair(everywhere(a), everywhere(b), everywhere(product))


def choose_edge(device: DeviceInfo, dtype: str, product: Multiply, clock: Clock) -> int:
    """Return the largest edge in EDGES that fits in memory and takes at most about PRODUCT_SEC."""
    element_bytes = precision.torch_dtype(dtype).itemsize
    free_bytes = devices.available_bytes(device)  # if None (unknown), the smallest edge is used
    room_bytes = MEMORY_SHARE * (free_bytes or 0)
    fitting = [edge for edge in EDGES if MATRICES * edge**2 * element_bytes <= room_bytes]
    for edge in fitting[:-1]:
        bench = _Bench(device, pairs(device, dtype, edge), product)
        bench.multiply(0, 1)  # loads libraries
        start = clock()
        bench.multiply(1, 1)
        if 8 * (clock() - start) > PRODUCT_SEC:  # expected time for twice the edge
            return edge
    return fitting[-1] if fitting else EDGES[0]


def _counted(found: BurnIn, wrong: Sequence[int]) -> BurnIn:
    """Add a batch to the result. `wrong` is the number of mismatches in each of its matmuls."""
    bad = [place for place, count in enumerate(wrong) if count]
    first, first_elements = found.first_wrong, found.first_wrong_elements
    if bad and first is None:
        first, first_elements = found.products + bad[0] + 1, wrong[bad[0]]
    return replace(
        found,
        products=found.products + len(wrong),
        elements=found.elements + len(wrong) * found.edge**2,
        wrong_products=found.wrong_products + len(bad),
        wrong_elements=found.wrong_elements + sum(wrong),
        first_wrong=first,
        first_wrong_elements=first_elements,
    )


def with_rates(found: BurnIn, batches: Sequence[tuple[int, float]]) -> BurnIn:
    """Add the GFLOP/s of the first and the last quarter of the burn-in.

    `batches` are (matmuls, seconds) in order. A batch belongs to the quarter that contains its
    midpoint.
    """
    total_sec = sum(seconds for _, seconds in batches)
    quarters: tuple[list[tuple[int, float]], ...] = ([], [], [], [])
    end_sec = 0.0
    for batch in batches:
        end_sec += batch[1]
        quarter = int(4 * (end_sec - batch[1] / 2) / total_sec) if total_sec else 0
        quarters[min(quarter, 3)].append(batch)
    gflop = 2 * found.edge**3 / 1e9
    return replace(
        found, first_gflops=_rate(quarters[0], gflop), last_gflops=_rate(quarters[3], gflop)
    )


def _rate(batches: Sequence[tuple[int, float]], gflop: float) -> float | None:
    seconds = sum(seconds for _, seconds in batches)
    return gflop * sum(products for products, _ in batches) / seconds if seconds else None
