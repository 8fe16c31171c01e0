"""Find an Arm CPU's name, from the numbers in /proc/cpuinfo, and its vector width."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from workload.core.files import read_table, read_text

TABLE = Path(__file__).with_name("arm_cpus.toml")
BYTE_BITS = 8

Core = tuple[str, str]  # implementer and part, "0x41" and "0xd0c"


def cpu_name(root: Path, cores: Sequence[Core]) -> str | None:
    """Return the CPU's name, such as "NVIDIA Grace (Arm Neoverse V2)"; None if `cores` is empty.

    `cores` has one entry per logical CPU. If the cores differ, each kind is listed with its number
    of CPUs.
    """
    kinds = Counter(map(core_name, cores))
    if not kinds:
        return None
    if len(kinds) > 1:
        return " + ".join(f"{count} × {name}" for name, count in kinds.items())
    [core] = kinds
    chip = _chip(root, core)
    return f"{chip} ({core})" if chip else core


def core_name(core: Core) -> str:
    """Return a core's name, or its implementer and part numbers if the name is unknown."""
    implementer, part = core
    for row in read_table(TABLE)["core"]:
        if row["implementer"] == implementer and part in row["parts"]:
            return str(row["parts"][part])
    return f"Arm CPU, implementer {implementer}, part {part}"


def _chip(root: Path, core: str) -> str | None:
    soc_id = read_text(root / "sys/devices/soc0/soc_id").strip()
    vendor = read_text(root / "sys/class/dmi/id/sys_vendor").strip()
    for row in read_table(TABLE)["chip"]:
        if soc_id and soc_id == row.get("soc_id"):
            return str(row["name"])
        if vendor and (vendor, core) == (row.get("machine_vendor"), row.get("core")):
            return str(row["name"])
    return None


def sve_bits(root: Path) -> int | None:
    """Return the SVE vector width that Linux gives a program by default; None without SVE."""
    count = read_text(root / "proc/sys/abi/sve_default_vector_length").strip()
    return int(count) * BYTE_BITS if count.isdecimal() else None
