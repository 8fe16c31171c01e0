"""Is C = A·B? Compared with float64 on the CPU at a cost far below the product's own.

Two tests, both against float64 arithmetic on the inputs as the device holds them:

- element by element, on every row of a small product and on SAMPLED_ROWS of a large one;
- the whole product at once by Freivalds' projection (R. Freivalds, 1977): for a random
  sign vector v, C·v must equal A·(B·v). One wrong element anywhere moves its row's sum.

The element's tolerance is `tolerances.product_tolerance`; a row's projection adds n such
errors with random signs, which grow like the square root of the sum of their squares.
Matrices are read in blocks of at most BLOCK_BYTES of float64, so the check needs little
memory whatever the size.
"""

import torch
from torch import Tensor

from workload.tolerances import half_subnormal, product_tolerance

FULL_CHECK_FLOPS = 4e9  # 0.1 s or less of float64 arithmetic on two cores
SAMPLED_ROWS = 16
BLOCK_BYTES = 32 << 20
# A projection is a sum of many errors, so close to normal: six standard deviations of it
# are exceeded once in 5e8 rows.
PROJECTION_SIGMAS = 6.0


def worst_ratio(a: Tensor, b: Tensor, c: Tensor, dtype: str) -> float | None:
    """The largest error of `c` as a share of its tolerance: at most 1 if the product is right.

    a: (m, k), b: (k, n), c: (m, n), on any device. None if `c` holds a non-finite element.
    """
    if not bool(torch.isfinite(c).all()):
        return None
    return max(_projection_ratio(a, b, c, dtype), _element_ratio(a, b, c, dtype))


def _element_ratio(a: Tensor, b: Tensor, c: Tensor, dtype: str) -> float:
    m, k = a.shape
    n = b.shape[1]
    rows = torch.arange(m)
    if 2 * m * k * n > FULL_CHECK_FLOPS:
        rows = torch.linspace(0, m - 1, min(m, SAMPLED_ROWS)).long()
    u_out, kappa = product_tolerance(dtype, k)
    tiny = half_subnormal(dtype)
    worst = 0.0
    for row_block in torch.split(rows, _rows_per_block(k)):
        a_rows = _reference(a[row_block.to(a.device)])
        a_norm = a_rows.norm(dim=1, keepdim=True)
        c_rows = c[row_block.to(c.device)]
        for start in range(0, n, _rows_per_block(max(k, len(row_block)))):
            columns = slice(start, start + _rows_per_block(max(k, len(row_block))))
            b_columns = _reference(b[:, columns])
            exact = a_rows @ b_columns
            error = (_reference(c_rows[:, columns]) - exact).abs()
            allowed = u_out * exact.abs() + kappa * a_norm * b_columns.norm(dim=0) + tiny
            worst = max(worst, float((error / allowed).max()))
    return worst


def _projection_ratio(a: Tensor, b: Tensor, c: Tensor, dtype: str) -> float:
    m, k = a.shape
    n = b.shape[1]
    u_out, kappa = product_tolerance(dtype, k)
    signs = torch.randint(0, 2, (n,), generator=torch.Generator().manual_seed(n)) * 2.0 - 1.0
    signs = signs.double()
    projected = torch.empty(k, dtype=torch.float64)
    b_squared = 0.0
    for start in range(0, k, _rows_per_block(n)):
        block = _reference(b[start : start + _rows_per_block(n)])
        projected[start : start + len(block)] = block @ signs
        b_squared += float(block.square().sum())
    worst = 0.0
    step = _rows_per_block(max(k, n))
    for start in range(0, m, step):
        a_rows = _reference(a[start : start + step])
        c_rows = _reference(c[start : start + step])
        error = (c_rows @ signs - a_rows @ projected).abs()
        spread = u_out * c_rows.norm(dim=1) + kappa * a_rows.norm(dim=1) * b_squared**0.5
        spread += half_subnormal(dtype) * n**0.5
        worst = max(worst, float((error / (PROJECTION_SIGMAS * spread)).max()))
    return worst


def _rows_per_block(row_length: int) -> int:
    return max(1, BLOCK_BYTES // (8 * row_length))


def _reference(block: Tensor) -> Tensor:
    """`block` on the CPU in float64; exact, since every dtype here is a subset of float64."""
    return block.cpu().double()
