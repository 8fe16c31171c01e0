"""`make gpu-run` finds a simulated GPU through a real engine, or explains why it is refused."""

import json
from pathlib import Path

import pytest
from support.lab.engine import ROOT, LabEngine

RUN = {"IMAGE": "workload:gpu", "ENGINE": "docker"}
CLI = "nvidia-container-cli: "
# What NVIDIA's hook says, and what `make gpu-run` makes of it.
REFUSALS = {
    "requirement error: unsatisfied condition: cuda>=13.0, please update your driver": (
        "the NVIDIA driver is too old; 580 or newer is required"
    ),
    "initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object "
    "file": ("no NVIDIA driver, or a part of it is missing"),
    "initialization error: nvml error: driver not loaded": (
        "the driver's kernel module is not loaded"
    ),
    "initialization error: nvml error: driver/library version mismatch": (
        "the driver was updated and its old kernel module is still loaded"
    ),
    "device error: 0: unknown device": "a requested GPU does not exist, or was lost",
    "mount error: file creation failed: /merged/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1: "
    "file exists": (
        "the image contains files of an NVIDIA driver, where the host's are to be mounted"
    ),
    "container error: cgroup subsystem devices not found": (
        "the NVIDIA Container Toolkit is older than this host's cgroup version 2"
    ),
}


def test_gpu_run_goes_to_a_record(engine: LabEngine) -> None:
    ended = engine.run("make", "gpu-run", changes=RUN | {"ARGS": "--budget 5"})
    assert "device     cuda:0: STAND-IN H100, compute capability 9.0" in ended.stdout
    assert "82 comparisons with float64 agree" in ended.stdout
    record = json.loads(Path(ROOT, ended.stdout.split("record")[-1].split()[0]).read_text())
    assert record["device"]["name"] == "STAND-IN H100"
    assert record["status"] in ("complete", "failed")  # its times may be noisy
    assert len(record["train"]) == 2


def test_compose_runs_the_doctor_on_the_gpu(engine: LabEngine) -> None:
    doctor = ("workload", "doctor", "--device", "cuda")
    ended = engine.run("docker", "compose", "run", "--rm", "gpu", *doctor)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("doctor     PASS: ")


def test_the_hosts_doctor_chooses_the_hook(engine: LabEngine) -> None:
    ended = engine.run("make", "doctor", changes={"ENGINE": "docker"})
    assert "make gpu-run uses docker run --gpus all" in " ".join(ended.stdout.split())


@pytest.mark.parametrize(("said", "found"), REFUSALS.items(), ids=list(REFUSALS.values()))
def test_a_refusal_of_the_hook_is_explained(engine: LabEngine, said: str, found: str) -> None:
    engine.refuse(["Auto-detected mode as 'legacy'", CLI + said])
    ended = engine.run("make", "gpu-run", changes=RUN)
    assert f"in-docker: {found}; " in ended.stderr
    assert "Error 4" in ended.stderr
    assert "workload" not in ended.stdout.partition("make")[0]
