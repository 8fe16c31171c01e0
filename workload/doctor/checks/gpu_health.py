"""Checks of a GPU's recovery action, NVLink fabric, errors and power limit."""

from workload.core.models.action import Action
from workload.core.models.facts import Facts
from workload.core.models.gpu import Gpu, GpuHealth, GpuState
from workload.core.units import some
from workload.doctor.actions.xids import look_up, recovery
from workload.doctor.checks.check import CheckResult, failed, known, passed, unknown, warned
from workload.doctor.checks.each_gpu import each_gpu_check, gpu_name, reported
from workload.doctor.checks.gpu_needs import DRIVER, GPU, gpu_check, requested_gpus

MEMORY_ERRORS = "https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/"
XIDS = "https://docs.nvidia.com/deploy/xid-errors/"


@each_gpu_check(
    "recovery-action",
    asks="Does the driver ask for a reset, a reboot or another recovery of the GPU?",
    why="until it recovers, the GPU may fail or compute wrong results",
    fix="take the action that the driver asks for; docker/host/ACTIONS.md has the commands; print "
    "the action with:\nnvidia-smi -q -d RESET_STATUS",
    link=MEMORY_ERRORS,
)
def recovery_action(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check the recovery action, which drivers report from R565 on."""
    asked = recovery(reported(_health(state).recovery_action))
    if asked.action is Action.NONE:
        return passed(f"the driver asks for no recovery of {gpu_name(gpu)}")
    return failed(f"{gpu_name(gpu)}: {asked.what}", case=asked.action.value.replace("-", "_"))


@each_gpu_check(
    "fabric",
    asks="Has the GPU joined its NVLink fabric, and is the fabric healthy?",
    why="CUDA does not start on a GPU that has not joined the fabric of its NVSwitches; links of "
    "an unhealthy fabric may be slow",
    fix="on the host, start the fabric manager that matches the driver, and check its log:\n"
    "sudo systemctl restart nvidia-fabricmanager\nsudo journalctl -u nvidia-fabricmanager",
    link="https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide/",
)
def fabric(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check the state and the health of the fabric. Most GPUs are not part of one."""
    found = _health(state).fabric
    if found is None:
        return passed(f"{gpu_name(gpu)} is not part of an NVLink fabric")
    if found.state == "in progress":
        return warned(
            f"{gpu_name(gpu)} is joining its NVLink fabric",
            case="in_progress",
            fix="wait a minute, then run the doctor again",
        )
    if found.state != "completed" or found.error:
        reason = found.error or found.state
        return failed(f"{gpu_name(gpu)} is not in its NVLink fabric ({reason})", case="not_joined")
    if found.unhealthy:
        return failed(
            f"the NVLink fabric of {gpu_name(gpu)} is unhealthy ({some(found.unhealthy)})",
            case="unhealthy",
        )
    return passed(f"{gpu_name(gpu)} has joined its NVLink fabric")


@each_gpu_check(
    "sram-ecc",
    asks="Are the GPU's uncorrectable SRAM errors below the driver's threshold?",
    why="NVIDIA replaces a GPU above the driver's threshold if NVIDIA's field diagnostic confirms "
    "the errors",
    fix="send no more jobs to this machine, and run NVIDIA's field diagnostic",
    link=MEMORY_ERRORS,
)
def sram_ecc(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Check whether the driver's threshold for SRAM errors was exceeded."""
    if reported(_health(state).sram_threshold_exceeded):
        return failed(f"too many uncorrectable SRAM errors on {gpu_name(gpu)}", case="exceeded")
    return passed(f"SRAM errors of {gpu_name(gpu)} are below the driver's threshold")


@each_gpu_check(
    "power-limit",
    asks="Is the GPU's power limit at its default?",
    why="under load the GPU runs at lower clocks than other GPUs of its model",
    fix="do nothing if the lower limit is intended; print the default with:\n"
    "nvidia-smi -q -d POWER",
    link="https://docs.nvidia.com/deploy/nvidia-smi/",
)
def power_limit(_: Facts, gpu: Gpu, state: GpuState) -> CheckResult:
    """Compare the power limit with its default."""
    health = _health(state)
    limit = reported(health.power_limit_watt)
    default = reported(health.default_power_limit_watt)
    if limit < default:
        return warned(
            f"the power limit of {gpu_name(gpu)} is {limit:.0f} W; its default is {default:.0f} W",
            case="low",
        )
    return passed(f"the power limit of {gpu_name(gpu)} is {limit:.0f} W")


@gpu_check(
    "xid",
    asks="Is the kernel's log free of NVIDIA driver errors (Xids)?",
    why="a GPU that failed since the machine was started may fail again",
    fix="docker/host/ACTIONS.md lists the action for each number; print the Xids with:\n"
    "sudo dmesg | grep -i xid",
    link=XIDS,
    needs=(DRIVER, GPU),
)
def xid(facts: Facts) -> CheckResult:
    """Warn if the kernel's log has Xids of a requested GPU that require an action."""
    if facts.xids is None:
        return unknown("this user may not read the kernel's log", case="unreadable")
    addresses = {known(gpu.state).pcie.address for gpu in requested_gpus(facts) if gpu.state}
    rows = [look_up(one.number) for one in facts.xids if one.address in addresses]
    names = [f"{row.number} ({row.name})" for row in rows if row.action is not Action.NONE]
    if names:
        return warned(
            f"Xids since the machine was started: {some(dict.fromkeys(names))}", case="logged"
        )
    return passed("no Xid since the start of the machine requires an action")


def _health(state: GpuState) -> GpuHealth:
    return state.health or GpuHealth()
