"""Compute the expected losses of the example network in float64, and their tolerances.

The gradients are derived by hand. Below, `u` is the unit roundoff of the dtype and `lambda` is
LAMBDA; `core.tolerances` describes both.

`L = |r|²` for the residuals r of all outputs, so by the triangle inequality `sqrt(L)` of two runs
differs by at most the distance between their residuals. Rounding changes the residuals by a few
`u |r_1|` at the start, where they are largest, and these errors stay: the predictions are sums that
cancel down to y, and their rounding errors do not shrink with the loss. Hence for every step

    |sqrt(L) - sqrt(L_ref)| <= lambda u sqrt(L_1),

that is `|L - L_ref| <= 2 lambda u sqrt(L L_1) + lambda² u² L_1`. Two correct runs need not agree on
a loss below the second term.

This holds while the same ReLUs are active in both runs. A ReLU that rounding flips changes the next
losses by hundreds of u. There are two ways to handle this:

- `clear_run` uses a network smaller than `book`. It takes the data of the first seed with which all
  inputs of ReLUs in the reference are too far from zero for rounding to flip a ReLU. Measured on a
  CPU in float32: 522 of 1000 seeds qualify, with errors of at most 1.5 u; with the other seeds, the
  errors were up to 322 u.
- `Reference.allowed`, for any network, includes the sum of the changes of sqrt(L) by all flips that
  rounding could cause. A unit j that is wrongly active for sample i adds `rate g_ij x_i` to w1 and
  changes the residuals by at most `rate |x xᵀ_i| |g_ij| |w2_j|`. This bound is loose: about 1000 u,
  while float32 runs of `book` and `wide` were within 1 u for 100 steps and within 75 u for 500. But
  no correct run fails, and the tolerance is tight for the first steps, before a unit comes close to
  zero.
"""

import itertools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workload.core.tolerances import LAMBDA, matmul_tolerance, unit_roundoff
from workload.core.train_spec import TrainSpec
from workload.train.modes.mode import Data, draw

CLEAR_SPEC = TrainSpec(input_size=100, hidden_size=30, learning_rate=1e-5, steps=30)


@dataclass(frozen=True)
class Reference:
    """The expected loss of each step and its tolerance. All tensors are (steps,) and float64.

    `noise` is the largest change of sqrt(loss) that rounding may cause directly. `flips` is the
    largest change by ReLUs that rounding may have flipped in earlier steps.
    """

    losses: Tensor
    noise: Tensor
    flips: Tensor

    @property
    def clear(self) -> bool:
        """Return whether rounding cannot flip any ReLU."""
        return not bool(self.flips.any())

    @property
    def allowed(self) -> Tensor:
        """Return the tolerance of sqrt(loss)."""
        return self.noise + self.flips


def by_hand(spec: TrainSpec, data: Data) -> Reference:
    """Do `spec.steps` steps in float64 from `data`; return the reference of a run in `spec.dtype`.

    `workload.verify.autograd` checks autograd against the same formulas for the gradients.
    """
    x, y, w1, w2 = (tensor.detach().cpu().double() for tensor in data)
    uncertainty_of_pre = matmul_tolerance(spec.dtype, spec.input_size)[1] * x.norm(dim=1)[:, None]
    reach = spec.learning_rate * (x @ x.t()).norm(dim=1)[:, None]
    losses, noise, flips = [], [], [0.0]
    for _ in range(spec.steps):
        pre = x @ w1
        uncertainty = uncertainty_of_pre * w1.norm(dim=0)
        h = pre.clamp(min=0)
        r = h @ w2 - y
        losses.append(r.square().sum())
        noise.append(_noise(h, uncertainty, w2, y, spec.dtype))
        grad_h = 2 * r @ w2.t()
        moved = reach * grad_h.abs() * w2.norm(dim=1)
        flips.append(flips[-1] + float(moved[pre.abs() <= uncertainty].sum()))
        w2 = w2 - spec.learning_rate * (h.t() @ (2 * r))
        w1 = w1 - spec.learning_rate * (x.t() @ torch.where(pre > 0, grad_h, 0.0))
    return Reference(
        torch.stack(losses), torch.stack(noise), torch.tensor(flips[:-1], dtype=torch.float64)
    )


def _noise(h: Tensor, uncertainty: Tensor, w2: Tensor, y: Tensor, dtype: str) -> Tensor:
    """Return how much rounding may change the residuals `h w2 - y`.

    Rounding changes `h` by at most `uncertainty`. It also affects the last matmul, whose partial
    sums are about `sqrt(h² w2²)`. LAMBDA allows for the rounding of the weights, which adds up over
    the steps.
    """
    own = (LAMBDA * unit_roundoff(dtype)) ** 2 * (
        y.square().sum() + _sum_of_squared_products(h, w2)
    )
    return (own + _sum_of_squared_products(uncertainty, w2)).sqrt()


def _sum_of_squared_products(left: Tensor, right: Tensor) -> Tensor:
    return (left.square() @ right.square()).sum()


def clear_run(dtype: str, seed: int) -> tuple[Data, Reference]:
    """Return data for CLEAR_SPEC with which rounding flips no ReLU, and the reference."""
    for candidate in itertools.count(seed):
        spec = replace(CLEAR_SPEC, dtype=dtype, seed=candidate)
        data = draw(spec)
        reference = by_hand(spec, data)
        if reference.clear:
            break
    return data, reference
