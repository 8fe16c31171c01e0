"""Checks of the NVIDIA driver: whether it answers, its library, device files and version."""

from workload.core.models.facts import Facts
from workload.doctor.checks.check import (
    CheckResult,
    failed,
    known,
    passed,
    read,
    unknown,
    warned,
)
from workload.doctor.checks.gpu_needs import (
    CUDA_BUILD,
    DRIVER,
    GPU,
    VISIBLE,
    cuda_started,
    cuda_version,
    gpu_check,
    is_driver_new_enough,
    needed_driver,
    node_problem,
    requested_gpus,
)
from workload.hardware.cuda_support import forward_compatible, minimum_driver

# NVML's answer in a container whose devices were taken away while it ran.
LOST = "Unknown Error"
TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
RELOAD = (
    "`systemctl daemon-reload` on the host removes devices that the NVIDIA runtime added to a "
    "running container"
)
SURVIVES_RELOAD = (
    "restart the container with --device nvidia.com/gpu=all (CDI), which is not affected"
)


@gpu_check(
    "gpu-driver",
    asks="Does the NVIDIA driver answer, and does it list a GPU?",
    why="CUDA needs the driver",
    fix="install the NVIDIA driver and the NVIDIA Container Toolkit on the host, and start the "
    "container with --gpus all",
    link="https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",
)
def gpu_driver(facts: Facts) -> CheckResult:
    """Check that NVML lists a GPU, and find out why it does not."""
    driver = facts.driver
    if driver and driver.gpus:
        names = ", ".join(gpu.name or "a GPU that does not answer" for gpu in driver.gpus)
        return passed(f"driver {driver.version} (CUDA {driver.cuda_version or 'unknown'}): {names}")
    if cuda_started(facts):
        return warned(
            f"CUDA works, but NVML does not ({facts.driver_error or 'it lists no GPU'})",
            case="silent",
            why="the driver's version and the GPU's state are unknown",
            fix="start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility, or install "
            "nvidia-ml-py",
        )
    if driver:
        return failed(
            f"NVIDIA driver {driver.version} finds no GPU",
            case="no_gpus",
            why="the GPU is absent, disabled, lost, or not available in this container",
            fix="start the container with --gpus all; on the host see the output of:\nnvidia-smi",
        )
    return _no_driver(facts)


def _no_driver(facts: Facts) -> CheckResult:
    container, reason = known(facts.system).container, facts.driver_error
    kernel_driver = read(facts, "kernel_driver")
    if kernel_driver is None and container:
        return failed(
            f"no NVIDIA driver ({reason})",
            case="missing_in_container",
            why="CUDA needs the host's driver",
            fix=f"on the host install NVIDIA driver {needed_driver(facts)} or newer and the NVIDIA "
            "Container Toolkit, and start the container with --gpus all",
            link=TOOLKIT,
        )
    if kernel_driver is None:
        return failed(
            f"no NVIDIA driver ({reason})",
            case="missing",
            fix=f"install NVIDIA driver {needed_driver(facts)} or newer",
        )
    if container and not known(facts.device_nodes):
        return failed(
            f"no GPU in this container; its host has NVIDIA driver {kernel_driver}",
            case="not_passed",
            why=f"the container was started without a GPU ({reason})",
            fix="start it with --gpus all, or with --device nvidia.com/gpu=all",
            link=TOOLKIT,
        )
    if container and LOST in (reason or ""):
        return failed(
            f"the container has lost its GPU ({reason})",
            case="lost",
            why=RELOAD,
            fix=SURVIVES_RELOAD,
            link=f"{TOOLKIT}troubleshooting.html",
        )
    return failed(
        f"the NVIDIA driver does not answer ({reason}); kernel module {kernel_driver} is loaded",
        case="not_answering",
        why="the driver's library is missing or has another version, or the container lost its GPU",
        fix="restart the container; reboot the host after an update of the driver; there, see "
        "the output of:\nnvidia-smi",
    )


