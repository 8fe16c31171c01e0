"""Machines for the checks of kernels on a GPU and of its state."""

from msgspec.structs import replace
from support.doctor.machines import (
    CPU_RUN,
    GPU_RUNS,
    SEVERAL,
    machine,
)
from support.doctor.row import Row, fails, not_applicable, passes
from support.fakes.devices import H200

from workload.core.models.finding import State
from workload.core.models.gpu import Driver
from workload.core.models.pytorch import KernelRun

CRASHED = "CUDA error: unspecified launch failure"
LOST_GPU = replace(H200, state=None)

GPU_ROWS = (
    passes("gpu-kernel", "a kernel on cuda:0: all 4096 elements correct"),
    fails("gpu-kernel", "not_run", "a kernel did not run", torch__kernels=(CPU_RUN,)),
    not_applicable(
        "cublas",
        "gpu-failed",
        "an earlier kernel failed",
        torch__kernels=(CPU_RUN, KernelRun("kernel", "cuda:0", 0, None, CRASHED), *GPU_RUNS[1:]),
    ),
    not_applicable(
        "gpu-kernel",
        "not-built",
        "this PyTorch has no kernels for the GPU",
        torch__arch_list=("sm_100",),
    ),
    passes("cublas", "a matmul on cuda:0: all 4096 elements correct"),
    fails("cublas", "not_run", "a matmul did not run", torch__kernels=(CPU_RUN,)),
    passes("cudnn-convolution", "a convolution on cuda:0: all 4096 elements correct"),
    fails(
        "cudnn-convolution",
        "not_run",
        "a convolution did not run",
        torch__kernels=(CPU_RUN, *GPU_RUNS[:2]),
    ),
    passes("peer-access", "a copy between GPUs on cuda:0 to cuda:1: all 2048 elements correct"),
    fails(
        "peer-access",
        "not_run",
        "a copy between GPUs did not run",
        torch__several=replace(SEVERAL, runs=()),
    ),
    not_applicable("peer-access", "one-gpu", "there is only one GPU", torch__several=None),
    passes("nccl", "an all-reduce on cuda:0 to cuda:1: all 2048 elements correct"),
    fails("nccl", "not_run", "an all-reduce did not run", torch__several=replace(SEVERAL, runs=())),
    passes("gpu-shared", "no other GPU processes on GPU 0 NVIDIA H200"),
    passes("ecc", "ECC is on for GPU 0 NVIDIA H200, no uncorrectable errors"),
    passes(
        "ecc",
        "ECC is off for GPU 0 NVIDIA H200, as usual for GeForce GPUs",
        gpu__ecc=False,
        gpu__brand="GeForce",
    ),
    not_applicable(
        "ecc",
        "card-lost",
        "the GPU does not answer the driver",
        driver=Driver("580.65.06", "13.0", (LOST_GPU,)),
    ),
    passes("row-remap", "GPU 0 NVIDIA H200 has no memory row remapping pending"),
    passes("throttle", "GPU 0 NVIDIA H200 is not slowed down"),
    Row(
        "throttle",
        "card-silent",
        State.UNKNOWN,
        "not reported by the driver for GPU 0 NVIDIA H200 (no reason given)",
        machine(gpu__throttled=None),
    ),
    passes("persistence", "persistence mode is on for GPU 0 NVIDIA H200"),
    passes("pcie", "GPU 0 NVIDIA H200: PCIe 5 x16"),
)
