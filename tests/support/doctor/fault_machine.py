"""Builds the machine of one row of faults.toml and reads its facts."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.doctor.machines import (
    BURN_IN,
    CPU_RUN,
    GPU_RUNS,
    NOW_SEC,
    SEVERAL,
    STRESS,
    TORCH,
    WHEELS,
)
from support.fakes.nvml import fake_nvml

from workload.core.models.facts import DEEP, Facts
from workload.core.models.gpu import CudaStart
from workload.core.models.machine import Clock, Folder
from workload.core.models.pytorch import KernelRun, Probed, TorchFacts, TorchFiles, TorchGpu
from workload.core.models.stress import Deep
from workload.doctor.probes import facts as facts_module
from workload.doctor.probes import libraries
from workload.doctor.probes.facts import gather
from workload.doctor.probes.libraries import read_mapped_libraries
from workload.hardware.compilers import find_compilers
from workload.hardware.driver_codes import cause_of
from workload.hardware.nvml import read_driver

# A container on a host with one H200, as the doctor's readers find it.
FILES = {
    ".dockerenv": "",
    "bin/g++": "",
    "bin/gcc": "",
    "dev/kmsg": "6,1,100,-;Linux version 6.8.0\n",
    "dev/nvidia-uvm": "",
    "dev/nvidia0": "",
    "dev/nvidiactl": "",
    "proc/cpuinfo": "processor : 0\nvendor_id : GenuineIntel\nmodel name : Xeon\nflags : avx2\n",
    "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Tue",
    "proc/meminfo": "MemAvailable: 64000000 kB\n",
    "proc/self/cgroup": "0::/\n",
    "proc/self/maps": f"1-2 r-xp 0 00:1 1 {WHEELS}/cudnn/lib/libcudnn.so.9\n",
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
    "proc/sys/kernel/random/boot_id": "boot-1\n",
    "proc/self/status": "Cpus_allowed:\tffff\n",
    "sys/bus/pci/devices/0000:65:00.0/max_link_width": "16\n",
    "sys/bus/pci/devices/0000:65:00.0/vendor": "0x10de\n",
    "sys/class/rtc/rtc0/since_epoch": f"{NOW_SEC:.0f}",
    "sys/fs/cgroup/cpu.max": "max 100000",
    "sys/fs/cgroup/memory.max": "max",
}
PACKAGES = {"nvidia-cudnn-cu13": "9.20.0.48", "torch": "2.13.0"}
# Facts that no file below a root can express.
FACTS: dict[str, dict[str, Any]] = {
    "limits": {"shm_bytes": 8 << 30},
    "user": {"uid": 10001, "has_passwd_entry": True, "tmp": "/tmp", "tmp_writable": True},  # noqa: S108  words
    "system": {"machine": "x86_64"},
    "compilers": {"headers": True},
}
FOLDERS = {"TMPDIR": Folder("TMPDIR", "/tmp", None, executable=True, free_bytes=9 << 30)}  # noqa: S108  words


def read_facts(fault: dict[str, Any], root: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """Return the facts that the doctor's readers read on the machine with the fault."""
    _write_files(fault, root)
    _set_environment(fault, root, monkeypatch)
    torch_error, torch_signal = fault.get("torch_error"), fault.get("torch_signal")
    torch = None if torch_error or torch_signal else _torch(fault)
    files = TorchFiles("2.13.0", None if fault.get("without_cuda_build") else "13.0")
    probed = Probed(torch, torch_error, torch_signal, read_mapped_libraries(root))
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(fault.get("nvml")))
    monkeypatch.setattr(facts_module, "probing", lambda *_: nullcontext(probed))
    monkeypatch.setattr(facts_module, "read_torch_files", lambda: files)
    monkeypatch.setattr(facts_module, "cuda_start", lambda _: cuda_start(fault, torch))
    monkeypatch.setattr(facts_module, "read_cuda_library", lambda: fault.get("cuda_library"))
    monkeypatch.setattr(libraries, "locked_versions", lambda: {"gpu": PACKAGES})
    monkeypatch.setattr(libraries, "_installed", lambda: PACKAGES | fault.get("packages", {}))
    facts = gather(fault.get("device", "cuda"), read_driver, root=root, depth=DEEP)
    return replace(_with_facts(facts, fault.get("facts", {})), deep=_stress(facts, fault))


