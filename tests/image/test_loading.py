"""Everything left in the image loads: pruning removed nothing that something else needs."""

import re
import tomllib
from pathlib import Path

import pytest
from support.containers import Containers

LOAD = """
import ctypes, sys, warnings
warnings.simplefilter("ignore")
import torch
from pathlib import Path
site = Path(torch.__file__).parents[1]
libraries = sorted(path for path in site.rglob("*.so*") if path.is_file())
for path in libraries:
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        print("failed", path.relative_to(site), error, sep="\\t")
print(len(libraries), "libraries")
"""
# Not in any package: the driver, and a cluster's network and MPI, which NVSHMEM and cuFile load
# where a host has them.
NOT_OURS = re.compile(
    r"lib(cuda\.so\.1|ibverbs\.so\.1|mlx5\.so\.1|mpi\.so\.40|oshmem\.so\.40|pmix\.so\.2"
    r"|fabric\.so\.1|ucs\.so\.0): cannot open shared object file"
)
# Compiled from Python to the processor's code, with ptxas and libdevice; nothing is launched.
KERNEL = """
import triton, triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.language.extra import libdevice

@triton.jit
def tangent(of, to, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(to + at, libdevice.tanh(tl.load(of + at, mask=at < count)), mask=at < count)

kinds = {"of": "*fp32", "to": "*fp32", "count": "i32", "BLOCK": "constexpr"}
source = ASTSource(tangent, kinds, constexprs={"BLOCK": 128})
for capability in (75, 80, 90, 100, 120):
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32))
    print(capability, made.asm["cubin"][1:4].decode())
"""


# Loaded or called by path at run time, and easily mistaken for leftovers.
NEEDED = ("torch/bin/torch_shm_manager", "sympy/testing/runtests.py", "numpy/testing/__init__.py")
NEEDED_ON_GPU = ("triton/backends/amd/compiler.py", "triton/backends/nvidia/bin/ptxas")
NUMPY = """
import torch
array = torch.arange(4.0).numpy()
print(torch.from_numpy(array @ array.reshape(4, 1)).item())
"""

LOCKED = """
import csv
from importlib import metadata
for distribution in metadata.distributions():
    for path, value, *_ in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        print(path, value)
"""


def failures(containers: Containers) -> tuple[int, list[list[str]]]:
    """How many libraries there are, and the path and the error of each that does not load."""
    ended = containers.run("python", "-c", LOAD, timeout_sec=120)
    assert ended.code == 0, ended.stderr
    *lines, last = ended.stdout.splitlines()
    return int(last.split()[0]), [line.split("\t")[1:] for line in lines]


@pytest.mark.timeout(150)
def test_every_library_loads_except_what_only_a_host_provides(
    containers: Containers, target: str
) -> None:
    count, failed = failures(containers)
    assert count > {"cpu": 10, "gpu": 60}[target]
    assert [words for words in failed if not NOT_OURS.search(words[1])] == []


@pytest.mark.only("runtime")
def test_what_is_loaded_by_path_is_there(containers: Containers, target: str) -> None:
    names = NEEDED + (NEEDED_ON_GPU if target == "gpu" else ())
    listing = f"cd /opt/venv/lib/python3*/site-packages && ls {' '.join(names)}"
    ended = containers.run("sh", "-c", listing)
    assert (ended.code, len(ended.stdout.split())) == (0, len(names)), ended.stderr


@pytest.mark.only("runtime")
def test_a_tensor_becomes_a_numpy_array_and_back_without_a_warning(
    containers: Containers,
) -> None:
    ended = containers.run("python", "-W", "error", "-c", NUMPY)
    assert (ended.code, ended.stdout, ended.stderr) == (0, "14.0\n", "")


@pytest.mark.only("gpu")
@pytest.mark.only("runtime")
def test_triton_compiles_a_kernel_for_each_generation_without_a_gpu(
    containers: Containers,
) -> None:
    write_and_run = 'printf %s "$0" >/tmp/kernel.py && exec python /tmp/kernel.py'
    ended = containers.run("sh", "-c", write_and_run, KERNEL, timeout_sec=120)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.split("\n")[:-1] == [f"{sm} ELF" for sm in (75, 80, 90, 100, 120)]


@pytest.mark.only("runtime")
def test_the_files_of_the_cuts_that_wait_are_the_locked_ones(
    containers: Containers, target: str
) -> None:
    listed = tomllib.loads((Path(__file__).parents[2] / "docker/prune.toml").read_text())["prune"]
    entries = [
        entry for entry in listed if entry.get("wait_for_gpu") and target in entry["targets"]
    ]
    assert bool(entries) == (target == "gpu")
    ended = containers.run("python", "-c", LOCKED)
    assert ended.code == 0, ended.stderr
    recorded = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
    machine = containers.run("uname", "-m").stdout.strip()
    for locked in (entry["locked"].get(machine, {}) for entry in entries):
        assert {path: recorded.get(path) for path in locked} == locked
