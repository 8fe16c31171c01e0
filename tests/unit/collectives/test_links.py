"""Links between ranks and their datasheet rates; what is unknown has none."""

import pytest
from msgspec.structs import replace

from workload.collectives.links import NVLINK_GBS, PCIE_GBS, link_between, slowest
from workload.core.models.collectives import Link, LinkKind, RankPlace
from workload.core.models.gpu import SWITCH, GpuLinks, Pcie

ONE, OTHER = (
    RankPlace(rank, 0, "alpha", "NVIDIA H200", f"cuda:{rank}", f"GPU-{rank}") for rank in (0, 1)
)
BUS = Pcie("0000:65:00.0", 5, 5, 16)
OURS = GpuLinks("GPU-0", BUS, 4, {SWITCH: 18}, {"GPU-1": "NODE"})
THEIRS = GpuLinks("GPU-1", BUS, 4, {SWITCH: 18}, {"GPU-0": "NODE"})


def test_gpus_behind_a_switch_have_all_their_links() -> None:
    assert link_between(ONE, OTHER, OURS, THEIRS) == Link(LinkKind.NVLINK, "NODE", 4, 18, 450.0)


def test_the_gpu_with_fewer_links_to_the_switch_decides() -> None:
    lame = replace(THEIRS, nvlinks={SWITCH: 9})
    assert link_between(ONE, OTHER, OURS, lame).gbs == 225.0


@pytest.mark.parametrize(
    ("generation", "links", "both_ways_gbs"),
    [(1, 4, 160), (2, 6, 300), (3, 12, 600), (4, 18, 900), (5, 18, 1800)],
)
def test_rates_are_half_of_those_that_nvidia_states_for_both_ways(
    generation: int, links: int, both_ways_gbs: float
) -> None:
    assert 2 * links * NVLINK_GBS[generation] == both_ways_gbs


def test_direct_links_count_those_to_this_gpu_alone() -> None:
    ours = replace(OURS, nvlinks={"GPU-1": 2, "GPU-7": 4}, nvlink_generation=3)
    link = link_between(ONE, OTHER, ours, replace(THEIRS, nvlinks={"GPU-0": 2}))
    assert (link.width, link.gbs, link.words) == (2, 50.0, "NVLink 3 x2")


def test_an_nvlink_of_an_unknown_generation_has_no_rate() -> None:
    link = link_between(ONE, OTHER, replace(OURS, nvlink_generation=None), THEIRS)
    assert (link.words, link.gbs) == ("NVLink x18", None)


@pytest.mark.parametrize(
    ("generation", "gbs"), [(1, 4.0), (2, 8.0), (3, 15.75), (4, 31.5), (5, 63.0), (6, 121.0)]
)
def test_pcie_of_16_lanes_has_the_rate_of_its_generation(generation: int, gbs: float) -> None:
    assert 16 * PCIE_GBS[generation] == pytest.approx(gbs, abs=0.02)


def test_gpus_without_nvlink_have_the_slower_of_their_pcie_links() -> None:
    ours = replace(OURS, nvlinks={}, paths={"GPU-1": "PIX"})
    theirs = replace(THEIRS, nvlinks={}, pcie=replace(BUS, width=8))
    link = link_between(ONE, OTHER, ours, theirs)
    assert (link.words, link.gbs) == ("PCIe 5 x8 PIX", 8 * PCIE_GBS[5])


@pytest.mark.parametrize("unknown", [{"generation": None}, {"width": None}, {"generation": 9}])
def test_pcie_that_nvml_does_not_report_has_no_rate(unknown: dict[str, int | None]) -> None:
    theirs = replace(THEIRS, nvlinks={}, pcie=replace(BUS, **unknown))
    link = link_between(ONE, OTHER, replace(OURS, nvlinks={}), theirs)
    assert (link.kind, link.generation, link.gbs) == (LinkKind.PCIE, None, None)


def test_ranks_on_two_nodes_have_a_network_whatever_they_run_on() -> None:
    away = replace(OTHER, node=1)
    assert link_between(ONE, away, OURS, THEIRS) == Link(LinkKind.NETWORK)


def test_cpus_of_one_node_have_its_memory() -> None:
    one, other = (replace(place, torch_name="cpu") for place in (ONE, OTHER))
    assert link_between(one, other, None, None) == Link(LinkKind.HOST)


def test_a_gpu_that_nvml_does_not_know_has_an_unknown_link() -> None:
    assert link_between(ONE, OTHER, OURS, None) == Link(LinkKind.UNKNOWN)


def test_the_slowest_link_of_a_group_needs_all_rates() -> None:
    fast, slow = Link(LinkKind.NVLINK, gbs=450.0), Link(LinkKind.PCIE, gbs=63.0)
    assert slowest([fast, slow, fast]) == slow
    assert slowest([fast, Link(LinkKind.NETWORK)]) is None
    assert slowest([]) is None
