"""Checks of the driver's files: its library and its device files."""

from workload.core.models.facts import Facts
from workload.doctor.checks.check import CheckResult, failed, known, passed, read, unknown
from workload.doctor.checks.gpu_needs import VISIBLE, cuda_started, gpu_check, node_problem

TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
RELOAD = (
    "`systemctl daemon-reload` on the host removes devices that the NVIDIA runtime added to a "
    "running container"
)
SURVIVES_RELOAD = (
    "restart the container with --device nvidia.com/gpu=all, which adds the GPU through CDI; a "
    "daemon-reload does not remove it"
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
    error, library = read(facts, "cuda_library_error"), facts.cuda and facts.cuda.library
    if error is None and library and "/stubs/" in library:
        return failed(
            f"the loader finds a stub of libcuda ({library})",
            case="stub",
            why="the CUDA Toolkit's stub is only for linking",
            fix="remove the folder `stubs` from LD_LIBRARY_PATH",
        )
    if error is None:
        return passed(f"libcuda found ({library})" if library else "libcuda found")
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
    needs=(VISIBLE,),
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
            fix="start the container with --gpus all; on the host, load the nvidia-uvm module and "
            "create the device files:\nsudo nvidia-modprobe -u -c=0",
        )
    if case == "denied":
        return failed(
            f"uid {known(facts.user).uid} does not have read and write access to {paths}",
            case=case,
            fix="add the user to the files' group (docker run --group-add), or give the files mode "
            "0666",
        )
    return failed(
        f"the container's cgroup denies access to: {paths}",
        case="revoked",
        why=RELOAD,
        fix=SURVIVES_RELOAD,
    )
