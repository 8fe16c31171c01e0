"""The search finds the fastest shapes of recorded and of synthetic sweeps."""

import itertools
import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median, quantiles

import pytest
from support.recorded_sweep import FOLDER, read

from workload.bench.search import EVALUATED_SHARE, confirm, cube, fastest, search
from workload.core.shape import Shape

RECORDED = sorted(FOLDER.glob("*.json"))
SEEDS = range(100)
CLOSE = 0.99  # of the best rate
EDGES = (64, 100, 192, 320, 500, 768, 1024, 1500, 2048, 4096)

Rates = dict[Shape, float]


def best_rate(found: Mapping[Shape, float | None]) -> float:
    """Return the best that a search found, 0 without any."""
    return max((rate for rate in found.values() if rate), default=0.0)


def recorded(path: Path) -> Rates:
    sweep = read(path)
    return {shape: sweep.gflops(shape) for shape in sweep.grid}


def searched(rates: Rates, most: int) -> list[float]:
    """What each seed's search found, as a share of the best."""
    best = max(rates.values())
    return [best_rate(search(rates, rates.get, most, seed)) / best for seed in SEEDS]


def drawn(rates: Rates, most: int) -> list[float]:
    """Return the best of as many random shapes."""
    best = max(rates.values())
    values = list(rates.values())
    return [max(random.Random(seed).sample(values, most)) / best for seed in SEEDS]


def close(found: list[float]) -> int:
    return sum(share >= CLOSE for share in found)


def told(found: list[float]) -> str:
    fifth, *_ = quantiles(found, n=20)
    return f"median {median(found):.4f}, 5th percentile {fifth:.4f}, {close(found)} of 100 close"


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_search_comes_close_to_the_best_of_a_scan(path: Path) -> None:
    rates = recorded(path)
    assert len(rates) >= 400
    most = int(EVALUATED_SHARE * len(rates))
    guided, by_chance = searched(rates, most), drawn(rates, most)
    words = f"{path.stem}, {most} of {len(rates)}: guided {told(guided)}; random {told(by_chance)}"
    print(words)  # noqa: T201  pytest -rP shows it
    assert close(guided) >= 95
    assert close(by_chance) < close(guided)
    assert median(by_chance) < median(guided)
    assert quantiles(by_chance, n=20)[0] < quantiles(guided, n=20)[0]


def test_a_sweep_is_recorded() -> None:
    assert RECORDED


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_shape_of_a_scan_was_timed_several_times(path: Path) -> None:
    assert min(map(len, read(path).readings.values())) >= 3


def smooth(shape: Shape) -> float:
    """Return a rate that grows with each edge."""
    return 100 * math.prod(edge / (edge + 60) for edge in (shape.m, shape.k, shape.n))


def hill(shape: Shape) -> float:
    """Return a rate that is highest in the middle, as where a cache is exceeded."""
    tops = zip((shape.m, shape.k, shape.n), (700, 300, 900), strict=True)
    return 100 * math.exp(-0.02 * sum(math.log2(edge / top) ** 2 for edge, top in tops))


def comb(shape: Shape) -> float:
    """Fast only where the outer edges fill tiles of 128."""
    return smooth(shape) if shape.m % 128 == shape.n % 128 == 0 else 0.6 * smooth(shape)


def waves(shape: Shape) -> float:
    """A model of a GPU: launch, tiles in waves over 132 processors, or the memory's bandwidth.

    No device was measured.
    """
    wave_count = math.ceil(math.ceil(shape.m / 128) * math.ceil(shape.n / 256) / 132)
    computing_sec = wave_count * (shape.k / 1e8 + 2e-6)
    elements = shape.m * shape.k + shape.k * shape.n + shape.m * shape.n
    misaligned = 1 + 0.3 * (shape.k % 64 > 0) + 0.2 * (shape.n % 64 > 0)
    return shape.flops / 1e9 / (4e-6 + max(computing_sec, elements / 1.6e12) * misaligned)


LARGE_EDGES = (256, 512, 1000, 2048, 3072, 4096, 5120, 8192, 12288, 16384)
FINE = [
    Shape(64 * m, 128 * k, 64 * n)
    for m, k, n in itertools.product(range(1, 17), range(1, 6), range(1, 13))
]


@pytest.mark.parametrize(
    ("rate", "grid"),
    [(smooth, cube(EDGES)), (hill, cube(EDGES)), (comb, FINE), (waves, cube(LARGE_EDGES))],
)
def test_the_search_comes_close_to_the_best_of_a_made_sweep(
    rate: Callable[[Shape], float], grid: list[Shape]
) -> None:
    rates = {shape: rate(shape) for shape in grid}
    most = int(EVALUATED_SHARE * len(rates))
    guided = searched(rates, most)
    assert close(guided) >= 95
    assert close(drawn(rates, most)) < close(guided)


