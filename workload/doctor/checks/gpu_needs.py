"""What must hold for a check of the GPU to make sense, and which GPU is meant. Pure."""

from collections.abc import Callable

from workload.core.results import State
from workload.doctor.checks.verdicts import WRONG, Check, Need, Outcome, known, read, warned
from workload.doctor.probes.facts import QUICK, Facts
from workload.doctor.probes.torch_probe import TorchGpu, requested_index
from workload.hardware.cuda_support import driver_suffices
from workload.hardware.nvml import Gpu

WSL_NODE = "/dev/dxg"
NEEDED_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm")


def cuda_started(facts: Facts) -> bool:
    """Whether PyTorch sees at least one GPU."""
    return facts.torch is not None and bool(facts.torch.gpus)


def gpu_visible(facts: Facts) -> bool:
    """Whether anything here speaks of a GPU that this process was given."""
    return cuda_started(facts) or gpu_listed(facts) or bool(known(facts.device_nodes))


def gpu_listed(facts: Facts) -> bool:
    """Whether the driver knows a GPU."""
    return facts.driver is not None and bool(facts.driver.gpus)


def insisted(facts: Facts) -> bool:
    """Whether nothing but CUDA will do."""
    return facts.requested_device.startswith("cuda")


def cuda_version(facts: Facts) -> str | None:
    """The CUDA that PyTorch was built with."""
    build = facts.torch or read(facts, "torch_files")
    return build.cuda_version if build else None


def requested_gpu(facts: Facts) -> TorchGpu | None:
    """The GPU that was asked for, as PyTorch sees it."""
    gpus = facts.torch.gpus if facts.torch else ()
    index = requested_index(facts.requested_device)
    return gpus[index] if index < len(gpus) else None


def requested_gpus(facts: Facts) -> tuple[Gpu, ...]:
    """The card that was asked for; all where CUDA and the driver cannot be matched."""
    gpu, cards = requested_gpu(facts), facts.driver.gpus if facts.driver else ()
    return tuple(card for card in cards if gpu and card.uuid == gpu.uuid) or cards


def enough_driver(facts: Facts) -> bool | None:
    """Whether the driver runs PyTorch's CUDA; None if either is unknown."""
    cuda = cuda_version(facts)
    if facts.driver is None or cuda is None:
        return None
    return driver_suffices(facts.driver.version, cuda)


def node_problem(facts: Facts) -> tuple[str, str] | None:
    """The case and the paths that are missing or closed; None when all is well."""
    nodes = known(facts.device_nodes)
    paths = {node.path for node in nodes}
    if WSL_NODE not in paths:
        missing = [path for path in NEEDED_NODES if path not in paths]
        if not any(path.removeprefix("/dev/nvidia").isdecimal() for path in paths):
            missing.append("/dev/nvidia0")
        if missing:
            return "missing", ", ".join(sorted(missing))
    closed = [node for node in nodes if not node.accessible]
    if not closed:
        return None
    revoked = all(node.permitted for node in closed)
    return "revoked" if revoked else "denied", ", ".join(node.path for node in closed)


WANTED = (
    Need("cpu-asked-for", lambda facts: facts.requested_device != "cpu"),
    Need("no-gpu-here", lambda facts: insisted(facts) or gpu_visible(facts)),
)
CUDA_BUILD = Need("no-cuda-build", lambda facts: cuda_version(facts) is not None)
DRIVER = Need("driver-silent", lambda facts: facts.driver is not None)
GPU = Need("no-gpu-here", lambda facts: cuda_started(facts) or gpu_listed(facts))
VISIBLE = Need("no-gpu-here", gpu_visible)
NEW_ENOUGH = Need(
    "driver-too-old", lambda facts: cuda_started(facts) or enough_driver(facts) is not False
)
NODES = Need("nodes-missing", lambda facts: cuda_started(facts) or not node_problem(facts))
STARTED = Need("cuda-not-started", cuda_started)
EXISTS = Need("no-such-gpu", lambda facts: requested_gpu(facts) is not None)
INSTALLED = Need(
    "torch-missing",
    lambda facts: (read(facts, "torch_files") if facts.depth == QUICK else facts.torch) is not None,
)


def gpu_check(id_: str, judge: Callable[[Facts], Outcome], *needs: Need) -> Check:
    """A check that makes sense where a GPU is wanted; see `_excused`."""
    return Check(id_, lambda facts: _excused(facts, judge(facts)), (*WANTED, *needs))


def _excused(facts: Facts, outcome: Outcome) -> Outcome:
    """Under `auto` an unusable GPU is a warning, for the CPU stands in; a wrong one never is.

    Nor is what fails on a GPU whose product was right: `auto` takes that one.
    """
    excusable = outcome.state is State.FAIL and outcome.case != WRONG and not insisted(facts)
    excused = excusable and not _taken_by_auto(facts)
    return warned(outcome.case, **outcome.values) if excused else outcome


def _taken_by_auto(facts: Facts) -> bool:
    runs = facts.torch.kernels if facts.torch else ()
    return any(run.device != "cpu" and run.operation == "product" and run.wrong == 0
               for run in runs)  # fmt: skip
