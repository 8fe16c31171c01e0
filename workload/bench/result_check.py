"""Check C = A·B against float64 on the CPU, at a cost far below that of the matmul.

There are two tests, both against float64 arithmetic on the inputs as the device stores them:

- element by element, on every row of a small matmul and on SAMPLED_ROWS of a large one;
- all of C at once by Freivalds' projection (R. Freivalds, 1977): for a random sign vector v,
  C·v must equal A·(B·v). A mismatch in any element changes the sum of its row.

The tolerance of an element is `tolerances.matmul_tolerance`. The projection of a row adds the
errors of its n elements with random signs, so the error of the projection grows like the square
root of the sum of their squares.
Matrices are read in blocks of at most BLOCK_ELEMENTS, so for any shape the check needs little
memory besides B·v. `needed_bytes` returns the amount.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from workload.core.shape import Shape
from workload.core.tolerances import half_subnormal, matmul_tolerance
from workload.hardware.watchdog import watchdog

FULL_CHECK_FLOPS = 4e9  # 0.1 s or less of float64 arithmetic on two cores
SAMPLED_ROWS = 16
BLOCK_ELEMENTS = 1 << 22  # 32 MiB of float64
MAX_EDGE = 1 << 16  # of a block, so that its other edge is at least 64
# A projection is a sum of many errors, so its error is almost normally distributed. It exceeds six
# standard deviations once in 5e8 rows.
PROJECTION_SIGMAS = 6.0


def needed_bytes(shape: Shape, element_bytes: int) -> int:
    """Return the bytes needed for the check: the sampled rows, B·v and some blocks in float64."""
    sampled = min(shape.m, SAMPLED_ROWS) * (shape.k + shape.n) * element_bytes
    return sampled + 8 * (shape.k + min(6 * BLOCK_ELEMENTS, 2 * shape.elements))


def worst_ratio(a: Tensor, b: Tensor, c: Tensor, dtype: str) -> float | None:
    """Return the largest error of `c` as a share of its tolerance: at most 1 if `c` is right.

    a: (m, k), b: (k, n), c: (m, n), on any device. Return None if an element of `c` is not finite.
    """
    projection = _projection_ratio(a, b, c, dtype)
    return None if projection is None else max(projection, _element_ratio(a, b, c, dtype))


def _element_ratio(a: Tensor, b: Tensor, c: Tensor, dtype: str) -> float:
    shape = Shape(a.shape[0], a.shape[1], b.shape[1])
    u_out, kappa = matmul_tolerance(dtype, shape.k)
    worst = 0.0
    for rows in _compared_rows(shape):
        a_rows, c_rows = a[rows], c[rows]
        edge = max(len(a_rows), min(shape.k, MAX_EDGE))
        for columns in _slices(shape.n, BLOCK_ELEMENTS // edge):
            exact, a_norm, b_norm = _exact(a_rows, b[:, columns])
            error = (_reference(c_rows[:, columns]) - exact).abs()
            allowed = u_out * exact.abs() + kappa * a_norm * b_norm + half_subnormal(dtype)
            worst = max(worst, float((error / allowed).max()))
    return worst


def _compared_rows(shape: Shape) -> Iterator[slice | Tensor]:
    """Yield the rows that are compared element by element, in blocks."""
    if shape.flops > FULL_CHECK_FLOPS:
        yield torch.linspace(0, shape.m - 1, min(shape.m, SAMPLED_ROWS)).long()
    else:
        yield from _row_slices(shape)


def _row_slices(shape: Shape) -> Iterator[slice]:
    """Yield slices of rows, each with as many rows as fit in one block of A and in one of C."""
    return _slices(shape.m, BLOCK_ELEMENTS // min(max(shape.k, shape.n), MAX_EDGE))


def _exact(a_rows: Tensor, b_columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Multiply a_rows (r, k) by b_columns (k, s) in float64.

    Return the product, the norms of the rows (r, 1) and the norms of the columns (s).
    """
    exact = torch.zeros(len(a_rows), b_columns.shape[1], dtype=torch.float64)
    a_squared = torch.zeros(len(a_rows), 1, dtype=torch.float64)
    b_squared = torch.zeros(b_columns.shape[1], dtype=torch.float64)
    for inner in _slices(len(b_columns), MAX_EDGE):
        a_block, b_block = _reference(a_rows[:, inner]), _reference(b_columns[inner])
        exact += a_block @ b_block
        a_squared += a_block.square().sum(dim=1, keepdim=True)
        b_squared += b_block.square().sum(dim=0)
    return exact, a_squared.sqrt(), b_squared.sqrt()


def _projection_ratio(a: Tensor, b: Tensor, c: Tensor, dtype: str) -> float | None:
    """Return the largest difference between C·v and A·(B·v) as a share of its tolerance.

    Return None if an element of C·v is not finite.
    """
    shape = Shape(a.shape[0], a.shape[1], b.shape[1])
    u_out, kappa = matmul_tolerance(dtype, shape.k)
    projected, b_squared = _project(b)
    b_norm = float(b_squared.sum().sqrt())
    worst = 0.0
    for rows in _row_slices(shape):
        expected, a_squared = _project(a[rows], projected)
        found, c_squared = _project(c[rows])
        if not bool(torch.isfinite(found).all()):
            return None
        spread = u_out * c_squared.sqrt() + kappa * a_squared.sqrt() * b_norm
        spread += half_subnormal(dtype) * shape.n**0.5
        worst = max(worst, float(((found - expected).abs() / (PROJECTION_SIGMAS * spread)).max()))
    return worst


def _project(matrix: Tensor, vector: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Multiply `matrix` by `vector` in float64, or by random signs if `vector` is None.

    Return the product and the squared norms of the rows.
    """
    product = torch.zeros(len(matrix), dtype=torch.float64)
    squared = torch.zeros_like(product)
    for columns in _slices(matrix.shape[1], MAX_EDGE):
        factor = signs(columns.start, columns.stop) if vector is None else vector[columns]
        for part in _slices(len(product), BLOCK_ELEMENTS // len(factor)):
            block = _reference(matrix[part, columns])
            product[part] += block @ factor
            squared[part] += block.square().sum(dim=1)
    return product, squared


def signs(start: int, stop: int) -> Tensor:
    """Return the random signs of v from `start` to `stop`, the same at each call."""
    generator = torch.Generator().manual_seed(start)
    bits = torch.randint(0, 2, (stop - start,), generator=generator)
    return bits.double() * 2 - 1


def _slices(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _reference(block: Tensor) -> Tensor:
    """Copy `block` to the CPU as float64, which represents every supported dtype exactly."""
    copy = block.cpu()
    watchdog.answered()
    return copy.double()
