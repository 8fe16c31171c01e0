"""Conditions for checks of PyTorch and the GPU, and functions that select the GPUs to check."""

from collections.abc import Callable
from dataclasses import replace
from typing import Unpack

from workload.core.models.facts import QUICK, Facts
from workload.core.models.finding import State
from workload.core.models.gpu import Gpu
from workload.core.models.pytorch import TorchGpu
from workload.doctor.checks.check import (
    WRONG,
    Check,
    CheckFunction,
    CheckResult,
    Explanation,
    Need,
    Texts,
    known,
    read,
)
from workload.doctor.probes.torch_probe import requested_index
from workload.hardware.cuda_support import (
    MINIMUM_DRIVERS,
    driver_suffices,
    minimum_driver,
    older_library,
    parse_capability,
    supports,
)
from workload.hardware.driver_codes import cause_of

WSL_NODE = "/dev/dxg"
NO_GPU = "no GPU found"
NEEDED_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm")


def cuda_started(facts: Facts) -> bool:
    """Return whether PyTorch sees at least one GPU."""
    return facts.torch is not None and bool(facts.torch.gpus)


def gpu_visible(facts: Facts) -> bool:
    """Return whether PyTorch or the driver lists a GPU, or /dev has files of NVIDIA or WSL."""
    return cuda_started(facts) or gpu_listed(facts) or bool(known(facts.device_nodes))


def gpu_listed(facts: Facts) -> bool:
    """Return whether the driver lists a GPU."""
    return facts.driver is not None and bool(facts.driver.gpus)


def cuda_required(facts: Facts) -> bool:
    """Return whether the user requires CUDA."""
    return facts.requested_device.startswith("cuda")


def cuda_version(facts: Facts) -> str | None:
    """Return the CUDA version that PyTorch was built with."""
    build = facts.torch or read(facts, "torch_files")
    return build.cuda_version if build else None


def requested_gpu(facts: Facts) -> TorchGpu | None:
    """Return the requested GPU as PyTorch reports it; None if there is none."""
    gpus = facts.torch.gpus if facts.torch else ()
    index = requested_index(facts.requested_device)
    return gpus[index] if index < len(gpus) else None


def requested_gpus(facts: Facts) -> tuple[Gpu, ...]:
    """Return the requested GPU as the driver lists it, or all GPUs if none of them matches."""
    gpu, gpus = requested_gpu(facts), facts.driver.gpus if facts.driver else ()
    return tuple(one for one in gpus if gpu and one.uuid == gpu.uuid) or gpus


def other_gpus(facts: Facts) -> tuple[Gpu, ...]:
    """Return the GPUs that PyTorch sees besides the requested one."""
    seen = {gpu.uuid for gpu in facts.torch.gpus} if facts.torch else set()
    gpus, requested = facts.driver.gpus if facts.driver else (), requested_gpus(facts)
    return tuple(gpu for gpu in gpus if gpu.uuid in seen and gpu not in requested)


def one_gpu_named(facts: Facts) -> bool:
    """Return whether the user named one GPU (`cuda:N`). A run then uses no other GPU."""
    return facts.requested_device.startswith("cuda:")


def start_code(facts: Facts) -> int | None:
    """Return the error code if CUDA did not start or cannot use the requested GPU, else None."""
    start, torch = facts.cuda, facts.torch
    if start and (start.code or start.context):
        return start.code or start.context
    cause = cause_of(torch.cuda_error) if torch and torch.cuda_error else None
    return cause.code if cause else None


def sticky_before(facts: Facts, operation: str) -> bool:
    """Return whether an error of a kernel before `operation` made the GPU unusable."""
    runs = facts.torch.kernels if facts.torch else ()
    for run in (run for run in runs if run.device != "cpu"):
        if run.operation == operation:
            return False
        cause = cause_of(run.error) if run.error else None
        if cause and cause.sticky:
            return True
    return False


def kernels_built(facts: Facts) -> bool:
    """Return whether this PyTorch has kernels for the requested GPU; True if unknown."""
    gpu, torch = requested_gpu(facts), facts.torch
    if gpu is None or torch is None or not torch.arch_list:
        return True
    return supports(parse_capability(gpu.capability), torch.arch_list)


def is_driver_new_enough(facts: Facts) -> bool | None:
    """Return whether the driver and libcuda support PyTorch's CUDA; None if unknown."""
    cuda = cuda_version(facts)
    if cuda and facts.cuda and older_library(facts.cuda, cuda):
        return False
    if facts.driver is None or cuda is None:
        return None
    return driver_suffices(facts.driver.version, cuda)


