"""Verdicts about the GPU: from the driver to a product that came out right. Pure."""

from collections.abc import Callable

from workload.cuda_support import (
    MINIMUM_DRIVERS,
    driver_suffices,
    kernel_source,
    minimum_driver,
    parse_capability,
)
from workload.doctor.facts import Facts
from workload.doctor.machine_checks import TORCH, WRONG, judge_product
from workload.doctor.torch_probe import TorchGpu, requested_index
from workload.doctor.verdicts import Check, Need, Outcome, failed, known, passed, unknown, warned
from workload.results import State

WSL_NODE = "/dev/dxg"
NEEDED_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm")


def gpu_visible(facts: Facts) -> bool:
    """Whether anything here speaks of a GPU that this process was given."""
    return cuda_started(facts) or bool(facts.device_nodes or (facts.driver and facts.driver.gpus))


def cuda_started(facts: Facts) -> bool:
    """Whether PyTorch sees at least one GPU."""
    return facts.torch is not None and bool(facts.torch.gpus)


def _asked(facts: Facts) -> bool:
    return facts.requested_device != "cpu"


def _insisted(facts: Facts) -> bool:
    return facts.requested_device.startswith("cuda")


WANTED = (
    Need("cpu-asked-for", _asked),
    Need("no-gpu-here", lambda facts: _insisted(facts) or gpu_visible(facts)),
)
CUDA_BUILD = Need("no-cuda-build", lambda facts: bool(facts.torch and facts.torch.cuda_version))
DRIVER = Need("driver-silent", lambda facts: facts.driver is not None)
GPU = Need(
    "no-gpu-here", lambda facts: cuda_started(facts) or bool(facts.driver and facts.driver.gpus)
)
NEW_ENOUGH = Need(
    "driver-too-old", lambda facts: cuda_started(facts) or _driver_suffices(facts) is not False
)
NODES = Need("nodes-missing", lambda facts: cuda_started(facts) or not _node_problem(facts))
STARTED = Need("cuda-not-started", cuda_started)
EXISTS = Need("no-such-gpu", lambda facts: _asked_gpu(facts) is not None)


def judge_build(facts: Facts) -> Outcome:
    """Is this PyTorch built for CUDA?"""
    torch = known(facts.torch)
    if torch.cuda_version:
        return passed(version=torch.version, built_for=torch.built_for)
    return failed("not_cuda", version=torch.version, built_for=torch.built_for)


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
    if facts.kernel_driver is None:
        return failed("missing_in_container" if facts.system.container else "missing", **values)
    if facts.system.container and not facts.device_nodes:
        return failed("not_passed", **values)
    return failed("not_answering", **values)


def judge_driver_version(facts: Facts) -> Outcome:
    """Is the driver new enough for the CUDA that PyTorch was built with?"""
    cuda = known(known(facts.torch).cuda_version)
    values = {
        "version": known(facts.driver).version,
        "cuda": cuda,
        "minimum": minimum_driver(cuda),
    }
    suffices = _driver_suffices(facts)
    if suffices is None:
        return unknown("unknown", **values)
    if suffices:
        return passed(**values)
    return warned("compat", **values) if cuda_started(facts) else failed("too_old", **values)


def judge_nodes(facts: Facts) -> Outcome:
    """Are the GPU's files under /dev there, and may this user open them?"""
    problem = _node_problem(facts)
    paths = ", ".join(node.path for node in facts.device_nodes)
    if not problem:
        return passed(nodes=paths)
    if cuda_started(facts):
        return unknown("unknown", problem=problem[1])
    return failed(problem[0], nodes=problem[1], uid=facts.user.uid)


def judge_start(facts: Facts) -> Outcome:
    """Does CUDA start in PyTorch?"""
    torch = known(facts.torch)
    if torch.gpus:
        return passed(gpus=", ".join(gpu.name for gpu in torch.gpus))
    error = torch.cuda_error or "PyTorch sees no GPU"
    visible = facts.environment.get("CUDA_VISIBLE_DEVICES")
    if "804" in error or "forward compatibility" in error:
        return failed("forward_compatibility", error=error, minimum=_needed_driver(facts))
    if visible is not None:
        return failed("hidden", visible=visible, error=error)
    return failed("error", error=error)


