"""Check that the same computation gives the same bits, again and in another process.

Every part computes from the same numbers. cuBLAS promises the same bits on the same kind of GPU,
cuDNN with `deterministic`; what cuDNN does by itself is reported and may differ. Exit code 3: bits
differ that must not.
"""

import argparse
import ctypes
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))  # tools

from workload.cli.main import prepare_libraries

prepare_libraries()  # before torch is imported, as on the command line

import torch
from tools.gpu_proof.result import Result
from torch import Tensor
from torch.nn.functional import conv2d

from workload.core.errors import ExitCode
from workload.core.train_spec import PRESETS
from workload.hardware import devices
from workload.train.loop import train

# A CPU takes seconds for the halves.
DTYPES = {"cpu": ("float64", "float32"), "cuda": ("float64", "float32", "bfloat16", "float16")}
EDGE = 1000  # not a multiple of a tile
STEPS = 50
FREE = "convolution, cuDNN's choice"  # may differ
MIN_RUNS = 2
CHILD_SEC = 60.0

Parts = dict[str, Callable[[], Tensor]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--result", type=Path)
    arguments = parser.parse_args()
    ends_at = time.monotonic() + arguments.seconds
    computed = parts(arguments.device)
    if arguments.result is None:  # the other process
        print(json.dumps({name: digest(part()) for name, part in computed.items()}))
        return ExitCode.OK
    result = Result(arguments.result)
    other = elsewhere(arguments.device)
    seen: dict[str, set[str]] = {name: set() for name in computed}
    runs = 0
    while runs < MIN_RUNS or time.monotonic() < ends_at:
        for name, part in computed.items():
            seen[name].add(digest(part()))
        runs += 1
        result.set("runs", runs)
        result.set("distinct", {name: len(bits) for name, bits in seen.items()})
    for name, bits in json.loads(other.communicate(timeout=CHILD_SEC)[0].splitlines()[-1]).items():
        seen[name].add(bits)
    result.set("distinct", {name: len(bits) for name, bits in seen.items()})
    differ = [name for name, bits in seen.items() if len(bits) > 1]
    wrong = [name for name in differ if name != FREE]
    print(f"{len(seen) - len(differ)} of {len(seen)} the same in {runs} runs and another process")
    if differ:
        print(f"differ: {', '.join(differ)}")
    return ExitCode.WRONG_NUMBERS if wrong else ExitCode.OK


def parts(device: str) -> Parts:
    """Return what is computed, by name."""
    torch.manual_seed(0)
    where = torch.device(devices.resolve(device).torch_name)
    a, b = (torch.randn(EDGE, EDGE, dtype=torch.float64) for _ in range(2))
    images, filters = torch.randn(8, 32, 28, 28, device=where), torch.randn(64, 32, 3, 3).to(where)
    found: Parts = {
        f"matmul {dtype}": partial(
            torch.mm, a.to(where, getattr(torch, dtype)), b.to(where, getattr(torch, dtype))
        )
        for dtype in DTYPES[where.type]
    }
    found["convolution, deterministic"] = partial(convolved, images, filters, True)
    found[FREE] = partial(convolved, images, filters, False)
    modes = ("eager", "fused", "graph") if where.type == "cuda" else ("eager", "fused")
    for mode in modes:
        found[f"training {mode}"] = partial(losses, device, mode)
    return found


def convolved(images: Tensor, filters: Tensor, deterministic: bool) -> Tensor:
    """Return the gradient of the filters, where cuDNN may add in any order."""
    torch.backends.cudnn.deterministic = deterministic
    weights = filters.clone().requires_grad_()
    conv2d(images, weights, padding=1).square().sum().backward()
    assert weights.grad is not None  # backward() has set it
    return weights.grad


def losses(device: str, mode: str) -> Tensor:
    """Return the losses of a short training."""
    trained = train(replace(PRESETS["book"], steps=STEPS), devices.resolve(device), mode=mode)
    return torch.tensor(trained.losses, dtype=torch.float64)


def digest(tensor: Tensor) -> str:
    """Return a digest of the bits."""
    here = tensor.detach().cpu().contiguous()
    return hashlib.sha256(ctypes.string_at(here.data_ptr(), here.nbytes)).hexdigest()


def elsewhere(device: str) -> "subprocess.Popen[bytes]":
    """Start another process that computes and prints the digests."""
    command = [sys.executable, __file__, "--device", device]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


if __name__ == "__main__":
    sys.exit(main())
