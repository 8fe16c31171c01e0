"""Checks of PyTorch: its import, its build, and the start of CUDA."""

from workload.core.models.facts import QUICK, Facts
from workload.core.models.pytorch import TorchFacts, TorchFiles
from workload.doctor.checks.check import (
    CheckResult,
    check,
    failed,
    known,
    passed,
    read,
    unknown,
    warned,
)
from workload.doctor.checks.each_gpu import why_not_seen
from workload.doctor.checks.gpu_needs import (
    BUILT,
    CUDA_BUILD,
    CUDNN_ASKED,
    EXISTS,
    GPU,
    INSTALLED,
    LOOKED,
    NEW_ENOUGH,
    NODES,
    STARTED,
    TORCH,
    cuda_version,
    gpu_check,
    requested_gpu,
    start_code,
)
from workload.hardware.cuda_support import kernel_source, parse_capability
from workload.hardware.driver_codes import start_cause
from workload.hardware.import_limits import import_shortage

KILLED = "SIGKILL"


@check(
    "torch-import",
    asks="Can PyTorch be imported?",
    why="nothing can be computed without PyTorch",
    fix="use one of the project's images, or install torch 2.11 or newer",
    link="https://pytorch.org/get-started/locally/",
)
def torch_import(facts: Facts) -> CheckResult:
    """Check the import, which ran in a separate process. `--quick` only looks for the files."""
    if facts.depth == QUICK:
        return _installed(read(facts, "torch_files"))
    shortage = None if facts.torch else import_shortage(facts.import_limits, facts.limits)
    if shortage:
        return failed(shortage.found, case=shortage.case, why=shortage.why, fix=shortage.fix)
    if facts.torch_signal == KILLED:
        return failed(
            f"PyTorch's process was ended by {KILLED}",
            case="killed",
            why="memory ran out, or another process ended it",
            fix="stop other programs, or start the container with a larger --memory",
        )
    if facts.torch_signal:
        return failed(
            f"PyTorch crashed with {facts.torch_signal}",
            case="died",
            why="a library is broken or uses instructions that this CPU does not support",
            fix="use one of the project's images, reinstall torch, or update the GPU driver",
        )
    if facts.torch is None:
        return failed(f"PyTorch cannot be imported ({facts.torch_error})", case="broken")
    return passed(f"PyTorch {facts.torch.version}, {facts.torch.built_for} build")


def _installed(files: TorchFiles | None) -> CheckResult:
    if files is None:
        return failed(
            "PyTorch is not installed, or another module is named torch", case="not_installed"
        )
    return passed(f"PyTorch {files.version} is installed")


@gpu_check(
    "torch-build",
    asks="Is PyTorch built with CUDA?",
    why="without CUDA, PyTorch cannot use an NVIDIA GPU, even with a working driver",
    fix="use the GPU image, or install a CUDA build of torch",
    link="https://pytorch.org/get-started/locally/",
    needs=(INSTALLED,),
)
def torch_build(facts: Facts) -> CheckResult:
    """Check that PyTorch was built with CUDA. `--quick` reads this from PyTorch's files."""
    cuda = cuda_version(facts)
    if facts.torch:
        version, built_for = facts.torch.version, facts.torch.built_for
    else:
        version, built_for = known(facts.torch_files).version, f"CUDA {cuda}" if cuda else "CPU"
    if cuda:
        return passed(f"PyTorch {version}, {built_for} build")
    return failed(f"PyTorch {version} is a {built_for} build without CUDA", case="not_cuda")


@gpu_check(
    "cuda-start",
    asks="Does CUDA start in PyTorch?",
    why="the driver answers, but PyTorch cannot use the GPU",
    fix="restart the container with --gpus all; on the host, see the output of:\nnvidia-smi",
    link="https://docs.nvidia.com/deploy/cuda-compatibility/",
    needs=(*TORCH, CUDA_BUILD, GPU, NODES, NEW_ENOUGH),
)
def cuda_start(facts: Facts) -> CheckResult:
    """Check that PyTorch sees a GPU; if it does not, return the reason."""
    torch, start = known(facts.torch), facts.cuda
    if torch.gpus:
        return _seen(facts, torch)
    if start and (start.hung or start.signal):
        return failed(
            f"the NVIDIA driver {start.error}",
            case="hung" if start.hung else "died",
            why="libcuda hangs or crashes when CUDA starts, in every program",
            fix="look for Xid errors in the kernel's log (sudo dmesg); reboot the host",
        )
    code = start_code(facts)
    if code is None:
        error = torch.cuda_error or (start and start.error) or "PyTorch sees no GPU"
        return failed(f"CUDA does not start ({error})", case="error")
    hiding = known(facts.environment).get("CUDA_VISIBLE_DEVICES")
    cause = start_cause(code, start.library if start else None, hiding)
    what = "cannot use the GPU" if start and start.context else "does not start"
    return failed(
        f"CUDA {what} ({cause.with_code()})", case=cause.case, why=cause.why, fix=cause.fix
    )


