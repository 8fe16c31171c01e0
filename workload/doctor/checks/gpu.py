"""Checks of the GPU's settings and health, as the driver reports them."""

from workload.core.models.facts import Facts
from workload.core.models.gpu import Gpu, GpuState
from workload.core.units import format_bytes
from workload.doctor.checks.check import (
    CheckResult,
    failed,
    known,
    passed,
    warned,
)
from workload.doctor.checks.each_gpu import each_gpu_check, gpu_name, reported
from workload.doctor.checks.gpu_needs import (
    requested_gpu,
    start_code,
)
from workload.hardware.cuda_support import DATA_CENTER_BRANDS

# A rule of thumb for the GPU memory that the driver and this process use. The driver takes a few
# hundred MB, and so does a CUDA context.
OWN_MEMORY_BYTES = 2_000_000_000

OUT_OF_MEMORY, BUSY = 2, 46  # cudaError_t


@each_gpu_check(
    "mig",
    asks="Is the GPU divided into MIG (Multi-Instance GPU) slices?",
    why="a slice has only a part of the GPU's speed and memory, and the driver reports less "
    "about it",
    fix="compare results only with those of slices of the same size, or turn MIG off:\n"
    "sudo nvidia-smi -mig 0",
    link="https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
)
def mig(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check whether MIG is on, and whether the GPU has slices."""
    if not reported(state.mig):
        return passed(f"MIG is off for {gpu_name(gpu)}")
    if state.mig_slices == 0:
        return failed(
            f"MIG is on for {gpu_name(gpu)}, but the GPU has no slices",
            case="no_slices",
            why="CUDA finds no GPU until there is a slice",
            fix="create a slice, or turn MIG off:\nsudo nvidia-smi mig -cgi 0 -C\n"
            "sudo nvidia-smi -mig 0",
        )
    slices = state.mig_slices or "an unknown number of"
    return warned(f"{gpu_name(gpu)} is divided into {slices} MIG slices", case="sliced")


@each_gpu_check(
    "compute-mode",
    asks="May several processes use the GPU?",
    why="a second process that uses the GPU, such as a data loader worker or a test, fails",
    fix="on the host, reset the compute mode:\nsudo nvidia-smi -c DEFAULT",
    link="https://docs.nvidia.com/deploy/mps/",
)
def compute_mode(facts: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check whether the compute mode lets several processes use the GPU."""
    mode = reported(state.compute_mode)
    found = f"{gpu_name(gpu)} is in compute mode {mode}"
    if mode == "default":
        return passed(found)
    if mode == "prohibited":
        return failed(found, case="prohibited", why="no process can compute on the GPU")
    if start_code(facts) == BUSY:
        return failed(found, case="taken", why="another process uses the GPU, so this one cannot")
    return warned(found, case="exclusive")


@each_gpu_check(
    "gpu-shared",
    asks="Do other processes use the GPU?",
    why="they slow down measurements on this GPU, and its memory may run out",
    fix="wait until the other processes end, or choose another GPU with --device cuda:N; on the "
    "host, list the processes with:\nnvidia-smi",
    link="https://docs.nvidia.com/deploy/nvidia-smi/",
)
def gpu_shared(facts: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check for other processes on the GPU. A container hides them, but not the memory they use."""
    used_bytes = (gpu.memory_total_bytes or 0) - (gpu.memory_free_bytes or 0)
    if gpu.memory_free_bytes is not None and start_code(facts) == OUT_OF_MEMORY:
        return failed(
            f"the memory of {gpu_name(gpu)} is full: {format_bytes(used_bytes)} of "
            f"{format_bytes(gpu.memory_total_bytes or 0)} are used",
            case="full",
            why="CUDA needs a few hundred MB of GPU memory to start",
        )
    others = reported(state.processes) - (1 if requested_gpu(facts) else 0)
    if others > 0:
        return warned(f"other GPU processes on {gpu_name(gpu)}: {others}", case="others")
    if gpu.memory_free_bytes is not None and used_bytes > OWN_MEMORY_BYTES:
        return warned(
            f"processes outside this container use {format_bytes(used_bytes)} of the memory of "
            f"{gpu_name(gpu)}",
            case="memory_taken",
        )
    return passed(f"no other GPU processes on {gpu_name(gpu)}")


@each_gpu_check(
    "ecc",
    asks="Is ECC on, and is the GPU free of uncorrectable memory errors?",
    why="a result may have been wrong or lost since the driver was loaded",
    fix="reboot or reset the GPU; replace it if the errors return after a reset:\n"
    "sudo nvidia-smi --gpu-reset -i INDEX",
    link="https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/",
)
def ecc(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check the ECC mode and the count of uncorrectable errors."""
    on = reported(state.ecc)
    errors = reported(state.ecc_uncorrected) if on else state.ecc_uncorrected
    if errors:
        return failed(
            f"uncorrectable memory errors on {gpu_name(gpu)}: {errors}",
            case="errors",
        )
    if on:
        return passed(f"ECC is on for {gpu_name(gpu)}, no uncorrectable errors")
    if state.brand in DATA_CENTER_BRANDS:
        return warned(
            f"ECC is off for {gpu_name(gpu)}",
            case="off",
            why="memory errors in results are not detected",
            fix="turn ECC on and reset the GPU:\nsudo nvidia-smi -e 1\n"
            "sudo nvidia-smi --gpu-reset -i INDEX",
        )
    return passed(f"ECC is off for {gpu_name(gpu)}, as usual for {state.brand or 'such'} GPUs")


@each_gpu_check(
    "row-remap",
    asks="Are defective rows of the GPU's memory remapped?",
    why="there is no spare row left for a defective one, so errors will return",
    fix="replace the GPU",
    link="https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/",
)
def row_remap(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check for row remappings that failed, or that are pending until a reset."""
    pending, defective = reported(state.remap_pending), reported(state.remap_failed)
    if defective:
        return failed(f"{gpu_name(gpu)} could not remap a memory row", case="failed")
    if pending:
        return warned(
            f"{gpu_name(gpu)} has a memory row remapping pending",
            case="pending",
            why="the memory around the row is not used until the GPU is reset",
            fix="reset the GPU when no process uses it:\nsudo nvidia-smi --gpu-reset -i INDEX",
        )
    return passed(f"{gpu_name(gpu)} has no memory row remapping pending")


@each_gpu_check(
    "throttle",
    asks="Is the idle GPU free of thermal, power and hardware slowdowns?",
    why="high temperature or insufficient power slows the GPU down, even more under load",
    fix="check cooling, power cables and the power supply; watch the reasons with:\n"
    "nvidia-smi -q -d PERFORMANCE",
    link="https://docs.nvidia.com/deploy/gpu-debug-guidelines/",
)
def throttle(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check whether the driver reports reasons for reduced clocks."""
    reasons = ", ".join(reported(state.throttled))
    if reasons:
        return warned(f"{gpu_name(gpu)} is slowed down while idle ({reasons})", case="slowed")
    return passed(f"{gpu_name(gpu)} is not slowed down")


@each_gpu_check(
    "persistence",
    asks="Is persistence mode on?",
    why="without it, a program that starts on an idle GPU waits some seconds for the driver",
    fix="on the host, start nvidia-persistenced, or turn persistence mode on:\n"
    "sudo nvidia-smi -pm 1",
    link="https://docs.nvidia.com/deploy/driver-persistence/",
)
def persistence(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check that the driver stays loaded while no program uses the GPU."""
    if not reported(state.persistence):
        return warned(f"persistence mode is off for {gpu_name(gpu)}", case="off")
    return passed(f"persistence mode is on for {gpu_name(gpu)}")


@each_gpu_check(
    "pcie",
    asks="Does the PCIe link have the GPU's full width and highest generation?",
    why="copies between host and GPU are slower",
    fix="reseat the GPU in a slot with all lanes; check for a limit in the firmware's settings",
    link="https://docs.nvidia.com/deploy/gpu-debug-guidelines/",
)
def pcie(facts: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Compare the link's width and highest generation with what the GPU supports."""
    link = state.pcie
    width, generation, full = map(reported, (link.width, link.generation, link.gpu_generation))
    full_width = known(facts.link_widths).get(link.address or "", width)
    found = f"{gpu_name(gpu)}: PCIe {generation} x{width}"
    if width < full_width or generation < full:
        return warned(f"{found}, but it supports {full} x{full_width}", case="slow")
    return passed(found)
