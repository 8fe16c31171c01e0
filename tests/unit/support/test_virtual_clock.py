"""pytest-benchmark's statistics are those of the replayed samples."""

from collections.abc import Callable

from support.benchmarks.virtual_clock import VirtualClock

SAMPLES = (0.1, 0.3, 1e-9, 0.7, 1 / 3)


class Rounds:
    """A fake of pytest-benchmark's rounds: timer, set-up and target."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self.timer = timer
        self.kept: list[float] = []

    def pedantic(
        self,
        target: Callable[[], object],
        *,
        setup: Callable[[], None],
        rounds: int,
        iterations: int,
    ) -> None:
        assert iterations == 1
        for _ in range(rounds):
            setup()
            before = self.timer()
            target()
            self.kept.append(self.timer() - before)


def test_each_round_takes_exactly_as_long_as_its_sample() -> None:
    clock = VirtualClock()
    rounds = Rounds(clock)
    clock.play(SAMPLES, rounds)
    assert tuple(rounds.kept) == SAMPLES


def test_nothing_is_left_for_the_next_benchmark() -> None:
    clock = VirtualClock()
    clock.play(SAMPLES, Rounds(clock))
    rounds = Rounds(clock)
    clock.play((2.0,), rounds)
    assert rounds.kept == [2.0]
