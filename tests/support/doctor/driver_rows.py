"""Machines for the checks of the driver, its files and the start of CUDA."""

from support.doctor.machines import (
    CPU_BUILD,
    NO_DRIVER,
    NODES,
    NOT_STARTED,
    OLD_DRIVER,
    machine,
)
from support.doctor.row import Row, fails, is_unknown, not_applicable, passes

from workload.core.models.facts import QUICK
from workload.core.models.finding import State
from workload.core.models.gpu import Fabric
from workload.core.models.xid import Xid

DRIVER_ROWS = (
    passes("gpu-driver", "driver 580.65.06 (CUDA 13.0): NVIDIA H200"),
    not_applicable(
        "gpu-driver",
        "no-gpu-here",
        "no GPU found",
        requested_device="auto",
        **NO_DRIVER,
    ),
    passes("cuda-library", "libcuda found"),
    is_unknown(
        "cuda-library",
        "CUDA works, but libcuda is not found (no such file)",
        cuda_library_error="no such file",
    ),
    passes("device-nodes", "/dev/nvidia0, /dev/nvidia-uvm, /dev/nvidiactl"),
    is_unknown("device-nodes", "CUDA works without /dev/nvidiactl", device_nodes=NODES[:2]),
    not_applicable("device-nodes", "no-gpu-here", "no GPU found", **NO_DRIVER),
    not_applicable(
        "mig",
        "driver-silent",
        "the NVIDIA driver does not answer",
        driver=None,
        driver_error="NVML: Unknown Error",
    ),
    fails(
        "gpu-driver",
        "hung",
        "the NVIDIA driver did not answer (NVML did not answer within 120 s)",
        driver=None,
        driver_error="NVML did not answer within 120 s",
        driver_hung=True,
        **NOT_STARTED,
    ),
    passes("driver-version", "driver 580.65.06 supports CUDA 13.0 (580 or newer is required)"),
    fails(
        "driver-version",
        "too_old_compat_applies",
        "NVIDIA driver 570.10 is too old; 580 or newer is required",
        driver=OLD_DRIVER,
        torch=None,
        depth=QUICK,
    ),
    is_unknown(
        "driver-version",
        "the minimum driver for CUDA 99.0 is unknown",
        torch__cuda_version="99.0",
    ),
    not_applicable(
        "driver-version", "no-cuda-build", "this PyTorch build has no CUDA support", **CPU_BUILD
    ),
    passes("recovery-action", "the driver asks for no recovery of GPU 0 NVIDIA H200"),
    not_applicable(
        "recovery-action",
        "card-has-none",
        "not supported by GPU 0 NVIDIA H200",
        health__recovery_action=None,
        gpu__silent={"recovery-action": "Not Supported"},
    ),
    fails(
        "recovery-action",
        "restart_app",
        "GPU 0 NVIDIA H200: the driver asks you to stop the jobs that use NVLink or peer-to-peer "
        "copies, then to check the recovery action again",
        health__recovery_action=3,
    ),
    passes("fabric", "GPU 0 NVIDIA H200 is not part of an NVLink fabric"),
    passes(
        "fabric",
        "GPU 0 NVIDIA H200 has joined its NVLink fabric",
        health__fabric=Fabric("completed", None),
    ),
    fails(
        "fabric",
        "not_joined",
        "GPU 0 NVIDIA H200 is not in its NVLink fabric (not started)",
        health__fabric=Fabric("not started", None),
    ),
    passes("sram-ecc", "SRAM errors of GPU 0 NVIDIA H200 are below the driver's threshold"),
    Row(
        "sram-ecc",
        "card-silent",
        State.UNKNOWN,
        "not reported by the driver for GPU 0 NVIDIA H200 (no reason given)",
        machine(health__sram_threshold_exceeded=None),
    ),
    passes("power-limit", "the power limit of GPU 0 NVIDIA H200 is 700 W"),
    Row(
        "power-limit",
        "card-silent",
        State.UNKNOWN,
        "not reported by the driver for GPU 0 NVIDIA H200 (no reason given)",
        machine(health__power_limit_watt=None),
    ),
    passes("xid", "no Xid since the start of the machine requires an action"),
    passes(
        "xid",
        "no Xid since the start of the machine requires an action",
        xids=(Xid("0000:65:00.0", 63, "", 9.0), Xid("0000:66:00.0", 79, "", 9.0)),
    ),
    Row(
        "xid",
        "unreadable",
        State.UNKNOWN,
        "this user may not read the kernel's log",
        machine(xids=None),
    ),
    passes("mig", "MIG is off for GPU 0 NVIDIA H200"),
    not_applicable(
        "mig",
        "card-has-none",
        "not supported by GPU 0 NVIDIA H200",
        gpu__mig=None,
        gpu__silent={"mig": "Not Supported"},
    ),
    passes("compute-mode", "GPU 0 NVIDIA H200 is in compute mode default"),
    passes("library-path", "no CUDA libraries besides those of torch's wheels"),
    not_applicable(
        "library-path",
        "no-cuda-wheels",
        "no NVIDIA library wheels are installed",
        versions={"nvidia-ml-py": "13.0"},
    ),
    passes("cuda-libraries", "2 CUDA libraries, each loaded once"),
    is_unknown("cuda-libraries", "no CUDA library is loaded", mapped_libraries=()),
    passes("cuda-start", "PyTorch sees NVIDIA H200"),
    not_applicable(
        "cuda-start",
        "driver-too-old",
        "the NVIDIA driver is too old",
        driver=OLD_DRIVER,
        **NOT_STARTED,
    ),
    not_applicable(
        "cuda-start",
        "nodes-missing",
        "the GPU's device files are missing or inaccessible",
        device_nodes=(),
        **NOT_STARTED,
    ),
    passes("device-index", "cuda exists"),
    not_applicable("device-index", "cuda-not-started", "CUDA does not start", **NOT_STARTED),
    passes("compute-capability", "NVIDIA H200 (9.0) runs kernels for sm_90"),
    is_unknown(
        "compute-capability",
        "PyTorch does not report the architectures it was built for",
        torch__arch_list=(),
    ),
    not_applicable(
        "compute-capability",
        "no-such-gpu",
        "the requested GPU does not exist",
        requested_device="cuda:9",
    ),
    passes("cudnn", "cuDNN 9.20.0"),
)
