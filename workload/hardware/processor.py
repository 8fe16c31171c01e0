"""Read the CPU's properties from /proc/cpuinfo and /sys, and find out whether it is emulated.

No other module reads /proc/cpuinfo.

An emulator that runs single programs may replace the content of /proc/cpuinfo. For Arm programs,
QEMU 8.2 and newer report the CPU implementer 0x00. Rosetta reports the vendor VirtualApple. Neither
replaces /proc/sys/kernel/arch, which exists on Linux 6.1 and newer. Not covered: an emulator of a
whole machine that reports the name of a real CPU.
"""

import platform
import re
from dataclasses import dataclass
from pathlib import Path

from workload.core.files import read_text
from workload.hardware import arm

Block = dict[str, str]  # of one logical CPU

ARM, X86, UNKNOWN = "an Arm CPU", "an x86 CPU", "an unknown CPU"
ROSETTA = "VirtualApple"
QEMU = "0x00"


@dataclass(frozen=True)
class Processor:
    """The CPU's properties from /proc/cpuinfo, cpufreq and the topology; None if unknown.

    For an emulated CPU, only the features that the emulator reports are known.
    """

    vendor: str | None  # x86: "AuthenticAMD"; Arm: the implementer's number
    family: int | None
    model: int | None
    brand: str | None  # x86: the model name; Arm: from arm_cpus.toml
    flags: frozenset[str]  # Arm: features
    cores: int | None  # physical, as far as the machine shows them
    clock_mhz: float | None
    clock_source: str
    part: str | None = None  # Arm: "0xd4f"; None if cores differ
    sve_bits: int | None = None
    numa_nodes: int | None = None  # nodes with CPUs: some GPUs' memory is a node too
    kernel_machine: str | None = None  # the kernel's architecture, "x86_64"; None before Linux 6.1
    emulated_on: str | None = None  # "an x86 CPU"; None if it is not emulated


def read_processor(root: Path = Path("/"), machine: str | None = None) -> Processor:
    """Read the CPU's properties from files below `root`.

    `machine` is the architecture that this program was built for. Only tests set it.
    """
    machine = machine or platform.machine()
    blocks = [
        dict(_pair(line) for line in block.splitlines())
        for block in read_text(root / "proc/cpuinfo").split("\n\n")
        if block.strip()
    ]
    first = blocks[0] if blocks else {}
    vendor = first.get("vendor_id", first.get("CPU implementer"))
    kernel_machine = read_text(root / "proc/sys/kernel/arch").strip() or None
    emulator = emulated_on(machine, vendor, kernel_machine)
    if emulator:
        return _emulated(machine, first, vendor, kernel_machine, emulator)
    clock_mhz, clock_source = _clock(root, blocks)
    cores = _arm_cores(blocks)
    parts = {part for _, part in cores}
    return Processor(
        vendor=vendor,
        family=_whole(first.get("cpu family")),
        model=_whole(first.get("model")),
        brand=arm.cpu_name(root, cores) or first.get("model name"),
        flags=frozenset(first.get("flags", first.get("Features", "")).split()),
        cores=_cores(root, blocks),
        clock_mhz=clock_mhz,
        clock_source=clock_source,
        part=parts.pop() if len(parts) == 1 else None,
        sve_bits=arm.sve_bits(root),
        numa_nodes=_numa_nodes(root),
        kernel_machine=kernel_machine,
    )


def _emulated(
    machine: str, first: Block, vendor: str | None, kernel_machine: str | None, emulator: str
) -> Processor:
    """Return the known properties of an emulated CPU.

    Flags of another architecture are left out, because they are those of the host's CPU.
    """
    own = "Features" if architecture(machine) == ARM else "flags"
    return Processor(
        vendor=vendor,
        family=None,
        model=None,
        brand=f"emulated {machine} CPU",
        flags=frozenset(first.get(own, "").split()),
        cores=None,
        clock_mhz=None,
        clock_source="",
        kernel_machine=kernel_machine,
        emulated_on=emulator,
    )


def _arm_cores(blocks: list[Block]) -> list[arm.Core]:
    return [
        (block["CPU implementer"], block["CPU part"])
        for block in blocks
        if {"CPU implementer", "CPU part"} <= block.keys()
    ]


def _cores(root: Path, blocks: list[Block]) -> int | None:
    """Count physical cores by their ids in /proc/cpuinfo, or on Arm by the topology in /sys."""
    cores = {(block.get("physical id"), block["core id"]) for block in blocks if "core id" in block}
    siblings = root.glob("sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
    return len(cores) or len({read_text(path).strip() for path in siblings} - {""}) or None


def _numa_nodes(root: Path) -> int | None:
    lists = root.glob("sys/devices/system/node/node[0-9]*/cpulist")
    return sum(bool(read_text(path).strip()) for path in lists) or None


def _clock(root: Path, blocks: list[Block]) -> tuple[float | None, str]:
    """Return the highest possible clock, else the highest current one, in MHz, and its source."""
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


def architecture(machine: str) -> str | None:
    """Return the kind of CPU that programs for `machine` need; None unless it is Arm or x86."""
    if machine.startswith(("aarch64", "arm")):
        return ARM
    return X86 if machine in ("x86_64", "amd64", "i386", "i686") else None


def actual_cpu(vendor: str | None, kernel_machine: str | None) -> str | None:
    """Return the kind of the physical CPU; None if unknown.

    With Rosetta, it is Arm. Otherwise, the kernel's architecture decides or, if that is not known,
    the CPU's vendor.
    """
    if vendor == ROSETTA:
        return ARM
    if kernel_machine:
        return architecture(kernel_machine)
    if vendor is None:
        return None
    if vendor == QEMU:
        return UNKNOWN
    return ARM if vendor.startswith("0x") else X86


def emulated_on(machine: str, vendor: str | None, kernel_machine: str | None) -> str | None:
    """Return the actual kind of CPU if programs for `machine` are emulated on it; else None.

    >>> emulated_on("aarch64", "0x00", "x86_64")
    'an x86 CPU'
    """
    cpu, wanted = actual_cpu(vendor, kernel_machine), architecture(machine)
    if cpu == wanted and vendor == QEMU:
        return UNKNOWN
    return cpu if cpu and wanted and cpu != wanted else None
