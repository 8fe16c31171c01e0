"""The one reader of /proc/cpuinfo."""

import re
from dataclasses import dataclass
from pathlib import Path

from workload.core.files import read_text


@dataclass(frozen=True)
class Processor:
    """What /proc/cpuinfo and cpufreq say about the CPU. Unknown is None."""

    vendor: str | None  # x86: "AuthenticAMD"; Arm: the implementer's number
    family: int | None
    model: int | None
    brand: str | None  # the model name, which Arm kernels do not give
    flags: frozenset[str]  # Arm: features
    cores: int | None  # physical, as far as the machine shows them
    clock_mhz: float | None
    clock_source: str


def read_processor(root: Path = Path("/")) -> Processor:
    """Read the CPU below `root` (tests give a fixture tree)."""
    blocks = [
        dict(_pair(line) for line in block.splitlines())
        for block in read_text(root / "proc/cpuinfo").split("\n\n")
        if block.strip()
    ]
    first = blocks[0] if blocks else {}
    cores = {(block.get("physical id"), block["core id"]) for block in blocks if "core id" in block}
    clock_mhz, clock_source = _clock(root, blocks)
    return Processor(
        vendor=first.get("vendor_id", first.get("CPU implementer")),
        family=_whole(first.get("cpu family")),
        model=_whole(first.get("model")),
        brand=first.get("model name"),
        flags=frozenset(first.get("flags", first.get("Features", "")).split()),
        cores=len(cores) or None,
        clock_mhz=clock_mhz,
        clock_source=clock_source,
    )


def _clock(root: Path, blocks: list[dict[str, str]]) -> tuple[float | None, str]:
    """Return MHz and their source: the highest possible clock, else the highest current one."""
    highest = "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"  # in kHz
    if (khz := _number(read_text(root / highest))) is not None:
        return khz / 1e3, "cpuinfo_max_freq"
    now = [mhz for block in blocks if (mhz := _number(block.get("cpu MHz"))) is not None]
    return max(now, default=None), "cpu MHz of /proc/cpuinfo"


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def _number(text: str | None) -> float | None:
    """Parse a positive decimal number; None for anything else."""
    text = (text or "").strip()
    return float(text) or None if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else None


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[0-9]+", text) else None
