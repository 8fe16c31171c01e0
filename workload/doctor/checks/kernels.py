"""Checks that operations on the CPU, on the GPU and between GPUs run correctly."""

from collections.abc import Iterable
from dataclasses import replace

from workload.core.models.facts import Facts
from workload.core.models.pytorch import KernelRun, SeveralGpus
from workload.doctor.checks.check import (
    REPORT,
    WRONG,
    CheckResult,
    Need,
    check,
    failed,
    known,
    passed,
    warned,
)
from workload.doctor.checks.gpu_needs import (
    BUILT,
    EXISTS,
    LOOKED,
    STARTED,
    TORCH,
    gpu_check,
    sticky_before,
)
from workload.hardware.driver_codes import cause_of

SEVERAL = Need(
    "one-gpu",
    "there is only one GPU",
    lambda facts: facts.torch is not None and facts.torch.several is not None,
)


def not_failed_before(operation: str) -> Need:
    """Return the condition that no kernel before `operation` made the GPU unusable."""
    return Need(
        "gpu-failed",
        "an earlier kernel failed",
        lambda facts: not sticky_before(facts, operation),
    )


WRONG_GPU = "this GPU computes wrong results"
CHANGE_GPU = "use another GPU; check memory, clocks and power, then run:\nworkload verify"
WRONG_COPIES = "data exchanged between GPUs is wrong; IOMMU or PCIe ACS can cause this"
DEBUG = "https://docs.nvidia.com/deploy/gpu-debug-guidelines/"
NCCL_GUIDE = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html"


@check(
    "cpu-kernel",
    asks="Does a matmul run correctly on the CPU?",
    why="PyTorch does not work on this CPU",
    fix="reinstall torch for this machine's architecture",
    link="https://pytorch.org/get-started/locally/",
    needs=TORCH,
)
def cpu_kernel(facts: Facts) -> CheckResult:
    """Check every element of a matmul on the CPU."""
    return _judge(
        _find(known(facts.torch).kernels, "matmul", "cpu"),
        "a matmul on the CPU",
        why="this machine computes wrong results",
        fix="check the memory and the CPU, then run:\nworkload verify",
    )


@gpu_check(
    "gpu-kernel",
    asks="Does a PyTorch kernel run correctly on the GPU?",
    why="the GPU cannot be used",
    fix="restart the container or host; check for another process that fills the GPU's memory:\n"
    "nvidia-smi",
    link="https://docs.nvidia.com/deploy/gpu-debug-guidelines/",
    needs=(LOOKED, STARTED, EXISTS, BUILT),
)
def gpu_kernel(facts: Facts) -> CheckResult:
    """Check every element of the result of a kernel on the GPU."""
    return _judge_gpu(facts, "kernel", "a kernel")


@gpu_check(
    "cublas",
    asks="Does a cuBLAS matmul run correctly on the GPU?",
    why="matmuls, which are most of a network's work, cannot be computed",
    fix="reinstall torch with the NVIDIA wheels that it requires; check for another process that "
    "fills the GPU's memory:\nnvidia-smi",
    link="https://docs.nvidia.com/cuda/cublas/",
    needs=(LOOKED, STARTED, EXISTS, BUILT, not_failed_before("matmul")),
)
def cublas(facts: Facts) -> CheckResult:
    """Check every element of a matmul on the GPU."""
    return _judge_gpu(facts, "matmul", "a matmul")


@gpu_check(
    "cudnn-convolution",
    asks="Does a cuDNN convolution run correctly on the GPU?",
    why="cuDNN loads its libraries at the first convolution; their versions must match",
    fix="remove folders with another cuDNN from LD_LIBRARY_PATH; reinstall torch with the NVIDIA "
    "wheels that it requires",
    link="https://github.com/pytorch/pytorch/issues/188892",
    needs=(LOOKED, STARTED, EXISTS, BUILT, not_failed_before("convolution")),
)
def cudnn_convolution(facts: Facts) -> CheckResult:
    """Check every element of a convolution on the GPU."""
    return _judge_gpu(facts, "convolution", "a convolution")


@gpu_check(
    "peer-access",
    asks="Are copies between GPUs correct and direct?",
    why="copies go through host memory, which is many times slower",
    fix="on a host without virtual machines, disable IOMMU and PCIe ACS; print how the GPUs are "
    "connected:\nnvidia-smi topo -p2p r",
    link=NCCL_GUIDE,
    needs=(LOOKED, STARTED, BUILT, SEVERAL),
)
def peer_access(facts: Facts) -> CheckResult:
    """Check every copied element, and whether peer access is possible."""
    several = known(known(facts.torch).several)
    result = _judge_together(several, "copy", "a copy between GPUs")
    if result.case == "error":
        return replace(result, why=result.why or "programs that use several GPUs cannot run")
    if result.case != "pass" or not several.unreachable:
        return result
    return warned(
        f"no direct copies between GPUs {', '.join(several.unreachable)}", case="unreachable"
    )


@gpu_check(
    "nccl",
    asks="Does an NCCL all-reduce over all GPUs run correctly?",
    why="training on several GPUs cannot run",
    fix="start the container with --shm-size=1g; try NCCL_P2P_DISABLE=1; NCCL_DEBUG=INFO shows "
    "where NCCL stops",
    link=NCCL_GUIDE,
    needs=(LOOKED, STARTED, BUILT, SEVERAL),
)
def nccl(facts: Facts) -> CheckResult:
    """Check every element of an all-reduce."""
    return _judge_together(known(known(facts.torch).several), "all-reduce", "an all-reduce")


def _find(runs: Iterable[KernelRun], operation: str, kind: str) -> KernelRun | None:
    found = (run for run in runs if run.operation == operation and run.device.startswith(kind))
    return next(found, None)


def _judge_gpu(facts: Facts, operation: str, what: str) -> CheckResult:
    run = _find(known(facts.torch).kernels, operation, "cuda")
    return _judge(run, what, why=WRONG_GPU, fix=CHANGE_GPU)


def _judge_together(several: SeveralGpus, operation: str, what: str) -> CheckResult:
    if several.error:
        return _error(f"{what} failed", several.error)
    return _judge(_find(several.runs, operation, "cuda"), what, why=WRONG_COPIES)


def _judge(
    run: KernelRun | None, what: str, why: str | None = None, fix: str | None = None
) -> CheckResult:
    """Return the check's result for `run`. For a mismatch it has the given `why` and `fix`."""
    if run is None:
        return failed(
            f"{what} did not run", case="not_run", why="its result is unknown", fix=REPORT
        )
    where = "" if run.device == "cpu" else f" on {run.device}"
    if run.wrong is None:
        return _error(f"{what}{where} failed", run.error or "no reason given")
    if run.wrong:
        found = f"{what}{where}: {run.wrong} of {run.elements} elements wrong"
        return failed(found, case=WRONG, why=why, fix=fix)
    return passed(f"{what}{where}: all {run.elements} elements correct")


def _error(what: str, error: str) -> CheckResult:
    """Return a failure.

    If `error` has a known error code, `why` and `fix` are those of the code, else of the check.
    """
    cause = cause_of(error)
    found = f"{what} ({error})"
    if cause is None:
        return failed(found, case="error")
    return failed(found, case="error", why=cause.why, fix=cause.fix, link=DEBUG)