@gpu_check(
    "cuda-library",
    asks="Does the loader find libcuda, the driver's part of CUDA?",
    why="CUDA cannot start without libcuda; in a container the NVIDIA Container Toolkit adds it",
    fix="reinstall the NVIDIA driver on the host",
    link=f"{TOOLKIT}docker-specialized.html",
    needs=(VISIBLE,),
)
def cuda_library(facts: Facts) -> CheckResult:
    """Check that libcuda can be loaded."""
    error = read(facts, "cuda_library_error")
    if error is None:
        return passed("libcuda found")
    if cuda_started(facts):
        return unknown(f"CUDA works, but libcuda is not found ({error})")
    if known(facts.system).container:
        return failed(
            f"libcuda is not found in this container ({error})",
            case="missing_in_container",
            fix="install the NVIDIA Container Toolkit on the host, and start the container with "
            "--gpus all and NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        )
    return failed(f"libcuda is not found ({error})", case="missing")


@gpu_check(
    "device-nodes",
    asks="Do the GPU's files in /dev exist, and may this user open them?",
    why="CUDA opens the GPU through these files",
    fix="start the container with --gpus all, or with --device nvidia.com/gpu=all",
    link=f"{TOOLKIT}troubleshooting.html",
    needs=(DRIVER, GPU),
)
def device_nodes(facts: Facts) -> CheckResult:
    """Check that the GPU's files exist and can be opened."""
    problem = node_problem(facts)
    if not problem:
        return passed(", ".join(node.path for node in known(facts.device_nodes)))
    case, paths = problem
    if cuda_started(facts):
        return unknown(f"CUDA works without {paths}")
    if case == "missing":
        return failed(
            f"missing: {paths}",
            case=case,
            fix="start the container with --gpus all; on the host load the module:\n"
            "sudo nvidia-modprobe -u -c=0",
        )
    if case == "denied":
        return failed(
            f"uid {known(facts.user).uid} may not read and write: {paths}",
            case=case,
            fix="add the files' group (docker run --group-add), or give the files mode 0666",
        )
    return failed(
        f"the container's cgroup denies access to: {paths}",
        case="revoked",
        why=RELOAD,
        fix=SURVIVES_RELOAD,
    )


@gpu_check(
    "driver-version",
    asks="Does the driver support the CUDA version that PyTorch was built with?",
    why="CUDA does not start with a driver older than the first for its major version",
    fix="update the driver on the host, or use a PyTorch built for an older CUDA",
    link="https://docs.nvidia.com/deploy/cuda-compatibility/",
    needs=(CUDA_BUILD, DRIVER),
)
def driver_version(facts: Facts) -> CheckResult:
    """Compare the driver's version with the minimum for PyTorch's CUDA."""
    cuda, version = known(cuda_version(facts)), known(facts.driver).version
    minimum = minimum_driver(cuda)
    enough = is_driver_new_enough(facts)
    if enough is None:
        return unknown(f"the driver that CUDA {cuda} needs is not known")
    if enough:
        return passed(f"driver {version} supports CUDA {cuda} ({minimum} or newer is required)")
    if cuda_started(facts):
        return warned(
            f"NVIDIA driver {version} is older than {minimum}; CUDA {cuda} works with cuda-compat",
            case="compat",
            why="forward compatibility is supported on data-center GPUs only",
            fix="update the driver on the host when possible",
        )
    case, fix = _driver_fix(_brand(facts), cuda)
    return failed(
        f"NVIDIA driver {version} is too old, {minimum} or newer is required",
        case=case,
        why=f"CUDA {cuda} needs driver {minimum} or newer",
        fix=f"update the driver on the host, or use a PyTorch built for an older CUDA; {fix}",
    )


def _driver_fix(brand: str | None, cuda: str) -> tuple[str, str]:
    """Return the case, and what cuda-compat can do for GPUs of this brand."""
    compatible = forward_compatible(brand)
    if compatible is None:
        return "too_old", "on data-center GPUs cuda-compat is another way"
    if compatible:
        return "too_old_compat_applies", (
            f"on this data-center GPU cuda-compat for CUDA {cuda} on LD_LIBRARY_PATH is another way"
        )
    return "too_old_for_good", f"cuda-compat is not supported by {brand} GPUs"


def _brand(facts: Facts) -> str | None:
    states = [gpu.state for gpu in requested_gpus(facts)]
    return states[0].brand if states and states[0] else None
