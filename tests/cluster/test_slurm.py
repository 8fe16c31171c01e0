"""A Slurm cluster of two nodes: the batch script, and nodes that are drained."""

import json
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from support.cluster.hosts import Host
from support.cluster.slurm import CHECK_NODE, FOLDER, Slurm

pytestmark = pytest.mark.slurm
PROLOG = f"Prolog={CHECK_NODE}"
HEALTH_CHECK = f"HealthCheckProgram={CHECK_NODE}\nHealthCheckInterval=10"
NO_GPU = "DEVICE=cuda"  # of this image the doctor finds a fault on such a node
NO_GPU_REASON = f"doctor: PyTorch {version('torch')} is a CPU build without CUDA"
JOB = {"DEVICE": "cpu", "BUDGET": "5", "GLOO_SOCKET_IFNAME": "link0", "OMP_NUM_THREADS": "1"}
# Two devices that Slurm takes for GPUs; no driver is needed.
GPUS = "GresTypes=gpu\nNodeName=DEFAULT Gres=gpu:2"
GPU_FILES = "Name=gpu File=/dev/zero\nName=gpu File=/dev/full\n"
SHOW_GPUS = """
import os
from workload.distributed.environment import read_place
print(read_place(os.environ).sees_only_own_gpus, len(os.environ["CUDA_VISIBLE_DEVICES"].split(",")))
"""
# As a process that hangs in a driver: no signal but SIGKILL ends it, and slurmd's pipe stays open.
HANGING = "#!/bin/sh\ntrap '' TERM INT HUP\nsleep 1000 & sleep 1000\nsleep 1000\n"


@pytest.fixture
def start(hosts: Sequence[Host], folder: Path) -> Callable[..., Slurm]:
    """Start a cluster, with lines of slurm.conf and gres.conf, and a setting of a node's check."""

    def start(checks: str = "", gres: str = "", **settings: str) -> Slurm:
        nodes = {name.replace("_", "-"): line for name, line in settings.items()}
        return Slurm(hosts, folder, checks, nodes, gres)

    return start


@pytest.fixture
def results(folder: Path) -> Path:
    """A folder that both nodes see, and the jobs' user may write to."""
    results = folder / "results"
    results.mkdir()
    results.chmod(0o777)
    return results


@pytest.mark.timeout(600)
def test_the_batch_script_checks_both_nodes_and_leaves_records_of_both(
    start: Callable[..., Slurm], results: Path
) -> None:
    cluster = start(PROLOG)
    cluster.wait_until_idle()
    log = results / "job.log"
    job = cluster.run_job(
        "--nodes=2", "--ntasks-per-node=1", "--output", str(log), f"{FOLDER}/workload.sbatch",
        changes=JOB | {"OUTPUT": str(results)},
        timeout_sec=500,
    )  # fmt: skip
    text = log.read_text()
    assert job.code == 0, text
    for task in range(2):
        assert f"{task}: doctor " in text
    (links,) = read(results, "collectives-*.json")
    assert [place["host"] for place in links["collectives"]["ranks"]] == ["node-0", "node-1"]
    (train,) = read(results, "train-*.json")
    assert train["train"][0]["ranks"] == 2


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--gpus-per-task=1", "True 1\n"),
        ("--ntasks-per-gpu=1", "True 1\n"),
        ("--gpus=2", "False 2\n"),
    ],
)
def test_a_task_knows_whether_slurm_shows_it_only_its_own_gpus(
    option: str, shown: str, start: Callable[..., Slurm], folder: Path, results: Path
) -> None:
    cluster = start(GPUS, gres=GPU_FILES)
    cluster.wait_until_idle()
    program = folder / "show.py"
    program.write_text(SHOW_GPUS)
    log = results / "job.log"
    command = f"srun /opt/venv/bin/python {program}"
    options = ("--nodes=1", "--ntasks=2", option, "--output", str(log), "--wrap", command)
    job = cluster.run_job(*options, changes={}, timeout_sec=60)
    assert (job.code, log.read_text()) == (0, 2 * shown)


def read(folder: Path, pattern: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in folder.glob(pattern)]


def test_a_prolog_drains_the_node_whose_doctor_fails(
    start: Callable[..., Slurm], results: Path
) -> None:
    cluster = start(PROLOG, node_0=NO_GPU)
    cluster.wait_until_idle()
    cluster.submit("--output", str(results / "job.log"), "--wrap", "hostname")
    cluster.wait_for("node-0", "drained")
    assert cluster.reason("node-0").startswith(NO_GPU_REASON)
    # Slurm lets a job wait for two minutes before it starts it again.
    cluster.must("scontrol", "update", "JobId=1", "StartTime=now")
    cluster.wait_for_text(results / "job.log", "node-1\n")


def test_a_health_check_drains_an_idle_node(start: Callable[..., Slurm]) -> None:
    cluster = start(HEALTH_CHECK, node_1=NO_GPU)
    cluster.wait_for("node-1", "drained")
    assert cluster.reason("node-1").startswith(NO_GPU_REASON)
    cluster.wait_for("node-0", "idle")


def test_a_check_does_not_wait_for_a_doctor_that_hangs(
    start: Callable[..., Slurm], folder: Path
) -> None:
    hanging = folder / "hanging"
    hanging.write_text(HANGING)
    hanging.chmod(0o755)
    cluster = start("", node_1=f"WORKLOAD={hanging}")
    cluster.wait_until_idle()
    begin = time.monotonic()
    check = cluster.run_check("node-1")
    assert time.monotonic() - begin < 45
    assert check.code == 4
    reason = f"doctor: no answer of '{hanging}' within 35 s: look at the driver: dmesg, nvidia-smi"
    assert check.stderr == f"check-node: {reason}\n"
    cluster.wait_for("node-1", "drained")
    assert cluster.reason("node-1") == reason


def test_a_check_keeps_the_reason_of_an_operator(start: Callable[..., Slurm]) -> None:
    cluster = start("", node_1=NO_GPU)
    cluster.wait_until_idle()
    cluster.must("scontrol", "update", "NodeName=node-1", "State=DRAIN", "Reason=a new fan")
    assert cluster.run_check("node-1").code == 4
    assert cluster.reason("node-1") == "a new fan"
