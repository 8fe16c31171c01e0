"""Waits: who kept the threads from running, told only where it is sure."""

import pytest
from msgspec.structs import replace

from workload.core.methods import CUDA_EVENTS, HOST_CLOCK, WARM
from workload.core.models.timing import Timing
from workload.core.models.waits import Waits

QUIET = Waits(1.0, run_delay_sec=0.001, waits=20, foreign_sec=0.005, steal_sec=0.0)


def told(**changes: float) -> str | None:
    return replace(QUIET, **changes).reason


def test_a_quiet_machine_is_no_reason() -> None:
    assert QUIET.reason is None


def test_threads_that_wait_beside_other_work_are_told() -> None:
    reason = told(run_delay_sec=0.5, waits=2000, foreign_sec=0.9)
    assert reason == "other processes: threads waited 50% of the time"


def test_long_waits_are_told_where_the_other_work_is_hidden() -> None:
    assert told(run_delay_sec=0.5, waits=200, foreign_sec=0.0) is not None


def test_many_short_waits_without_other_work_are_threads_that_wake_up() -> None:
    assert told(run_delay_sec=0.3, waits=10_000) is None


def test_waits_of_several_threads_are_at_most_all_of_the_time() -> None:
    reason = told(run_delay_sec=1.9, waits=400, foreign_sec=0.9)
    assert reason == "other processes: threads waited 100% of the time"


def test_the_share_is_of_the_time_of_all_threads_that_worked() -> None:
    reason = told(run_delay_sec=1.0, waits=400, foreign_sec=0.9, threads=4, longest_delay_sec=0.3)
    assert reason == "other processes: threads waited 25% of the time"


def test_one_thread_of_many_that_waits_holds_up_the_others() -> None:
    waits = replace(QUIET, run_delay_sec=0.64, waits=6400, foreign_sec=0.9, threads=64)
    alone = replace(waits, longest_delay_sec=0.5)
    assert alone.reason == "other processes: threads waited 1% of the time, one of them 50%"
    assert (alone.longest_share, alone.share) == (0.5, 0.64)
    assert replace(waits, longest_delay_sec=0.01).reason is None


def test_shares_of_steal_and_quota_are_of_the_time_of_all_cpus() -> None:
    assert (
        told(steal_sec=1.2, cpus=4, longest_steal_sec=0.4)
        == "the hypervisor: CPUs were taken away 30% of the time"
    )
    assert told(throttled_sec=1.2, cpus=4, threads=2) == (
        "the CPU quota: threads were stopped 60% of the time"
    )
    assert told(steal_sec=0.4, cpus=64, longest_steal_sec=0.01) is None


def test_threads_of_a_large_machine_that_wake_up_beside_other_work_are_no_contention() -> None:
    waits = replace(QUIET, run_delay_sec=0.64, waits=6400, foreign_sec=0.9)
    known = replace(waits, threads=64, longest_delay_sec=0.01)
    for told_of, contended in ((waits, True), (known, False)):
        taken = Timing(HOST_CLOCK, WARM, 1, (1.0,) * 20, 0.1, True, 0.0, waits=told_of)
        assert (taken.contended is not None) == contended


def test_other_work_that_keeps_no_thread_waiting_is_no_reason() -> None:
    assert told(foreign_sec=1.0) is None


def test_pressure_counts_where_the_run_delay_is_unknown() -> None:
    unknown = Waits(1.0, foreign_sec=0.9, pressure_sec=0.4)
    assert unknown.reason == "other processes: threads waited 40% of the time"


def test_pressure_without_other_work_is_no_reason() -> None:
    assert Waits(1.0, foreign_sec=0.005, pressure_sec=0.4).reason is None


def test_a_quota_that_stops_threads_is_named() -> None:
    reason = told(throttled_sec=0.6, run_delay_sec=0.65, waits=100)
    assert reason == "the CPU quota: threads were stopped 60% of the time"


def test_cpu_time_that_the_hypervisor_took_is_named() -> None:
    assert told(steal_sec=0.3) == "the hypervisor: CPUs were taken away 30% of the time"


@pytest.mark.parametrize(
    "changes", [{"steal_sec": 0.01}, {"foreign_sec": 0.02, "run_delay_sec": 0.006, "waits": 100}]
)
def test_a_tick_or_two_in_a_short_window_are_no_reason(changes: dict[str, float]) -> None:
    assert told(window_sec=0.1, **changes) is None


@pytest.mark.parametrize("waits", [Waits(1.0), Waits(0.0), Waits(0.0, run_delay_sec=1.0, waits=1)])
def test_what_is_unknown_is_no_reason(waits: Waits) -> None:
    assert waits.reason is None


def timing(method: str) -> Timing:
    waits = replace(QUIET, run_delay_sec=0.5, waits=100, foreign_sec=0.9)
    return Timing(method, WARM, 1, (1.0,) * 20, 0.1, True, 0.0, waits=waits)


def test_a_steady_time_of_a_busy_cpu_has_a_warning() -> None:
    reason = "other processes: threads waited 50% of the time"
    assert (timing(HOST_CLOCK).contended, timing(HOST_CLOCK).warning) == (reason, reason)


def test_waits_of_the_host_do_not_touch_the_time_of_a_gpu() -> None:
    assert (timing(CUDA_EVENTS).contended, timing(CUDA_EVENTS).warning) == (None, None)


def test_waits_that_made_two_samples_slow_leave_the_median_as_it_is() -> None:
    waits = Waits(0.15, run_delay_sec=0.024, waits=4, foreign_sec=0.03)
    samples = (*(1e-3,) * 126, 13e-3, 13e-3)
    burst = Timing(HOST_CLOCK, WARM, 1, samples, 0.1, steady=True, overhead_sec=0.0, waits=waits)
    assert waits.reason is not None
    assert burst.contended is None


@pytest.mark.parametrize(
    ("share", "samples"),
    [
        (0.33, (*(1e-3,) * 10, *(2e-3,) * 12)),
        (0.15, (1e-3,) * 20),  # in all alike
        (0.4, (*(1e-3,) * 60, *(5e-3,) * 20)),  # so long that the CPUs were not free
    ],
)
def test_waits_in_many_samples_and_long_ones_are_told(
    share: float, samples: tuple[float, ...]
) -> None:
    waits = Waits(1.0, run_delay_sec=share, waits=20, foreign_sec=0.9)
    busy = Timing(HOST_CLOCK, WARM, 1, samples, 0.1, steady=True, overhead_sec=0.0, waits=waits)
    assert busy.contended is not None
