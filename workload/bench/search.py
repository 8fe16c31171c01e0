"""Find the fastest shape of a grid with a small part of the measurements of a full scan.

This is a best-first search. It starts with a few shapes spread over the grid. Then it takes the
fastest shape so far that has an untried neighbor, and measures the neighbor whose own measured
neighbors are fastest on average. Neighbors differ in one edge, by one or two steps of the grid.

Why it works: the speed of a matmul depends mostly on each edge by itself (whether it fills the
tiles, hides the launch, fits the cache), so the neighbors of a fast shape keep two of its three
good edges. A step of two skips a misaligned edge. A reading that is too high by chance, or a
local maximum, costs at most a dozen evaluations, because a shape has at most twelve neighbors.

Not covered: a fast shape far from all other fast shapes is found only by chance. A fast shape at
the limit of what fits in memory is found late, because moving along that limit changes two edges at
once.

This module measures nothing itself. It calls `evaluate`, which in tests returns recorded rates.
"""

import itertools
import random
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median

from workload.core.shape import Shape

# Returns the GFLOP/s of a shape; None if it does not fit or was not run.
Evaluate = Callable[[Shape], float | None]
Rates = Mapping[Shape, float | None]

AXES = ("m", "k", "n")
# The share of the grid to evaluate. With this share, the search comes within a percent of the best
# shape of recorded sweeps (tests/unit/bench/test_search.py).
EVALUATED_SHARE = 0.05
# Shapes up to this many steps apart along one axis are neighbors.
REACH = 2
# The share of evaluations for the initial shapes. It is small, because neighbors are more useful.
START_SHARE = 0.1
# Powers of two, other multiples of 64, and misaligned edges (multiples of only 4 or 8).
DEFAULT_EDGES = {
    "cpu": (64, 100, 192, 320, 500, 768, 1024, 1500, 2048, 4096),
    "cuda": (256, 512, 1000, 2048, 3072, 4096, 5120, 8192, 12288, 16384),
}


def cube(edges: Sequence[int]) -> tuple[Shape, ...]:
    """Return every shape whose three edges are among `edges`."""
    return tuple(Shape(*shape) for shape in itertools.product(edges, repeat=3))


def search(
    grid: Collection[Shape],
    evaluate: Evaluate,
    max_evaluations: int,
    seed: int = 0,
    enough: Callable[[], bool] = lambda: False,
) -> Rates:
    """Evaluate up to `max_evaluations` shapes of `grid`, chosen by the results so far.

    Return the rates in the order of their evaluation. Shapes that did not run count towards
    `max_evaluations` too. `enough`, called before each evaluation, ends the search early, for
    example when the time is spent. The order depends only on `seed` and the rates.
    """
    rng = random.Random(seed)  # noqa: S311  not cryptography
    axes = _Axes(grid)
    spread = _spread(axes, rng)
    start = round(START_SHARE * max_evaluations)
    rates: dict[Shape, float | None] = {}
    while len(rates) < min(max_evaluations, len(axes.shapes)) and not enough():
        shape = _promising(axes, rates) if len(rates) >= start else None
        shape = shape or next(shape for shape in spread if shape not in rates)
        rates[shape] = evaluate(shape)
    return rates


def fastest(rates: Rates) -> list[Shape]:
    """Return the shapes that ran, fastest first.

    The largest of many readings is more often too high than too low, so `confirm` it.
    """
    ran = {shape: rate for shape, rate in rates.items() if rate}
    return sorted(ran, key=ran.__getitem__, reverse=True)


def confirm(shapes: Sequence[Shape], evaluate: Evaluate, rounds: int) -> dict[Shape, float]:
    """Measure `shapes` again in several rounds; return the median rates, fastest first.

    Each round starts with another shape, so that no shape always follows the same one.
    """
    rates: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    order = deque(rates)
    for _ in range(rounds):
        for shape in order:
            rate = evaluate(shape)
            if rate is not None:
                rates[shape].append(rate)
        order.rotate(-1)
    medians = {shape: median(row) for shape, row in rates.items() if row}
    return {shape: medians[shape] for shape in fastest(medians)}


class _Axes:
    """The shapes of a grid, and a sorted list of the edges on each of its three axes."""

    def __init__(self, grid: Collection[Shape]) -> None:
        self.shapes = frozenset(grid)
        self.edges = {
            axis: sorted({getattr(shape, axis) for shape in self.shapes}) for axis in AXES
        }

    def neighbors(self, shape: Shape) -> list[Shape]:
        """Return the shapes that differ in one edge, by at most REACH steps, in a fixed order."""
        around: list[Shape] = []
        for axis, edges in self.edges.items():
            at = edges.index(getattr(shape, axis))
            near = edges[max(0, at - REACH) : at + REACH + 1]
            around += [replace(shape, **{axis: edge}) for edge in near]
        return [other for other in around if other in self.shapes and other != shape]


def _spread(axes: _Axes, rng: random.Random) -> Iterator[Shape]:
    """Yield a Latin hypercube, then every shape in random order.

    In the hypercube, each edge of the longest axis occurs once. The edges of a shorter axis repeat.
    """
    length = max(map(len, axes.edges.values()))
    columns = [[edges[i % len(edges)] for i in range(length)] for edges in axes.edges.values()]
    for column in columns:
        rng.shuffle(column)
    hypercube = (Shape(*point) for point in zip(*columns, strict=True))
    yield from (shape for shape in hypercube if shape in axes.shapes)
    rest = sorted(axes.shapes, key=lambda shape: (shape.m, shape.k, shape.n))
    yield from rng.sample(rest, len(rest))


def _promising(axes: _Axes, rates: Rates) -> Shape | None:
    """Return the most promising untried neighbor of the fastest shape that has one."""

    def promise(shape: Shape) -> float:
        return fmean(rate for other in axes.neighbors(shape) if (rate := rates.get(other)))

    for fast in fastest(rates):
        untried = [shape for shape in axes.neighbors(fast) if shape not in rates]
        if untried:
            return max(untried, key=promise)
    return None
