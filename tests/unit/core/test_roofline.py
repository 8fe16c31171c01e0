"""What bounds a case follows from its counted work and the measured limits."""

import pytest
from msgspec.structs import replace

from workload.core import roofline
from workload.core.methods import COLD, CUDA_GRAPH, HOST_CLOCK
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.rating import Ceilings, Rating, Regime
from workload.core.models.timing import Timing
from workload.core.models.waits import Waits

# 1 ms of launches or of memory or of arithmetic are 1e3 launches, 1e9 bytes, 1e9 FLOPs.
CEILINGS = Ceilings(
    peak_gflops={"float32": 2000.0},
    peak_gbs=4000.0,
    measured_gflops={"float32": 1000.0},
    measured_gbs=1000.0,
    launch_sec=1e-6,
    cache_bytes=100,
)
TIMING = Timing("CUDA events", "warm", 1, (2e-3,), 0.0, True, 0.0)


def case(flops: int = 0, moved: int = 0, launches: int = 1, kind: Kind = Kind.MATMUL) -> Case:
    return Case(
        kind, (1,), "float32", flops, moved, launches, CaseStatus.OK, timing=TIMING
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "regime"),
    [
        (case(flops=10**9, moved=10**6), Regime.COMPUTE),
        (case(flops=10**6, moved=10**9), Regime.BANDWIDTH),
        (case(flops=10**6, moved=10**6, launches=1000), Regime.LAUNCH),
    ],
)
def test_the_longest_of_the_three_limits_names_the_regime(measured: Case, regime: Regime) -> None:
    rating = roofline.rate(measured, CEILINGS)
    assert rating is not None
    assert rating.regime is regime
    assert rating.ceiling_share == pytest.approx(0.5)  # 1 ms was possible, 2 ms it took


def test_arithmetic_without_a_measured_rate_has_no_known_bound() -> None:
    busy = replace(CEILINGS, measured_gflops={})
    rating = roofline.rate(case(flops=10**9, moved=10**6), busy)
    assert rating == Rating(None, 0.25, None)


@pytest.mark.parametrize("kind", [Kind.COPY, Kind.TO_DEVICE, Kind.TO_HOST])
def test_a_copy_without_a_measured_bandwidth_is_not_said_to_be_bound_by_launches(
    kind: Kind,
) -> None:
    busy = Ceilings(measured_gflops={"float32": 1000.0}, launch_sec=1e-6)
    assert roofline.rate(case(moved=10**9, kind=kind), busy) is None


def test_the_share_of_the_peak_is_of_the_datasheets_rate() -> None:
    rating = roofline.rate(case(flops=10**9), CEILINGS)
    assert rating is not None
    assert rating.peak_share == pytest.approx(500 / 2000)


def test_a_copys_peak_is_that_of_the_memory() -> None:
    rating = roofline.rate(case(moved=2 * 10**9, kind=Kind.COPY), CEILINGS)
    assert rating is not None
    assert rating.peak_share == pytest.approx(1000 / 4000)


def test_an_unknown_device_has_no_share_of_a_peak() -> None:
    rating = roofline.rate(case(flops=10**9), replace(CEILINGS, peak_gflops={}))
    assert rating is not None
    assert rating.peak_share is None


def test_bytes_in_a_warm_cache_do_not_come_from_memory() -> None:
    assert Regime.BANDWIDTH not in roofline.bounds_sec(case(flops=1, moved=100), CEILINGS)


def test_bytes_do_come_from_memory_where_the_cache_is_cold() -> None:
    cold = replace(case(flops=1, moved=100), timing=replace(TIMING, cache=COLD))
    assert Regime.BANDWIDTH in roofline.bounds_sec(cold, CEILINGS)


def test_a_replayed_graph_launches_nothing() -> None:
    graph = replace(case(flops=10**6), timing=replace(TIMING, method=CUDA_GRAPH))
    assert Regime.LAUNCH not in roofline.bounds_sec(graph, CEILINGS)


@pytest.mark.parametrize("status", [CaseStatus.WRONG, CaseStatus.INVALID])
def test_a_case_without_a_speed_has_no_rating(status: CaseStatus) -> None:
    assert roofline.rate(replace(case(flops=10**9), status=status), CEILINGS) is None


def test_without_ceilings_nothing_is_claimed() -> None:
    assert roofline.rate(case(flops=10**9), Ceilings()) is None


def test_the_ceilings_are_the_best_that_was_measured() -> None:
    slow, fast = case(flops=10**8), case(flops=10**9)
    copy, launch = case(moved=2 * 10**6, kind=Kind.COPY), case(moved=8, kind=Kind.LAUNCH)
    found = roofline.measured([slow, fast, copy, launch], Ceilings())
    assert found.measured_gflops == {"float32": pytest.approx(500)}
    assert (found.measured_gbs, found.launch_sec) == (pytest.approx(1), 2e-3)


def test_a_wrong_case_raises_no_ceiling() -> None:
    wrong = replace(case(flops=10**12), status=CaseStatus.WRONG)
    assert roofline.measured([wrong], CEILINGS) == CEILINGS


def test_the_best_case_is_at_its_own_ceiling() -> None:
    (rated,) = roofline.rated(
        [case(flops=10**10)], roofline.measured([case(flops=10**10)], CEILINGS)
    )
    assert rated.rating is not None
    assert rated.rating.ceiling_share == pytest.approx(1)


@pytest.mark.parametrize("kind", [Kind.TO_DEVICE, Kind.TO_HOST])
def test_a_transfer_is_bound_by_its_bus_and_not_by_the_memory(kind: Kind) -> None:
    buses = replace(CEILINGS, host_to_device_gbs=50.0, device_to_host_gbs=50.0)
    rating = roofline.rate(case(moved=5 * 10**7, kind=kind), buses)
    assert rating is not None
    assert rating.regime is Regime.BANDWIDTH
    assert rating.ceiling_share == pytest.approx(0.5)  # 1 ms over the bus, 2 ms it took


def test_a_slower_copy_lowers_no_ceiling() -> None:
    fast, slow = (case(moved=amount, kind=Kind.COPY) for amount in (2 * 10**6, 10**6))
    assert roofline.measured([fast, slow], Ceilings()).measured_gbs == pytest.approx(1)


def test_other_arithmetic_sets_no_ceiling() -> None:
    dual = case(kind=Kind.TRAIN)
    assert roofline.measured([dual], CEILINGS) == CEILINGS


def test_a_case_alone_in_its_dtype_has_no_ceiling_and_no_bound() -> None:
    alone = case(flops=10**9, moved=10**6)
    stated = Ceilings(peak_gflops={"float32": 2000.0}, measured_gbs=1000.0, launch_sec=1e-6)
    found = roofline.measured([alone], stated)
    assert found.measured_gflops == {}
    assert roofline.rate(alone, found) == Rating(None, 0.25, None)


def test_one_case_is_a_ceiling_for_others() -> None:
    found = roofline.measured([case(flops=10**9)], Ceilings(), least=1)
    assert found.measured_gflops == {"float32": pytest.approx(500)}


WAITED = replace(
    TIMING, method=HOST_CLOCK, waits=Waits(1.0, run_delay_sec=0.5, waits=9, foreign_sec=0.9)
)


@pytest.mark.parametrize(
    "contended",
    [case(flops=10**12), case(moved=10**12, kind=Kind.COPY), case(moved=8, kind=Kind.LAUNCH)],
)
def test_a_case_of_a_contended_cpu_makes_no_ceiling(contended: Case) -> None:
    waited = replace(contended, timing=WAITED)
    assert roofline.measured([waited, waited], Ceilings()) == Ceilings()
