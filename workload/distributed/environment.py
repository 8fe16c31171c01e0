"""Read which rank this process is from the environment of torchrun, Slurm or Kubernetes.

An Indexed Job of Kubernetes sets JOB_COMPLETION_INDEX. Its manifest must also set WORLD_SIZE and
MASTER_ADDR.

Sources: docs.pytorch.org/docs/stable/elastic/run.html, "Environment Variables";
slurm.schedmd.com/srun.html, "OUTPUT ENVIRONMENT VARIABLES";
kubernetes.io/docs/concepts/workloads/controllers/job, "Completion mode".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from workload.core.errors import UnfitError

DEFAULT_PORT = 29500  # of torch.distributed
# Below the ports that Linux assigns to outgoing connections: 32768 and up.
FIRST_PORT, PORTS = 20_000, 12_000
MAX_PORT = 65_535
TRES_GPUS = r"(^|,)gres/gpu(:[\w-]+)?[=:][1-9]"  # some GPUs in a list such as cpu=8,gres/gpu=1
HOST = r"[A-Za-z0-9._:%-]{1,253}"  # a name, or an IPv4 or IPv6 address
TORCHRUN, BARE = "torchrun", "the environment"


@dataclass(frozen=True)
class Place:
    """The place of one process among several: its ranks, and the address at which all meet.

    Ranks are counted from 0 over all nodes, local ranks from 0 on each node.
    """

    rank: int
    world_size: int
    local_rank: int
    local_world_size: int
    master_address: str  # where rank 0 listens
    master_port: int
    started_by: str
    restart: int = 0  # how often torchrun has restarted the group
    agent_store: bool = False  # torchrun's agent, not rank 0, listens at the address
    restarts_left: int = 0
    sees_only_own_gpus: bool = False  # the launcher shows each rank only the GPUs of that rank

    @property
    def started_by_torch(self) -> bool:
        """Return whether torchrun or a similar launcher set RANK and the related variables."""
        return self.started_by in (TORCHRUN, BARE)

    @property
    def leads(self) -> bool:
        """Return whether this is rank 0, the only rank that prints and writes."""
        return self.rank == 0

    def cpu_share(self, usable: int, machine_cpus: int) -> int:
        """Return how many of the `usable` CPUs this rank may use.

        Under torchrun, all ranks of a node see the same usable CPUs. srun may have divided all
        CPUs of the machine (`machine_cpus`) among the ranks.
        """
        whole = usable if self.started_by_torch else machine_cpus
        return max(1, min(usable, whole // self.local_world_size))


def read_place(environment: Mapping[str, str]) -> Place | None:
    """Return the place of this process according to the environment; None if it runs alone.

    Raises UnfitError for values that are missing or contradict each other.
    """
    if "RANK" in environment:
        return _of_torchrun(environment)
    # Only srun sets this variable. In the batch script, SLURM_PROCID is 0 and no other task runs.
    if _number(environment, "SLURM_STEP_NUM_TASKS", 1) > 1:
        return _of_slurm(environment)
    if "JOB_COMPLETION_INDEX" in environment and "WORLD_SIZE" in environment:
        return _of_kubernetes(environment)
    return None


def _of_torchrun(environment: Mapping[str, str]) -> Place:
    return _place(
        environment,
        rank="RANK",
        world_size="WORLD_SIZE",
        local_rank="LOCAL_RANK",
        local_world_size=_number(environment, "LOCAL_WORLD_SIZE", 1),
        master=_text(environment, "MASTER_ADDR"),
        port=_number(environment, "MASTER_PORT", DEFAULT_PORT),
        started_by=TORCHRUN if "TORCHELASTIC_RUN_ID" in environment else BARE,
    )


def _of_slurm(environment: Mapping[str, str]) -> Place:
    step = 100 * _number(environment, "SLURM_JOB_ID", 0) + _number(environment, "SLURM_STEP_ID", 0)
    nodes = environment.get("SLURM_STEP_NODELIST", environment.get("SLURM_JOB_NODELIST", ""))
    place = _place(
        environment,
        rank="SLURM_PROCID",
        world_size="SLURM_STEP_NUM_TASKS",
        local_rank="SLURM_LOCALID",
        local_world_size=_tasks_of_node(environment),
        master=environment.get("MASTER_ADDR") or first_node(nodes),
        port=_number(environment, "MASTER_PORT", FIRST_PORT + step % PORTS),
        started_by="Slurm",
    )
    return replace(place, sees_only_own_gpus=_gpus_are_per_task(environment))


def _of_kubernetes(environment: Mapping[str, str]) -> Place:
    return _place(
        environment,
        rank="JOB_COMPLETION_INDEX",
        world_size="WORLD_SIZE",
        local_rank="LOCAL_RANK",
        local_world_size=1,
        master=_text(environment, "MASTER_ADDR"),
        port=_number(environment, "MASTER_PORT", DEFAULT_PORT),
        started_by="Kubernetes",
    )


def _place(  # noqa: PLR0913  a place has this many parts
    environment: Mapping[str, str],
    *,
    rank: str,
    world_size: str,
    local_rank: str,
    local_world_size: int,
    master: str,
    port: int,
    started_by: str,
) -> Place:
    """Build the place; `rank`, `world_size` and `local_rank` are the names of variables to read.

    Raises UnfitError if a value is invalid or contradicts another.
    """
    if not re.fullmatch(HOST, master):
        raise UnfitError(f"MASTER_ADDR={master!a} is not a host: set it to rank 0's host")
    if not 0 < port <= MAX_PORT:
        raise UnfitError(f"MASTER_PORT={port} is not a port from 1 to {MAX_PORT}")
    restart = _number(environment, "TORCHELASTIC_RESTART_COUNT", 0)
    place = Place(
        rank=_number(environment, rank),
        world_size=_number(environment, world_size),
        local_rank=_number(environment, local_rank, 0),
        local_world_size=local_world_size,
        master_address=master,
        master_port=port,
        started_by=started_by,
        restart=restart,
        agent_store=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        restarts_left=_number(environment, "TORCHELASTIC_MAX_RESTARTS", restart) - restart,
    )
    if not place.rank < place.world_size:
        raise UnfitError(
            f"{rank}={place.rank} must be less than {world_size}={place.world_size}, because ranks "
            "count from 0: start every rank with the same world size"
        )
    if not place.local_rank < place.local_world_size:
        raise UnfitError(
            f"{local_rank}={place.local_rank} must be less than {local_world_size}, the number of "
            "ranks on this node: start the ranks of a node with one launcher"
        )
    return place


def first_node(nodes: str) -> str:
    """Return the first name in Slurm's list of nodes: `gpu03` for `gpu[03-05,9],login`.

    Raises UnfitError if there is none.
    """
    match = re.match(r"([^,\[\]]*)(?:\[([^-,\]]+)[^\]]*\])?([^,\[\]]*)", nodes)
    name = "".join(part or "" for part in match.groups()) if match else ""
    if name:
        return name
    raise UnfitError("Slurm names no node of this step: set MASTER_ADDR to the node of rank 0")


def _tasks_of_node(environment: Mapping[str, str]) -> int:
    """Return how many tasks run on this node, according to a list such as `4(x2),3`."""
    listed = environment.get("SLURM_STEP_TASKS_PER_NODE", "1")
    node = _number(environment, "SLURM_NODEID", 0)
    for count, times in re.findall(r"(\d{1,9})(?:\(x(\d{1,9})\))?", listed):
        if node < int(times or 1):
            return int(count)
        node -= int(times or 1)
    return 1


def _gpus_are_per_task(environment: Mapping[str, str]) -> bool:
    """Return whether Slurm gives each task GPUs of its own.

    A task then sees only these, unless the step has --gpu-bind=none.
    """
    return (
        bool(re.fullmatch(r"(\w+:)*[1-9]\d{0,8}", environment.get("SLURM_GPUS_PER_TASK", "")))
        or bool(re.search(TRES_GPUS, environment.get("SLURM_TRES_PER_TASK", "")))
        or environment.get("SLURM_NTASKS_PER_GPU") == "1"
    )


def _text(environment: Mapping[str, str], name: str) -> str:
    if environment.get(name):
        return environment[name]
    raise UnfitError(f"{name} is not set, but is needed to find rank 0: set it to rank 0's host")


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name)
    if text is None and default is not None:
        return default
    if text is not None and re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    raise UnfitError(
        f"{name} must be a whole number, but is {'not set' if text is None else repr(text)}: "
        "start this rank with torchrun, srun or an Indexed Job"
    )
