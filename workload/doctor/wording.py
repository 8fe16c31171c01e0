"""What a person reads: for each check and case what was found, why it matters, what to do.

The three phrases also make one line, joined by colons, so none ends with a full stop.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workload.doctor.verdicts import CRASHED, NO_CHECKS, Verdict
from workload.results import Finding
from workload.units import format_bytes

DRIVERS = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/"
TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/"
ANY_CHECK = "*"


@dataclass(frozen=True)
class Words:
    """Templates; a verdict's values fill them."""

    found: str
    why: str | None = None
    remedy: str | None = None


WORDS = {
    # Why a check does not apply, or did not come to an end.
    (ANY_CHECK, "cpu-asked-for"): Words("the CPU was asked for"),
    (ANY_CHECK, "no-gpu-here"): Words("no GPU is visible here"),
    (ANY_CHECK, "torch-missing"): Words("PyTorch cannot be imported"),
    (ANY_CHECK, "no-cuda-build"): Words("this PyTorch is not built for CUDA"),
    (ANY_CHECK, "driver-silent"): Words("the driver does not answer"),
    (ANY_CHECK, "driver-too-old"): Words("the driver is too old"),
    (ANY_CHECK, "nodes-missing"): Words("the GPU's device files are missing or closed"),
    (ANY_CHECK, "cuda-not-started"): Words("CUDA did not start"),
    (ANY_CHECK, "no-such-gpu"): Words("there is no such GPU"),
    (ANY_CHECK, CRASHED): Words(
        "this check crashed ({error})",
        "what it should have found stays unknown",
        "report it with the output of `workload doctor --json`",
    ),
    ("doctor", NO_CHECKS): Words(
        "no check ran", "nothing is known about this machine", "reinstall the package"
    ),
    # PyTorch and its folders.
    ("tmp", "pass"): Words("{tmp} is writable"),
    ("tmp", "not_writable"): Words(
        "the temporary folder {tmp} is not writable",
        "parts of PyTorch need one: some builds' import, worker processes, torch.compile",
        "start a read-only container with --tmpfs /tmp, or set TMPDIR to a writable folder",
    ),
    ("torch-import", "pass"): Words("PyTorch {version}, {built_for} build"),
    ("torch-import", "broken"): Words(
        "PyTorch cannot be imported ({error})",
        "nothing can be computed",
        "use one of the project's images, or install torch 2.11 or newer",
    ),
    # The GPU.
    ("torch-build", "pass"): Words("PyTorch {version}, {built_for} build"),
    ("torch-build", "not_cuda"): Words(
        "this PyTorch ({version}) is a {built_for} build, not a CUDA one",
        "it cannot use an NVIDIA GPU whatever the driver",
        "use the GPU image, or install a CUDA build of torch",
    ),
    ("gpu-driver", "pass"): Words("driver {version} (CUDA up to {cuda}): {gpus}"),
    ("gpu-driver", "missing"): Words(
        "no NVIDIA driver ({reason})",
        "CUDA cannot start without it",
        f"on a machine with an NVIDIA GPU install driver {{minimum}} or newer ({DRIVERS})",
    ),
    ("gpu-driver", "missing_in_container"): Words(
        "no NVIDIA driver ({reason})",
        "CUDA needs the host's driver",
        "on the host install driver {minimum} or newer and the NVIDIA Container Toolkit "
        f"({TOOLKIT}), and start the container with --gpus all",
    ),
    ("gpu-driver", "not_passed"): Words(
        "no GPU in this container, though its host has NVIDIA driver {kernel_driver}",
        "the container was started without one ({reason})",
        f"start it with --gpus all, or with --device nvidia.com/gpu=all ({TOOLKIT})",
    ),
    ("gpu-driver", "not_answering"): Words(
        "NVIDIA's kernel module {kernel_driver} is loaded but the driver does not answer "
        "({reason})",
        "its library is missing or of another version, or the container lost its devices",
        "start the container anew; on the host compare with nvidia-smi and reboot after an update",
    ),
    ("gpu-driver", "no_gpus"): Words(
        "NVIDIA driver {version} finds no GPU",
        "the card is absent, switched off, lost, or was not given to this container",
        "run nvidia-smi on the host; start the container with --gpus all",
    ),
    ("gpu-driver", "silent"): Words(
        "CUDA works but the driver's management library does not ({reason})",
        "the driver's version and the card's state stay unknown",
        "start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility; install nvidia-ml-py",
    ),
    ("device-nodes", "pass"): Words("{nodes}"),
    ("device-nodes", "missing"): Words(
        "missing: {nodes}",
        "CUDA opens the GPU through these files",
        "start the container with --gpus all; on the host load the module: nvidia-modprobe -u -c 0",
    ),
    ("device-nodes", "denied"): Words(
        "not readable and writable for uid {uid}: {nodes}",
        "CUDA opens the GPU through these files",
        "add the user to the files' group (docker run --group-add), or make them mode 0666",
    ),
    ("device-nodes", "unknown"): Words("CUDA works without {problem}"),
    ("driver-version", "pass"): Words("driver {version} runs CUDA {cuda} (needs {minimum})"),
    ("driver-version", "too_old"): Words(
        "the NVIDIA driver {version} is too old",
        "CUDA {cuda} needs driver {minimum} or newer",
        "update the driver on the host (on data-centre cards NVIDIA's cuda-compat package would do"
        "), or use a PyTorch built for an older CUDA",
    ),
    ("driver-version", "compat"): Words(
        "driver {version} is older than CUDA {cuda} needs ({minimum}), yet CUDA works",
        "NVIDIA's forward compatibility bridges the gap, on data-centre cards only",
        "update the driver on the host when you can",
    ),
    ("driver-version", "unknown"): Words("which driver CUDA {cuda} needs is not known here"),
    ("cuda-start", "pass"): Words("PyTorch sees {gpus}"),
    ("cuda-start", "forward_compatibility"): Words(
        "CUDA refused to start ({error})",
        "a cuda-compat library is on the loader's path, and works with data-centre cards only",
        "update the host's driver to {minimum} or newer, or take /usr/local/cuda/compat out of "
        "LD_LIBRARY_PATH",
    ),
    ("cuda-start", "hidden"): Words(
        "PyTorch sees no GPU ({error})",
        "CUDA_VISIBLE_DEVICES is set to '{visible}', which may hide them all",
        "unset CUDA_VISIBLE_DEVICES, or name a GPU that exists",
    ),
    ("cuda-start", "error"): Words(
        "CUDA did not start ({error})",
        "the driver answers but PyTorch cannot use the GPU",
        "start the container anew with --gpus all; on the host compare with nvidia-smi",
    ),
    ("device-index", "pass"): Words("{device} is one of {count}"),
    ("device-index", "out_of_range"): Words(
        "there is no {device}",
        "the last GPU here is {last}",
        "name one that exists, or start the container with --gpus all",
    ),
    ("compute-capability", "pass"): Words("{name} ({capability}) runs this PyTorch's {source}"),
    ("compute-capability", "not_built"): Words(
        "{name} has compute capability {capability}, this PyTorch was built for {archs}",
        "no kernel can run although CUDA is available",
        "install a torch build for this card",
    ),
    ("compute-capability", "unknown"): Words("this PyTorch does not tell what it was built for"),
    ("gpu-kernel", "pass"): Words("a product on {device} gave the right number"),
    ("gpu-kernel", "wrong"): Words(
        "a product on {device} gave {found} instead of {expected}",
        "this GPU computes wrong numbers",
        "use another card; check memory, clocks and power, then run `workload verify`",
    ),
    ("gpu-kernel", "error"): Words(
        "a product on {device} failed ({error})",
        "the GPU cannot be used",
        "see whether another process fills it (nvidia-smi); else restart the container or host",
    ),
    ("gpu-kernel", "not_run"): Words(
        "no product ran on the GPU",
        "whether it works is not known",
        "report it with the output of `workload doctor --json`",
    ),
    ("cudnn", "pass"): Words("cuDNN {version}"),
    ("cudnn", "missing"): Words(
        "this CUDA build of PyTorch finds no cuDNN",
        "convolutions fail or are slow",
        "reinstall torch with the NVIDIA wheels it is locked to",
    ),
    ("cudnn", "error"): Words(
        "cuDNN does not load ({error})",
        "a second cuDNN on the loader's path often gets in the way",
        "take other cuDNN folders out of LD_LIBRARY_PATH",
    ),
    # The CPU, the container and the user.
    ("cpu-kernel", "pass"): Words("a product on the CPU gave the right number"),
    ("cpu-kernel", "wrong"): Words(
        "a product on the CPU gave {found} instead of {expected}",
        "this machine computes wrong numbers",
        "run `workload verify`; check the memory and the processor",
    ),
    ("cpu-kernel", "error"): Words(
        "a product on the CPU failed ({error})",
        "PyTorch does not work on this processor",
        "reinstall torch, for this machine's architecture",
    ),
    ("cpu-kernel", "not_run"): Words(
        "no product ran on the CPU",
        "whether it works is not known",
        "report it with the output of `workload doctor --json`",
    ),
    ("cpu-threads", "pass"): Words("{threads} of {usable} usable threads"),
    ("cpu-threads", "too_many"): Words(
        "PyTorch takes {threads} threads, the container has CPU time for {usable}",
        "threads beyond the quota slow each other down",
        "set OMP_NUM_THREADS={usable} in your own programs (the workload does so itself)",
    ),
    ("memory", "pass"): Words("{available_bytes} of memory can be used"),
    ("memory", "little"): Words(
        "only {available_bytes} of memory can be used",
        "work on this device wants about {needed_bytes} of free host memory",
        "stop other programs, or use a larger machine",
    ),
    ("memory", "little_in_container"): Words(
        "only {available_bytes} of the container's {limit_bytes} can be used",
        "work on this device wants about {needed_bytes} of free host memory",
        "start the container with a larger --memory",
    ),
    ("memory", "unknown"): Words("how much memory can be used is not known"),
    ("shm", "pass"): Words("/dev/shm has {shm_bytes}"),  # noqa: S108  no temporary file
    ("shm", "small"): Words(
        "/dev/shm has only {shm_bytes}",  # noqa: S108  no temporary file
        "PyTorch's worker processes and NCCL end with a bus error when it is full",
        "start the container with --shm-size=1g or --ipc=host",
    ),
    ("shm", "unknown"): Words("there is no /dev/shm"),
    ("home", "pass"): Words("{home} is writable"),
    ("home", "not_writable"): Words(
        "{home} is not writable",
        "caches of torch.compile and Triton go there",
        "set HOME to a writable folder, such as /tmp",
    ),
    ("passwd", "pass"): Words("uid {uid} has a name"),
    ("passwd", "nameless"): Words(
        "uid {uid} has no passwd entry",
        "torch.compile asks for a user name and crashes without one",
        "set USER to any name",
    ),
}


def word(verdicts: Iterable[Verdict]) -> tuple[Finding, ...]:
    """The verdicts in words, one finding each."""
    return tuple(_finding(verdict) for verdict in verdicts)


def _finding(verdict: Verdict) -> Finding:
    words = WORDS.get((verdict.id, verdict.case)) or WORDS[ANY_CHECK, verdict.case]
    values = {name: _readable(name, value) for name, value in verdict.values.items()}
    return Finding(
        id=verdict.id,
        state=verdict.state,
        found=words.found.format(**values),
        why=words.why and words.why.format(**values),
        remedy=words.remedy and words.remedy.format(**values),
    )


def _readable(name: str, value: Any) -> str:
    """A value in one line; bytes with their unit."""
    if name.endswith("_bytes") and value is not None:
        return format_bytes(value)
    return " ".join(str(value).split())
