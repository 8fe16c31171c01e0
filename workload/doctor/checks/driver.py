"""Verdicts about the way to the GPU: from the build and the driver to CUDA's start. Pure."""

from workload.doctor.checks.gpu_needs import (
    CUDA_BUILD,
    DRIVER,
    EXISTS,
    GPU,
    INSTALLED,
    NEW_ENOUGH,
    NODES,
    STARTED,
    VISIBLE,
    cuda_started,
    cuda_version,
    enough_driver,
    gpu_check,
    node_problem,
    requested_gpu,
    requested_gpus,
)
from workload.doctor.checks.machine import LOOKED, TORCH
from workload.doctor.checks.verdicts import Outcome, failed, known, passed, read, unknown, warned
from workload.doctor.probes.facts import Facts
from workload.hardware.cuda_support import (
    MINIMUM_DRIVERS,
    forward_compatible,
    kernel_source,
    minimum_driver,
    parse_capability,
)

# What NVML answers in a container whose devices were taken away while it ran.
LOST = "Unknown Error"


def judge_build(facts: Facts) -> Outcome:
    """Is this PyTorch built for CUDA?"""
    cuda = cuda_version(facts)
    if facts.torch:
        values = {"version": facts.torch.version, "built_for": facts.torch.built_for}
    else:
        built_for = f"CUDA {cuda}" if cuda else "CPU"
        values = {"version": known(facts.torch_files).version, "built_for": built_for}
    return passed(**values) if cuda else failed("not_cuda", **values)


def judge_driver(facts: Facts) -> Outcome:
    """Does the driver answer, and does it know a GPU?"""
    values = {
        "reason": facts.driver_error,
        "minimum": _needed_driver(facts),
        "kernel_driver": facts.kernel_driver,
    }
    if facts.driver and facts.driver.gpus:
        return passed(
            version=facts.driver.version,
            cuda=facts.driver.cuda_version or "unknown",
            gpus=", ".join(gpu.name or "a GPU that does not answer" for gpu in facts.driver.gpus),
        )
    if cuda_started(facts):
        return warned("silent", **values | {"reason": facts.driver_error or "it lists no GPU"})
    if facts.driver:
        return failed("no_gpus", version=facts.driver.version)
    container = known(facts.system).container
    if read(facts, "kernel_driver") is None:
        return failed("missing_in_container" if container else "missing", **values)
    if container and not known(facts.device_nodes):
        return failed("not_passed", **values)
    lost = container and LOST in (facts.driver_error or "")
    return failed("lost" if lost else "not_answering", **values)


def judge_cuda_library(facts: Facts) -> Outcome:
    """Does the loader find the driver's libcuda? The host's toolkit brings it into containers."""
    error = read(facts, "cuda_library_error")
    if error is None:
        return passed()
    if cuda_started(facts):
        return unknown("unknown", error=error)
    in_container = known(facts.system).container
    return failed("missing_in_container" if in_container else "missing", error=error)


def judge_driver_version(facts: Facts) -> Outcome:
    """Is the driver new enough for the CUDA that PyTorch was built with?"""
    cuda = known(cuda_version(facts))
    values = {
        "version": known(facts.driver).version,
        "cuda": cuda,
        "minimum": minimum_driver(cuda),
        "brand": _brand(facts),
    }
    suffices = enough_driver(facts)
    if suffices is None:
        return unknown("unknown", **values)
    if suffices:
        return passed(**values)
    if cuda_started(facts):
        return warned("compat", **values)
    cases = {True: "too_old_compat_applies", False: "too_old_for_good", None: "too_old"}
    return failed(cases[forward_compatible(_brand(facts))], **values)


def _brand(facts: Facts) -> str | None:
    states = [card.state for card in requested_gpus(facts)]
    return states[0].brand if states and states[0] else None


def judge_nodes(facts: Facts) -> Outcome:
    """Are the GPU's files under /dev there, and may this user open them?"""
    problem = node_problem(facts)
    paths = ", ".join(node.path for node in known(facts.device_nodes))
    if not problem:
        return passed(nodes=paths)
    if cuda_started(facts):
        return unknown("unknown", problem=problem[1])
    return failed(problem[0], nodes=problem[1], uid=known(facts.user).uid)


def judge_start(facts: Facts) -> Outcome:
    """Does CUDA start in PyTorch?"""
    torch = known(facts.torch)
    if torch.gpus:
        return passed(gpus=", ".join(gpu.name for gpu in torch.gpus))
    error = torch.cuda_error or "PyTorch sees no GPU"
    visible = known(facts.environment).get("CUDA_VISIBLE_DEVICES")
    if "804" in error or "forward compatibility" in error:
        return failed("forward_compatibility", error=error, minimum=_needed_driver(facts))
    if visible is not None:
        return failed("hidden", visible=visible, error=error)
    return failed("error", error=error)


def judge_index(facts: Facts) -> Outcome:
    """Is there a GPU of the number asked for?"""
    count = len(facts.torch.gpus) if facts.torch else 0
    values = {"device": facts.requested_device, "count": count, "last": f"cuda:{count - 1}"}
    return passed(**values) if requested_gpu(facts) else failed("out_of_range", **values)


def judge_capability(facts: Facts) -> Outcome:
    """Has the wheel kernels for this card?"""
    gpu, torch = known(requested_gpu(facts)), known(facts.torch)
    values = {"name": gpu.name, "capability": gpu.capability, "archs": " ".join(torch.arch_list)}
    if not torch.arch_list:
        return unknown("unknown", **values)
    source = kernel_source(parse_capability(gpu.capability), torch.arch_list)
    return passed(**values, source=source) if source else failed("not_built", **values)


def judge_cudnn(facts: Facts) -> Outcome:
    """Does cuDNN load?"""
    torch = known(facts.torch)
    if torch.cudnn_error:
        return failed("error", error=torch.cudnn_error)
    return passed(version=torch.cudnn_version) if torch.cudnn_version else failed("missing")


def _needed_driver(facts: Facts) -> str:
    cuda = cuda_version(facts)
    return (cuda and minimum_driver(cuda)) or MINIMUM_DRIVERS[max(MINIMUM_DRIVERS)]


DRIVER_CHECKS = (
    gpu_check("torch-build", judge_build, INSTALLED),
    gpu_check("gpu-driver", judge_driver),
    gpu_check("cuda-library", judge_cuda_library, VISIBLE),
    gpu_check("device-nodes", judge_nodes, DRIVER, GPU),
    gpu_check("driver-version", judge_driver_version, CUDA_BUILD, DRIVER),
)
START_CHECKS = (
    gpu_check("cuda-start", judge_start, *TORCH, CUDA_BUILD, GPU, NODES, NEW_ENOUGH),
    gpu_check("device-index", judge_index, LOOKED, STARTED),
    gpu_check("compute-capability", judge_capability, LOOKED, STARTED, EXISTS),
    gpu_check("cudnn", judge_cudnn, *TORCH, CUDA_BUILD),
)
