"""What `make kubernetes-indexed-job` prints, and what it refuses; what all Jobs have in common."""

from typing import Any

import pytest
import yaml
from support.fakes.host import Host

IMAGE = "ghcr.io/me/workload@sha256:" + "0123456789abcdef" * 4


def render(
    host: Host, *settings: str, goal: str = "kubernetes-indexed-job"
) -> list[dict[str, Any]]:
    """Return the documents that make prints for the settings; assert that it succeeds."""
    result = host.run("make", "--silent", goal, f"IMAGE={IMAGE}", *settings)
    assert result.returncode == 0, result.stderr
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(result.stdout))
    return documents


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def containers_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod_of(job)["initContainers"], *pod_of(job)["containers"]]


def test_each_pod_runs_the_doctor_then_the_links_then_the_training(host: Host) -> None:
    _, job = render(host)
    started = [container["args"][1] for container in containers_of(job)]
    assert started == ["doctor", "collectives", "train"]


def test_the_nodes_and_gpus_reach_every_place(host: Host) -> None:
    _, job = render(host, "NODES=12", "GPUS=4")
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 12
    _, *ranked = containers_of(job)
    for container in ranked:
        text = " ".join(container["args"])
        assert "--ranks 4 --nodes 12" in text
    for container in containers_of(job):
        assert container["image"] == IMAGE
        assert container["resources"]["limits"]["nvidia.com/gpu"] == 4


def test_the_pods_meet_at_a_name_of_the_service(host: Host) -> None:
    service, job = render(host)
    name = f"{job['metadata']['name']}-0.{pod_of(job)['subdomain']}"
    assert service["metadata"]["name"] == pod_of(job)["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    places = [argument for c in containers_of(job) for argument in c["args"] if ":295" in argument]
    assert places == [f"{name}:29500", f"{name}:29501"]


# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
@pytest.mark.parametrize("goal", ["kubernetes-job", "kubernetes-indexed-job"])
def test_every_container_fits_restricted_pod_security(host: Host, goal: str) -> None:
    job = render(host, goal=goal)[-1]
    pod = pod_of(job)["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers_of(job):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("NODES=1", "NODES is how many nodes, 2 or more, not '1'"),
        ("NODES=two", "NODES is how many nodes, 2 or more, not 'two'"),
        ("GPUS=0", "GPUS is how many GPUs each node has, 1 to 16, not '0'"),
        ("GPUS=8/g", "GPUS is how many GPUs each node has, 1 to 16, not '8/g'"),
        ("ARGS=--budget 10", "a Job takes no ARGS, UPLOAD or SHUTDOWN: edit what is printed"),
        ("IMAGE=workload:gpu", "IMAGE is pulled by digest"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(host: Host, setting: str, reason: str) -> None:
    name, _, value = setting.partition("=")
    host.environment.update({"IMAGE": IMAGE, name: value})
    result = host.run("docker/cloud/render", "kubernetes-indexed-job.yaml")
    assert (result.returncode, result.stdout) == (2, "")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
