"""Checks that the NVIDIA driver answers and supports PyTorch's CUDA version."""

from workload.core.models.facts import Facts
from workload.core.models.gpu import Driver
from workload.core.units import plural
from workload.doctor.checks.check import (
    CheckResult,
    failed,
    known,
    passed,
    read,
    unknown,
    warned,
)
from workload.doctor.checks.driver_files import RELOAD, SURVIVES_RELOAD, TOOLKIT
from workload.doctor.checks.gpu_needs import (
    CUDA_BUILD,
    DRIVER,
    cuda_started,
    cuda_version,
    gpu_check,
    is_driver_new_enough,
    needed_driver,
    one_gpu_named,
    requested_gpu,
    requested_gpus,
)
from workload.hardware.cuda_support import (
    driver_suffices,
    forward_compatible,
    library_text,
    minimum_driver,
    older_library,
)
from workload.hardware.driver_codes import NVML_MISMATCH, NVML_PERMISSION, NVML_UNKNOWN

DEBUG = "https://docs.nvidia.com/deploy/gpu-debug-guidelines/"


@gpu_check(
    "gpu-driver",
    asks="Does the NVIDIA driver answer, and does it list a GPU?",
    why="CUDA needs the driver",
    fix="install the NVIDIA driver and the NVIDIA Container Toolkit on the host, and start the "
    "container with --gpus all",
    link="https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",
)
def gpu_driver(facts: Facts) -> CheckResult:
    """Check that NVML lists a GPU; if it does not, return the reason."""
    driver = facts.driver
    if driver and driver.gpus:
        return _with_gpus(facts, driver)
    if facts.driver_hung:
        return failed(
            f"the NVIDIA driver did not answer ({facts.driver_error})",
            case="hung",
            why="the kernel module, or a GPU that fell off the bus, blocks the driver",
            fix="look for Xid errors in the kernel's log (sudo dmesg); reboot the host",
            link=DEBUG,
        )
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
            fix="start the container with --gpus all; on the host, see the output of:\nnvidia-smi",
        )
    return _no_driver(facts)


def _with_gpus(facts: Facts, driver: Driver) -> CheckResult:
    lost = [gpu for gpu in driver.gpus if gpu.error and gpu.code != NVML_PERMISSION]
    if lost:
        which = ", ".join(f"GPU {gpu.index} ({gpu.error})" for gpu in lost)
        many = f"all {len(lost)} GPUs are" if len(lost) > 1 else "its GPU is"
        others = len(lost) < len(driver.gpus)
        end = warned if others and one_gpu_named(facts) and requested_gpu(facts) else failed
        return end(
            f"driver {driver.version} has lost {which}"
            if others
            else f"driver {driver.version}: {many} lost ({lost[0].error})",
            case="gpu_lost" if others else "gpus_lost",
            why="a GPU fell off the bus or needs a reset; work that uses all GPUs fails",
            fix="look for Xid errors in the kernel's log (sudo dmesg); reboot the host, or reset "
            "the GPU:\nsudo nvidia-smi --gpu-reset -i INDEX",
            link=DEBUG,
        )
    files = sum(
        node.path.removeprefix("/dev/nvidia").isdecimal() for node in facts.device_nodes or ()
    )
    if files > len(driver.gpus):
        return warned(
            f"driver {driver.version} lists {plural(len(driver.gpus), 'GPU')}, but /dev has files "
            f"for {files}",
            case="unlisted",
            why="a GPU that failed is not listed after the driver is reloaded, or a GPU was "
            "removed and its file remained",
            fix="on the host, look for Xid errors (sudo dmesg), and compare these lists:\n"
            "nvidia-smi -L\nlspci -d 10de:",
        )
    names = ", ".join(
        gpu.name or f"GPU {gpu.index} (this process may not use it)" for gpu in driver.gpus
    )
    return passed(f"driver {driver.version} (CUDA {driver.cuda_version or 'unknown'}): {names}")


