"""Assign a GPU and a share of the CPUs to each rank."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workload.core.files import read_text
from workload.core.models.gpu import Gpu


@dataclass(frozen=True)
class Slot:
    """The device of one rank as its process names it, its CPUs, and its environment variables."""

    rank: int
    device: str  # "cpu", "cuda:0"
    cpus: tuple[int, ...]
    gpu: Gpu | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def cpu_slots(count: int, given: Iterable[int], usable: int, root: Path = Path("/")) -> list[Slot]:
    """Divide the CPUs in `given` among the ranks. The CPU quota allows `usable` CPUs."""
    shares = divided(by_core(given, root), count, usable)
    return [Slot(rank, "cpu", share) for rank, share in enumerate(shares)]


def gpu_slots(
    gpus: Sequence[Gpu], given: Iterable[int], usable: int, root: Path = Path("/")
) -> list[Slot]:
    """Assign each GPU a share of those CPUs in `given` that are on its NUMA node.

    If none are, assign a share of all CPUs in `given`. A GPU that does not answer has no UUID, so
    CUDA_VISIBLE_DEVICES of its rank is empty.
    """
    given = frozenset(given)
    nodes: dict[frozenset[int], list[Gpu]] = {}
    for gpu in gpus:
        nodes.setdefault(near_cpus(gpu, root) & given or given, []).append(gpu)
    shares = {}
    for cpus, near in nodes.items():
        allowed = max(1, usable * len(near) // len(gpus))
        for gpu, share in zip(near, divided(by_core(cpus, root), len(near), allowed), strict=True):
            shares[gpu.index] = share
    return [
        Slot(rank, "cuda:0", shares[gpu.index], gpu, {"CUDA_VISIBLE_DEVICES": gpu.uuid or ""})
        for rank, gpu in enumerate(gpus)
    ]


def divided(cpus: Sequence[int], parts: int, usable: int) -> list[tuple[int, ...]]:
    """Divide CPUs into equal parts, as `torch.tensor_split` does. Use at most `usable` CPUs.

    If there are fewer CPUs than parts, parts share CPUs.

    >>> divided(range(5), 2, 5), divided(range(8), 2, 4), divided(range(2), 3, 2)
    ([(0, 1, 2), (3, 4)], [(0, 1), (4, 5)], [(0,), (1,), (0,)])
    """
    if len(cpus) < parts:
        return [(cpus[part % len(cpus)],) for part in range(parts)]
    least, longer = divmod(len(cpus), parts)
    starts = [part * least + min(part, longer) for part in range(parts + 1)]
    most = max(1, usable // parts) if usable < len(cpus) else len(cpus)
    return [tuple(cpus[starts[part] : starts[part + 1]][:most]) for part in range(parts)]


def by_core(cpus: Iterable[int], root: Path = Path("/")) -> list[int]:
    """Sort CPUs by package and core, so that the CPUs of a core or package are adjacent."""

    def position(cpu: int) -> tuple[int, int, int]:
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        names = ("physical_package_id", "core_id")
        package, core = (read_text(folder / name).strip() for name in names)
        return (*(int(text) if text.isdecimal() else cpu for text in (package, core)), cpu)  # type: ignore[return-value]  # two and one

    return sorted(cpus, key=position)


def near_cpus(gpu: Gpu, root: Path = Path("/")) -> frozenset[int]:
    """Return the CPUs of the GPU's NUMA node; empty if unknown, as in many virtual machines."""
    address = gpu.state.pcie.address if gpu.state else None
    if address is None:
        return frozenset()
    return cpus_in(read_text(root / f"sys/bus/pci/devices/{address}/local_cpulist"))


def cpus_in(text: str) -> frozenset[int]:
    """Return the CPUs in a CPU list in the kernel's format.

    >>> sorted(cpus_in("0-2,8"))
    [0, 1, 2, 8]
    """
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdecimal():
            found.update(range(int(first), int(last if last.isdecimal() else first) + 1))
    return frozenset(found)


def visible_gpus(gpus: Sequence[Gpu], chosen: str | None) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES selects, in its order; None selects all.

    As in CUDA, a name that matches no GPU hides all GPUs after it. Indices are those of the driver.
    """
    if chosen is None:
        return list(gpus)
    found: list[Gpu] = []
    for name in chosen.split(","):
        same = [gpu for gpu in gpus if _is_named(gpu, name.strip())]
        if len(same) != 1 or same[0] in found:
            break
        found += same
    return found


def _is_named(gpu: Gpu, name: str) -> bool:
    if name.isdecimal():
        return gpu.index == int(name)
    return name.startswith("GPU-") and bool(gpu.uuid) and str(gpu.uuid).startswith(name)
