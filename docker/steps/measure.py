"""measure.py TARGET PACKAGE_INIT: print a bake file with labels for the versions found here.

Runs while the image is built, without a GPU. So the labels show what the libraries were built for,
not what the machine has.
"""

import json
import platform
import re
import sys
from pathlib import Path

import torch


def cudnn() -> str:
    """Return the version of the cuDNN that torch loads, such as 9.20.0; empty without one."""
    number = torch.backends.cudnn.version() if torch.version.cuda else None
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}" if number else ""


def nccl() -> str:
    """Return the version of the NCCL that torch loads, such as 2.29.7; empty without one."""
    return ".".join(map(str, torch.cuda.nccl.version())) if torch.version.cuda else ""


def arch_list() -> str:
    """Return the targets of torch's compiled kernels, such as sm_75 sm_80; empty for a CPU build.

    torch.cuda.get_arch_list() is empty without a GPU; the build flags are not.
    """
    return torch._C._cuda_getArchFlags() or "" if torch.version.cuda else ""


def labels(package: Path) -> dict[str, str]:
    """Return the labels, by name; a missing part has no label."""
    (version,) = re.findall(r'^__version__ = "(.+)"', package.read_text(), re.MULTILINE)
    measured = {
        "org.opencontainers.image.version": version,
        "workload.python": platform.python_version(),
        "workload.torch": torch.__version__,
        "workload.cuda": torch.version.cuda or "",
        "workload.cudnn": cudnn(),
        "workload.nccl": nccl(),
        "workload.arch-list": arch_list(),
    }
    return {name: value for name, value in measured.items() if value}


if __name__ == "__main__":
    target, package = sys.argv[1:]
    json.dump({"target": {target: {"labels": labels(Path(package))}}}, sys.stdout, indent=2)