def _no_driver(facts: Facts) -> CheckResult:
    container, reason = known(facts.system).container, facts.driver_error
    kernel_driver = read(facts, "kernel_driver")
    if kernel_driver is None and container:
        return failed(
            f"no NVIDIA driver ({reason})",
            case="missing_in_container",
            why="CUDA needs the host's driver",
            fix=f"on the host, install NVIDIA driver {needed_driver(facts)} or newer and the "
            "NVIDIA Container Toolkit, and start the container with --gpus all",
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
    return _by_code(facts, str(kernel_driver))


def _by_code(facts: Facts, kernel_driver: str) -> CheckResult:
    """Return why NVML does not answer although the kernel module is loaded."""
    reason, code = facts.driver_error, facts.driver_code
    if known(facts.system).container and code == NVML_UNKNOWN:
        return failed(
            f"the container has lost its GPU ({reason})",
            case="lost",
            why=RELOAD,
            fix=SURVIVES_RELOAD,
            link=f"{TOOLKIT}troubleshooting.html",
        )
    if code == NVML_PERMISSION:
        return failed(
            f"the NVIDIA driver refuses this user ({reason})",
            case="not_permitted",
            why="this user may not open the GPU's files in /dev, or SELinux or the container's "
            "cgroup denies it",
            fix="start the container with --gpus all; if the host uses SELinux, add "
            "--security-opt label=disable; on the host, check the modes of the files:\n"
            "ls -l /dev/nvidia*",
            link=f"{TOOLKIT}troubleshooting.html",
        )
    if code == NVML_MISMATCH:
        return failed(
            f"the driver's library and kernel module {kernel_driver} have different versions",
            case="mismatch",
            why="the driver was updated while its old module stayed loaded",
            fix="reboot the host, then start the container again",
        )
    return failed(
        f"the NVIDIA driver does not answer ({reason}); kernel module {kernel_driver} is loaded",
        case="not_answering",
        why="the driver's library is missing or has another version, or the container lost its GPU",
        fix="restart the container; reboot the host if its driver was updated; on the host, see "
        "the output of:\nnvidia-smi",
    )


@gpu_check(
    "driver-version",
    asks="Does the driver support the CUDA version that PyTorch was built with?",
    why="CUDA does not start if the driver is older than the minimum for CUDA's major version",
    fix="update the driver on the host, or use a PyTorch built for an older CUDA",
    link="https://docs.nvidia.com/deploy/cuda-compatibility/",
    needs=(CUDA_BUILD, DRIVER),
)
def driver_version(facts: Facts) -> CheckResult:
    """Compare the driver's version with the minimum for PyTorch's CUDA."""
    cuda, version = known(cuda_version(facts)), known(facts.driver).version
    minimum = minimum_driver(cuda)
    enough = is_driver_new_enough(facts)
    if facts.cuda and older_library(facts.cuda, cuda) and driver_suffices(version, cuda):
        return failed(
            f"{library_text(facts.cuda)}, older than driver {version}",
            case="older_library",
            why=f"the loader finds another libcuda before the driver's; PyTorch needs CUDA {cuda}",
            fix="remove that libcuda.so.1 from the image, and remove its folder from "
            "LD_LIBRARY_PATH",
        )
    if enough is None:
        return unknown(f"the minimum driver for CUDA {cuda} is unknown")
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
        f"NVIDIA driver {version} is too old; {minimum} or newer is required",
        case=case,
        why=f"CUDA {cuda} needs driver {minimum} or newer",
        fix=f"update the driver on the host, or use a PyTorch built for an older CUDA; {fix}",
    )


def _driver_fix(brand: str | None, cuda: str) -> tuple[str, str]:
    """Return the case, and the advice on cuda-compat for GPUs of this brand."""
    compatible = forward_compatible(brand)
    if compatible is None:
        return "too_old", "on data-center GPUs you can install cuda-compat instead"
    if compatible:
        return "too_old_compat_applies", (
            f"on this data-center GPU you can add cuda-compat for CUDA {cuda} to LD_LIBRARY_PATH "
            "instead"
        )
    return "too_old_for_good", f"cuda-compat is not supported by {brand} GPUs"


def _brand(facts: Facts) -> str | None:
    states = [gpu.state for gpu in requested_gpus(facts)]
    return states[0].brand if states and states[0] else None
