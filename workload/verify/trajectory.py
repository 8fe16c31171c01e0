"""The losses of the chapter's training loop, step by step, on a small network like `book`.

`L = |r|^2` for the residuals r of all outputs, so by the triangle inequality `sqrt(L)` of two runs
differs by at most the distance of their residuals. Rounding moves the residuals by a few
`u |r_1|` at the start, where they are largest, and this lasts: the predictions are sums that
cancel down to y, and their rounding errors do not shrink with the loss. Hence for every step

    |sqrt(L) - sqrt(L_ref)| <= lambda u sqrt(L_1),

that is `|L - L_ref| <= 2 lambda u sqrt(L L_1) + lambda^2 u^2 L_1`: relative to the loss, plus a
multiple of eps times the first loss, below which two correct runs need not agree.

This holds while both runs agree which ReLUs are open: a flipped one moves the next losses by
hundreds of u. So the data are the first, from the seed on, whose reference brings no ReLU so
near to zero that rounding could decide it. Measured on a CPU in float32: of 1000 seeds 522
will do and stay within 1.5 u; the others were up to 322 u off.

Left out: tf32, whose rounding decides some ReLU in nearly every step, and half precision, where
the losses of `book` overflow float16.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from workload.results import Check
from workload.tolerances import LAMBDA, product_tolerance, unit_roundoff
from workload.train import draw, eager_step
from workload.train_spec import TrainSpec
from workload.verify.case import Case

DTYPES = ("float64", "float32")
SPEC = TrainSpec(input_size=100, hidden_size=30, learning_rate=1e-5, steps=30)
METRIC = "error of sqrt(loss) / sqrt(first loss)"

Data = tuple[Tensor, Tensor, Tensor, Tensor]  # x, y, w1, w2


def checks(case: Case) -> Iterator[Check]:
    """The losses of SPEC at the worst step."""
    data, expected = clear_run(case)
    computed = _losses(case, data)
    error = None
    if bool(torch.isfinite(computed).all()):
        error = float((computed.sqrt() - expected.sqrt()).abs().max() / expected[0].sqrt())
    tolerance = LAMBDA * unit_roundoff(case.dtype)
    yield Check(f"training loss, {SPEC.steps} steps", case.dtype, error, tolerance, METRIC)


def clear_run(case: Case) -> tuple[Data, Tensor]:
    """Data on which rounding decides no ReLU, and the losses to expect of them, (steps,)."""
    for seed in itertools.count(case.seed):
        drawn = draw(replace(SPEC, seed=seed), case.torch_dtype)
        x, y, w1, w2 = (tensor.double() for tensor in drawn)
        losses, clear = losses_by_hand(x, y, w1, w2, case.dtype)
        if clear:
            break
    return (x, y, w1, w2), losses


def losses_by_hand(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, dtype: str) -> tuple[Tensor, bool]:
    """(steps,) losses in float64, with the gradient that `autograd` derives; whether it is clear
    throughout, for a run in `dtype`, which ReLUs are open.
    """
    _, kappa = product_tolerance(dtype, x.shape[1])
    losses, clear = [], True
    for _ in range(SPEC.steps):
        pre = x @ w1
        doubt = kappa * x.norm(dim=1)[:, None] * w1.norm(dim=0)
        clear = clear and bool((pre.abs() > doubt).all())
        h = pre.clamp(min=0)
        r = h @ w2 - y
        losses.append(r.square().sum())
        grad_pre = torch.where(pre > 0, 2 * r @ w2.t(), 0.0)
        grad_w2 = h.t() @ (2 * r)
        w1 = w1 - SPEC.learning_rate * (x.t() @ grad_pre)
        w2 = w2 - SPEC.learning_rate * grad_w2
    return torch.stack(losses), clear


def _losses(case: Case, data: Data) -> Tensor:
    """The loop of `workload train` on the device, its losses read once, at the end."""
    x, y, w1, w2 = (case.place(tensor) for tensor in data)
    w1, w2 = w1.requires_grad_(), w2.requires_grad_()
    losses = [eager_step(x, y, w1, w2, SPEC.learning_rate) for _ in range(SPEC.steps)]
    return torch.stack(losses).cpu().double()
