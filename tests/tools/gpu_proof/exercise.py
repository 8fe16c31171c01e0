"""Call every library that PyTorch loads for a device; print JSON lines: part -> ok or error.

A part is `started` before, so that the last line names a part that hangs.
Runs with the packages of a scratch tree, from which files are missing (cuts.py). Each part is also
computed on the CPU, so that a library that answers wrongly fails, too. Needs nothing but torch.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

TOLERANCE = 2e-2  # of the largest element: bfloat16 keeps eight bits
QUICK = "matmul float32"
TWICE = "template <typename T> T twice(T x) { return x + x; }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    print_result("import", str(Path(torch.__file__).parent.parent))
    for name, part in parts(arguments.device).items():
        if not arguments.quick or name == QUICK:
            print_result(name, "started")
            print_result(name, tried(part, arguments.device))
    print_result("mapped", "\n".join(mapped()))
    os._exit(0)  # NCCL's threads may wait for a network at the interpreter's end


def print_result(part: str, how: str) -> None:
    """Print a line at once."""
    print(json.dumps({part: how}), flush=True)


def parts(device: str) -> dict[str, Callable[[str], Any]]:
    """Return what is computed, by name; each takes a device."""
    return {
        "matmul float64": product(torch.float64),
        "matmul float32": product(torch.float32),
        "matmul bfloat16": product(torch.bfloat16),
        "convolution": convolution,
        "fft": lambda where: torch.fft.rfft2(numbers(64, 64).to(where)).abs(),
        "linear solve": lambda where: torch.linalg.solve(definite(where), numbers(64, 8).to(where)),
        "singular values": lambda where: torch.linalg.svdvals(numbers(64, 64).to(where)),
        "eigenvalues": lambda where: torch.linalg.eigvalsh(definite(where)),
        "sparse matmul": sparse_product,
        "profiler": profiled,
        **({} if device == "cpu" else ON_GPU),
    }


def tried(part: Callable[[str], Any], device: str) -> str:
    """Return ok, or how the part failed."""
    try:
        value = part(device)
        if isinstance(value, Tensor):
            expected = part("cpu")
            off = (value.cpu().double() - expected.double()).abs().max()
            if not off <= TOLERANCE * expected.double().abs().max():
                return f"wrong by {off:.3g}"
    except Exception as error:  # whatever a missing library leads to
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return "ok"


def numbers(*shape: int) -> Tensor:
    """Return the same random numbers every time, on the CPU."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def definite(where: str) -> Tensor:
    """Return a positive definite matrix."""
    a = numbers(64, 64)
    return (a @ a.T + 64 * torch.eye(64)).to(where)


def sparse_product(where: str) -> Tensor:
    """Return the product of a sparse matrix."""
    a = numbers(64, 64)
    product: Tensor = torch.sparse.mm(a.relu().to_sparse().to(where), a.to(where))
    return product


def product(dtype: torch.dtype) -> Callable[[str], Tensor]:
    """Return a matmul in a dtype."""
    return lambda where: numbers(512, 512).to(where, dtype) @ numbers(512, 512).to(where, dtype)


def convolution(where: str) -> Tensor:
    """Return the gradient of a convolution's filters."""
    filters = numbers(16, 8, 3, 3).to(where).requires_grad_()
    torch.nn.functional.conv2d(numbers(4, 8, 32, 32).to(where), filters).square().sum().backward()
    assert filters.grad is not None
    return filters.grad


def profiled(where: str) -> None:
    """Profile a matmul, on a GPU through CUPTI."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if where != "cpu":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    a = numbers(256, 256).to(where)
    with torch.profiler.profile(activities=kinds) as profile:
        (a @ a).sum().item()
    names = {event.device_type.name for event in profile.events() or ()}
    if where != "cpu" and "CUDA" not in names:
        raise RuntimeError("the profiler saw no kernel")


def compiled(where: str) -> None:
    """Compile a kernel with NVRTC."""
    twice = torch.cuda.jiterator._create_jit_fn(TWICE)
    a = numbers(64).to(where)
    if not torch.equal(twice(a), a + a):
        raise RuntimeError("the compiled kernel computed something else")


def captured(where: str) -> None:
    """Replay a CUDA graph."""
    a = numbers(64, 64).to(where)
    a @ a
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = a @ a
    graph.replay()
    if not torch.equal(result, a @ a):
        raise RuntimeError("the graph computed something else")


def reduced(where: str) -> None:
    """Sum over the one process of a NCCL group."""
    with tempfile.TemporaryDirectory() as folder:
        torch.distributed.init_process_group("nccl", f"file://{folder}/store", world_size=1, rank=0)
        a = torch.ones(64, device=where)
        torch.distributed.all_reduce(a)
        torch.distributed.destroy_process_group()
        if a.sum().item() != a.numel():
            raise RuntimeError("NCCL summed something else")


def drawn(where: str) -> None:
    """Draw random numbers on the device."""
    if torch.rand(1000, device=where).std().item() == 0:
        raise RuntimeError("the random numbers are all the same")


ON_GPU: dict[str, Callable[[str], Any]] = {
    "NVRTC": compiled,
    "CUDA graph": captured,
    "NCCL": reduced,
    "random numbers": drawn,
}


def mapped() -> list[str]:
    """Return the libraries in this process."""
    lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    return sorted({line.split()[-1] for line in lines if ".so" in line})


if __name__ == "__main__":
    main()
