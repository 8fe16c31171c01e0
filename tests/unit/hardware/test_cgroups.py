"""The limits of fixture trees: cgroup v1, v2, nested, namespaced, absent."""

from pathlib import Path

import pytest

from workload.core.models.machine import Limits
from workload.hardware.cgroups import last_cache_bytes, read_limits

GIB = 1 << 30
V1_UNLIMITED = 9223372036854771712


class Machine:
    """A file tree that looks like the /proc and /sys of one process."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def file(self, path: str, text: object) -> "Machine":
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{text}\n")
        return self

    def v1(self, group: str = "/", mounted: str = "/") -> "Machine":
        self.file("proc/self/cgroup", f"4:memory:{group}\n3:cpu,cpuacct:{group}\n0::/")
        return self.file(
            "proc/self/mountinfo",
            f"30 23 0:3 {mounted} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            f"31 23 0:4 {mounted} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
            "32 23 0:5 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
        )

    def v2(self, group: str = "/", mounted: str = "/") -> "Machine":
        self.file("proc/self/cgroup", f"0::{group}")
        return self.file(
            "proc/self/mountinfo",
            "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
            f"30 23 0:26 {mounted} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw",
        )

    def v2_memory(self, group: str, limit: object, used: int, cache: int = 0) -> "Machine":
        folder = f"sys/fs/cgroup/{group}".rstrip("/")
        self.file(f"{folder}/memory.max", limit)
        self.file(f"{folder}/memory.current", used)
        return self.file(f"{folder}/memory.stat", f"anon 1\ninactive_file {cache}\nfile 2")

    def limits(self) -> Limits:
        return read_limits(self.root)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def limits(quota: float | None = None, cpus: int = 8, **memory: int | None) -> Limits:
    known: dict[str, int | None] = {
        "memory_limit_bytes": None,
        "memory_used_bytes": None,
        "memory_available_bytes": None,
    }
    return Limits(cpu_quota=quota, affinity_cpus=cpus, shm_bytes=None, **known | memory)


def test_a_quota_of_half_a_core_gives_one_thread() -> None:
    assert limits(quota=0.5).usable_threads == 1


def test_a_quota_of_two_and_a_half_cores_gives_two_threads() -> None:
    assert limits(quota=2.5).usable_threads == 2


def test_a_quota_above_the_affinity_gives_the_affinity() -> None:
    assert limits(quota=16.0, cpus=3).usable_threads == 3


def test_no_quota_gives_the_affinity() -> None:
    assert limits(cpus=5).usable_threads == 5


def test_available_memory_is_what_the_group_leaves_when_that_is_less() -> None:
    tight = limits(
        memory_limit_bytes=2 * GIB, memory_used_bytes=GIB, memory_available_bytes=9 * GIB
    )
    assert tight.available_bytes == GIB


def test_available_memory_is_what_the_machine_leaves_when_that_is_less() -> None:
    loose = limits(
        memory_limit_bytes=32 * GIB, memory_used_bytes=GIB, memory_available_bytes=9 * GIB
    )
    assert loose.available_bytes == 9 * GIB


def test_a_group_over_its_limit_leaves_nothing() -> None:
    assert limits(memory_limit_bytes=GIB, memory_used_bytes=2 * GIB).available_bytes == 0


def test_nothing_known_of_memory_leaves_the_unknown() -> None:
    assert limits().available_bytes is None


def test_v2_reads_quota_and_memory_in_a_container(machine: Machine) -> None:
    machine.v2().file("sys/fs/cgroup/cpu.max", "50000 100000").v2_memory("", 3 * GIB, GIB)
    found = machine.limits()
    assert (found.cpu_quota, found.memory_limit_bytes) == (0.5, 3 * GIB)


def test_v2_max_means_unlimited(machine: Machine) -> None:
    machine.v2().file("sys/fs/cgroup/cpu.max", "max 100000").v2_memory("", "max", GIB)
    found = machine.limits()
    assert (found.cpu_quota, found.memory_limit_bytes) == (None, None)


def test_v2_does_not_count_reclaimable_file_cache_as_used(machine: Machine) -> None:
    machine.v2().v2_memory("", 3 * GIB, used=2 * GIB, cache=GIB)
    assert machine.limits().memory_used_bytes == GIB


def test_v2_takes_the_smallest_quota_on_the_path_to_the_root(machine: Machine) -> None:
    machine.v2("/outer/inner")
    machine.file("sys/fs/cgroup/outer/inner/cpu.max", "400000 100000")
    machine.file("sys/fs/cgroup/outer/cpu.max", "150000 100000")
    assert machine.limits().cpu_quota == 1.5


def test_v2_takes_the_smallest_memory_limit_on_the_path_to_the_root(machine: Machine) -> None:
    machine.v2("/outer/inner").v2_memory("outer/inner", 4 * GIB, 0).v2_memory("outer", GIB, 0)
    assert machine.limits().memory_limit_bytes == GIB


def test_v2_takes_the_parent_that_its_other_children_have_filled(machine: Machine) -> None:
    machine.v2("/outer/inner").v2_memory("outer/inner", 2 * GIB, 0)
    machine.v2_memory("outer", 4 * GIB, used=4 * GIB - 5)
    assert machine.limits().available_bytes == 5


def test_v2_without_any_limit_still_reports_the_own_use(machine: Machine) -> None:
    machine.v2("/outer").v2_memory("outer", "max", used=7)
    assert machine.limits().memory_used_bytes == 7


def test_v2_reads_the_mount_itself_when_the_group_lies_outside_the_namespace(
    machine: Machine,
) -> None:
    machine.v2("/../../elsewhere").v2_memory("", GIB, 0)
    assert machine.limits().memory_limit_bytes == GIB


def test_v1_reads_quota_and_memory_of_a_nested_group(machine: Machine) -> None:
    machine.v1("/docker/abc")
    machine.file("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", 150000)
    machine.file("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", 100000)
    machine.file("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", GIB)
    found = machine.limits()
    assert (found.cpu_quota, found.memory_limit_bytes) == (1.5, GIB)


def test_v1_in_a_container_reads_the_group_that_is_mounted(machine: Machine) -> None:
    machine.v1("/docker/abc", mounted="/docker/abc")
    machine.file("sys/fs/cgroup/memory/memory.limit_in_bytes", GIB)
    assert machine.limits().memory_limit_bytes == GIB


def test_v1_takes_the_smaller_limit_of_the_parent(machine: Machine) -> None:
    machine.v1("/outer/inner")
    machine.file("sys/fs/cgroup/memory/outer/inner/memory.limit_in_bytes", 4 * GIB)
    machine.file("sys/fs/cgroup/memory/outer/memory.limit_in_bytes", GIB)
    assert machine.limits().memory_limit_bytes == GIB


def test_v1_knows_the_limit_of_a_parent_it_cannot_see(machine: Machine) -> None:
    machine.v1("/docker/abc", mounted="/docker/abc")
    machine.file("sys/fs/cgroup/memory/memory.limit_in_bytes", V1_UNLIMITED)
    machine.file("sys/fs/cgroup/memory/memory.stat", f"hierarchical_memory_limit {GIB}")
    assert machine.limits().memory_limit_bytes == GIB


def test_v1_unlimited_is_unknown_not_a_huge_number(machine: Machine) -> None:
    machine.v1().file("sys/fs/cgroup/memory/memory.limit_in_bytes", V1_UNLIMITED)
    machine.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", -1)
    machine.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", 100000)
    found = machine.limits()
    assert (found.cpu_quota, found.memory_limit_bytes) == (None, None)


def test_v1_does_not_count_reclaimable_file_cache_as_used(machine: Machine) -> None:
    machine.v1().file("sys/fs/cgroup/memory/memory.usage_in_bytes", 2 * GIB)
    machine.file("sys/fs/cgroup/memory/memory.stat", f"inactive_file 1\ntotal_inactive_file {GIB}")
    assert machine.limits().memory_used_bytes == GIB


def test_the_cpu_mask_counts_as_the_affinity(machine: Machine) -> None:
    machine.file("proc/self/status", "Name:\tpython\nCpus_allowed:\t1,0000000f\n")
    assert machine.limits().affinity_cpus == 5


def test_available_memory_of_the_machine_is_in_bytes(machine: Machine) -> None:
    machine.file("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:       2048 kB")
    assert machine.limits().memory_available_bytes == 2048 * 1024


def test_the_size_of_dev_shm_is_that_of_its_file_system(machine: Machine) -> None:
    machine.file("dev/shm/anything", "")
    assert (machine.limits().shm_bytes or 0) > 0


def test_an_empty_tree_leaves_everything_unknown(machine: Machine) -> None:
    found = machine.limits()
    assert [found.cpu_quota, found.memory_limit_bytes, found.shm_bytes] == [None] * 3


def test_garbage_in_the_files_is_unknown(machine: Machine) -> None:
    machine.v2().file("sys/fs/cgroup/cpu.max", "soon").v2_memory("", "lots", used=3)
    found = machine.limits()
    assert (found.cpu_quota, found.memory_limit_bytes) == (None, None)


def test_this_machine_gives_at_least_one_thread() -> None:
    assert read_limits().usable_threads >= 1


def test_the_largest_cache_of_the_first_cpu_is_its_last(tmp_path: Path) -> None:
    for index, size in enumerate(("48K", "32768K", "2M", "odd")):
        place = tmp_path / f"sys/devices/system/cpu/cpu0/cache/index{index}"
        place.mkdir(parents=True)
        (place / "size").write_text(f"{size}\n")
    assert last_cache_bytes(tmp_path) == 32 << 20


def test_without_its_files_the_cache_is_unknown(tmp_path: Path) -> None:
    assert last_cache_bytes(tmp_path) is None
