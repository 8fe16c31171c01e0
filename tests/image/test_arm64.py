"""The image for arm64, natively or emulated: it says which, and computes what amd64's does."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.containers import Containers, files_in
from support.records.validity import invalidity

from docker import DockerClient

pytestmark = [pytest.mark.only("arm64"), pytest.mark.timeout(600)]
IS_NATIVE = platform.machine() == "aarch64"
RESULTS = "/workspace/results"
TRAIN = ("workload", "train", "--device", "cpu", "--preset", "book", "--output", RESULTS)
NATIVE = platform.machine()
ARM64 = "aarch64" if IS_NATIVE else "aarch64 emulated on an x86 CPU"
Trained = Callable[[Containers], Path]


def test_its_programs_are_for_arm64(containers: Containers, config: dict[str, Any]) -> None:
    assert containers.run("uname", "-m").stdout == "aarch64\n"
    built_for = config["Labels"]["workload.arch-list"].split()
    assert {"sm_90", "sm_100", "sm_110"} <= set(built_for)  # GH200, GB200, Jetson Thor


def test_the_doctor_says_whether_the_cpu_is_emulated(containers: Containers) -> None:
    ended = containers.run("workload", "doctor", "--device", "cpu", "--json")
    assert ended.code == 0, ended.stderr
    findings = {one["id"]: one for one in json.loads(ended.stdout)["findings"]}
    found = findings["architecture"]
    assert (found["state"], found["found"]) == (
        ("pass", "aarch64 programs run on an Arm CPU")
        if IS_NATIVE
        else ("warn", "aarch64 programs run emulated on an x86 CPU")
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_its_results_agree_with_float64(containers: Containers, dtype: str) -> None:
    command = ("workload", "verify", "--device", "cpu", "--dtypes", dtype, "--json")
    ended = containers.run(*command, timeout_sec=300)
    assert ended.code == 0, ended.stderr
    checks = json.loads(ended.stdout)["verify"]
    assert len(checks) > 10
    assert [check["name"] for check in checks if not check["ok"]] == []


@pytest.fixture
def others(client: DockerClient, target: str, pytestconfig: pytest.Config) -> Iterator[Containers]:
    """Containers of the image for this machine."""
    native = pytestconfig.getoption("--native") or f"workload:{target}"
    containers = Containers(client, native)
    yield containers
    containers.remove_all()


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    """`trained(containers)`: the record that a training leaves there."""

    def train(containers: Containers) -> Path:
        container = containers.start(*TRAIN)
        ended = containers.wait(container, timeout_sec=300)
        assert ended.code == 0, ended.stderr
        ((name, text),) = files_in(container, RESULTS).items()
        assert invalidity(json.loads(text)) is None
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{name}"
        path.write_bytes(text)
        return path

    return train


def test_its_losses_are_those_of_this_machine_s_image(
    containers: Containers, others: Containers, trained: Trained
) -> None:
    files = map(str, (trained(others), trained(containers)))
    compared = subprocess.run(
        [sys.executable, "-m", "workload", "compare", *files],
        env={"COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    text = " ".join(compared.stdout.split())
    assert compared.returncode == 0, compared.stderr
    baseline, candidate = text.partition(" candidate ")[::2]
    assert f", {NATIVE}, " in baseline
    assert f", {ARM64}, " in candidate
    assert "losses agree: " in text
    assert IS_NATIVE or "no case could be compared" in text
