"""Check whether two training runs with the same options have the same losses."""

import math
from collections.abc import Sequence

from workload.core.models.model import Model, derive
from workload.core.models.train import TrainResult
from workload.core.shape import shape_label
from workload.core.train_case import spec_of

# Two correct float32 runs differ by a few rounding errors until rounding switches a ReLU in one of
# them. After that, 500 steps of `book` differed from float64 by at most 2.2e-4 (3 of 300 seeds,
# measured on a CPU). A run in bfloat16 differs by more than 1e-2.
LOSS_TOLERANCE = 1e-3


class Disagreement(Model, frozen=True):
    """The difference between two loss trajectories, in the metric of `verify`'s trajectory check.

    `error` is the largest |sqrt(baseline) - sqrt(candidate)| / sqrt(first loss). Two correct runs
    stay within `tolerance`, which is LOSS_TOLERANCE.
    """

    name: str
    error: float | None  # None: see loss_disagreement
    tolerance: float = LOSS_TOLERANCE
    ok: bool = False  # derived: whether the error is within the tolerance

    def __post_init__(self) -> None:
        """Derive the verdict."""
        derive(self, ok=self.error is not None and self.error <= self.tolerance)

    @property
    def share(self) -> float:
        """The error as a share of the tolerance; infinite if the error is None."""
        return math.inf if self.error is None else self.error / self.tolerance


def disagreements(
    baseline: Sequence[TrainResult], candidate: Sequence[TrainResult]
) -> list[Disagreement]:
    """Compare the training runs whose options, except the steps, are the same on both sides.

    If a side repeated a run, the first run of each side is compared with all such runs of the other
    side. Only the comparison with the largest error is returned.
    """
    ours, theirs = _by_identity(baseline), _by_identity(candidate)
    return [
        max(
            _disagreements(ours[identity], theirs[identity]),
            key=lambda disagreement: disagreement.share,
        )
        for identity in ours
        if identity in theirs
    ]


def loss_disagreement(a: tuple[float | None, ...], b: tuple[float | None, ...]) -> float | None:
    """Return the largest |sqrt(a) - sqrt(b)| / sqrt(first loss of a) of the steps in both runs.

    Return None if a loss is not finite, or if the first loss of `a` is 0 and the runs differ.
    """
    if a == b and None not in a:
        return 0.0
    shared = list(zip(a, b, strict=False))
    values = [(one, other) for one, other in shared if one is not None and other is not None]
    if len(values) < len(shared) or not values or not values[0][0]:
        return None
    return max(abs(math.sqrt(one) - math.sqrt(other)) for one, other in values) / math.sqrt(
        values[0][0]
    )


def _by_identity(results: Sequence[TrainResult]) -> dict[tuple[object, ...], list[TrainResult]]:
    """Group the runs by all options except the number of steps; skip runs without losses."""
    groups: dict[tuple[object, ...], list[TrainResult]] = {}
    for result in results:
        identity = (result.mode, *(vars(spec_of(result)) | {"steps": None}).values())
        if result.losses:
            groups.setdefault(identity, []).append(result)
    return groups


def _disagreements(a: list[TrainResult], b: list[TrainResult]) -> list[Disagreement]:
    pairs = [(a[0], other) for other in b] + [(one, b[0]) for one in a[1:]]
    return [
        Disagreement(_name(one), loss_disagreement(one.losses, other.losses))
        for one, other in pairs
    ]


def _name(result: TrainResult) -> str:
    spec = spec_of(result)
    shape = (spec.batch_size, spec.input_size, spec.hidden_size, spec.output_size)
    return f"train {result.preset or shape_label(shape)} {result.mode} {spec.dtype}"
