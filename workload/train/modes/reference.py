"""The losses to expect of the chapter's loop, by hand in float64, and how far off one may be.

`L = |r|²` for the residuals r of all outputs, so by the triangle inequality `sqrt(L)` of two runs
differs by at most the distance of their residuals. Rounding moves the residuals by a few
`u |r_1|` at the start, where they are largest, and this lasts: the predictions are sums that
cancel down to y, and their rounding errors do not shrink with the loss. Hence for every step

    |sqrt(L) - sqrt(L_ref)| <= lambda u sqrt(L_1),

that is `|L - L_ref| <= 2 lambda u sqrt(L L_1) + lambda² u² L_1`: relative to the loss, plus a
multiple of eps times the first loss, below which two correct runs need not agree.

This holds while both runs agree which ReLUs are open: a flipped one moves the next losses by
hundreds of u. Two ways around it:

- `clear_run`: a small network like `book` on the first data, from a seed on, whose reference
  brings no ReLU so near to zero that rounding could decide it. Measured on a CPU in float32: of
  1000 seeds 522 will do and stay within 1.5 u; the others were up to 322 u off.
- `Reference.allowed`, for any network: what the flips that rounding could bring about would
  change, added up. A unit j that wrongly opens for sample i adds `rate g_ij x_i` to w1 and moves
  the residuals by at most `rate |x xᵀ_i| |g_ij| |w2_j|`. Wide of the mark (some 1000 u; float32
  runs of `book` and `wide` were within 1 u for 100 steps, within 75 u for 500), but no correct
  run is called wrong, and the first steps, before a unit comes near zero, are held tightly.
"""

import itertools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workload.core.tolerances import LAMBDA, matmul_tolerance, unit_roundoff
from workload.core.train_spec import TrainSpec
from workload.train.modes.data import Data, draw

CLEAR_SPEC = TrainSpec(input_size=100, hidden_size=30, learning_rate=1e-5, steps=30)


@dataclass(frozen=True)
class Reference:
    """What to expect of each step, all (steps,) and float64.

    `noise` is what rounding may change of sqrt(loss), `flips` what ReLUs may that it opened or
    closed in earlier steps.
    """

    losses: Tensor
    noise: Tensor
    flips: Tensor

    @property
    def clear(self) -> bool:
        """Whether rounding decides no ReLU."""
        return not bool(self.flips.any())

    @property
    def allowed(self) -> Tensor:
        """How far off sqrt(loss) may be."""
        return self.noise + self.flips


def by_hand(spec: TrainSpec, data: Data, dtype: str) -> Reference:
    """`spec.steps` steps in float64 from `data`, for the sake of a run in `dtype`.

    The gradient is the one that `verify` checks autograd against.
    """
    x, y, w1, w2 = (tensor.detach().cpu().double() for tensor in data)
    doubt_of_pre = matmul_tolerance(dtype, spec.input_size)[1] * x.norm(dim=1)[:, None]
    reach = spec.learning_rate * (x @ x.t()).norm(dim=1)[:, None]
    losses, noise, flips = [], [], [0.0]
    for _ in range(spec.steps):
        pre = x @ w1
        doubt = doubt_of_pre * w1.norm(dim=0)
        h = pre.clamp(min=0)
        r = h @ w2 - y
        losses.append(r.square().sum())
        noise.append(_noise(h, doubt, w2, y, dtype))
        grad_h = 2 * r @ w2.t()
        moved = reach * grad_h.abs() * w2.norm(dim=1)
        flips.append(flips[-1] + float(moved[pre.abs() <= doubt].sum()))
        w2 = w2 - spec.learning_rate * (h.t() @ (2 * r))
        w1 = w1 - spec.learning_rate * (x.t() @ torch.where(pre > 0, grad_h, 0.0))
    return Reference(
        torch.stack(losses), torch.stack(noise), torch.tensor(flips[:-1], dtype=torch.float64)
    )


def _noise(h: Tensor, doubt: Tensor, w2: Tensor, y: Tensor, dtype: str) -> Tensor:
    """How far rounding may move the residuals `h w2 - y`: of the last product, whose sums walk as
    far as `sqrt(h² w2²)`, and of `h`, by `doubt`. That the weights' own rounding adds up over the
    steps is covered by lambda.
    """
    own = (LAMBDA * unit_roundoff(dtype)) ** 2 * (y.square().sum() + _product_of_squares(h, w2))
    return (own + _product_of_squares(doubt, w2)).sqrt()


def _product_of_squares(left: Tensor, right: Tensor) -> Tensor:
    return (left.square() @ right.square()).sum()


def clear_run(dtype: str, torch_dtype: torch.dtype, seed: int) -> tuple[Data, Reference]:
    """Data of CLEAR_SPEC on which rounding decides no ReLU, and what to expect of them."""
    for candidate in itertools.count(seed):
        data = draw(replace(CLEAR_SPEC, seed=candidate), torch_dtype)
        reference = by_hand(CLEAR_SPEC, data, dtype)
        if reference.clear:
            break
    return data, reference