def judge_index(facts: Facts) -> Outcome:
    """Is there a GPU of the number asked for?"""
    count = len(facts.torch.gpus) if facts.torch else 0
    values = {"device": facts.requested_device, "count": count, "last": f"cuda:{count - 1}"}
    return passed(**values) if _asked_gpu(facts) else failed("out_of_range", **values)


def judge_capability(facts: Facts) -> Outcome:
    """Has the wheel kernels for this card?"""
    gpu, torch = known(_asked_gpu(facts)), known(facts.torch)
    values = {"name": gpu.name, "capability": gpu.capability, "archs": " ".join(torch.arch_list)}
    if not torch.arch_list:
        return unknown("unknown", **values)
    source = kernel_source(parse_capability(gpu.capability), torch.arch_list)
    return passed(**values, source=source) if source else failed("not_built", **values)


def judge_gpu_kernel(facts: Facts) -> Outcome:
    """Did a real product on the GPU give the right number?"""
    return judge_product(facts, "cuda")


def judge_cudnn(facts: Facts) -> Outcome:
    """Does cuDNN load?"""
    torch = known(facts.torch)
    if torch.cudnn_error:
        return failed("error", error=torch.cudnn_error)
    return passed(version=torch.cudnn_version) if torch.cudnn_version else failed("missing")


def _excused(facts: Facts, outcome: Outcome) -> Outcome:
    """Under `auto` an unusable GPU is a warning, for the CPU stands in; a wrong one never is."""
    excusable = outcome.state is State.FAIL and outcome.case != WRONG and not _insisted(facts)
    return warned(outcome.case, **outcome.values) if excusable else outcome


def _asked_gpu(facts: Facts) -> TorchGpu | None:
    gpus = facts.torch.gpus if facts.torch else ()
    index = requested_index(facts.requested_device)
    return gpus[index] if index < len(gpus) else None


def _driver_suffices(facts: Facts) -> bool | None:
    if facts.driver is None or facts.torch is None or facts.torch.cuda_version is None:
        return None
    return driver_suffices(facts.driver.version, facts.torch.cuda_version)


def _needed_driver(facts: Facts) -> str:
    known = facts.torch and facts.torch.cuda_version and minimum_driver(facts.torch.cuda_version)
    return known or MINIMUM_DRIVERS[max(MINIMUM_DRIVERS)]


def _node_problem(facts: Facts) -> tuple[str, str] | None:
    """The case and the paths that are missing or closed; None when all is well."""
    paths = {node.path for node in facts.device_nodes}
    if WSL_NODE not in paths:
        missing = [path for path in NEEDED_NODES if path not in paths]
        if not any(path.removeprefix("/dev/nvidia").isdecimal() for path in paths):
            missing.append("/dev/nvidia0")
        if missing:
            return "missing", ", ".join(sorted(missing))
    closed = [node.path for node in facts.device_nodes if not node.accessible]
    return ("denied", ", ".join(closed)) if closed else None


def _gpu_check(id_: str, judge: Callable[[Facts], Outcome], *needs: Need) -> Check:
    return Check(id_, lambda facts: _excused(facts, judge(facts)), (*WANTED, *needs))


GPU_CHECKS = (
    _gpu_check("torch-build", judge_build, TORCH),
    _gpu_check("gpu-driver", judge_driver),
    _gpu_check("device-nodes", judge_nodes, DRIVER, GPU),
    _gpu_check("driver-version", judge_driver_version, TORCH, CUDA_BUILD, DRIVER),
    _gpu_check("cuda-start", judge_start, TORCH, CUDA_BUILD, GPU, NODES, NEW_ENOUGH),
    _gpu_check("device-index", judge_index, STARTED),
    _gpu_check("compute-capability", judge_capability, STARTED, EXISTS),
    _gpu_check("gpu-kernel", judge_gpu_kernel, STARTED, EXISTS),
    _gpu_check("cudnn", judge_cudnn, TORCH, CUDA_BUILD),
)
