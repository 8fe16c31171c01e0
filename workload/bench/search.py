"""The fastest shape of a grid, found with a small part of the measurements of a full scan.

Best-first search. A few shapes spread over the grid begin; from then on the next shape is a
neighbour of the fastest one measured so far that has an untried neighbour. Neighbours differ in
one edge, by one or two steps of the grid; among them the one goes first whose own measured
neighbours are fastest on average.

Why it works: a product's speed depends mostly on each edge by itself (whether it fills the
tiles, hides the launch, fits the cache), so a fast shape's neighbours keep two of its three
good edges. The second step jumps over a misaligned edge. A lucky reading or a local maximum
costs a dozen evaluations at most: then its neighbours are tried, and the next best is next.

What is not covered: a fast shape far from all other fast ones is found by chance only, and one
on the border of what is refused late, since only two edges changed at once lead along it.
Pure: `evaluate` measures, and a test gives recorded rates instead (tests/landscapes).
"""

import itertools
import random
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from workload.core.cases import Shape

# A shape's GFLOP/s, or None where it does not fit or was not run.
Evaluate = Callable[[Shape], float | None]

AXES = ("m", "k", "n")
# Of the grid: with so many evaluations the search comes within a percent of the best of recorded
# landscapes (tests/unit/bench/test_search.py).
EVALUATED_SHARE = 0.05
# Steps along one axis that still make a neighbour.
REACH = 2
# What the spread start takes of the evaluations. Little: the neighbours teach more.
START_SHARE = 0.1
# Powers of two, multiples of 64, of 32 and of 4 only: aligned and misaligned, thin and thick.
DEFAULT_EDGES = {
    "cpu": (64, 100, 192, 320, 500, 768, 1024, 1500, 2048, 4096),
    "cuda": (256, 512, 1000, 2048, 3072, 4096, 5120, 8192, 12288, 16384),
}


@dataclass(frozen=True)
class Evaluation:
    """One measurement of a search: `gflops` is None where the shape was not run."""

    shape: Shape
    gflops: float | None


@dataclass(frozen=True)
class SearchResult:
    """All evaluations in order, none of a shape twice."""

    trace: tuple[Evaluation, ...]

    @property
    def best(self) -> Evaluation | None:
        """The fastest evaluation, or None if no shape ran.

        The largest of many readings is more often too high than too low: `confirm` it.
        """
        return next(iter(self.fastest(1)), None)

    def fastest(self, count: int) -> tuple[Evaluation, ...]:
        """Up to `count` evaluations, fastest first."""
        return tuple(_by_rate(self.trace)[:count])


def cube(edges: Sequence[int]) -> tuple[Shape, ...]:
    """Every shape whose three edges are among `edges`."""
    return tuple(Shape(*shape) for shape in itertools.product(edges, repeat=3))


def search(
    grid: Collection[Shape],
    evaluate: Evaluate,
    max_evaluations: int,
    seed: int = 0,
    enough: Callable[[], bool] = lambda: False,
) -> SearchResult:
    """Evaluate up to `max_evaluations` shapes of `grid`, chosen by what the earlier ones gave.

    Refused shapes count too. `enough`, asked before each evaluation, ends the search early:
    where the time is spent, for one. The order follows from `seed` and the rates alone.
    """
    rng = random.Random(seed)  # noqa: S311  no secret
    axes = _Axes(grid)
    spread = _spread(axes, rng)
    start = round(START_SHARE * max_evaluations)
    trace: list[Evaluation] = []
    while len(trace) < min(max_evaluations, len(axes.shapes)) and not enough():
        tried = {evaluation.shape for evaluation in trace}
        shape = _promising(axes, trace, tried) if len(trace) >= start else None
        shape = shape or next(shape for shape in spread if shape not in tried)
        trace.append(Evaluation(shape, evaluate(shape)))
    return SearchResult(tuple(trace))


def confirm(shapes: Sequence[Shape], evaluate: Evaluate, rounds: int) -> tuple[Evaluation, ...]:
    """Measure `shapes` anew in alternation; the median rate of each, fastest first.

    Each round starts at another shape, so that none always follows the same one.
    """
    rates: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    order = deque(rates)
    for _ in range(rounds):
        for shape in order:
            rate = evaluate(shape)
            if rate is not None:
                rates[shape].append(rate)
        order.rotate(-1)
    medians = [Evaluation(shape, median(row)) for shape, row in rates.items() if row]
    return tuple(_by_rate(medians))


class _Axes:
    """The grid as steps along its three axes; it may have holes."""

    def __init__(self, grid: Collection[Shape]) -> None:
        self.shapes = frozenset(grid)
        self.edges = {
            axis: sorted({getattr(shape, axis) for shape in self.shapes}) for axis in AXES
        }

    def neighbours(self, shape: Shape) -> list[Shape]:
        """The shapes that differ in one edge, by at most REACH steps, in a fixed order."""
        around: list[Shape] = []
        for axis, edges in self.edges.items():
            at = edges.index(getattr(shape, axis))
            near = edges[max(0, at - REACH) : at + REACH + 1]
            around += [replace(shape, **{axis: edge}) for edge in near]
        return [other for other in around if other in self.shapes and other != shape]


def _spread(axes: _Axes, rng: random.Random) -> Iterator[Shape]:
    """First a Latin hypercube: each edge of the longest axis once, of a shorter one as often
    as needed. Then every shape, at random.
    """
    length = max(map(len, axes.edges.values()))
    columns = [[edges[i % len(edges)] for i in range(length)] for edges in axes.edges.values()]
    for column in columns:
        rng.shuffle(column)
    hypercube = (Shape(*point) for point in zip(*columns, strict=True))
    yield from (shape for shape in hypercube if shape in axes.shapes)
    rest = sorted(axes.shapes, key=lambda shape: (shape.m, shape.k, shape.n))
    yield from rng.sample(rest, len(rest))


def _promising(axes: _Axes, trace: list[Evaluation], tried: set[Shape]) -> Shape | None:
    """The most promising untried neighbour of the fastest shape that has one."""
    rates = {evaluation.shape: evaluation.gflops for evaluation in _by_rate(trace)}

    def promise(shape: Shape) -> float:
        return fmean(rates[other] or 0 for other in axes.neighbours(shape) if other in rates)

    for fast in rates:
        untried = [shape for shape in axes.neighbours(fast) if shape not in tried]
        if untried:
            return max(untried, key=promise)
    return None


def _by_rate(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Those that ran, fastest first."""
    ran = [evaluation for evaluation in evaluations if evaluation.gflops]
    return sorted(ran, key=lambda evaluation: -(evaluation.gflops or 0))
