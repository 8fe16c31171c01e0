"""The losses of the chapter's training loop, step by step.

`L = |r|^2` for the residuals r of all outputs, so by the triangle inequality `sqrt(L)` of two runs
differs by at most the distance of their residuals. Rounding moves the residuals by a few
`u |r_1|` at the start, where they are largest, and this lasts: the predictions are sums that
cancel down to y, and their rounding errors do not shrink with the loss. Hence for every step

    |sqrt(L) - sqrt(L_ref)| <= lambda u sqrt(L_1),

that is `|L - L_ref| <= 2 lambda u sqrt(L L_1) + lambda^2 u^2 L_1`: relative to the loss, plus a
multiple of eps times the first loss, below which two correct runs need not agree.
Measured on a CPU over 120 steps and 4 seeds: 1.5 u in float32. Truncating inputs is no zero-mean
error, and the first steps amplify it: an emulated TF32 run is 24 u off, so 8 lambda is allowed.

Half precision is left out: the first loss, 3e7, overflows float16.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from workload.results import Check
from workload.tolerances import LAMBDA, unit_roundoff
from workload.train import draw, eager_step
from workload.train_spec import PRESETS
from workload.verify.case import Case

DTYPES = ("float64", "float32", "tf32")
STEPS = 50
TRUNCATION = 8.0
METRIC = "error of sqrt(loss) / sqrt(first loss)"


def checks(case: Case) -> Iterator[Check]:
    """The first STEPS losses of the preset `book`, at the worst step."""
    spec = replace(PRESETS["book"], seed=case.seed)
    x, y, w1, w2 = (tensor.double() for tensor in draw(spec, case.torch_dtype))
    expected = losses_by_hand(x, y, w1, w2, spec.learning_rate)
    computed = _losses(case, (x, y, w1, w2), spec.learning_rate)
    tolerance = LAMBDA * unit_roundoff("float32" if case.dtype == "tf32" else case.dtype)
    if case.dtype == "tf32":
        tolerance = TRUNCATION * LAMBDA * unit_roundoff("tf32")
    error = None
    if bool(torch.isfinite(computed).all()):
        error = float((computed.sqrt() - expected.sqrt()).abs().max() / expected[0].sqrt())
    yield Check(f"training loss, {STEPS} steps", case.dtype, error, tolerance, METRIC)


def _losses(
    case: Case, data: tuple[Tensor, Tensor, Tensor, Tensor], learning_rate: float
) -> Tensor:
    """The loop of `workload train` on the device, its losses read once, at the end."""
    x, y, w1, w2 = (case.place(tensor) for tensor in data)
    w1, w2 = w1.requires_grad_(), w2.requires_grad_()
    losses = [eager_step(x, y, w1, w2, learning_rate) for _ in range(STEPS)]
    return torch.stack(losses).cpu().double()


def losses_by_hand(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, learning_rate: float) -> Tensor:
    """(STEPS,): the losses in float64 with the gradient that `autograd` derives."""
    losses = []
    for _ in range(STEPS):
        pre = x @ w1
        h = pre.clamp(min=0)
        r = h @ w2 - y
        losses.append(r.square().sum())
        grad_pre = torch.where(pre > 0, 2 * r @ w2.t(), 0.0)
        w1, w2 = w1 - learning_rate * (x.t() @ grad_pre), w2 - learning_rate * (h.t() @ (2 * r))
    return torch.stack(losses)
