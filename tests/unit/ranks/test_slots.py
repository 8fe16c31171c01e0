"""Each rank gets a device and its share of the CPUs."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.doctor.machines import DRIVER
from support.trees import write

from workload.core.models.gpu import Gpu
from workload.ranks.slots import cpu_slots, cpus_in, divided, gpu_slots, near_cpus, visible_gpus

EMPTY = Path("/nowhere")


def gpu(index: int, address: str | None = None) -> Gpu:
    """A GPU in a slot of its own."""
    (one,) = DRIVER.gpus
    assert one.state
    pcie = replace(one.state.pcie, address=address or f"0000:{index:02x}:00.0")
    state = replace(one.state, pcie=pcie)
    return replace(one, index=index, uuid=f"GPU-{index}1111111-2222", state=state)


GPUS = tuple(map(gpu, range(4)))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_every_cpu_goes_to_one_rank_and_shares_differ_by_one_at_most(count: int) -> None:
    shares = divided(range(8), count, 8)
    assert sorted(cpu for share in shares for cpu in share) == list(range(8))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_more_ranks_than_cpus_share_them() -> None:
    assert [slot.cpus for slot in cpu_slots(3, {4, 7}, 2, EMPTY)] == [(4,), (7,), (4,)]


def test_a_quota_leaves_each_rank_its_part() -> None:
    assert [len(slot.cpus) for slot in cpu_slots(2, range(16), 4, EMPTY)] == [2, 2]


def test_the_threads_of_a_core_stay_together(tmp_path: Path) -> None:
    topology = "sys/devices/system/cpu/cpu{}/topology/{}"
    for cpu in range(4):
        write(tmp_path, topology.format(cpu, "physical_package_id"), "0\n")
        write(tmp_path, topology.format(cpu, "core_id"), f"{cpu % 2}\n")
    assert [slot.cpus for slot in cpu_slots(2, range(4), 4, tmp_path)] == [(0, 2), (1, 3)]


def test_a_gpu_gets_its_share_of_the_cpus_of_its_node(tmp_path: Path) -> None:
    near = "sys/bus/pci/devices/0000:{:02x}:00.0/local_cpulist"
    for index in range(4):
        write(tmp_path, near.format(index), "0-7\n" if index % 2 else "8-15\n")
    slots = gpu_slots(GPUS, range(16), 16, tmp_path)
    assert [slot.cpus for slot in slots] == [
        (8, 9, 10, 11),
        (0, 1, 2, 3),
        (12, 13, 14, 15),
        (4, 5, 6, 7),
    ]
    assert [slot.device for slot in slots] == ["cuda:0"] * 4
    assert slots[2].environment == {"CUDA_VISIBLE_DEVICES": GPUS[2].uuid}


def test_without_a_node_the_gpus_divide_all_cpus() -> None:
    assert [slot.cpus for slot in gpu_slots(GPUS, range(8), 8, EMPTY)] == [
        (0, 1),
        (2, 3),
        (4, 5),
        (6, 7),
    ]


def test_a_node_without_a_cpu_of_this_container_counts_as_none(tmp_path: Path) -> None:
    write(tmp_path, "sys/bus/pci/devices/0000:00:00.0/local_cpulist", "64-127\n")
    assert near_cpus(gpu(0), tmp_path) == frozenset(range(64, 128))
    assert [slot.cpus for slot in gpu_slots(GPUS[:2], {0, 1}, 2, tmp_path)] == [(0,), (1,)]


def test_the_kernels_lists_of_cpus_are_read() -> None:
    assert cpus_in("0-2,8\n") == {0, 1, 2, 8}
    assert cpus_in("") == frozenset()


@pytest.mark.parametrize(
    ("chosen", "indices"),
    [
        (None, [0, 1, 2, 3]),
        ("2,0", [2, 0]),
        ("GPU-31111111-2222,1", [3, 1]),
        ("GPU-3", [3]),
        ("1,9,2", [1]),
        ("1,1", [1]),
        ("GPU-", []),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_cuda_visible_devices_chooses_among_all_gpus(
    chosen: str | None, indices: list[int]
) -> None:
    assert [one.index for one in visible_gpus(GPUS, chosen)] == indices
