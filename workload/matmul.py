"""GFLOP/s of matrix products: each fits, is right, and only then is timed."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from workload import devices, product_check
from workload.errors import first_line
from workload.results import CaseStatus, DeviceInfo, MatmulCase, Shape
from workload.timing import MIN_SAMPLES, measure
from workload.units import DTYPE_BYTES, format_bytes, format_seconds

# Writes the product of the first two matrices into the third: no allocation is timed.
Multiply = Callable[[Tensor, Tensor, Tensor], object]

# 512 and 1024 show what launches and caches cost, the largest comes close to the peak.
DEFAULT_SIZES = {"cpu": (512, 1024, 2048, 4096), "cuda": (1024, 2048, 4096, 8192)}
SEED = 0
# Beside the matrices and the check: the library's workspace (cuBLAS takes 32 MiB on Hopper)
# and what PyTorch loads late. With a tenth on top no measured peak exceeded the sum, from
# 600 to vectors of 1e8 (CPU, torch 2.13).
EXTRA_BYTES = 128 << 20
AIR = 1.1
# Probes grow while the next, judged by the last, costs no more than this share of what the case
# may cost. Usually it costs less: waiting threads make small products look slow.
PROBE_SHARE = 0.2
SMALLEST_PROBE = 128
# The best of several calls: the first loads kernels, and on a busy machine any may wait.
PROBE_CALLS = 5


def run_cases(
    shapes: Sequence[Shape],
    dtypes: Sequence[str],
    device: DeviceInfo,
    budget_sec: float,
    multiply: Multiply | None = None,
) -> Iterator[MatmulCase]:
    """One case for each shape and dtype, within `budget_sec` in all.

    The budget left is shared evenly among the cases left, so a case that needs little
    leaves more to the others.
    """
    deadline = time.monotonic() + budget_sec
    pending = [(shape, dtype) for shape in shapes for dtype in dtypes]
    for index, (shape, dtype) in enumerate(pending):
        share_sec = max(0.0, deadline - time.monotonic()) / (len(pending) - index)
        yield run_case(shape, dtype, device, share_sec, multiply)


def run_case(
    shape: Shape,
    dtype: str,
    device: DeviceInfo,
    budget_sec: float,
    multiply: Multiply | None = None,
) -> MatmulCase:
    """Refuse, estimate, check and time one product, in that order.

    `multiply` replaces torch.mm in tests. Running out of memory despite the estimate is a
    refusal too.
    """
    case = MatmulCase(shape.m, shape.k, shape.n, dtype, CaseStatus.OK)
    no_tf32 = devices.tf32_problem(device) if dtype == "tf32" else None
    if no_tf32:
        return replace(case, status=CaseStatus.NOT_APPLICABLE, reason=no_tf32)
    too_large = memory_problem(shape, dtype, device)
    if too_large:
        return replace(case, status=CaseStatus.REFUSED, reason=too_large)
    multiply = multiply or _multiply
    try:
        devices.set_tf32(dtype == "tf32")
        estimate_sec = _estimate_sec(shape, dtype, device, budget_sec, multiply)
        if estimate_sec > budget_sec:
            reason = (
                f"would take about {format_seconds(estimate_sec)}, "
                f"its share of the budget is {format_seconds(budget_sec)}"
            )
            return replace(case, status=CaseStatus.NOT_RUN, reason=reason)
        return _checked_and_timed(case, shape, device, budget_sec, multiply)
    except (RuntimeError, MemoryError) as error:
        if not devices.is_out_of_memory(error):
            raise
        reason = f"out of memory: {first_line(error)}"
        return replace(case, status=CaseStatus.REFUSED, reason=reason)
    finally:
        devices.set_tf32(False)


def needed_bytes(shape: Shape, dtype: str, device: DeviceInfo) -> int:
    """Memory of the three matrices, the library's copies and the check.

    CPU libraries repack both inputs of 16-bit products, at worst into float32.
    """
    size = DTYPE_BYTES[dtype]
    inputs = shape.m * shape.k + shape.k * shape.n
    repacked = 4 * inputs if device.kind == "cpu" and size == 2 else 0  # noqa: PLR2004
    matrices = size * (inputs + shape.m * shape.n)
    check = product_check.needed_bytes(shape, size)
    return round(AIR * (matrices + repacked + check)) + EXTRA_BYTES


def memory_problem(shape: Shape, dtype: str, device: DeviceInfo) -> str | None:
    """Why the product does not fit the memory, with both numbers; None if it does."""
    available = devices.available_bytes(device)
    needed = needed_bytes(shape, dtype, device)
    if available is None or needed <= available:
        return None
    return f"needs {format_bytes(needed)} of memory, {format_bytes(available)} is available"


def default_shapes(device: DeviceInfo) -> list[Shape]:
    """The default sizes that fit the memory in every dtype, at least the smallest.

    Nobody asked for these sizes, so a small container is not unfit for lacking room.
    """
    shapes = [Shape(size, size, size) for size in DEFAULT_SIZES[device.kind]]
    fitting = [shape for shape in shapes if memory_problem(shape, "float64", device) is None]
    return fitting or shapes[:1]


def _estimate_sec(
    shape: Shape, dtype: str, device: DeviceInfo, budget_sec: float, multiply: Multiply
) -> float:
    """Seconds that computing the products will take, from products of growing size.

    A small product is a poor guide to a large one (launch overhead, cold libraries), so the
    probe doubles until the next, of eight times the work and two calls, would cost PROBE_SHARE
    of the budget, or be the shape itself. Comparing with float64 comes on top; it is cheap
    wherever the product is not.
    """
    products = 2 + MIN_SAMPLES  # checked, warmed up, timed
    edge = SMALLEST_PROBE
    while True:
        probe = Shape(min(shape.m, edge), min(shape.k, edge), min(shape.n, edge))
        limit_sec = budget_sec * PROBE_SHARE
        probe_sec = _probe_sec(probe, dtype, device, multiply, limit_sec)
        if 8 * probe.flops >= shape.flops or 2 * 8 * probe_sec > limit_sec:
            return products * probe_sec * shape.flops / probe.flops
        edge *= 2


def _probe_sec(
    shape: Shape, dtype: str, device: DeviceInfo, multiply: Multiply, limit_sec: float
) -> float:
    """Seconds of one product: the best of PROBE_CALLS, or of two where those take too long."""
    a, b, c = _matrices(shape, dtype, device)
    calls_sec: list[float] = []
    while len(calls_sec) < 2 or (len(calls_sec) < PROBE_CALLS and sum(calls_sec) < limit_sec):  # noqa: PLR2004  see above
        devices.synchronize(device)
        started = time.perf_counter()
        multiply(a, b, c)
        devices.synchronize(device)
        calls_sec.append(time.perf_counter() - started)
    return min(calls_sec)


def _checked_and_timed(
    case: MatmulCase, shape: Shape, device: DeviceInfo, budget_sec: float, multiply: Multiply
) -> MatmulCase:
    a, b, c = _matrices(shape, case.dtype, device)
    multiply(a, b, c)
    ratio = product_check.worst_ratio(a, b, c, case.dtype)
    case = replace(case, error_share=ratio)
    if ratio is None:
        return replace(case, status=CaseStatus.WRONG, reason="the product is not finite")
    if ratio > 1:
        reason = f"the product is off by {ratio:.3g} times its tolerance"
        return replace(case, status=CaseStatus.WRONG, reason=reason)
    timing = measure(lambda: multiply(a, b, c), device, budget_sec)
    return replace(case, samples_sec=timing.samples_sec, timer=timing.timer)


def _matrices(shape: Shape, dtype: str, device: DeviceInfo) -> tuple[Tensor, Tensor, Tensor]:
    """Two normal random inputs, since constants draw less power and score higher, and an
    output full of NaN, so that an element nobody writes is found.
    """
    where = devices.torch_device(device)
    generator = torch.Generator(device=where).manual_seed(SEED)
    torch_dtype = devices.torch_dtype(dtype)
    a, b = (
        torch.randn(rows, columns, generator=generator, device=where, dtype=torch_dtype)
        for rows, columns in ((shape.m, shape.k), (shape.k, shape.n))
    )
    return a, b, torch.full((shape.m, shape.n), math.nan, device=where, dtype=torch_dtype)


def _multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    torch.mm(a, b, out=out)


def no_case_ran(cases: Iterable[MatmulCase]) -> bool:
    """Whether not a single product was computed."""
    return not any(case.status in (CaseStatus.OK, CaseStatus.WRONG) for case in cases)
