"""Gather what a reader of the proof needs to know about this machine, from least to most risky.

The result is written after each part, so that a driver that hangs costs only what follows it.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2]))  # tools

from tools.gpu_proof.result import Result

SMI_SEC = 15.0
SMI_FIELDS = (
    "name,driver_version,memory.total,compute_cap,mig.mode.current,ecc.mode.current,"
    "persistence_mode,power.limit,clocks.max.sm,temperature.gpu,vbios_version"
)
EDGE = 256  # of the matmul that shows that the GPU computes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--result", type=Path, required=True)
    result = Result(parser.parse_args().result)
    result.set("machine", machine())
    result.set("packages", packages())
    result.set("nvidia_smi", nvidia_smi())
    import torch  # noqa: PLC0415  takes seconds, or fails

    result.set("torch", torch_facts(torch))
    gpu = gpu_facts(torch)
    result.set("gpu", gpu)
    print(f"torch {torch.__version__}: {proved(gpu)}")


def machine() -> dict[str, Any]:
    """Return the facts about the host, without its name."""
    cpus = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    models = [line.partition(":")[2].strip() for line in cpus if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "cpu": next(iter(models), None),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "image": os.environ.get("WORKLOAD_IMAGE") or None,
    }


def packages() -> dict[str, str]:
    """Return every installed distribution and its version."""
    found = {one.name: one.version for one in metadata.distributions() if one.name}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def nvidia_smi() -> list[str]:
    """Return nvidia-smi's line for each GPU, or why there is none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ["nvidia-smi is not installed"]
    query = [command, f"--query-gpu={SMI_FIELDS}", "--format=csv"]
    try:
        ended = subprocess.run(query, capture_output=True, text=True, timeout=SMI_SEC, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"nvidia-smi: {error}"]
    return (ended.stdout + ended.stderr).strip().splitlines()


def torch_facts(torch: Any) -> dict[str, Any]:
    """Return the build of PyTorch, without asking the driver."""
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "arch_list": torch.cuda.get_arch_list() if torch.version.cuda else [],
    }


def gpu_facts(torch: Any) -> dict[str, Any]:
    """Return the GPU that `cuda` means, after one matmul on it, or the problem."""
    if torch.version.cuda is None:
        return {"usable": False, "problem": "this torch is the CPU build"}
    try:
        torch.cuda.init()
        ones = torch.ones(EDGE, EDGE, device="cuda")
        right = (ones @ ones).sum().item() == EDGE**3
        properties = torch.cuda.get_device_properties(0)
    except Exception as error:  # torch raises several kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return {"usable": False, "problem": first}
    return {
        "usable": right,
        "problem": None if right else "a matmul of ones gave a wrong sum",
        "name": properties.name,
        "capability": [properties.major, properties.minor],
        "memory_bytes": properties.total_memory,
        "sm_count": properties.multi_processor_count,
        "count": torch.cuda.device_count(),
        "cudnn": torch.backends.cudnn.version(),
    }


def proved(gpu: Mapping[str, Any]) -> str:
    """Return which GPU the proof is about, or the problem."""
    if gpu.get("count", 1) > 1:
        return f"{gpu['name']}, cuda:0 of {gpu['count']} GPUs; the others are not proved"
    return str(gpu.get("name") or gpu["problem"])


if __name__ == "__main__":
    main()
