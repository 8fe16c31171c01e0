"""Read the limits on this process's CPUs, memory and /dev/shm from files.

A container's CPU quota and memory limit are those of its control groups (cgroup v1 or v2, or a mix
of both); `os.cpu_count()` and PyTorch's default thread count ignore them. Limits nest: those of
every group on the path from this process's group to the visible root apply.

Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst,
proc_pid_cgroup(5), proc_pid_mountinfo(5).

Not covered: memory pressure, swap limits, and in cgroup v1 the CPU quotas of parent groups outside
the container, which no file inside the container shows.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from workload.core.files import read_text
from workload.core.models.machine import Limits
from workload.hardware.affinity import given_cpus

# v1 writes the largest page-aligned number for "no limit". No machine has an exbibyte of memory.
UNLIMITED_BYTES = 1 << 60


def read_limits(root: Path = Path("/")) -> Limits:
    """Read the limits on this process from files below `root`, which tests replace."""
    groups = _own_groups(root)
    limit_bytes, used_bytes = _tightest_memory(_levels(root, groups, "memory"))
    quotas = map(_cpu_quota, _levels(root, groups, "cpu"))
    return Limits(
        cpu_quota=min((quota for quota in quotas if quota is not None), default=None),
        affinity_cpus=len(given_cpus(root)),
        memory_limit_bytes=limit_bytes,
        memory_used_bytes=used_bytes,
        memory_available_bytes=_available_bytes(root),
        shm_bytes=_file_system_bytes(root / "dev/shm"),
    )


def read_pids_left(root: Path = Path("/")) -> int | None:
    """Read how many more processes and threads this process's groups allow; None if unlimited."""
    left = [
        limit - (_integer(read_text(level / "pids.current")) or 0)
        for level in _levels(root, _own_groups(root), "pids")
        if (limit := _integer(read_text(level / "pids.max"))) is not None
    ]
    return max(0, min(left)) if left else None


def control_groups(root: Path = Path("/")) -> tuple[Path, ...]:
    """Return the folders of this process's memory and CPU groups, innermost first."""
    groups = _own_groups(root)
    found = [level for name in ("memory", "cpu") for level in _levels(root, groups, name)]
    return tuple(dict.fromkeys(found))


def cpu_groups(root: Path = Path("/")) -> tuple[Path, ...]:
    """Return the folders of this process's CPU groups, innermost first."""
    return tuple(_levels(root, _own_groups(root), "cpu"))


def memory_bytes() -> int:
    """Return the machine's memory, or the cgroup's limit if that is less."""
    machine_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine_bytes, read_limits().memory_limit_bytes or machine_bytes)


def last_cache_bytes(root: Path) -> int | None:
    """Read the size of the first CPU's largest cache ("32768K"); None if it is not reported."""
    sizes = [
        int(text[:-1]) << {"K": 10, "M": 20}[text[-1]]
        for path in root.glob("sys/devices/system/cpu/cpu0/cache/index*/size")
        if re.fullmatch(r"[0-9]+[KM]", text := read_text(path).strip())
    ]
    return max(sizes, default=None)


def _own_groups(root: Path) -> dict[str, str]:
    """Map each controller to the path of this process's group; the key of cgroup v2 is ""."""
    groups = {}
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _levels(root: Path, groups: dict[str, str], controller: str) -> list[Path]:
    """Return this process's groups of `controller`, innermost first; v1 takes precedence."""
    for version, key in ((1, controller), (2, "")):
        mount = _mount(root, version, controller) if key in groups else None
        if mount:
            return list(_walk_up(*mount, groups[key]))
    return []


def _mount(root: Path, version: int, controller: str) -> tuple[str, Path] | None:
    """Return the mounted group and mount point; a container often sees only its own group."""
    kind = "cgroup" if version == 1 else "cgroup2"
    # Split only at single spaces and newlines: a source may be empty, and a path may contain a
    # form feed.
    for line in read_text(root / "proc/self/mountinfo").split("\n"):
        fields, _, rest = line.partition(" - ")
        file_system, _, options = rest.partition(" ")
        if file_system != kind:
            continue
        mounted_group, mount_point = fields.split(" ")[3:5]
        if version != 1 or controller in options.partition(" ")[2].split(","):
            return mounted_group, root / mount_point.lstrip("/")
    return None


def _walk_up(mounted_group: str, mount_point: Path, group: str) -> Iterator[Path]:
    path = PurePosixPath(group)
    # A group outside the mounted one belongs to another namespace: use only the mount itself.
    inside = path.is_relative_to(mounted_group) and ".." not in path.parts
    below = path.relative_to(mounted_group) if inside else PurePosixPath()
    yield mount_point / below
    yield from (mount_point / parent for parent in below.parents)


def _tightest_memory(levels: list[Path]) -> tuple[int | None, int | None]:
    """Return the limit and usage of the group with the least memory left.

    If no group has a limit, return None and the innermost group's usage.
    """
    memory = [_memory(level) for level in levels]
    limited = [(limit, used) for limit, used in memory if limit is not None]
    if limited:
        return min(limited, key=lambda pair: pair[0] - (pair[1] or 0))
    return None, memory[0][1] if memory else None


def _memory(group: Path) -> tuple[int | None, int | None]:
    """Return the group's limit, and its usage without the reclaimable file cache."""
    stat = _key_values(group / "memory.stat")
    limits = (
        _bytes_or_unlimited(text)
        for text in (
            read_text(group / "memory.max"),  # v2
            read_text(group / "memory.limit_in_bytes"),  # v1
            # v1: includes the parents, even those that a container cannot see.
            str(stat.get("hierarchical_memory_limit", "")),
        )
    )
    usage = read_text(group / "memory.current") or read_text(group / "memory.usage_in_bytes")
    usage_bytes = _integer(usage)
    # In v1, counts without `total_` exclude the group's children.
    cache_bytes = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    used_bytes = None if usage_bytes is None else max(0, usage_bytes - cache_bytes)
    return min((limit for limit in limits if limit is not None), default=None), used_bytes


def _bytes_or_unlimited(text: str) -> int | None:
    limit_bytes = _integer(text)
    return None if limit_bytes is None or limit_bytes >= UNLIMITED_BYTES else limit_bytes


def _cpu_quota(group: Path) -> float | None:
    """Return the quota in CPUs; None for "max" (v2), -1 (v1) and unreadable values."""
    limit, _, period = read_text(group / "cpu.max").partition(" ")  # v2
    quota_us = _integer(limit or read_text(group / "cpu.cfs_quota_us"))
    period_us = _integer(period or read_text(group / "cpu.cfs_period_us"))
    if not quota_us or not period_us or min(quota_us, period_us) < 0:
        return None
    return quota_us / period_us


def _available_bytes(root: Path) -> int | None:
    for line in read_text(root / "proc/meminfo").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            kibibytes = _integer(amount.removesuffix("kB"))
            return None if kibibytes is None else kibibytes * 1024
    return None


def _file_system_bytes(path: Path) -> int | None:
    try:
        status = os.statvfs(path)
    except OSError:
        return None
    return status.f_blocks * status.f_frsize


def _key_values(path: Path) -> dict[str, int]:
    pairs = (line.partition(" ")[::2] for line in read_text(path).splitlines())
    return {key: value for key, text in pairs if (value := _integer(text)) is not None}


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
