"""Arm CPUs, by what such machines show, and CPUs that are emulated."""

import platform
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workload.core.models.machine import Cpu
from workload.core.models.rating import Ceilings
from workload.doctor.probes.machine import read_cpu
from workload.hardware.peaks import nominal_cpu_peaks
from workload.hardware.precision import emulation
from workload.hardware.processor import Processor, emulated_on, read_processor

MACHINES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "arm_captures.toml").read_text("utf-8")
)["machine"]
BLOCK = (
    "processor\t: {index}\nBogoMIPS\t: 2000.00\nFeatures\t: {features}\n"
    "CPU implementer\t: {maker}\nCPU architecture: 8\nCPU part\t: {part}\n"
)
X86_WORDS = re.compile(r"(?i)avx|amx|sse|x86|intel|amd\b")
Read = Callable[..., Processor]

each_machine = pytest.mark.parametrize("shown", MACHINES, ids=lambda shown: shown["name"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the files of a machine lie."""
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def machine(root: Path, shown: dict[str, Any]) -> Path:
    """Write what a machine shows, each core a CPU of its own."""
    kinds = [core for count, *core in shown["cpus"] for _ in range(count)]
    blocks = [
        BLOCK.format(index=index, features=shown["features"], maker=maker, part=part)
        for index, (maker, part) in enumerate(kinds)
    ]
    cores = {
        f"sys/devices/system/cpu/cpu{index}/topology/thread_siblings_list": f"{index}\n"
        for index in range(len(blocks))
    }
    write(root, {"proc/cpuinfo": "\n".join(blocks), **cores, **shown.get("files", {})})
    return root


@each_machine
def test_a_machine_has_the_name_of_its_chip_or_core(root: Path, shown: dict[str, Any]) -> None:
    assert read_processor(machine(root, shown), "aarch64").brand == shown["name"]


@each_machine
def test_its_vectors_and_topology_are_read(
    root: Path, shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    cpu = read_cpu(machine(root, shown))
    cores = sum(count for count, *_ in shown["cpus"])
    assert (list(cpu.isa), cpu.sve_bits) == (shown["isa"], shown.get("sve_bits"))
    assert (cpu.physical_cores, cpu.numa_nodes) == (cores, shown.get("numa_nodes"))


@each_machine
def test_a_dtype_without_instructions_is_emulated_in_words_of_arm(
    root: Path, shown: dict[str, Any]
) -> None:
    flags = read_processor(machine(root, shown), "aarch64").flags
    reasons = {dtype: emulation(dtype, flags) for dtype in ("float32", "bfloat16", "float16")}
    found = {dtype: reason for dtype, reason in reasons.items() if reason}
    assert list(found) == shown.get("emulated", [])
    assert not X86_WORDS.search(" ".join(found.values()))


@each_machine
def test_its_nominal_peak_has_its_formula_or_is_unknown(root: Path, shown: dict[str, Any]) -> None:
    found = nominal_cpu_peaks(read_processor(machine(root, shown), "aarch64"), cpus=1000)
    expected = shown.get("peak_gflops")
    words = found.peak_source or ""
    assert found.peak_gflops.get("float32") == expected
    assert not X86_WORDS.search(words)
    assert not expected or f"= {expected:.0f} GFLOP/s for Arm Neoverse" in words


@pytest.mark.parametrize(
    ("programs", "vendor", "kernel", "emulator"),
    [
        ("aarch64", "0x41", "aarch64", None),
        ("x86_64", "GenuineIntel", "x86_64", None),
        ("aarch64", "0x41", None, None),
        ("x86_64", None, None, None),
        ("aarch64", None, "aarch64", None),
        ("armv7l", "0x41", "aarch64", None),  # a 32-bit program
        ("aarch64", "0x00", "x86_64", "an x86 CPU"),  # QEMU 10
        ("aarch64", "AuthenticAMD", "x86_64", "an x86 CPU"),  # QEMU 7.2
        ("aarch64", "AuthenticAMD", None, "an x86 CPU"),  # before Linux 6.1
        ("aarch64", "0x00", None, "an unknown CPU"),
        ("aarch64", "0x00", "aarch64", "an unknown CPU"),  # QEMU as a whole machine
        ("x86_64", "0x61", None, "an Arm CPU"),
        ("x86_64", "VirtualApple", "aarch64", "an Arm CPU"),
        ("x86_64", "VirtualApple", None, "an Arm CPU"),
        ("x86_64", "GenuineIntel", "aarch64", "an Arm CPU"),
    ],
)
def test_an_emulated_cpu_is_told_by_the_kernel_or_the_vendor(
    programs: str, vendor: str | None, kernel: str | None, emulator: str | None
) -> None:
    assert emulated_on(programs, vendor, kernel) == emulator


QEMU_10 = "model name\t: ARMv8 Processor rev 0 (v8l)\n" + BLOCK.format(
    index=0, features="fp asimd sve2 bf16", maker="0x00", part="0x051"
)
HOST = "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\ncore id\t: 0\nflags\t: fpu avx512f\n"


@pytest.mark.parametrize(
    ("cpuinfo", "flags"), [(QEMU_10, {"fp", "asimd", "sve2", "bf16"}), (HOST, set())]
)
def test_of_an_emulated_cpu_only_its_features_are_known(
    root: Path, cpuinfo: str, flags: set[str]
) -> None:
    clock = "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"
    write(root, {"proc/cpuinfo": cpuinfo, "proc/sys/kernel/arch": "x86_64\n", clock: "3000000\n"})
    processor = read_processor(root, "aarch64")
    assert (processor.brand, processor.emulated_on) == ("emulated aarch64 CPU", "an x86 CPU")
    assert processor.flags == flags
    assert (processor.cores, processor.clock_mhz, processor.sve_bits) == (None, None, None)
    assert nominal_cpu_peaks(processor, 2) == Ceilings()


def test_an_older_record_has_a_cpu_without_the_facts_of_arm() -> None:
    older = Cpu("Xeon", "GenuineIntel", ("avx2",), physical_cores=2, logical_cpus=4)
    assert (older.part, older.sve_bits, older.numa_nodes, older.kernel_machine) == (None,) * 4
