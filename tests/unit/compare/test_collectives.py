"""Records of operations between ranks are compared and shown like any other."""

from pathlib import Path

import pytest
from support.records.synthetic import CPU

from workload.compare import pair
from workload.compare.loader import load_side
from workload.core import records
from workload.core.errors import ExitCode
from workload.core.methods import HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.collectives import Collectives, Link, LinkKind, PairLink, RankPlace
from workload.core.models.timing import Timing
from workload.core.records import RecordBuilder
from workload.report.page import build_page, load_results


def recorded(folder: Path, ranks: int, seconds: float) -> Path:
    """Write the record of an all-reduce of 1 MB that took this long, and return its path."""
    timing = Timing(HOST_CLOCK, WARM, 1, (seconds,) * 30, 0.1, True, 0.0)
    case = Case(
        Kind.ALL_REDUCE,
        (ranks, 250_000),
        "float32",
        0,
        1_000_000,
        1,
        CaseStatus.OK,
        timing=timing,
    )
    places = tuple(RankPlace(rank, 0, "host", CPU.name, "cpu") for rank in range(ranks))
    link = Link(LinkKind.HOST)
    builder = RecordBuilder("collectives", ["collectives"])
    builder.set("device", CPU)
    builder.set("cases", [case])
    builder.set(
        "collectives", Collectives("gloo", "ranks", places, None, (PairLink(0, 1, link, ()),))
    )
    return records.save(builder.as_ended(ExitCode.OK, None), folder)


def test_two_records_are_compared_by_their_bandwidth(tmp_path: Path) -> None:
    sides = [load_side(recorded(tmp_path, 2, seconds)) for seconds in (1e-3, 0.5e-3)]
    (speed,) = pair(*sides).speeds
    assert (speed.title, speed.unit) == ("all-reduce 1 MB on 2 ranks float32", "GB/s")
    assert (speed.baseline.rate, speed.speedup) == pytest.approx((1.0, 2.0))


def test_another_number_of_ranks_is_another_case(tmp_path: Path) -> None:
    paired = pair(*(load_side(recorded(tmp_path, ranks, 1e-3)) for ranks in (2, 3)))
    assert paired.speeds == ()
    assert paired.only_in_candidate == ("all-reduce 1 MB on 3 ranks float32",)


def test_the_page_shows_them(tmp_path: Path) -> None:
    recorded(tmp_path, 2, 1e-3)
    page = build_page(*load_results(tmp_path))
    assert "all-reduce 1 MB on 2 ranks" in page
    assert "NO VERDICT: only workload collectives ran here" in page
