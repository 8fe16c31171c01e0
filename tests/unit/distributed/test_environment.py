"""A process learns its rank from what torchrun, srun or Kubernetes set."""

from typing import Any

import pytest

from workload.core.errors import UnfitError
from workload.distributed.environment import Place, first_node, read_place

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "40001",
    "TORCHELASTIC_RUN_ID": "7",
    "TORCHELASTIC_RESTART_COUNT": "2",
    "TORCHELASTIC_MAX_RESTARTS": "5",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}
SLURM = {
    "SLURM_JOB_ID": "31",
    "SLURM_STEP_ID": "2",
    "SLURM_STEP_NUM_TASKS": "7",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),3",
    "SLURM_STEP_NODELIST": "gpu[07-09]",
    "SLURM_PROCID": "6",
    "SLURM_LOCALID": "2",
    "SLURM_NODEID": "2",
}
KUBERNETES = {"JOB_COMPLETION_INDEX": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "train-0.train"}


def place(environment: dict[str, str], **changed: str | None) -> Any:
    merged = {**environment, **changed}
    return read_place({name: value for name, value in merged.items() if value is not None})


def test_without_any_of_them_a_process_is_alone() -> None:
    assert read_place({"MASTER_ADDR": "10.0.0.1", "LOCAL_RANK": "0"}) is None


def test_torchrun_gives_all() -> None:
    assert place(TORCHRUN) == Place(
        5, 8, 1, 4, "10.0.0.1", 40001, "torchrun", 2, True, restarts_left=3
    )


def test_rank_0_leads() -> None:
    assert [place(TORCHRUN, RANK=rank).leads for rank in ("0", "1")] == [True, False]


def test_a_rank_without_a_launcher_is_alone_on_its_node() -> None:
    bare = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "a"}
    assert place(bare) == Place(1, 2, 0, 1, "a", 29500, "the environment")


def test_srun_gives_a_task_its_rank_and_the_first_node() -> None:
    assert place(SLURM) == Place(6, 7, 2, 3, "gpu07", 20_000 + 3102, "Slurm")


def test_a_list_of_slurm_may_name_any_number_of_nodes() -> None:
    many = place(SLURM, SLURM_STEP_TASKS_PER_NODE="3(x999999999),4", SLURM_NODEID="999999999")
    assert many.local_world_size == 4


@pytest.mark.parametrize(
    ("changed", "address"),
    [
        ({"MASTER_ADDR": "login"}, "login"),
        ({"SLURM_STEP_NODELIST": None, "SLURM_JOB_NODELIST": "gpu[03-05]"}, "gpu03"),
    ],
)
def test_rank_0_of_slurm_is_where_it_is_said_or_on_the_first_node_of_the_job(
    changed: dict[str, str | None], address: str
) -> None:
    assert place(SLURM, **changed).master_address == address


def test_the_port_of_any_job_of_slurm_is_below_those_of_outgoing_connections() -> None:
    assert 20_000 <= place(SLURM, SLURM_JOB_ID="999999999").master_port < 32_000


def test_two_steps_and_two_jobs_of_slurm_have_ports_of_their_own() -> None:
    steps = (SLURM, SLURM | {"SLURM_STEP_ID": "3"}, SLURM | {"SLURM_JOB_ID": "32"})
    assert len({place(step).master_port for step in steps}) == 3


@pytest.mark.parametrize(
    ("variable", "value", "own"),
    [
        ("SLURM_GPUS_PER_TASK", "h200:1", True),
        ("SLURM_TRES_PER_TASK", "cpu=8,gres/gpu=1", True),
        ("SLURM_NTASKS_PER_GPU", "1", True),
        ("SLURM_NTASKS_PER_GPU", "2", False),
        ("SLURM_GPUS_PER_TASK", "0", False),
        ("SLURM_GPUS_PER_TASK", "garbage", False),
        ("SLURM_TRES_PER_TASK", "gres/gpu:h200:2", True),
        ("SLURM_TRES_PER_TASK", "gres/gpu:0,license/gpusim:1", False),
        ("SLURM_TRES_PER_TASK", "gres/gpu:0,license/gpu:1", False),
        ("SLURM_TRES_PER_TASK", "cpu=8", False),
    ],
)
def test_slurm_shows_a_task_its_own_gpus_if_the_step_has_gpus_per_task(
    variable: str, value: str, own: bool
) -> None:
    assert place(SLURM, **{variable: value}).sees_only_own_gpus == own


def test_the_batch_script_of_slurm_is_no_rank() -> None:
    assert place(SLURM, SLURM_STEP_NUM_TASKS=None) is None


def test_a_single_task_of_slurm_is_alone() -> None:
    assert place(SLURM, SLURM_STEP_NUM_TASKS="1") is None


def test_torchrun_within_a_step_of_slurm_counts() -> None:
    assert place(SLURM | TORCHRUN).started_by == "torchrun"


def test_an_indexed_job_gives_a_pod_its_rank() -> None:
    assert place(KUBERNETES) == Place(1, 2, 0, 1, "train-0.train", 29500, "Kubernetes")


def test_an_indexed_job_without_a_world_size_runs_pods_alone() -> None:
    assert place(KUBERNETES, WORLD_SIZE=None) is None


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"RANK": "8"},
            "RANK=8 must be less than WORLD_SIZE=8, because ranks count from 0: "
            "start every rank with the same world size",
        ),
        (
            {"LOCAL_RANK": "4"},
            "LOCAL_RANK=4 must be less than 4, the number of ranks on this node: "
            "start the ranks of a node with one launcher",
        ),
        (
            {"WORLD_SIZE": None},
            "WORLD_SIZE must be a whole number, but is not set: "
            "start this rank with torchrun, srun or an Indexed Job",
        ),
        (
            {"RANK": "-1"},
            "RANK must be a whole number, but is '-1': "
            "start this rank with torchrun, srun or an Indexed Job",
        ),
        (
            {"MASTER_ADDR": None},
            "MASTER_ADDR is not set, but is needed to find rank 0: set it to rank 0's host",
        ),
        (
            {"MASTER_ADDR": "a\udcff\n"},
            r"MASTER_ADDR='a\udcff\n' is not a host: set it to rank 0's host",
        ),
        ({"MASTER_PORT": "0"}, "MASTER_PORT=0 is not a port from 1 to 65535"),
        ({"MASTER_PORT": "99999"}, "MASTER_PORT=99999 is not a port from 1 to 65535"),
    ],
)
def test_a_contradiction_is_one_line(changed: dict[str, str | None], line: str) -> None:
    with pytest.raises(UnfitError) as caught:
        place(TORCHRUN, **changed)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("a", "a"), ("a,b", "a"), ("n[1-3]", "n1"), ("n[003,5]-ib,m", "n003-ib"), ("n[2]", "n2")],
)
def test_the_first_node_of_slurms_list(nodes: str, first: str) -> None:
    assert first_node(nodes) == first


def test_an_empty_list_of_slurm_asks_for_the_address() -> None:
    with pytest.raises(UnfitError, match="set MASTER_ADDR to the node of rank 0"):
        first_node("")


@pytest.mark.parametrize(
    ("environment", "usable", "share"),
    [(TORCHRUN, 16, 4), (TORCHRUN, 2, 1), (SLURM, 16, 5), (SLURM, 3, 3), (KUBERNETES, 16, 16)],
)
def test_the_cpus_of_a_node_are_divided_where_no_one_has(
    environment: dict[str, str], usable: int, share: int
) -> None:
    assert place(environment).cpu_share(usable, 16) == share
