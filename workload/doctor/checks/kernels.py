"""Verdicts about real work on the GPU, and on several together. Pure."""

from collections.abc import Callable
from functools import partial

from workload.doctor.checks.gpu_needs import EXISTS, STARTED, gpu_check
from workload.doctor.checks.machine import LOOKED, judge_run
from workload.doctor.checks.verdicts import Need, Outcome, failed, known, warned
from workload.doctor.probes.facts import Facts
from workload.doctor.probes.several_gpus import SeveralGpus

SEVERAL = Need("one-gpu", lambda facts: facts.torch is not None and facts.torch.several is not None)


def judge_gpu_run(facts: Facts, operation: str) -> Outcome:
    """Did this operation on the GPU come out right?"""
    return judge_run(known(facts.torch).kernels, operation, "cuda")


def judge_peers(facts: Facts) -> Outcome:
    """Do copies between GPUs arrive, and do they go directly?"""
    several = _several(facts)
    outcome = _judge_together(several, "copy")
    if outcome.case != "pass" or not several.unreachable:
        return outcome
    return warned("unreachable", pairs=", ".join(several.unreachable))


def judge_nccl(facts: Facts) -> Outcome:
    """Did an NCCL all-reduce over all GPUs come out right?"""
    return _judge_together(_several(facts), "all-reduce")


def _several(facts: Facts) -> SeveralGpus:
    return known(known(facts.torch).several)


def _judge_together(several: SeveralGpus, operation: str) -> Outcome:
    if several.error:
        return failed("error", device="all GPUs", error=several.error)
    return judge_run(several.runs, operation, "cuda")


def _ran(operation: str) -> Callable[[Facts], Outcome]:
    return partial(judge_gpu_run, operation=operation)


KERNEL_CHECKS = (
    gpu_check("gpu-kernel", _ran("kernel"), LOOKED, STARTED, EXISTS),
    gpu_check("cublas", _ran("product"), LOOKED, STARTED, EXISTS),
    gpu_check("cudnn-convolution", _ran("convolution"), LOOKED, STARTED, EXISTS),
    gpu_check("peer-access", judge_peers, LOOKED, STARTED, SEVERAL),
    gpu_check("nccl", judge_nccl, LOOKED, STARTED, SEVERAL),
)
