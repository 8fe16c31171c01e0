#!/usr/bin/env python3
"""Rewrite the lock files beside this script; `make lock` calls it. Needs uv on PATH.

gpu.txt locks the dependencies of pyproject.toml and image.in, with torch as in torch.in, for all
platforms that have wheels. cpu.txt is derived from gpu.txt, without CUDA and with torch's CPU
build. All other packages therefore have the same versions in both files.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

LOCKS = Path(__file__).resolve().parent
PYPROJECT = LOCKS.parents[1] / "pyproject.toml"
# The doctor compares installed packages with this file. The images contain it, but not the locks.
LOCKED = LOCKS.parents[1] / "workload/doctor/probes/locked.json"
# PyTorch's own index: the CPU builds are not on PyPI.
TORCH_CPU_INDEX = os.environ.get("TORCH_CPU_INDEX", "https://download.pytorch.org/whl/cpu")
PYTHON_MIN = "3.11"
CPU_PYTHONS = ("311", "312", "313")
# CUDA's wheels and packages that only they need, except nvidia-ml-py, which only calls the driver.
CUDA_ONLY = re.compile(r"(triton|cuda-[a-z-]+|nvidia-(?!ml-py)[a-z0-9-]+)==")


def compile_lock(output: str, *inputs: str | Path) -> None:
    """Resolve `inputs` and write the lock `output`.

    The lock contains versions and hashes, which are the same for any mirror. Locked packages stay
    at their versions, unless UPGRADE=1 requests the newest versions.
    """
    options = (
        "--quiet --no-config --universal --generate-hashes --no-header --no-annotate"
        f" --python-version {PYTHON_MIN}"
    )
    if os.environ.get("UPGRADE") == "1":
        options += " --upgrade"
    subprocess.run(
        ["uv", "pip", "compile", *options.split(), "--output-file", output, *inputs],
        cwd=LOCKS,
        check=True,
    )


def blocks(lock: str) -> list[str]:
    """Split a lock's text into one block per package, including its hashes."""
    return re.findall(r"^\S.*\n(?:[ ].*\n)*", lock, re.MULTILINE)


def published_cpu_torch(version: str) -> str | None:
    """Return torch's block for cpu.txt, from PyTorch's index; None if it is unreachable."""
    try:
        with urlopen(f"{TORCH_CPU_INDEX}/torch/", timeout=20) as page:
            links = page.read().decode()
    except (URLError, TimeoutError) as error:
        print(f"relock: {TORCH_CPU_INDEX} does not answer ({error})", file=sys.stderr)
        return None
    wheel = re.compile(
        rf"torch-{re.escape(version)}(?:%2B|\+)cpu-cp({'|'.join(CPU_PYTHONS)})-cp\1-manylinux"
        r"\w*_(?:x86_64|aarch64)\.whl#sha256=([0-9a-f]{64})"
    )
    hashes = sorted({sha256 for _, sha256 in wheel.findall(links)})
    if not hashes:
        raise SystemExit(f"relock: {TORCH_CPU_INDEX} has no torch {version}+cpu for Linux")
    lines = [f"torch=={version}+cpu", *(f"--hash=sha256:{sha256}" for sha256 in hashes)]
    return " \\\n    ".join(lines) + "\n"


def recorded_cpu_torch(version: str) -> str:
    """Return torch's block from the current cpu.txt. Exit if it has another version of torch."""
    for block in blocks((LOCKS / "cpu.txt").read_text()):
        if block.startswith(f"torch=={version}+cpu "):
            print(f"relock: keeping the recorded hashes of torch {version}+cpu", file=sys.stderr)
            return block
    raise SystemExit(
        f"relock: no hashes for torch {version}+cpu are on record; run where the index is reachable"
    )


def versions(lock: str) -> dict[str, str]:
    """Return the version of each package in a lock.

    Several versions of one package, chosen by environment markers, are joined by spaces.
    """
    found: dict[str, str] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)={2,3}(\S+)", lock, re.MULTILINE):
        found[name] = f"{found[name]} {version}" if name in found else version
    return found


def write_versions() -> None:
    """Write the versions of both targets to LOCKED, which the package contains."""
    locks = {target: versions((LOCKS / f"{target}.txt").read_text()) for target in ("cpu", "gpu")}
    LOCKED.write_text(json.dumps(locks, indent=1) + "\n")


def main() -> None:
    """Write the GPU lock, derive the CPU lock, then lock the tools at the same versions."""
    (version,) = re.findall(r"^torch==(\S+)", (LOCKS / "torch.in").read_text(), re.MULTILINE)
    cpu_torch = published_cpu_torch(version) or recorded_cpu_torch(version)
    compile_lock("gpu.txt", PYPROJECT, "image.in", "--constraint", "torch.in")
    gpu = blocks((LOCKS / "gpu.txt").read_text())
    common = [block for block in gpu if not CUDA_ONLY.match(block)]
    (LOCKS / "cpu.txt").write_text(
        "".join(cpu_torch if block.startswith("torch==") else block for block in common)
    )
    # With == instead of ===, a +cpu build in a wheelhouse would match too (PEP 440).
    (LOCKS / "gpu.txt").write_text("".join(re.sub(r"^torch==", "torch===", b) for b in gpu))
    write_versions()
    for tools in ("test", "lint", "build", "page", "supply"):
        # Constrained, so that a tool never requires another version of a runtime package.
        compile_lock(f"{tools}.txt", f"{tools}.in", "--constraint", "gpu.txt")


if __name__ == "__main__":
    main()
