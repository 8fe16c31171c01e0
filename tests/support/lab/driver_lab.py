"""Runs a command as on a machine with an NVIDIA driver, which a table describes.

Three levels. REAL: libcuda and NVML are stand-ins, CUDA can only fail to start. HOLLOW: libcudart
is one too, CUDA starts, kernels do nothing. HOST: kernels are computed by the CPU.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.lab.stand_ins import CUDA, CUDART, NVML, compiled

REAL, HOLLOW, HOST = "REAL", "HOLLOW", "HOST"
LAB = Path(__file__).parents[2] / "lab"
MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Sun Jul 27 07:12:40 UTC 2025\n"
NODES = ("nvidiactl", "nvidia-uvm", "nvidia0")
TIMEOUT_SEC = 240  # on a busy machine


@dataclass(frozen=True)
class Machine:
    """What is there; `table` has the sections that stand_ins/table.h explains."""

    level: str = REAL
    table: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    libraries: tuple[str, ...] = (CUDA, NVML)
    missing: frozenset[str] = frozenset()  # functions that an old driver's NVML lacks
    kernel: str | None = "580.65.06"
    nodes: tuple[str, ...] = NODES
    environment: Mapping[str, str] = field(default_factory=dict)
    log: str | None = ""  # the kernel's


def machine_of(row: Mapping[str, Any]) -> Machine:
    """Return the machine of a row of a TOML file."""
    names = ("level", "table", "kernel", "environment")
    given: dict[str, Any] = {name: row[name] for name in names if name in row}
    lists: dict[str, Any] = {
        name: tuple(row[name]) for name in ("libraries", "nodes") if name in row
    }
    return Machine(missing=frozenset(row.get("missing", ())), **given, **lists)


class Lab:
    """Compiles the stand-ins into a folder, and runs commands on machines made of them."""

    def __init__(self, folder: Path, wheel_cudart: Path) -> None:
        """Keep compiled libraries in `folder`; `wheel_cudart` is what libcudart is mounted over."""
        self._folder = folder
        self._wheel_cudart = wheel_cudart

    def run(
        self,
        machine: Machine,
        root: Path,
        command: Sequence[str],
        timeout_sec: float = TIMEOUT_SEC,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command of `workload` there; `root` is an empty folder for the machine's files."""
        self.write(machine, root)
        return subprocess.run(
            [str(LAB / "enter"), str(root), sys.executable, "-m", "workload", *command],
            env=self._environment(machine, root),
            capture_output=True,
            text=True,
            timeout=timeout_sec,
            check=False,
        )

    def write(self, machine: Machine, root: Path) -> None:
        """Write the machine's files into the folder `root`."""
        libraries = root / "libraries"
        libraries.mkdir()
        for name in machine.libraries:
            missing = machine.missing if name == NVML else frozenset()
            (libraries / name).symlink_to(compiled(self._folder, name, missing))
        if machine.level != REAL:
            (root / "libcudart").symlink_to(compiled(self._folder, CUDART))
        if machine.kernel:
            (root / "version").write_text(MODULE.format(machine.kernel))
        if machine.log is not None:
            (root / "log").write_text(machine.log)
        (root / "nodes").write_text("".join(f"{name}\n" for name in machine.nodes))
        (root / "table").write_text(ini(machine.table))

    def _environment(self, machine: Machine, root: Path) -> dict[str, str]:
        return {
            **os.environ,
            "LAB_TABLE": str(root / "table"),
            "LAB_CUDART": str(self._wheel_cudart),
            "LD_LIBRARY_PATH": str(root / "libraries"),
            **({"PYTHONPATH": _with_host_level()} if machine.level == HOST else {}),
            **machine.environment,
        }


def _with_host_level() -> str:
    """Return PYTHONPATH with the folder whose sitecustomize computes CUDA's kernels on the CPU."""
    return os.pathsep.join([str(LAB / "host"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)


def ini(table: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table as the stand-ins read it."""
    lines = [
        line
        for section, values in table.items()
        for line in (f"[{section}]", *(f"{key} = {value}" for key, value in values.items()))
    ]
    return "\n".join([*lines, ""])