def node_problem(facts: Facts) -> tuple[str, str] | None:
    """Return "missing", "denied" or "revoked", and the paths; None if all files are usable."""
    nodes = known(facts.device_nodes)
    paths = {node.path for node in nodes}
    if WSL_NODE not in paths:
        missing = [path for path in NEEDED_NODES if path not in paths]
        if not any(path.removeprefix("/dev/nvidia").isdecimal() for path in paths):
            missing.append("/dev/nvidia0")
        if missing:
            return "missing", ", ".join(sorted(missing))
    inaccessible = [node for node in nodes if not node.accessible]
    if not inaccessible:
        return None
    revoked = all(node.permitted for node in inaccessible)
    return "revoked" if revoked else "denied", ", ".join(node.path for node in inaccessible)


LOOKED = Need("quick", "skipped with --quick", lambda facts: facts.depth != QUICK)
TORCH = (
    LOOKED,
    Need("torch-missing", "PyTorch cannot be imported", lambda facts: facts.torch is not None),
)
INSTALLED = Need(
    "torch-missing",
    "PyTorch cannot be imported",
    lambda facts: (read(facts, "torch_files") if facts.depth == QUICK else facts.torch) is not None,
)
NOT_CPU = Need(
    "cpu-asked-for", "the CPU was requested", lambda facts: facts.requested_device != "cpu"
)
WANTED = Need("no-gpu-here", NO_GPU, lambda facts: cuda_required(facts) or gpu_visible(facts))
CUDA_BUILD = Need(
    "no-cuda-build",
    "this PyTorch build has no CUDA support",
    lambda facts: cuda_version(facts) is not None,
)
DRIVER = Need(
    "driver-silent", "the NVIDIA driver does not answer", lambda facts: facts.driver is not None
)
GPU = Need("no-gpu-here", NO_GPU, lambda facts: cuda_started(facts) or gpu_listed(facts))
VISIBLE = Need("no-gpu-here", NO_GPU, gpu_visible)
NEW_ENOUGH = Need(
    "driver-too-old",
    "the NVIDIA driver is too old",
    lambda facts: cuda_started(facts) or is_driver_new_enough(facts) is not False,
)
NODES = Need(
    "nodes-missing",
    "the GPU's device files are missing or inaccessible",
    lambda facts: cuda_started(facts) or not node_problem(facts),
)
BUILT = Need("not-built", "this PyTorch has no kernels for the GPU", kernels_built)
STARTED = Need("cuda-not-started", "CUDA does not start", cuda_started)
CUDNN_ASKED = Need(
    "driver-silent",
    "the NVIDIA driver does not answer",
    lambda facts: not (facts.cuda and (facts.cuda.hung or facts.cuda.signal)),
)
EXISTS = Need(
    "no-such-gpu",
    "the requested GPU does not exist",
    lambda facts: requested_gpu(facts) is not None,
)


def gpu_check(
    id_: str, *, needs: tuple[Need, ...] = (), **texts: Unpack[Texts]
) -> Callable[[CheckFunction], Check]:
    """Turn a function of the facts into a check of the GPU.

    The check applies if CUDA was requested, or if a GPU is visible and the CPU was not requested.
    """
    all_needs = (NOT_CPU, WANTED, *needs)

    def decorate(function: CheckFunction) -> Check:
        return Check(
            Explanation(id_, **texts), lambda facts: _excused(facts, function(facts)), all_needs
        )

    return decorate


def _excused(facts: Facts, result: CheckResult) -> CheckResult:
    """Turn a failure into a warning if `--device auto` uses the CPU instead of this GPU.

    A failure that reports a wrong result stays a failure.
    """
    excusable = result.state is State.FAIL and result.case != WRONG and not cuda_required(facts)
    if not excusable or _used_by_auto(facts):
        return result
    return replace(result, state=State.WARN)


def _used_by_auto(facts: Facts) -> bool:
    """Return whether `--device auto` uses a GPU. It does if a GPU computed a matmul correctly."""
    runs = facts.torch.kernels if facts.torch else ()
    return any(run.device != "cpu" and run.operation == "matmul" and run.wrong == 0
               for run in runs)  # fmt: skip


def needed_driver(facts: Facts) -> str:
    """Return the minimum driver for PyTorch's CUDA. If that is unknown, assume the newest CUDA."""
    cuda = cuda_version(facts)
    return (cuda and minimum_driver(cuda)) or MINIMUM_DRIVERS[max(MINIMUM_DRIVERS)]
