"""Test several GPUs together: peer access, copies between all pairs, and an NCCL all-reduce.

Runs in a child process, because communication between GPUs often hangs instead of failing.
"""

import json
import sys
from collections.abc import Sequence
from itertools import permutations
from typing import Any

from workload.core.descriptors import reserve_stdout
from workload.core.errors import first_line
from workload.core.garbage import without_garbage_collection
from workload.core.models.model import as_json, from_json
from workload.core.models.pytorch import SeveralGpus
from workload.doctor.probes.kernels import run
from workload.hardware.child import Child, NoAnswerError, end_with_parent
from workload.hardware.driver_codes import shortened

ELEMENTS = 1 << 20
ANSWER = "several: "  # prefix of the line with the answer; libraries print other lines
TIMEOUT_SEC = 120.0  # NCCL takes about ten seconds to start on eight GPUs


def probe_in_child(
    command: Sequence[str] = (sys.executable, "-m", __name__), timeout_sec: float = TIMEOUT_SEC
) -> SeveralGpus:
    """Return the result of the child, or an error if the child hangs or dies."""
    try:
        child = Child(command)
    except OSError as error:
        return SeveralGpus((), (), first_line(error))
    try:
        return from_json(SeveralGpus, json.loads(child.answer(ANSWER, timeout_sec)))
    except NoAnswerError as error:
        return SeveralGpus((), (), f"its process {error}")
    except ValueError as error:
        return SeveralGpus((), (), f"its answer is malformed: {first_line(error)}")
    finally:
        child.close()


def gpu_count(torch: Any) -> int:
    """Return CUDA's GPU count. `torch.cuda.device_count()` uses NVML, which may report more."""
    count: int = getattr(torch._C, "_cuda_getDeviceCount", torch.cuda.device_count)()
    return count


def probe(torch: Any) -> SeveralGpus:
    """Test peer access and copies between all pairs of GPUs, and an all-reduce over all GPUs."""
    torch.cuda.init()
    count = gpu_count(torch)
    unreachable = tuple(
        f"{one} and {other}"
        for one, other in permutations(range(count), 2)
        if one < other and not torch.cuda.can_device_access_peer(one, other)
    )
    devices = f"cuda:0 to cuda:{count - 1}"
    copies = run("copy", devices, lambda _: _copies(torch, count))
    reduced = run("all-reduce", devices, lambda _: _all_reduce(torch, count))
    return SeveralGpus(unreachable, (copies, reduced), None)


def _copies(torch: Any, count: int) -> tuple[Any, Any]:
    """Copy numbers from each GPU to every other GPU; return the copies and the expected values."""
    numbers = torch.arange(ELEMENTS, dtype=torch.int32)
    copies = [
        numbers.to(f"cuda:{one}").to(f"cuda:{other}").cpu()
        for one, other in permutations(range(count), 2)
    ]
    return torch.stack(copies), numbers.expand(len(copies), ELEMENTS)


def _all_reduce(torch: Any, count: int) -> tuple[Any, Any]:
    """Sum 1, 2, …, n over the n GPUs; return each GPU's sum and the expected n (n + 1) / 2."""
    tensors = [torch.full((ELEMENTS,), index + 1.0, device=f"cuda:{index}")
               for index in range(count)]  # fmt: skip
    torch.cuda.nccl.all_reduce(tensors)
    found = torch.stack([tensor.cpu() for tensor in tensors])
    return found, torch.full((count, ELEMENTS), count * (count + 1) / 2)


def _probe() -> SeveralGpus:
    try:
        with without_garbage_collection():
            import torch  # noqa: PLC0415  takes seconds

        return probe(torch)
    except Exception as error:  # drivers and libraries may raise any exception
        return SeveralGpus((), (), shortened(first_line(error)))


if __name__ == "__main__":
    end_with_parent()
    answers = reserve_stdout()  # NCCL_DEBUG=INFO prints on descriptor 1
    if answers:
        answers.write(f"{ANSWER}{json.dumps(as_json(_probe()))}\n".encode())
        answers.close()
