"""The pods of docker/cluster/kubernetes-indexed-job.yaml, as containers on one network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker.models.networks import Network
from support.containers import Containers
from support.outcome import Outcome

from docker import DockerClient

CHECKOUT = Path(__file__).parents[2]
JOB = CHECKOUT / "docker/cluster/kubernetes-indexed-job.yaml"
NODES = 2
# What a Job of one CPU a pod would have in place of the file's GPUs.
CPU = {"cuda": "cpu", "8": "1"}
BRIEF = ["--sizes", "1K,1M", "--budget", "2"]


@pytest.fixture
def network(client: DockerClient) -> Iterator[Network]:
    """A network between the pods alone."""
    network = client.networks.create("workload-indexed-job", internal=True)
    yield network
    network.remove()


def job() -> dict[str, Any]:
    _, job = yaml.safe_load_all(JOB.read_text())
    return dict(job)


def run_pods(
    client: DockerClient, containers: Containers, network: Network, arguments: list[str]
) -> list[Outcome]:
    """Run one container of every pod, with a pod's name, user, mounts and security."""
    words = [CPU.get(word, word) for word in arguments]
    started = []
    for index in range(NODES):
        place = client.api.create_endpoint_config(aliases=[f"workload-{index}.workload"])
        started.append(
            containers.start(
                *words,
                hostname=f"workload-{index}",
                environment={"JOB_COMPLETION_INDEX": str(index), "OMP_NUM_THREADS": "1"},
                network=network.name,
                networking_config={network.name: place},
                user="10001:0",
                read_only=True,
                tmpfs={"/tmp": "", "/workspace/results": "mode=1777"},
                shm_size="1g",
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
            )
        )
    return [containers.wait(one, timeout_sec=250) for one in started]


def test_the_pods_pass_the_doctor_measure_their_links_and_train_to_one_record(
    client: DockerClient, containers: Containers, network: Network
) -> None:
    pod = job()["spec"]["template"]["spec"]
    doctor, links = pod["initContainers"]
    (train,) = pod["containers"]
    assert [e.code for e in run_pods(client, containers, network, doctor["args"])] == [0, 0]
    first, second = run_pods(client, containers, network, [*links["args"], *BRIEF])
    assert (first.code, second.code) == (0, 0), first.stderr + second.stderr
    record = json.loads(first.stdout)
    hosts = [place["host"] for place in record["collectives"]["ranks"]]
    assert hosts == ["workload-0", "workload-1"]
    assert {case["status"] for case in record["cases"]} == {"ok"}
    assert second.stdout == ""
    first, second = run_pods(client, containers, network, train["args"])
    assert (first.code, second.code) == (0, 0), first.stderr + second.stderr
    (result,) = json.loads(first.stdout)["train"]
    assert result["ranks"] == NODES
    assert second.stdout == ""
