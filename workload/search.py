"""The fastest shape of a grid, found with a small part of the measurements of a full scan.

Best-first search. A spread start sees every edge of every axis; from then on the next shape
is always a neighbour of the fastest one measured so far that has an untried neighbour.
Neighbours differ in one edge, by one or two steps of the grid; among them the one goes first
whose edges did best so far.

Why it works: a product's speed depends mostly on each edge by itself (whether it fills the
tiles, hides the launch, fits the cache), so a fast shape's neighbours share two of its three
good edges. The second step jumps over a misaligned edge. A lucky reading or a local maximum
costs a dozen evaluations at worst: then its neighbours are tried, and the next best is next.

What is not covered: a fast shape far from all other fast ones is found by chance only.
Pure: `evaluate` measures, and a test gives recorded rates instead (tests/landscapes).
"""

import itertools
import math
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from workload.cases import Shape

# A shape's GFLOP/s, or None where it does not fit or was not run.
Evaluate = Callable[[Shape], float | None]
Edges = tuple[int, int, int]

# Steps along one axis that still make a neighbour.
REACH = 2
# The spread start may take this share of the evaluations.
START_SHARE = 0.4
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
    start = min(10**9 * max(map(len, axes.edges), default=0), round(START_SHARE * max_evaluations))
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
    for number in range(rounds):
        first = number % len(shapes)
        for shape in (*shapes[first:], *shapes[:first]):
            rate = evaluate(shape)
            if rate is not None:
                rates[shape].append(rate)
    medians = [Evaluation(shape, median(row)) for shape, row in rates.items() if row]
    return tuple(_by_rate(medians))


class _Axes:
    """The grid as steps along its three axes; it may have holes."""

    def __init__(self, grid: Collection[Shape]) -> None:
        self.shapes = frozenset(grid)
        points = [(shape.m, shape.k, shape.n) for shape in self.shapes]
        self.edges = [sorted(set(axis)) for axis in zip(*points, strict=True)]

    def neighbours(self, shape: Shape) -> list[Shape]:
        """The shapes that differ in one edge, by at most REACH steps, in a fixed order."""
        point = (shape.m, shape.k, shape.n)
        found = []
        for axis, edges in enumerate(self.edges):
            at = edges.index(point[axis])
            for edge in edges[max(0, at - REACH) : at + REACH + 1]:
                found.append(Shape(*point[:axis], edge, *point[axis + 1 :]))
        return [other for other in found if other in self.shapes and other != shape]


def _spread(axes: _Axes, rng: random.Random) -> Iterator[Shape]:
    """First a Latin hypercube: each edge of the longest axis once, of a shorter one as often
    as needed. Then every shape, at random.
    """
    length = max(map(len, axes.edges), default=0)
    columns = [[edges[i % len(edges)] for i in range(length)] for edges in axes.edges]
    for column in columns:
        rng.shuffle(column)
    hypercube = (Shape(*point) for point in zip(*columns, strict=True))
    yield from (shape for shape in hypercube if shape in axes.shapes)
    rest = sorted(axes.shapes, key=lambda shape: (shape.m, shape.k, shape.n))
    yield from rng.sample(rest, len(rest))


def _promising(axes: _Axes, trace: list[Evaluation], tried: set[Shape]) -> Shape | None:
    """The best untried neighbour of the fastest shape that has one."""
    ranked = _by_rate(trace)
    untried = (
        [other for other in axes.neighbours(evaluation.shape) if other not in tried]
        for evaluation in ranked
    )
    around = next(filter(None, untried), None)
    return max(around, key=_promise(ranked)) if around else None


def _promise(ranked: list[Evaluation]) -> Callable[[Shape], float]:
    """How well a shape's edges did: the sum over axes of what an edge gains on the mean.

    In logarithms, where effects that multiply add up, and divided by one reading more than
    there are, so that an edge seen once weighs less.
    """
    logs = [(evaluation.shape, math.log(evaluation.gflops or 0)) for evaluation in ranked]
    mean = fmean(log for _, log in logs)
    gains: dict[tuple[str, int], list[float]] = {}
    for shape, log in logs:
        for edge in _named_edges(shape):
            gains.setdefault(edge, []).append(log - mean)
    gain = {edge: sum(row) / (len(row) + 1) for edge, row in gains.items()}
    return lambda shape: sum(gain.get(edge, 0.0) for edge in _named_edges(shape))


def _named_edges(shape: Shape) -> tuple[tuple[str, int], ...]:
    return ("m", shape.m), ("k", shape.k), ("n", shape.n)


def _by_rate(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Those that ran, fastest first."""
    ran = [evaluation for evaluation in evaluations if evaluation.gflops]
    return sorted(ran, key=lambda evaluation: -(evaluation.gflops or 0))