def cuda_start(fault: dict[str, Any], torch: TorchFacts | None) -> CudaStart:
    """Return how CUDA starts without PyTorch: as the row says, or as PyTorch says."""
    cause = cause_of(torch.cuda_error) if torch and torch.cuda_error else None
    healthy = {"library": "/usr/lib/libcuda.so.1", "version": 13000, "code": 0, "count": 1}
    code = {"code": cause.code} if cause else {}
    return CudaStart(**{**healthy, **code, **fault.get("cuda", {})})


def _write_files(fault: dict[str, Any], root: Path) -> None:
    for name, text in (FILES | fault.get("files", {})).items():
        if name in fault.get("without", []):
            continue
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)


def _set_environment(fault: dict[str, Any], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    healthy = {"PATH": str(root / "bin"), "HOME": str(root), "USER": "workload"}
    for name, value in (healthy | fault.get("env", {})).items():
        monkeypatch.setenv(name, value)


def _torch(fault: dict[str, Any]) -> TorchFacts:
    changes = dict(fault.get("torch", {}))
    if changes.pop("cudnn_missing", False) or "cudnn_error" in changes:
        changes["cudnn_version"] = None
    if fault.get("without_cuda_build"):
        changes["cuda_version"] = None
    for name in ("gpus", "arch_list"):
        if name in changes:
            changes[name] = tuple(changes[name])
    if "gpus" in changes:
        changes["gpus"] = tuple(TorchGpu(**gpu) for gpu in changes["gpus"])
    runs = fault.get("run", {})
    started = changes.get("gpus", TORCH.gpus)
    kernels = (_changed(CPU_RUN, runs.get("cpu")), *(_changed(run, runs.get(run.operation))
               for run in GPU_RUNS if started))  # fmt: skip
    several = replace(
        SEVERAL,
        runs=tuple(_changed(run, runs.get(run.operation)) for run in SEVERAL.runs),
        unreachable=tuple(fault.get("unreachable", ())),
        error=fault.get("several_error"),
    )
    return replace(TORCH, kernels=kernels, several=several if started else None, **changes)


def _changed(run: KernelRun, changes: dict[str, Any] | None) -> KernelRun:
    if changes and "error" in changes:
        return replace(run, wrong=None, error=changes["error"])
    return replace(run, **changes or {})


def _stress(facts: Facts, fault: dict[str, Any]) -> Deep | None:
    """Return the stress test where CUDA started, changed by `burned`, `memory` and `watch`."""
    if facts.torch is None or not facts.torch.gpus:
        return None
    parts = {
        name: replace(getattr(STRESS, name), **_tuples(fault[name]))
        for name in ("memory", "watch")
        if name in fault
    }
    if fault.get("nowatch"):
        parts["watch"] = None
    return replace(STRESS, burn_ins=(replace(BURN_IN, **fault.get("burned", {})),), **parts)


def _tuples(changes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
    }


def _with_facts(facts: Facts, changes: dict[str, Any]) -> Facts:
    changes = dict(changes)
    folders, nodes = changes.pop("folders", {}), changes.pop("nodes", {})
    assert facts.clock
    clock = Clock(NOW_SEC, facts.clock.hardware_sec, synchronized=None)
    healthy = replace(facts, clock=clock, compilers=find_compilers())
    merged = {name: FACTS.get(name, {}) | changes.get(name, {}) for name in {*FACTS, *changes}}
    return replace(
        healthy,
        **{
            name: replace(getattr(healthy, name), **values)
            for name, values in merged.items()
            if name not in facts.unread
        },
        folders=tuple(
            replace(
                FOLDERS.get(purpose, FOLDERS["TMPDIR"]), purpose=purpose, **folders.get(purpose, {})
            )
            for purpose in {**FOLDERS, **folders}
        ),
        device_nodes=tuple(
            replace(node, **nodes.get(node.path, {})) for node in facts.device_nodes or ()
        ),
    )
