"""Each CUDA library is in the image once: two cause cuDNN's SUBLIBRARY_VERSION_MISMATCH."""

import re
from collections import defaultdict
from pathlib import PurePosixPath

import pytest
from support.containers import Containers

# The base's own runtime and its compat library for older drivers; and the CUPTI of Triton's
# profiler, which only that profiler loads.
EXCEPTIONS = re.compile(
    r"/usr/local/cuda-[^/]+/(targets/[^/]+/lib/libcudart\.|compat/)|.*/triton/.*/libcupti\."
)
CUDA_LIBRARY = re.compile(
    r"lib(cudnn|cublas|nccl|cudart|cufft|cufile|cupti|curand|cusolver|cusparse|nvJitLink"
    r"|nvrtc|nvshmem)[^/]*\.so"
)
FIND = ("find", "/", "-xdev", "-type", "f", "-name", "lib*.so*")
MAP = """
import re, warnings
warnings.simplefilter("ignore")
import torch
torch.backends.cudnn.version()
maps = open("/proc/self/maps").read()
print(*sorted(set(re.findall(r"/[^ ]+[.]so[^ ]*$", maps, re.M))), sep="\\n")
"""


def paths_of_each(listing: str) -> dict[str, list[str]]:
    """The paths of each CUDA library, by its name without its version."""
    found = defaultdict(list)
    for path in listing.splitlines():
        name = PurePosixPath(path).name
        if CUDA_LIBRARY.match(name) and not EXCEPTIONS.match(path):
            found[name.partition(".so")[0]].append(path)
    return found


@pytest.mark.only("gpu")
def test_each_cuda_library_is_on_disk_once(containers: Containers) -> None:
    found = paths_of_each(containers.run(*FIND, user="0").stdout)
    assert {"libcudnn", "libcublas", "libcublasLt", "libnccl"} <= found.keys()
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


@pytest.mark.only("gpu")
@pytest.mark.only("runtime")
def test_each_cuda_library_is_mapped_once(containers: Containers) -> None:
    mapped = paths_of_each(containers.run("python", "-c", MAP).stdout)
    assert {"libcudnn", "libcublas", "libcublasLt", "libnccl", "libcudart"} <= mapped.keys()
    assert {name: paths for name, paths in mapped.items() if len(paths) > 1} == {}


@pytest.mark.only("gpu")
@pytest.mark.only("runtime")
def test_mapped_cuda_libraries_come_from_the_locked_wheels(containers: Containers) -> None:
    mapped = paths_of_each(containers.run("python", "-c", MAP).stdout)
    foreign = [p for paths in mapped.values() for p in paths if not p.startswith("/opt/venv/")]
    assert foreign == []


@pytest.mark.only("cpu")
def test_the_cpu_image_has_no_cuda_library(containers: Containers) -> None:
    listing = containers.run(*FIND, user="0").stdout
    assert "libtorch_cpu.so" in listing
    assert paths_of_each(listing) == {}