def _seen(facts: Facts, torch: TorchFacts) -> CheckResult:
    """Compare PyTorch's GPUs with the driver's, unless some are hidden or divided into slices."""
    names = ", ".join(gpu.name for gpu in torch.gpus)
    listed = facts.driver.gpus if facts.driver else ()
    divided = any(gpu.state and gpu.state.mig for gpu in listed)
    hidden = "CUDA_VISIBLE_DEVICES" in known(facts.environment)
    if len(torch.gpus) < len(listed) and not divided and not hidden:
        return warned(
            f"CUDA sees {len(torch.gpus)} of the driver's {len(listed)} GPUs: {names}",
            case="fewer",
            why="; ".join(why_not_seen(torch, listed)) or "CUDA gives no reason",
            fix="compare with the host's list:\nnvidia-smi -L",
        )
    return passed(f"PyTorch sees {names}")


@gpu_check(
    "device-index",
    asks="Does the requested GPU exist?",
    why="--device names a GPU that does not exist",
    fix="choose an existing GPU, or start the container with --gpus all",
    link="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html",
    needs=(LOOKED, STARTED),
)
def device_index(facts: Facts) -> CheckResult:
    """Compare the requested index with the number of GPUs."""
    device, count = facts.requested_device, len(facts.torch.gpus) if facts.torch else 0
    if requested_gpu(facts):
        return passed(f"{device} is one of {count} GPUs" if count > 1 else f"{device} exists")
    hiding = known(facts.environment).get("CUDA_VISIBLE_DEVICES")
    shown = f" (CUDA_VISIBLE_DEVICES='{hiding}')" if hiding is not None else ""
    return failed(
        f"{device} does not exist",
        case="out_of_range",
        why=f"the last GPU is cuda:{count - 1}{shown}",
    )


@gpu_check(
    "compute-capability",
    asks="Does this build support the GPU's compute capability?",
    why="no kernel can run, even if torch.cuda.is_available() is True",
    fix="install a torch build for this GPU",
    link="https://pytorch.org/get-started/previous-versions/",
    needs=(LOOKED, STARTED, EXISTS),
)
def compute_capability(facts: Facts) -> CheckResult:
    """Look for kernels or PTX for the GPU in PyTorch's arch list."""
    gpu, archs = known(requested_gpu(facts)), known(facts.torch).arch_list
    if not archs:
        return unknown("PyTorch does not report the architectures it was built for")
    source = kernel_source(parse_capability(gpu.capability), archs)
    if source:
        return passed(f"{gpu.name} ({gpu.capability}) runs kernels for {source}")
    return failed(
        f"{gpu.name} has compute capability {gpu.capability}, "
        f"but this PyTorch was built for {' '.join(archs)}",
        case="not_built",
    )


@gpu_check(
    "cudnn",
    asks="Does cuDNN load?",
    why="convolutions fail or are slow",
    fix="reinstall torch with the NVIDIA wheels that it requires",
    link="https://docs.nvidia.com/deeplearning/cudnn/latest/",
    needs=(*TORCH, CUDA_BUILD, CUDNN_ASKED, BUILT),
)
def cudnn(facts: Facts) -> CheckResult:
    """Check the cuDNN version that PyTorch reports."""
    torch = known(facts.torch)
    if torch.cudnn_error:
        return failed(
            f"cuDNN does not load ({torch.cudnn_error})",
            case="error",
            why="often the loader finds another cuDNN first",
            fix="remove folders with another cuDNN from LD_LIBRARY_PATH",
        )
    if not torch.cudnn_version:
        return failed("PyTorch was built with CUDA, but finds no cuDNN", case="missing")
    return passed(f"cuDNN {torch.cudnn_version}")
