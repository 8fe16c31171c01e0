"""Ranks, links and operations as a terminal shows them, at 80 columns and more."""

import io

import pytest
from msgspec.structs import replace

from workload.cli.console import laid_out
from workload.collectives.sweep import rated
from workload.core.methods import HOST_CLOCK, WARM
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.collectives import (
    Collectives,
    Link,
    LinkKind,
    PairLink,
    RankPlace,
    SlowLink,
)
from workload.core.models.timing import Timing
from workload.report.terminal import collective_table
from workload.report.terminal.tables import Grid

NVLINK = Link(LinkKind.NVLINK, "NODE", 4, 18, 450.0)
PCIE = Link(LinkKind.PCIE, "PIX", 5, 16, 63.0)
NETWORK = Link(LinkKind.NETWORK)
MEGABYTE = 1_000_000


def case(kind: Kind, shape: tuple[int, ...], seconds: float, variant: str | None = None) -> Case:
    timing = Timing(HOST_CLOCK, WARM, 1, (seconds,) * 20, 0.1, True, 0.0)
    bytes_ = 4 * shape[1]
    return Case(kind, shape, "float32", 0, bytes_, 1, CaseStatus.OK, timing=timing, variant=variant)


def exchange(one: int, other: int, seconds: float, elements: int = MEGABYTE) -> Case:
    return case(Kind.SEND_RECEIVE, (2, elements), seconds, f"ranks {one} and {other}")


def gpus(count: int, link: Link) -> tuple[Collectives, dict[str, Case]]:
    """So many GPUs of one machine, all pairs measured at 250 bytes and at 4 MB."""
    places = tuple(
        RankPlace(n, 0, "alpha", "NVIDIA H200", f"cuda:{n}", f"GPU-{n}", f"0000:{n + 10}:00.0")
        for n in range(count)
    )
    pairs: list[PairLink] = []
    cases: dict[str, Case] = {}
    for one in range(count):
        for other in range(one + 1, count):
            both = [exchange(one, other, 1e-5, 64), exchange(one, other, 1e-4)]
            cases |= {single.name: single for single in both}
            pairs.append(PairLink(one, other, link, tuple(single.name for single in both)))
    return Collectives("nccl", "ranks", places, link, tuple(pairs)), cases


NODES = Collectives(
    "gloo",
    "nodes",
    tuple(RankPlace(n, n, host, "AMD EPYC", "cpu") for n, host in enumerate(("one", "two", "x\n"))),
    None,
    (PairLink(0, 1, NETWORK, ()), PairLink(0, 2, NETWORK, ()), PairLink(1, 2, NETWORK, ())),
)


def shown(table: Grid | None, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    return laid_out(table or "", stream).splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_operations_fit_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        rated(case(kind, (8, 64 * MEGABYTE), 1e-3), NVLINK)
        for kind in Kind
        if kind in (Kind.ALL_REDUCE, Kind.REDUCE_SCATTER, Kind.BROADCAST)
    ]
    lines = shown(collective_table.operations_table(cases), width, monkeypatch)
    assert max(map(len, lines)) <= width
    assert lines[0].split() == ["operation", "dtype", "size", "median", "±", "algorithm", "GB/s",
                                "bus", "GB/s", "%", "link"]  # fmt: skip
    assert lines[1].split() == ["all-reduce", "float32", "256", "MB", "1", "ms", "±0.0%",
                                "256", "448", "100%"]  # fmt: skip


def test_an_unknown_link_has_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [rated(case(Kind.ALL_GATHER, (2, MEGABYTE), 1e-3), None)]
    assert shown(collective_table.operations_table(cases), 80, monkeypatch)[1].split()[-1] == "-"


def test_a_result_that_is_wrong_has_no_row() -> None:
    wrong = replace(case(Kind.ALL_GATHER, (2, 8), 1e-3), status=CaseStatus.WRONG)
    assert collective_table.operations_table([wrong]).rows == ()


@pytest.mark.parametrize("width", [80, 120])
def test_the_topology_is_that_of_nvidia_smi(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = gpus(8, NVLINK)
    lines = shown(collective_table.topology_table(found), width, monkeypatch)
    assert max(map(len, lines)) <= width
    assert lines[2].split()[-8:] == ["NV18", "-", *["NV18"] * 6]


@pytest.mark.parametrize(
    ("link", "cell"),
    [
        (PCIE, "PIX"),
        (Link(LinkKind.PCIE), "PCIe"),
        (Link(LinkKind.HOST), "host"),
        (NETWORK, "net"),
        (Link(LinkKind.UNKNOWN), "?"),
    ],
)
def test_each_link_has_a_short_word(link: Link, cell: str) -> None:
    table = collective_table.topology_table(gpus(2, link)[0])
    assert table
    assert table.rows[0][-2:] == ("-", cell)


def test_nodes_and_links_are_counted() -> None:
    assert collective_table.topology_lines(gpus(4, NVLINK)[0]) == [
        "nodes      0 alpha (4 ranks, NVIDIA H200)",
        "links      6 × NVLink 4 x18 (450 GB/s each way); backend nccl",
    ]


def test_more_ranks_than_fit_have_no_table_of_links() -> None:
    assert collective_table.topology_table(gpus(9, NVLINK)[0]) is None


@pytest.mark.parametrize("width", [80, 120])
def test_each_pair_has_its_latency_rate_and_share(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(collective_table.pairs_table(*gpus(8, PCIE)), width, monkeypatch)
    assert max(map(len, lines)) <= width
    assert lines[0].split() == ["ranks", "link", "latency", "GB/s", "each", "way", "%", "link"]
    assert len(lines) == 1 + 28
    assert lines[1].split() == ["0", "and", "1", "PCIe", "5", "x16", "PIX", "10", "µs", "40",
                                "63%"]  # fmt: skip


def test_nodes_are_named_in_one_line_whatever_their_names_hold() -> None:
    table = collective_table.pairs_table(NODES, {})
    assert table
    assert table.rows == ()
    named = replace(NODES, slow=(SlowLink((1, 2), "network", 0.25),))
    assert collective_table.slow_lines(named) == [
        "slow: nodes 1 two and 2 x? reach 25% of their peers' rate over network"
    ]


def test_a_slow_rank_is_named_with_its_gpu() -> None:
    found = replace(gpus(3, NVLINK)[0], slow=(SlowLink((2,), NVLINK.words, 0.5),))
    assert collective_table.slow_lines(found) == [
        "slow: rank 2 (NVIDIA H200 at 0000:12:00.0) reaches 50% of its peers' rate over "
        "NVLink 4 x18"
    ]


def test_the_latency_is_that_of_the_smallest_size() -> None:
    cases = [case(Kind.BROADCAST, (2, size), size * 1e-7) for size in (MEGABYTE, 250)]
    assert collective_table.latency_line(cases) == "latency    of 1 kB: broadcast 25 µs"
    assert collective_table.latency_line([]) is None


def test_results_that_were_checked_are_counted() -> None:
    right = case(Kind.BROADCAST, (2, 64), 1e-3)
    other = [replace(right, status=CaseStatus(status)) for status in ("wrong", "not_applicable")]
    assert collective_table.checked_line([right, *other]) == (
        "checked    every element on every rank: 1 of 2 cases right"
    )


def test_the_legend_says_whose_rate_the_share_is_of() -> None:
    found, _ = gpus(2, PCIE)
    assert collective_table.legend_lines(found)[-1] == (
        "% link     of PCIe 5 x16 PIX (63 GB/s each way), the slowest link"
    )
    assert collective_table.legend_lines(NODES)[-1] == (
        "% link     no rate is known for these links"
    )