def test_noise_of_a_percent_is_borne_where_the_best_few_are_confirmed() -> None:
    rates = {shape: hill(shape) for shape in cube(EDGES)}
    best = max(rates.values())

    def found(seed: int) -> float:
        rng = random.Random(seed)

        def noisy(shape: Shape) -> float:
            return rates[shape] * rng.gauss(1, 0.01)

        first = fastest(search(rates, noisy, 50, seed))[:5]
        return rates[next(iter(confirm(first, noisy, 9)))] / best

    assert close([found(seed) for seed in SEEDS]) >= 95


def test_on_a_plateau_any_shape_will_do() -> None:
    assert best_rate(search(cube(EDGES), lambda _: 80.0, 50)) == 80.0


@pytest.mark.parametrize("most", [0, 1, 7, 50])
def test_no_more_shapes_are_evaluated_than_allowed(most: int) -> None:
    asked: list[Shape] = []

    def evaluate(shape: Shape) -> float:
        asked.append(shape)
        return smooth(shape)

    found = search(cube(EDGES), evaluate, most)
    assert len(asked) == most
    assert list(found) == asked


def refuse_large(shape: Shape) -> float | None:
    return hill(shape) if shape.flops < 1e9 else None


@pytest.mark.parametrize("most", [64, 1000])
@pytest.mark.parametrize("rate", [smooth, refuse_large, lambda _: None])
def test_every_shape_is_evaluated_once_where_there_is_time(
    rate: Callable[[Shape], float | None], most: int
) -> None:
    grid = cube((64, 100, 320, 1024))
    assert sorted(map(str, search(grid, rate, most))) == sorted(map(str, grid))


def test_a_grid_may_have_holes() -> None:
    grid = [shape for shape in cube(EDGES[:5]) if shape.m != shape.n]
    assert search(grid, smooth, len(grid)).keys() == set(grid)


def test_of_shapes_that_fit_the_fastest_is_found() -> None:
    rates = {shape: refuse_large(shape) for shape in cube(EDGES)}
    best = max(rate for rate in rates.values() if rate)
    found = [best_rate(search(rates, rates.get, 50, seed)) for seed in SEEDS]
    assert close([rate / best for rate in found]) >= 95


def test_where_no_shape_runs_none_is_the_fastest() -> None:
    found = search(cube((64, 100)), lambda _: None, 5)
    assert fastest(found) == []
    assert [*found.values()] == [None] * 5


def test_one_shape_is_a_grid() -> None:
    only = Shape(1, 2, 3)
    assert search([only], lambda _: 4.0, 10) == {only: 4.0}


def test_without_shapes_nothing_is_evaluated() -> None:
    assert search([], lambda _: 4.0, 10) == {}


def test_a_seed_always_gives_the_same_search() -> None:
    first, again, other = ([*search(cube(EDGES), hill, 50, seed)] for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_the_order_of_the_grid_does_not_matter() -> None:
    grid = cube(EDGES)
    for rate in (hill, lambda _: None):
        assert [*search(grid, rate, 100)] == [*search(grid[::-1], rate, 100)]


def test_the_search_ends_when_its_time_is_spent() -> None:
    answers = iter([False, False, True])
    assert len(search(cube(EDGES), smooth, 50, enough=lambda: next(answers))) == 2


def test_the_fastest_come_first_and_what_did_not_run_not_at_all() -> None:
    rates = {Shape(1, 1, 1): 2.0, Shape(1, 1, 2): None, Shape(1, 1, 3): 5.0, Shape(1, 1, 4): 3.0}
    assert fastest(rates) == [Shape(1, 1, 3), Shape(1, 1, 4), Shape(1, 1, 1)]


def test_a_lucky_reading_is_not_confirmed() -> None:
    lucky, steady = Shape(1, 1, 1), Shape(2, 2, 2)
    readings = {lucky: iter([200.0, 100.0, 100.0]), steady: iter([110.0, 110.0, 110.0])}
    confirmed = confirm([lucky, steady], lambda shape: next(readings[shape]), 3)
    assert [*confirmed.items()] == [(steady, 110.0), (lucky, 100.0)]


def test_shapes_are_confirmed_in_alternation_and_none_is_always_first() -> None:
    asked: list[int] = []
    shapes = [Shape(edge, edge, edge) for edge in (1, 2, 3)]

    def evaluate(shape: Shape) -> float:
        asked.append(shape.m)
        return 1.0

    confirm(shapes, evaluate, 3)
    assert asked == [1, 2, 3, 2, 3, 1, 3, 1, 2]


def test_what_no_longer_runs_is_not_confirmed() -> None:
    shapes = [Shape(1, 1, 1), Shape(2, 2, 2)]
    assert confirm(shapes, {shapes[0]: 7.0}.get, 3) == {shapes[0]: 7.0}
    assert confirm([], lambda _: 1.0, 3) == {}
