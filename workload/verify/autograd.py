"""Check autograd on the loss of the example network against a gradient derived by hand.

With `pre = x w1`, `h = max(pre, 0)`, `r = h w2 - y` and the loss `L = sum(r^2)`:

    dL/dr = 2 r        dL/dw2 = h^T (2 r)
    dL/dh = 2 r w2^T   dL/dpre = dL/dh where pre > 0, else 0     dL/dw1 = x^T dL/dpre

`bounded` propagates the tolerance through these equations. If `pre` is so close to zero that a
correct device may compute either sign, |dL/dh| is added to the tolerance of dL/dpre.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from workload.core.models.verify import VerifyResult
from workload.verify.bounded import Bounded, exact, matmul, rounded, subtract
from workload.verify.case import VerifyCase

BATCH, INPUT, HIDDEN, OUTPUT = 33, 64, 47, 10


def checks(case: VerifyCase) -> Iterator[VerifyResult]:
    """Check the loss and the gradients of both weights.

    The weights are scaled so that the loss stays far below float16's largest number.
    """
    x, y = case.draw(BATCH, INPUT), case.draw(BATCH, OUTPUT)
    w1 = case.round(case.draw(INPUT, HIDDEN) / INPUT**0.5)
    w2 = case.round(case.draw(HIDDEN, OUTPUT) / HIDDEN**0.5)
    loss, *gradients = loss_and_gradients(*(case.place(tensor) for tensor in (x, y, w1, w2)))
    expected_loss, *expected = expected_loss_and_gradients(x, y, w1, w2, case.dtype)
    yield case.judge("two-layer loss", loss, expected_loss)
    for name, gradient, by_hand in zip(("w1", "w2"), gradients, expected, strict=True):
        yield case.judge(f"autograd, gradient of {name}", gradient, by_hand)


def loss_and_gradients(
    x: Tensor, y: Tensor, w1: Tensor, w2: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the loss, and its gradients with autograd."""
    w1, w2 = w1.requires_grad_(), w2.requires_grad_()
    y_pred = x.mm(w1).clamp(min=0).mm(w2)
    loss = (y_pred - y).pow(2).sum()
    grad_w1, grad_w2 = torch.autograd.grad(loss, (w1, w2))
    return loss, grad_w1, grad_w2


def expected_loss_and_gradients(
    x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, dtype: str
) -> tuple[Bounded, Bounded, Bounded]:
    """Compute the loss and the gradients by hand in float64, with tolerances for `dtype`."""
    pre = matmul(exact(x), exact(w1), dtype)
    h = Bounded(pre.value.clamp(min=0), pre.error, pre.deviation)
    r = subtract(matmul(h, exact(w2), dtype), exact(y), dtype)
    grad_r = r.map(lambda elements: 2 * elements)
    grad_h = matmul(grad_r, exact(w2.t()), dtype)
    unsure = torch.where(pre.value.abs() <= pre.error, grad_h.value.abs(), 0.0)
    grad_pre = Bounded(
        torch.where(pre.value > 0, grad_h.value, 0.0),
        grad_h.error + unsure,
        grad_h.deviation + unsure,
    )
    grad_w1 = matmul(exact(x.t()), grad_pre, dtype)
    grad_w2 = matmul(h.map(Tensor.t), grad_r, dtype)
    return _sum_of_squares(r, dtype), grad_w1, grad_w2


def _sum_of_squares(r: Bounded, dtype: str) -> Bounded:
    """Round the squares to the dtype, then sum them by a matmul with ones."""
    squares = rounded(r.value.square(), dtype, 2 * r.value.abs() * r.deviation)
    row = squares.map(lambda elements: elements.reshape(1, -1))
    ones = exact(torch.ones(row.value.shape[1], 1, dtype=torch.float64))
    return matmul(row, ones, dtype).map(Tensor.squeeze)
